"""A network as plain data: the specification that search moves and training builds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

OpKind = Literal["conv", "depthwise", "separable"]
Activation = Literal["relu", "relu6"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSpec:
    """One block: convolution, batch normalisation, activation.

    Attributes
    ----------
    op : {'conv', 'depthwise', 'separable'}
        A separable block is a depthwise and a 1x1 convolution, each with its own normalisation.
    filters : int
        Output channels; a depthwise block keeps those of its input, and says 0.
    kernel : int
        Side of the square filter.
    stride : int
        Step of the filter; 2 halves height and width.
    activation : {'relu', 'relu6'}
        What follows the normalisation.
    """

    op: OpKind
    filters: int = 0
    kernel: int = 3
    stride: int = 1
    activation: Activation = "relu6"

    def __post_init__(self) -> None:
        if self.op not in ("conv", "depthwise", "separable"):
            raise ValueError(f"op must be conv, depthwise or separable, got {self.op!r}")
        if (self.op == "depthwise") != (self.filters == 0):
            raise ValueError(
                f"a {self.op} block with filters={self.filters}: depthwise blocks keep their "
                "channels (filters=0), the others need at least 1"
            )
        if self.kernel < 1 or self.stride < 1 or self.filters < 0:
            raise ValueError(f"kernel, stride and filters must be positive, got {self}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchSpec:
    """A gesture classifier: blocks, global average pooling, dense output.

    Attributes
    ----------
    layers : tuple of LayerSpec
        The blocks in order.
    classes : int
        Outputs, at least 2.
    input_shape : (H, W, C)
        Shape of one sample.
    """

    layers: tuple[LayerSpec, ...]
    classes: int
    input_shape: tuple[int, int, int] = (32, 32, 1)

    def __post_init__(self) -> None:
        if self.classes < 2:
            raise ValueError(f"a classifier needs at least 2 classes, got {self.classes}")
        if not self.layers:
            raise ValueError("an ArchSpec needs at least one layer, got none")


def gesture_net(classes: int, *, width: int = 8) -> ArchSpec:
    """Return the course's gesture network: a strided convolution and three separable blocks.

    With 10 classes and width 8 it has 3,914 trained parameters.

    Parameters
    ----------
    classes : int
        Outputs.
    width : int, default 8
        Channels of the first block; the later ones have 2, 4 and 7 times as many.

    Examples
    --------
    >>> [layer.filters for layer in gesture_net(3).layers]
    [8, 16, 32, 56]
    """
    return ArchSpec(
        classes=classes,
        layers=(
            LayerSpec(op="conv", filters=width, stride=2),
            LayerSpec(op="separable", filters=2 * width, stride=2),
            LayerSpec(op="separable", filters=4 * width),
            LayerSpec(op="separable", filters=7 * width, stride=2),
        ),
    )
