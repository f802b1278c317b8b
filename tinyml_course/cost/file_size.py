"""Bytes of the .tflite that conversion would write, without writing it.

The converter's last step, in Python, packs its object tree into a flatbuffer: children before
parents, each padded to its alignment. `SizeBuilder` repeats these steps and keeps only the size.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType

from tinyml_course.core.arch import ArchSpec
from tinyml_course.core.graph import OpInfo, TensorGraph, TensorInfo
from tinyml_course.cost.file_names import aware_layout, calibrated_layout

OFFSET, INT, LONG, BYTE = 4, 4, 8, 1
CODE_FIELDS = MappingProxyType({"ADD": ((2, INT),), "QUANTIZE": ((0, BYTE), (3, INT))})
"""Kinds of operators whose number, or version, is the schema's default."""

RUNTIME_VERSION_BYTES, CONVERSION_METADATA_BYTES = 16, 96
"""Metadata that TensorFlow 2.21 writes: the oldest runtime, and how the file was converted."""


class SizeBuilder:
    """The flatbuffer builder's arithmetic: every method adds what the builder would write.

    References
    ----------
    .. [1] flatbuffers/python/flatbuffers/builder.py: Prep, StartVector, CreateString,
       WriteVtable, Finish.

    Examples
    --------
    >>> builder = SizeBuilder()
    >>> builder.string(2)  # length, two letters, zero, padding
    >>> builder.size
    8
    """

    __slots__ = ("_largest", "_vtables", "size")

    def __init__(self) -> None:
        self.size = 0
        self._vtables: set[tuple[int, ...]] = set()
        self._largest = 4

    def vector(self, count: int, element: int = OFFSET) -> None:
        """Add a vector of `count` scalars, or of offsets to what was added before."""
        self._pad(count * element, max(element, 4))
        self.size += count * element + 4

    def string(self, length: int) -> None:
        """Add a text; a zero follows it."""
        self._pad(length + 1, 4)
        self.size += length + 5

    def table(self, *fields: tuple[int, int]) -> None:
        """Add a table of (slot, bytes) fields, by slot; equal layouts share their vtable."""
        start = self.size
        places = []
        for slot, width in fields:
            self._pad(width, width)
            self.size += width
            places.append((slot, self.size))
        self._pad(4, 4)
        self.size += 4
        slots = [0] * (fields[-1][0] + 1 if fields else 0)
        for slot, place in places:
            slots[slot] = self.size - place
        vtable = (self.size - start, *slots)
        if vtable not in self._vtables:
            self._vtables.add(vtable)
            self.size += 4 + 2 * len(slots)

    def finish(self) -> int:
        """Return the size of the file with its identifier and the offset of its root."""
        self._pad(8, self._largest)
        return self.size + 8

    def _pad(self, length: int, align: int) -> None:
        self.size += -(self.size + length) % align
        if align > self._largest:
            self._largest = align


def file_bytes(spec: ArchSpec, graph: TensorGraph, *, aware: bool = False) -> int:
    """Return the size of the file that `convert_int8` makes of a model that `build` made.

    Parameters
    ----------
    spec : ArchSpec
        The network; layers' names follow from its blocks.
    graph : TensorGraph
        Its `arch_graph`.
    aware : bool, default False
        For a model trained with `quantize_aware`, whose tensors have longer names; without it
        for one that is calibrated after training.

    Returns
    -------
    int
        Bytes. The names are those of TensorFlow 2.21; other releases differ by some bytes a
        tensor.

    References
    ----------
    .. [1] tensorflow/compiler/mlir/lite/schema/schema.fbs: the slots of every table.
    .. [2] tensorflow/lite/python/schema_py_generated.py: the order in which they are packed.

    Examples
    --------
    >>> from tinyml_course.core.arch import gesture_net
    >>> from tinyml_course.cost.graph import arch_graph
    >>> file_bytes(gesture_net(3), arch_graph(gesture_net(3))) > 3000
    True
    """
    layout = (aware_layout if aware else calibrated_layout)(spec, graph)
    builder = SizeBuilder()
    for name in layout.codes:
        builder.table(*CODE_FIELDS.get(name, ((0, BYTE), (2, INT), (3, INT))))
    builder.vector(len(layout.codes))
    for info, name in layout.tensors:
        _add_tensor(builder, info, name)
    builder.vector(len(layout.tensors))
    builder.vector(1, INT)
    builder.vector(1, INT)
    for op in graph.ops:
        _add_operator(builder, op, first_code=op.name == layout.codes[0])
    builder.vector(len(graph.ops))
    builder.string(len("main"))
    builder.table((0, OFFSET), (1, OFFSET), (2, OFFSET), (3, OFFSET), (4, OFFSET))
    builder.vector(1)
    builder.string(len("MLIR Converted."))
    sizes = [info.constant_bytes for info, _ in layout.tensors]
    _add_buffers(builder, [*sizes, *[0] * layout.unused_buffers])
    _add_metadata(builder)
    _add_signature(builder, layout.output_name, input_is_first=not aware)
    builder.table((0, INT), *((slot, OFFSET) for slot in (1, 2, 3, 4, 6, 7)))
    return builder.finish()


def _add_tensor(builder: SizeBuilder, info: TensorInfo, name: str) -> None:
    rank, scales = len(info.shape), len(info.scales)
    builder.vector(rank, INT)
    builder.string(len(name))
    quantization = []
    if scales:
        builder.vector(scales, INT)
        builder.vector(scales, LONG)
        quantization = [(2, OFFSET), (3, OFFSET)]
    if info.axis:
        quantization.append((6, INT))
    builder.table(*quantization)
    fields = [(0, OFFSET), (1, BYTE), (2, INT), (3, OFFSET), (4, OFFSET)]
    if not info.is_constant:  # the batch may have any size
        builder.vector(rank, INT)
        fields.append((7, OFFSET))
    builder.table(*fields, (8, BYTE))


def _add_operator(builder: SizeBuilder, op: OpInfo, *, first_code: bool) -> None:
    builder.vector(len(op.inputs), INT)
    builder.vector(1, INT)
    builder.table(*_option_fields(op))
    code = () if first_code else ((0, INT),)
    builder.table(*code, (1, OFFSET), (2, OFFSET), (3, BYTE), (4, OFFSET))


def _option_fields(op: OpInfo) -> list[tuple[int, int]]:
    """Return the options that differ from the schema's defaults, which alone are written."""
    get = op.options.get
    padding = [(0, BYTE)] if get("padding") else []
    fused = bool(get("fused_activation_function"))
    match op.name:
        case "CONV_2D":
            return [*padding, (1, INT), (2, INT), *([(3, BYTE)] if fused else [])]
        case "DEPTHWISE_CONV_2D":
            return [*padding, (1, INT), (2, INT), (3, INT), *([(4, BYTE)] if fused else [])]
        case "MAX_POOL_2D":
            return [*padding, (1, INT), (2, INT), (3, INT), (4, INT)]
        case "FULLY_CONNECTED":
            return [(0, BYTE)] if fused else []
        case "SOFTMAX":
            return [(0, INT)]
    return []


def _add_buffers(builder: SizeBuilder, sizes: Iterable[int]) -> None:
    """Add the empty buffer that every file begins with, each tensor's, and the metadata's."""
    count = 0
    for size in (0, *sizes, RUNTIME_VERSION_BYTES, CONVERSION_METADATA_BYTES):
        if size:
            builder.vector(size, BYTE)
        builder.table(*([(0, OFFSET)] if size else []))
        count += 1
    builder.vector(count)


def _add_metadata(builder: SizeBuilder) -> None:
    for name in ("min_runtime_version", "CONVERSION_METADATA"):
        builder.string(len(name))
        builder.table((0, OFFSET), (1, INT))
    builder.vector(2)


def _add_signature(builder: SizeBuilder, output_name: str, *, input_is_first: bool) -> None:
    builder.string(len("x"))
    index = () if input_is_first else ((1, INT),)  # tensor 0 is the default
    builder.table((0, OFFSET), *index)
    builder.vector(1)
    builder.string(len(output_name))
    builder.table((0, OFFSET), (1, INT))
    builder.vector(1)
    builder.string(len("serving_default"))
    builder.table((0, OFFSET), (1, OFFSET), (2, OFFSET))
    builder.vector(1)
