"""What TensorFlow Lite Micro refuses to run, why, and what to do instead."""

from __future__ import annotations

from collections.abc import Iterator

from tinyml_course.core.graph import OpInfo, TensorGraph, TensorInfo
from tinyml_course.device.flatbuffer import Model
from tinyml_course.device.op_memory import is_modelled, is_registered

WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV")
QUANTIZED_TYPES = ("INT8", "INT16", "UINT8")
CUSTOM_KERNELS = ("CIRCULAR_BUFFER", "TFLite_Detection_PostProcess", "Signal")
"""Custom operators that come with the runtime, or what their names begin with."""

SOFTMAX_INTEGER_BITS = 5
"""Integer bits of the kernel's fixed-point input; kScaledDiffIntegerBits in softmax.h."""

INTEGER_ONLY = "convert with a representative dataset and TFLITE_BUILTINS_INT8 only"


def refusals(model: Model) -> tuple[str, ...]:
    """Return why the device runtime would refuse `model`, each with the remedy; empty if not.

    Examples
    --------
    >>> from tinyml_course.cost.layers import dense_graph
    >>> refusals(Model(subgraphs=(dense_graph(4, 2),)))
    ()
    """
    found = [
        f"tensor {name!r} is stored in a sparse format, which the runtime cannot read; "
        "export without sparsity"
        for name in model.sparse
    ]
    ops: dict[str, list[str]] = {}
    for graph in model.subgraphs:
        for number, op in enumerate(graph.ops):
            for reason in _op_refusals(graph, op):
                ops.setdefault(f"{op.name}: {reason}", []).append(f"{number}")
    found += [
        f"op{'s' * (len(numbers) > 1)} {', '.join(numbers)} {reason}"
        for reason, numbers in ops.items()
    ]
    return tuple(found)


def warnings(model: Model) -> tuple[str, ...]:
    """Return what runs, but costs more than it should or computes wrong numbers elsewhere.

    Examples
    --------
    >>> from tinyml_course.cost.layers import dense_graph
    >>> print(warnings(Model(subgraphs=(dense_graph(4, 2),)))[0])
    the model computes in float: four times the memory of int8, and no fast kernels on most chips; convert with a representative dataset and TFLITE_BUILTINS_INT8 only
    """  # noqa: E501
    found = []
    ops = [(graph, op) for graph in model.subgraphs for op in graph.ops]
    if any(op.name in WEIGHTED and _type(graph, op, 0) == "FLOAT32" for graph, op in ops):
        found.append(
            "the model computes in float: four times the memory of int8, and no fast kernels on "
            f"most chips; {INTEGER_ONLY}"
        )
    if any(_has_channel_scales(graph, op) for graph, op in ops):
        found.append(
            "dense layers have one scale per channel: runtimes before May 2024 compute wrong "
            "numbers on them without a word; set the converter's "
            "_experimental_disable_per_channel_quantization_for_dense_layers"
        )
    if any(op.name in WEIGHTED and _type(graph, op, 1) == "INT4" for graph, op in ops):
        found.append(
            "int4 weights are unpacked to a byte a weight in the arena at every inference, and "
            "ESP-NN has no kernel for them, so their layers run on the reference kernels: keep "
            "them where flash is the limit"
        )
    unknown = sorted({op.name for _, op in ops if not is_modelled(op.name)})
    if unknown:
        found.append(
            f"the memory of {', '.join(unknown)} is not modelled: the arena is a lower bound; "
            "leave a margin"
        )
    return tuple(found)


def _op_refusals(graph: TensorGraph, op: OpInfo) -> Iterator[str]:
    if op.is_custom and not op.name.startswith(CUSTOM_KERNELS):
        yield "a custom operator needs a kernel of your own; build it from standard layers"
    elif not op.is_custom and not is_registered(op.name):
        yield "the runtime has no kernel for it; replace the layer"
    elif op.name in WEIGHTED:
        yield from _weight_refusals(graph, op)
    elif op.name == "SOFTMAX" and _type(graph, op, 0) == "INT8":
        yield from _softmax_refusals(graph, op)
    elif op.name == "DEQUANTIZE" and _type(graph, op, 0) not in QUANTIZED_TYPES:
        yield (
            f"the runtime does not dequantize {_type(graph, op, 0)} (float16 weights unpack to "
            f"float on the fly elsewhere); {INTEGER_ONLY}"
        )
    for index in op.intermediates:
        if graph.tensors[index].elements and graph.tensors[index].shape:
            yield "intermediate tensors with data are not supported; convert again"


def _weight_refusals(graph: TensorGraph, op: OpInfo) -> Iterator[str]:
    x = _type(graph, op, 2 if op.name == "TRANSPOSE_CONV" else 0)
    weights = _type(graph, op, 1)
    if x == "FLOAT32" and weights != "FLOAT32":
        yield (
            f"hybrid: {weights} weights with float activations (dynamic-range quantization) are "
            f"not supported; {INTEGER_ONLY}"
        )
    elif x == "UINT8":
        yield f"uint8 arithmetic is no longer supported; {INTEGER_ONLY}"
    elif x == "INT8" and weights not in ("INT8", "INT4"):
        yield f"int8 activations need int8 or int4 weights, got {weights}; {INTEGER_ONLY}"
    elif x == "INT16" and weights != "INT8":
        yield f"int16 activations need int8 weights, got {weights}; {INTEGER_ONLY}"
    if op.name == "FULLY_CONNECTED" and weights == "INT4" and _has_channel_scales(graph, op):
        yield "int4 dense weights need a single scale; disable per-channel quantization"


def _softmax_refusals(graph: TensorGraph, op: OpInfo) -> Iterator[str]:
    """Yield the one scale at which the runtime aborts instead of answering.

    References
    ----------
    .. [1] tensorflow/lite/kernels/internal/quantization_util.cc, PreprocessSoftmaxScaling and
       the check in QuantizeMultiplierGreaterThanOne.
    """
    scales = graph.tensors[op.inputs[0]].scales
    beta = float(op.options.get("beta", 1.0))
    if scales and scales[0] * beta * 2 ** (31 - SOFTMAX_INTEGER_BITS) <= 1:
        yield (
            f"its input scale {scales[0]:.1e} is too small, the runtime aborts: the logits were "
            "all but zero in calibration; train the model, or calibrate on real samples"
        )


def _tensor(graph: TensorGraph, op: OpInfo, position: int) -> TensorInfo | None:
    if position >= len(op.inputs) or op.inputs[position] < 0:
        return None
    return graph.tensors[op.inputs[position]]


def _type(graph: TensorGraph, op: OpInfo, position: int) -> str:
    info = _tensor(graph, op, position)
    return info.dtype if info else ""


def _has_channel_scales(graph: TensorGraph, op: OpInfo) -> bool:
    weights = _tensor(graph, op, 1)
    return op.name == "FULLY_CONNECTED" and weights is not None and len(weights.scales) > 1
