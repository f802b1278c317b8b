"""The vocabulary of a kernel's Prepare: what it may ask the allocator for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from tinyml_course.core.graph import OpInfo, TensorGraph, TensorInfo
from tinyml_course.core.types import KernelTier

ABSENT = -1


class Request(NamedTuple):
    """One request of a Prepare.

    Attributes
    ----------
    kind : {'temp', 'tail', 'scratch'}
        Tensor views that die with the Prepare, persistent bytes, or scratch for Invoke.
    size_bytes : int
        Bytes asked for.
    what : str
        Its purpose.
    """

    kind: Literal["temp", "tail", "scratch"]
    size_bytes: int
    what: str


@dataclass(frozen=True, slots=True)
class Node:
    """An operator with its graph and the kernels it runs on."""

    graph: TensorGraph
    op: OpInfo
    tier: KernelTier

    def input(self, position: int) -> TensorInfo | None:
        """Return the input at `position`, None where it is absent."""
        if position >= len(self.op.inputs) or self.op.inputs[position] == ABSENT:
            return None
        return self.graph.tensors[self.op.inputs[position]]

    def output(self, position: int = 0) -> TensorInfo:
        """Return the output at `position`."""
        return self.graph.tensors[self.op.outputs[position]]

    def has_type(self, dtype: str) -> bool:
        """Return whether the first input has the type `dtype`."""
        first = self.input(0)
        return first is not None and first.dtype == dtype


def tensor_view_bytes(info: TensorInfo) -> int:
    """Return the bytes of a TfLiteTensor with its quantization: 40, and 16 + 4 x scales.

    References
    ----------
    .. [1] tensorflow/lite/micro/micro_allocator.cc, InitializeTfLiteTensorFromFlatbuffer.
    """
    return 40 + (16 + 4 * len(info.scales) if info.scales and info.zero_points else 0)


def temps(*tensors: TensorInfo | None) -> Iterator[Request]:
    """Ask for views of tensors that last until Prepare returns; absent ones take nothing."""
    total = sum(tensor_view_bytes(info) for info in tensors if info is not None)
    yield Request("temp", total, "tensor views")


def per_channel(channels: int) -> Iterator[Request]:
    """Ask for one multiplier and one shift a channel, for as long as the model lives."""
    yield Request("tail", 4 * channels, "per-channel multipliers")
    yield Request("tail", 4 * channels, "per-channel shifts")


def unpacked(filters: TensorInfo | None) -> Iterator[Request]:
    """Ask for a byte a weight where the filters are packed to four bits."""
    if filters is not None and filters.dtype == "INT4":
        yield Request("scratch", filters.elements, "filter unpacked from int4")


def scratch(size_bytes: int, what: str) -> Iterator[Request]:
    """Ask for scratch memory unless its size is zero."""
    if size_bytes > 0:
        yield Request("scratch", size_bytes, what)
