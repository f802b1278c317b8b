"""Bytes of a network's .tflite once it is slimmed, before it exists."""

from __future__ import annotations

from collections.abc import Hashable

from tinyml_course.core.graph import OpInfo, TensorGraph, TensorInfo
from tinyml_course.device.pack import HEADER_BYTES, OFFSET_BYTES

INT, LONG, BYTE = 4, 8, 1

Field = tuple[int, int]
"""Slot and bytes of a table's field."""

OPTIONS: dict[str, tuple[Field, ...]] = {
    "CONV_2D": ((1, INT), (2, INT)),
    "DEPTHWISE_CONV_2D": ((1, INT), (2, INT), (3, INT)),
    "MAX_POOL_2D": ((1, INT), (2, INT), (3, INT), (4, INT)),
    "SOFTMAX": ((0, INT),),
}
"""Options that never have the schema's default."""

FUSED_SLOT = {"CONV_2D": 3, "DEPTHWISE_CONV_2D": 4, "FULLY_CONNECTED": 0}
UNSIGNED = ("SOFTMAX", "MEAN", "ADD", "MAX_POOL_2D")
"""Operators of a classifier after ReLUs whose outputs are never negative: their zero is -128."""


def slim_bytes(graph: TensorGraph) -> int:
    """Return about how many bytes `slim` leaves of the file that conversion makes of `graph`.

    `slim` stores equal contents once and lets small blocks fill the gaps before aligned weights,
    so the size is that of all different contents. Which scales happen to be equal only training
    tells, and a gap may stay open: the figure is up to five per cent too large, most so with many
    skips.

    Parameters
    ----------
    graph : TensorGraph
        From `arch_graph`.

    Examples
    --------
    >>> from tinyml_course.core.arch import gesture_net
    >>> from tinyml_course.cost.file_size import file_bytes
    >>> from tinyml_course.cost.graph import arch_graph
    >>> graph = arch_graph(gesture_net(3))
    >>> slim_bytes(graph) < 0.7 * file_bytes(gesture_net(3), graph)
    True
    """
    contents = _Contents()
    codes = list(dict.fromkeys(op.name for op in graph.ops))
    for name in codes:
        contents.table(name, *(((2, INT),) if name == "ADD" else ((0, BYTE), (2, INT), (3, INT))))
    quantizations = _quantizations(graph)
    for index, info in enumerate(graph.tensors):
        _add_tensor(contents, info, index, quantizations[index])
    for number, op in enumerate(graph.ops):
        _add_operator(contents, op, number, first_code=op.name == codes[0])
    buffers = [info for info in graph.tensors if info.is_constant]
    for index, info in enumerate(buffers):
        contents.vector(("buffer", index), info.constant_bytes, BYTE)
        contents.table(("buffer", index), (0, OFFSET_BYTES))
    contents.table("empty")
    lists = {
        "codes": len(codes), "buffers": len(buffers) + 1, "subgraphs": 1,
        "tensors": len(graph.tensors), "operators": len(graph.ops),
    }  # fmt: skip
    for what, count in lists.items():
        contents.vector(what, count, OFFSET_BYTES)
    contents.vector(graph.inputs, 1, INT)
    contents.vector(graph.outputs, 1, INT)
    contents.table("subgraph", *((slot, OFFSET_BYTES) for slot in range(4)))
    contents.table("root", (0, INT), *((slot, OFFSET_BYTES) for slot in (1, 2, 4)))
    return HEADER_BYTES + contents.bytes


class _Contents:
    """Counts each content once, rounded up to the four bytes at which most blocks begin."""

    def __init__(self) -> None:
        self.bytes = 0
        self._seen: set[Hashable] = set()

    def table(self, content: Hashable, *fields: Field) -> None:
        """Count a table of (slot, bytes) fields, and the layout that it shares with others."""
        self._add(("layout", fields), 4 + 2 * (1 + max((slot for slot, _ in fields), default=-1)))
        size = OFFSET_BYTES + sum(width for _, width in fields)
        self._add(("table", content), -(-size // 4) * 4)

    def vector(self, content: Hashable, count: int, width: int) -> None:
        """Count a vector of numbers, or of references."""
        self._add(("vector", content, width), OFFSET_BYTES + -(-count * width // 4) * 4)

    def _add(self, content: Hashable, size: int) -> None:
        if content not in self._seen:
            self._seen.add(content)
            self.bytes += size


def _quantizations(graph: TensorGraph) -> dict[int, tuple[Hashable, Hashable]]:
    """Return for each tensor what tells its scales, and its zero points, from others'."""
    found: dict[int, tuple[Hashable, Hashable]] = {
        index: (index, ("zeros", len(info.scales))) for index, info in enumerate(graph.tensors)
    }
    for index in graph.inputs:
        found[index] = (index, "lowest")
    for op in graph.ops:
        (output,) = op.outputs
        unsigned = op.name in UNSIGNED or op.options.get("fused_activation_function")
        scale = found[op.inputs[0]][0] if op.name == "MAX_POOL_2D" else output
        found[output] = (scale, "lowest" if unsigned else ("zero", output))
    return found


def _add_tensor(
    contents: _Contents, info: TensorInfo, index: int, quantization: tuple[Hashable, Hashable]
) -> None:
    contents.vector(info.shape, len(info.shape), INT)
    fields: list[Field] = [(0, OFFSET_BYTES), (1, BYTE)]
    if info.is_constant:
        fields.append((2, INT))
    if info.scales:
        scales, zeros = quantization
        contents.vector(("scales", scales), len(info.scales), INT)
        contents.vector(zeros, len(info.scales), LONG)
        axis = ((6, INT),) if info.axis else ()
        contents.table(("quantization", scales), (2, OFFSET_BYTES), (3, OFFSET_BYTES), *axis)
        fields.append((4, OFFSET_BYTES))
    contents.table(("tensor", index), *fields)


def _add_operator(contents: _Contents, op: OpInfo, number: int, *, first_code: bool) -> None:
    contents.vector(op.inputs, len(op.inputs), INT)
    contents.vector(op.outputs, len(op.outputs), INT)
    options = list(OPTIONS.get(op.name, ()))
    if op.options.get("padding"):
        options.append((0, BYTE))
    if op.options.get("fused_activation_function"):
        options.append((FUSED_SLOT[op.name], BYTE))
    contents.table(("options", *sorted(map(str, op.options.items()))), *options)
    code = () if first_code else ((0, INT),)
    contents.table(
        ("operator", number), *code, (1, OFFSET_BYTES), (2, OFFSET_BYTES), (3, BYTE),
        (4, OFFSET_BYTES),
    )  # fmt: skip
