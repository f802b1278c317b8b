"""Persistent bytes of each operator on a 32-bit target: parsed options and the kernel's data.

Sizes are those of a 32-bit build of esp-tflite-micro 99f49e1 with doubles and 64-bit integers
aligned to 8 bytes, as on Xtensa, RISC-V and ARM, and with enums of 4 bytes; ARM builds with
-fshort-enums differ. Files are relative to tensorflow/lite/micro/.
"""

from __future__ import annotations

from types import MappingProxyType

from tinyml_course.core.types import KernelTier

PARSED = MappingProxyType(
    {
        "CONV_2D": (28, 4, "TfLiteConvParams"),
        "DEPTHWISE_CONV_2D": (28, 4, "TfLiteDepthwiseConvParams"),
        "FULLY_CONNECTED": (16, 4, "TfLiteFullyConnectedParams"),
        "AVERAGE_POOL_2D": (40, 4, "TfLitePoolParams"),
        "MAX_POOL_2D": (40, 4, "TfLitePoolParams"),
        "SOFTMAX": (4, 4, "TfLiteSoftmaxParams"),
        "RESHAPE": (36, 4, "TfLiteReshapeParams"),
        "ADD": (8, 4, "TfLiteAddParams"),
        "SUB": (8, 4, "TfLiteSubParams"),
        "MUL": (4, 4, "TfLiteMulParams"),
        "CONCATENATION": (8, 4, "TfLiteConcatenationParams"),
        "PACK": (8, 4, "TfLitePackParams"),
        "UNPACK": (8, 4, "TfLiteUnpackParams"),
        "LEAKY_RELU": (4, 4, "TfLiteLeakyReluParams"),
        "SPLIT": (4, 4, "TfLiteSplitParams"),
        "SPLIT_V": (4, 4, "TfLiteSplitVParams"),
        "STRIDED_SLICE": (24, 4, "TfLiteStridedSliceParams"),
        "TRANSPOSE_CONV": (20, 4, "TfLiteTransposeConvParams"),
        "UNIDIRECTIONAL_SEQUENCE_LSTM": (16, 4, "TfLiteUnidirectionalSequenceLSTMParams"),
        "SVDF": (12, 4, "TfLiteSVDFParams"),
        "MEAN": (1, 1, "TfLiteReducerParams"),
        "SUM": (1, 1, "TfLiteReducerParams"),
        "REDUCE_MAX": (1, 1, "TfLiteReducerParams"),
        "REDUCE_MIN": (1, 1, "TfLiteReducerParams"),
        "RESIZE_BILINEAR": (2, 1, "TfLiteResizeBilinearParams"),
        "RESIZE_NEAREST_NEIGHBOR": (2, 1, "TfLiteResizeNearestNeighborParams"),
        "REDUCE_ALL": (1, 1, "TfLiteReducerParams"),
        "L2_POOL_2D": (40, 4, "TfLitePoolParams"),
        "DIV": (4, 4, "TfLiteDivParams"),
        "L2_NORMALIZATION": (4, 4, "TfLiteL2NormParams"),
        "MIRROR_PAD": (4, 4, "TfLiteMirrorPaddingParams"),
        "ARG_MAX": (4, 4, "TfLiteArgMaxParams"),
        "ARG_MIN": (4, 4, "TfLiteArgMinParams"),
        "BATCH_MATMUL": (3, 1, "TfLiteBatchMatMulParams"),
        "CAST": (8, 4, "TfLiteCastParams"),
        "CUMSUM": (2, 1, "TfLiteCumsumParams"),
        "DEPTH_TO_SPACE": (4, 4, "TfLiteDepthToSpaceParams"),
        "SPACE_TO_DEPTH": (4, 4, "TfLiteSpaceToDepthParams"),
        "GATHER": (8, 4, "TfLiteGatherParams"),
        "SHAPE": (4, 4, "TfLiteShapeParams"),
        "SQUEEZE": (36, 4, "TfLiteSqueezeParams"),
        "IF": (8, 4, "TfLiteIfParams"),
        "WHILE": (8, 4, "TfLiteWhileParams"),
        "CALL_ONCE": (4, 4, "TfLiteCallOnceParams"),
        "VAR_HANDLE": (8, 4, "TfLiteVarHandleParams"),
    }
)
"""(bytes, alignment, struct) that an operator's parser allocates; nothing where it is missing.

tflite_bridge/flatbuffer_conversions_bridge.cc calls lite/core/api/flatbuffer_conversions.cc.
"""

DATA = MappingProxyType(
    {
        "CONV_2D": (56, "OpDataConv"),
        "DEPTHWISE_CONV_2D": (56, "OpDataConv"),
        "FULLY_CONNECTED": (48, "OpDataFullyConnected"),
        "AVERAGE_POOL_2D": (32, "OpDataPooling"),
        "MAX_POOL_2D": (32, "OpDataPooling"),
        "SOFTMAX": (56, "SoftmaxParams"),
        "ADD": (60, "OpDataAdd"),
        "SUB": (52, "OpDataSub"),
        "MUL": (36, "OpDataMul"),
        "CONCATENATION": (24, "OpData (concatenation.cc)"),
        "MEAN": (44, "OpDataReduce"),
        "SUM": (44, "OpDataReduce"),
        "REDUCE_MAX": (44, "OpDataReduce"),
        "REDUCE_MIN": (44, "OpDataReduce"),
        "PAD": (56, "OpData (pad.cc)"),
        "PADV2": (56, "OpData (pad.cc)"),
        "LOGISTIC": (16, "OpDataLogistic"),
        "TANH": (16, "OpData (tanh.cc)"),
        "RELU": (28, "ReluOpData"),
        "RELU6": (8, "Relu6OpData"),
        "LEAKY_RELU": (24, "LeakyReluOpData"),
        "PRELU": (28, "PreluParams"),
        "ELU": (256, "OpData (elu.cc)"),
        "HARD_SWISH": (20, "HardSwishParams"),
        "ABS": (28, "OpDataAbsRsqrt"),
        "RSQRT": (28, "OpDataAbsRsqrt"),
        "DIV": (28, "OpDataDiv"),
        "STRIDED_SLICE": (84, "StridedSliceOpData"),
        "TRANSPOSE_CONV": (72, "OpData (transpose_conv.cc)"),
        "SVDF": (36, "OpDataSvdf"),
        "EQUAL": (32, "OpData (comparisons.cc)"),
        "NOT_EQUAL": (32, "OpData (comparisons.cc)"),
        "GREATER": (32, "OpData (comparisons.cc)"),
        "GREATER_EQUAL": (32, "OpData (comparisons.cc)"),
        "LESS": (32, "OpData (comparisons.cc)"),
        "LESS_EQUAL": (32, "OpData (comparisons.cc)"),
        "MIRROR_PAD": (20, "OpDataMirrorPad"),
        "QUANTIZE": (32, "OpDataQuantizeReference"),
        "DEQUANTIZE": (32, "DequantizeOpData"),
        "SQUARED_DIFFERENCE": (112, "OpData (squared_difference.cc)"),
        "UNIDIRECTIONAL_SEQUENCE_LSTM": (688, "OpDataLSTM"),
        "REDUCE_ALL": (44, "OpDataReduce"),
        "L2_NORMALIZATION": (4, "L2NormalizationParams"),
        "SPACE_TO_BATCH_ND": (4, "SpaceToBatchParams"),
        "SELECT_V2": (1, "OpData (select.cc)"),
        "BATCH_MATMUL": (16, "OpDataBatchMatmul"),
        "EMBEDDING_LOOKUP": (8, "OpData (embedding_lookup.cc)"),
        "IF": (8, "OpData (if.cc)"),
        "WHILE": (8, "OpData (while.cc)"),
        "CALL_ONCE": (8, "OpData (call_once.cc)"),
        "VAR_HANDLE": (4, "OpData (var_handle.cc)"),
    }
)
"""(bytes, struct) that an operator's Init allocates, aligned to 16; kernels/*.cc."""

WITHOUT_DATA = frozenset(
    {
        "ADD_N", "ARG_MAX", "ARG_MIN", "BATCH_TO_SPACE_ND", "BROADCAST_ARGS", "BROADCAST_TO",
        "CAST", "CEIL", "COS", "CUMSUM", "DEPTH_TO_SPACE", "DYNAMIC_UPDATE_SLICE", "EXP",
        "EXPAND_DIMS", "FILL", "FLOOR", "FLOOR_DIV", "FLOOR_MOD", "GATHER", "GATHER_ND",
        "L2_POOL_2D", "LOG", "LOGICAL_AND", "LOGICAL_NOT", "LOGICAL_OR", "LOG_SOFTMAX", "MAXIMUM",
        "MINIMUM", "NEG", "PACK", "RESHAPE", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR",
        "REVERSE_V2", "ROUND", "SHAPE", "SIN", "SLICE", "SPACE_TO_DEPTH", "SPLIT", "SPLIT_V",
        "SQRT", "SQUARE", "SQUEEZE", "TRANSPOSE", "UNPACK", "ZEROS_LIKE",
    }
)  # fmt: skip
"""Operators whose kernels have no Init."""

ESP_NN_DATA = MappingProxyType(
    {
        "CONV_2D": (60, "NodeData"),
        "DEPTHWISE_CONV_2D": (60, "NodeData"),
        "SOFTMAX": (60, "NodeData"),
    }
)
"""ESP-NN's kernels keep the index of their scratch buffer beside the rest; kernels/esp_nn/."""


OF_THE_APPLICATION = frozenset({"ASSIGN_VARIABLE", "READ_VARIABLE", "VAR_HANDLE"})
"""Operators on resource variables: the application makes the store, as large as it likes."""


def is_registered(name: str) -> bool:
    """Return whether the runtime has a kernel for the builtin operator called `name`.

    References
    ----------
    .. [1] tensorflow/lite/micro/micro_mutable_op_resolver.h.

    Examples
    --------
    >>> is_registered("SELECT_V2"), is_registered("SELECT")
    (True, False)
    """
    return name in DATA or name in WITHOUT_DATA or name in OF_THE_APPLICATION


def is_modelled(name: str) -> bool:
    """Return whether all memory of the operator called `name` is known."""
    return is_registered(name) and name not in OF_THE_APPLICATION


def kernel_data(name: str, tier: KernelTier) -> tuple[int, str]:
    """Return (bytes, struct) of the kernel's own data; 0 bytes for none.

    Examples
    --------
    >>> kernel_data("CONV_2D", "tflm-reference"), kernel_data("CONV_2D", "esp-nn")
    ((56, 'OpDataConv'), (60, 'NodeData'))
    """
    if tier != "tflm-reference" and name in ESP_NN_DATA:
        return ESP_NN_DATA[name]
    return DATA.get(name, (0, ""))
