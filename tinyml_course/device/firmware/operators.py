"""What the runtime's operator resolver calls each operator."""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType

from tinyml_course.core.errors import UnsupportedModel

REGISTERED = frozenset(
    {
        "ABS", "ADD", "ADD_N", "ARG_MAX", "ARG_MIN", "AVERAGE_POOL_2D", "BATCH_MATMUL",
        "BATCH_TO_SPACE_ND", "BROADCAST_ARGS", "BROADCAST_TO", "CALL_ONCE", "CAST", "CEIL",
        "CONCATENATION", "CONV_2D", "COS", "CUMSUM", "DEPTH_TO_SPACE", "DEPTHWISE_CONV_2D",
        "DEQUANTIZE", "DIV", "ELU", "EMBEDDING_LOOKUP", "EQUAL", "EXP", "EXPAND_DIMS", "FILL",
        "FLOOR", "FLOOR_DIV", "FLOOR_MOD", "FULLY_CONNECTED", "GATHER", "GATHER_ND", "GREATER",
        "GREATER_EQUAL", "HARD_SWISH", "IF", "L2_NORMALIZATION", "L2_POOL_2D", "LEAKY_RELU",
        "LESS", "LESS_EQUAL", "LOG", "LOG_SOFTMAX", "LOGICAL_AND", "LOGICAL_NOT", "LOGICAL_OR",
        "LOGISTIC", "MAX_POOL_2D", "MAXIMUM", "MEAN", "MINIMUM", "MIRROR_PAD", "MUL", "NEG",
        "NOT_EQUAL", "PACK", "PAD", "PADV2", "PRELU", "QUANTIZE", "REDUCE_MAX", "REDUCE_MIN",
        "RELU", "RELU6", "RESHAPE", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "REVERSE_V2",
        "ROUND", "RSQRT", "SELECT_V2", "SHAPE", "SIN", "SLICE", "SOFTMAX", "SPACE_TO_BATCH_ND",
        "SPACE_TO_DEPTH", "SPLIT", "SPLIT_V", "SQRT", "SQUARE", "SQUARED_DIFFERENCE", "SQUEEZE",
        "STRIDED_SLICE", "SUB", "SUM", "SVDF", "TANH", "TRANSPOSE", "TRANSPOSE_CONV",
        "UNIDIRECTIONAL_SEQUENCE_LSTM", "UNPACK", "WHILE", "ZEROS_LIKE",
    }
)  # fmt: skip
"""Builtin operators with an Add method; micro_mutable_op_resolver.h.

VAR_HANDLE, READ_VARIABLE and ASSIGN_VARIABLE have one too, but need a store for resource
variables that the project does not set up.
"""

WORDS = MappingProxyType(
    {"2D": "2D", "CUMSUM": "CumSum", "LSTM": "LSTM", "MATMUL": "MatMul", "PADV2": "PadV2"}
)
"""Words of an operator's name that the method does not write with one capital."""


def resolver_method(name: str) -> str:
    """Return the method of `MicroMutableOpResolver` that registers the operator called `name`.

    Raises
    ------
    UnsupportedModel
        If there is none.

    References
    ----------
    .. [1] tensorflow/lite/micro/micro_mutable_op_resolver.h.

    Examples
    --------
    >>> resolver_method("DEPTHWISE_CONV_2D"), resolver_method("PADV2")
    ('AddDepthwiseConv2D', 'AddPadV2')
    """
    if name not in REGISTERED:
        raise UnsupportedModel(
            f"the firmware can't register the operator {name}; build the layer from operators "
            "that the runtime's resolver has"
        )
    words = name.split("_")
    return "Add" + "".join(WORDS.get(word, word.capitalize()) for word in words)


def resolver_methods(names: Iterable[str]) -> tuple[str, ...]:
    """Return each method once, in the order in which the operators first occur.

    Examples
    --------
    >>> resolver_methods(["CONV_2D", "SOFTMAX", "CONV_2D"])
    ('AddConv2D', 'AddSoftmax')
    """
    return tuple(resolver_method(name) for name in dict.fromkeys(names))
