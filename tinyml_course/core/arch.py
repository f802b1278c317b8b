"""A network as plain data: the specification that search moves and training builds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Shape = tuple[int, int, int]
"""Height, width, channels of one sample's activation."""

OpKind = Literal["conv", "depthwise", "separable"]
Activation = Literal["relu", "relu6"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSpec:
    """One block: convolution, batch normalisation, activation; then a sum and a pooling, if any.

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
    skip : bool
        Add the block's input to what the activation returns. Acts only where both have the same
        shape.
    pool : int
        Side and step of a max pooling at the end of the block; 1 for none.
    """

    op: OpKind
    filters: int = 0
    kernel: int = 3
    stride: int = 1
    activation: Activation = "relu6"
    skip: bool = False
    pool: int = 1

    def __post_init__(self) -> None:
        if self.op not in ("conv", "depthwise", "separable"):
            raise ValueError(f"op must be conv, depthwise or separable, got {self.op!r}")
        if self.activation not in ("relu", "relu6"):
            raise ValueError(f"activation must be relu or relu6, got {self.activation!r}")
        if (self.op == "depthwise") != (self.filters == 0):
            raise ValueError(
                f"a {self.op} block with filters={self.filters}: depthwise blocks keep their "
                "channels (filters=0), the others need at least 1"
            )
        if min(self.kernel, self.stride, self.pool) < 1 or self.filters < 0:
            raise ValueError(f"kernel, stride, pool and filters must be positive, got {self}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchSpec:
    """A gesture classifier: blocks, global average pooling, hidden dense layer if any, output.

    Attributes
    ----------
    layers : tuple of LayerSpec
        The blocks in order.
    classes : int
        Outputs, at least 2.
    input_shape : (H, W, C)
        Shape of one sample.
    hidden : int
        Units of a dense layer with ReLU between the average and the output; 0 for none.
    """

    layers: tuple[LayerSpec, ...]
    classes: int
    input_shape: Shape = (32, 32, 1)
    hidden: int = 0

    def __post_init__(self) -> None:
        if self.classes < 2:
            raise ValueError(f"a classifier needs at least 2 classes, got {self.classes}")
        if not self.layers:
            raise ValueError("an ArchSpec needs at least one layer, got none")
        if len(self.input_shape) != 3 or min(self.input_shape) < 1:
            raise ValueError(f"input_shape must be (H, W, C), each at least 1: {self.input_shape}")
        if self.hidden < 0:
            raise ValueError(f"hidden must be 0 or a number of units, got {self.hidden}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedBlock:
    """A block at its place in a network, where the shape of its input is known.

    Attributes
    ----------
    layer : LayerSpec
        What the block does here: a skip, stride or pooling that cannot act is left out.
    input_shape, inner_shape, output_shape : (H, W, C)
        Before the block, between the convolution and the pooling, and after the block.
    """

    layer: LayerSpec
    input_shape: Shape
    inner_shape: Shape
    output_shape: Shape


def place_block(layer: LayerSpec, shape: Shape) -> PlacedBlock:
    """Return `layer` as it acts on activations of `shape`.

    Padding is SAME: sizes are divided by stride and pool and rounded up, so every block is
    possible everywhere. On a single pixel stride and pooling do nothing. A skip acts where the
    convolution keeps its input's shape.

    Examples
    --------
    >>> halving = LayerSpec(op="conv", filters=4, stride=2, skip=True)
    >>> placed = place_block(halving, (15, 9, 4))
    >>> placed.output_shape, placed.layer.skip
    ((8, 5, 4), False)
    """
    inner = (*_shrink(shape, layer.stride), layer.filters or shape[2])
    output = (*_shrink(inner, layer.pool), inner[2])
    acting = replace(
        layer,
        stride=layer.stride if inner[:2] != shape[:2] else 1,
        skip=layer.skip and inner == shape,
        pool=layer.pool if output != inner else 1,
    )
    return PlacedBlock(layer=acting, input_shape=shape, inner_shape=inner, output_shape=output)


def place_blocks(spec: ArchSpec) -> tuple[PlacedBlock, ...]:
    """Return the blocks of `spec` in order, each with the shapes at its place."""
    placed: list[PlacedBlock] = []
    shape = spec.input_shape
    for layer in spec.layers:
        placed.append(place_block(layer, shape))
        shape = placed[-1].output_shape
    return tuple(placed)


def simplify(spec: ArchSpec) -> ArchSpec:
    """Return the same network without what cannot act: the one spelling that all others share.

    Examples
    --------
    >>> block = LayerSpec(op="conv", filters=8, skip=True)  # 1 channel comes in, 8 go out
    >>> simplify(ArchSpec(layers=(block,), classes=3)).layers[0].skip
    False
    """
    return replace(spec, layers=tuple(block.layer for block in place_blocks(spec)))


def _shrink(shape: Shape, step: int) -> tuple[int, int]:
    return -(-shape[0] // step), -(-shape[1] // step)


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
