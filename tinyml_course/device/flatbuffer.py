"""A .tflite file as typed tuples: tensors, operators with their options, metadata.

The tables are read through the generated classes of the `tflite` package: pure Python, so that
it works on every platform, where tflite-micro's copy of the same schema comes in a wheel for
x86-64 Linux only. Those classes trust the file; the checks here do not.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, TypeVar

from tinyml_course.core.errors import InvalidModel
from tinyml_course.core.graph import TYPE_BITS, OpInfo, TensorGraph, TensorInfo
from tinyml_course.device.structure import check_calls, check_subgraph, check_tensor

MAX_ELEMENTS = 2_000_000
"""Most table and vector elements of one file; a hostile file can repeat one vector for ever."""

MAX_NAME_BYTES = 4096

_BROKEN = (struct.error, IndexError, ValueError, TypeError, AttributeError, OverflowError, KeyError)

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorCode:
    """One entry of the file's operator table.

    Attributes
    ----------
    name : str
        Builtin name, or the custom code of a custom operator.
    version : int
        Version of the operator's semantics.
    is_custom : bool
        Not one of the schema's builtin operators.
    """

    name: str
    version: int = 1
    is_custom: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What a .tflite file holds, apart from the weights' values.

    Attributes
    ----------
    subgraphs : tuple of TensorGraph
        The first one is the entry.
    operator_codes : tuple of OperatorCode
        Kinds of operators in the file's order.
    metadata : tuple of (str, bytes)
        Named blobs, e.g. an offline memory plan.
    version : int
        Schema version; 3 for every current file.
    description : str
        What the converter wrote.
    sparse : tuple of str
        Names of tensors stored in a sparse format.
    """

    subgraphs: tuple[TensorGraph, ...]
    operator_codes: tuple[OperatorCode, ...] = ()
    metadata: tuple[tuple[str, bytes], ...] = ()
    version: int = 3
    description: str = ""
    sparse: tuple[str, ...] = ()


def read_model(data: bytes) -> Model:
    """Return the typed view of a .tflite file.

    Parameters
    ----------
    data : bytes
        The whole file.

    Returns
    -------
    Model
        Subgraphs, operator codes and metadata; no weights are copied.

    Raises
    ------
    InvalidModel
        If the bytes are no .tflite, or any count, offset, index or shape in them is impossible.

    References
    ----------
    .. [1] tensorflow/lite/schema/schema.fbs.
    """
    data = bytes(data)
    if len(data) < 8 or data[4:8] != b"TFL3":
        raise InvalidModel(
            f"not a .tflite file: {len(data):,} B with identifier {data[4:8]!r} where b'TFL3' "
            "belongs; pass the bytes that the converter returned"
        )
    try:
        return _Reader(data).model()
    except InvalidModel:
        raise
    except (*_BROKEN, RecursionError) as fault:
        raise InvalidModel(
            f"damaged .tflite file of {len(data):,} B ({type(fault).__name__}: {fault}); "
            "download or convert it again"
        ) from None


class _Reader:
    """Walks one file, counting every element it reads."""

    def __init__(self, data: bytes) -> None:
        import tflite

        self.data = data
        self.left = MAX_ELEMENTS
        self.root = tflite.Model.GetRootAs(data, 0)
        self.sparse: list[str] = []

    def model(self) -> Model:
        root = self.root
        buffers = self.items(root.BuffersLength(), root.Buffers, "buffers", self.buffer)
        codes = self.items(root.OperatorCodesLength(), root.OperatorCodes, "operator codes", _code)
        count = self.count(root.SubgraphsLength(), "subgraphs")
        if count == 0:
            raise InvalidModel("the model has no subgraph, so nothing to run; convert it again")
        subgraphs = tuple(self.subgraph(root.Subgraphs(i), codes, buffers) for i in range(count))
        for index in range(count):
            check_subgraph(subgraphs, index)
        check_calls(subgraphs)
        return Model(
            subgraphs=subgraphs,
            operator_codes=codes,
            metadata=self.metadata(buffers),
            version=root.Version(),
            description=self.text(root.Description()),
            sparse=tuple(self.sparse),
        )

    def count(self, length: int, what: str) -> int:
        """Return `length` once it is known to fit the file and the budget."""
        if length * 4 > len(self.data):
            raise InvalidModel(f"{length:,} {what} cannot fit a file of {len(self.data):,} B")
        self.left -= length
        if self.left < 0:
            raise InvalidModel(
                f"more than {MAX_ELEMENTS:,} elements up to the {what}; no microcontroller "
                "model has as many, so the file is damaged"
            )
        return length

    def items(
        self, length: int, get: Callable[[int], Any], what: str, parse: Callable[[Any], T]
    ) -> tuple[T, ...]:
        """Return the `length` parsed tables of a vector."""
        return tuple(parse(get(i)) for i in range(self.count(length, what)))

    def vector(self, array: Any, what: str) -> tuple[Any, ...]:
        """Return a vector of numbers; the schema classes give 0 where it is absent."""
        if isinstance(array, int):
            return ()
        self.count(len(array), what)
        return tuple(array.tolist())

    def text(self, raw: bytes | None) -> str:
        raw = raw or b""
        if len(raw) > MAX_NAME_BYTES:
            raise InvalidModel(f"a name of {len(raw):,} B; the longest allowed is {MAX_NAME_BYTES}")
        return raw.decode(errors="replace")

    def buffer(self, table: Any) -> Any:
        """Return the data of a buffer as an array that shares the file's memory, or None."""
        if table.Offset() > 1:
            raise InvalidModel("weights lie outside the flatbuffer; export a file below 2 GB")
        array = table.DataAsNumpy()
        return None if isinstance(array, int) or len(array) == 0 else array

    def metadata(self, buffers: tuple[Any, ...]) -> tuple[tuple[str, bytes], ...]:
        found = []
        for i in range(self.count(self.root.MetadataLength(), "metadata entries")):
            entry = self.root.Metadata(i)
            index = entry.Buffer()
            if index >= len(buffers):
                raise InvalidModel(f"metadata {i} names buffer {index} of {len(buffers)}")
            blob = buffers[index]
            self.count(0 if blob is None else len(blob) // 4, "metadata")
            found.append((self.text(entry.Name()), b"" if blob is None else blob.tobytes()))
        return tuple(found)

    def subgraph(
        self, table: Any, codes: tuple[OperatorCode, ...], buffers: tuple[Any, ...]
    ) -> TensorGraph:
        tensors = self.items(
            table.TensorsLength(), table.Tensors, "tensors", lambda t: self.tensor(t, buffers)
        )
        return TensorGraph(
            tensors=tensors,
            ops=self.items(
                table.OperatorsLength(),
                table.Operators,
                "operators",
                lambda op: self.operator(op, codes),
            ),
            inputs=self.vector(table.InputsAsNumpy(), "graph inputs"),
            outputs=self.vector(table.OutputsAsNumpy(), "graph outputs"),
            name=self.text(table.Name()),
        )

    def tensor(self, table: Any, buffers: tuple[Any, ...]) -> TensorInfo:
        quantization = table.Quantization()
        scales, zero_points, axis = (), (), 0
        if quantization is not None:
            scales = self.vector(quantization.ScaleAsNumpy(), "scales")
            zero_points = self.vector(quantization.ZeroPointAsNumpy(), "zero points")
            axis = quantization.QuantizedDimension()
        index = table.Buffer()
        if index >= max(len(buffers), 1):
            raise InvalidModel(f"a tensor names buffer {index} of {len(buffers)}")
        blob = buffers[index] if buffers else None
        info = TensorInfo(
            name=self.text(table.Name()),
            shape=self.vector(table.ShapeAsNumpy(), "dimensions"),
            dtype=_type_name(table.Type()),
            scales=scales,
            zero_points=zero_points,
            axis=axis,
            constant_bytes=0 if blob is None else len(blob),
            buffer=index,
            is_variable=table.IsVariable(),
        )
        is_sparse = table.Sparsity() is not None
        if is_sparse:
            self.sparse.append(info.name)
        check_tensor(info, stored_whole=not is_sparse)
        return info

    def operator(self, table: Any, codes: tuple[OperatorCode, ...]) -> OpInfo:
        index = table.OpcodeIndex()
        if index >= len(codes):
            raise InvalidModel(f"an operator names code {index} of {len(codes)}")
        return OpInfo(
            name=codes[index].name,
            inputs=self.vector(table.InputsAsNumpy(), "operator inputs"),
            outputs=self.vector(table.OutputsAsNumpy(), "operator outputs"),
            options=self.options(table),
            is_custom=codes[index].is_custom,
            intermediates=self.vector(table.IntermediatesAsNumpy(), "intermediates"),
        )

    def options(self, table: Any) -> Mapping[str, Any]:
        union, made = table.BuiltinOptions(), _options_class(table.BuiltinOptionsType())
        if union is None or made is None:
            return MappingProxyType({})
        view = made()
        view.Init(union.Bytes, union.Pos)
        found: dict[str, Any] = {}
        for field, getter, is_vector in _getters(made):
            value = getter(view)
            if is_vector:
                found[field] = self.vector(value, "option values")
            elif isinstance(value, bytes):
                found[field] = self.text(value)
            else:
                found[field] = value
        return MappingProxyType(found)


def _code(table: Any) -> OperatorCode:
    builtin = max(table.BuiltinCode(), table.DeprecatedBuiltinCode())
    name = _builtin_names().get(builtin)
    if name is None:
        raise InvalidModel(f"builtin operator {builtin} is not in the schema; convert it again")
    if name != "CUSTOM":
        return OperatorCode(name=name, version=table.Version())
    custom = (table.CustomCode() or b"")[:MAX_NAME_BYTES].decode(errors="replace")
    return OperatorCode(name=custom or "CUSTOM", version=table.Version(), is_custom=True)


def _type_name(code: int) -> str:
    name = _type_names().get(code)
    if name is None:
        raise InvalidModel(
            f"tensor type {code} is not in the schema; known: {', '.join(TYPE_BITS)}"
        )
    return name


def _enum_names(enum: type) -> dict[int, str]:
    return {value: name for name, value in vars(enum).items() if isinstance(value, int)}


@cache
def _builtin_names() -> dict[int, str]:
    import tflite

    return _enum_names(tflite.BuiltinOperator)


@cache
def _type_names() -> dict[int, str]:
    import tflite

    return _enum_names(tflite.TensorType)


@cache
def _options_class(union_type: int) -> Any:
    """Return the schema class of an operator's options; None where it has none."""
    import tflite

    if union_type == tflite.BuiltinOptions.NONE:
        return None
    name = _enum_names(tflite.BuiltinOptions).get(union_type)
    if name is None:
        raise InvalidModel(f"operator options of type {union_type} are not in the schema")
    return getattr(tflite, name)


@cache
def _getters(made: type) -> tuple[tuple[str, Callable[[Any], Any], bool], ...]:
    """Return (field in snake_case, getter, is a vector) for each field of an options class."""
    names = [name for name in vars(made) if name[0].isupper() and name != "Init"]
    found = []
    for name in names:
        if name.endswith(("AsNumpy", "Length", "IsNone", "BufferHasIdentifier")):
            continue
        if name.startswith("GetRootAs"):
            continue
        is_vector = f"{name}AsNumpy" in names
        getter = getattr(made, f"{name}AsNumpy" if is_vector else name)
        found.append((_snake(name), getter, is_vector))
    return tuple(found)


def _snake(name: str) -> str:
    """Return `DilationWFactor` as `dilation_w_factor`."""
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
