"""Order and names of a converted network's tensors: a .tflite stores both.

The names are those of TensorFlow 2.21: of every layer that was fused into an operator, joined.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tinyml_course.core.arch import ArchSpec, LayerSpec, place_blocks
from tinyml_course.core.graph import TensorGraph, TensorInfo

Named = tuple[TensorInfo, str]


class FileLayout(NamedTuple):
    """What of a file depends on how the network was quantized.

    Attributes
    ----------
    tensors : tuple of (TensorInfo, str)
        The tensors in the file's order with their names.
    codes : tuple of str
        Kinds of operators in the file's table.
    output_name : str
        What the signature calls the output.
    unused_buffers : int
        Empty buffers that no tensor names: those of tensors that a later step replaced.
    """

    tensors: tuple[Named, ...]
    codes: tuple[str, ...]
    output_name: str
    unused_buffers: int


class _Names(NamedTuple):
    """What the converter calls an operator's output and its constants."""

    output: str
    weights: str = ""
    bias: str = ""


def calibrated_layout(spec: ArchSpec, graph: TensorGraph) -> FileLayout:
    """Return the layout of a network that is calibrated after training.

    The input comes first, then the constants from the last operator back, then the activations.
    """
    names = list(_op_names(spec, ""))
    image = (graph.tensors[graph.inputs[0]], "serving_default_x:0")
    constants = [*_axes(graph, ""), *_constants(graph, names)]
    outputs = [
        (graph.tensors[op.outputs[0]], name.output)
        for op, name in zip(graph.ops, names, strict=True)
    ]
    outputs[-1] = (outputs[-1][0], "StatefulPartitionedCall:0")
    return FileLayout(
        tensors=(image, *constants, *outputs),
        codes=tuple(dict.fromkeys(op.name for op in graph.ops)),
        output_name="out",
        unused_buffers=0,
    )


def aware_layout(spec: ArchSpec, graph: TensorGraph) -> FileLayout:
    """Return the layout of a network that was trained with `quantize_aware`.

    Axes and biases come first; the other tensors follow in the order of the operators. Two kinds
    of operators stay in the table that were needed only during the conversion.
    """
    names = list(_op_names(spec, "quant_"))
    pairs = list(zip(graph.ops, names, strict=True))
    dense = [pair for pair in pairs if pair[0].name == "FULLY_CONNECTED"]
    convolutions = [pair for pair in reversed(pairs) if pair[1].bias and pair not in dense]
    biases = [(graph.tensors[op.inputs[2]], name.bias) for op, name in (*convolutions, *dense)]
    ranged = "m/quant_x/AllValuesQuantize/FakeQuantWithMinMaxVars"
    image = (graph.tensors[graph.inputs[0]], f"{ranged};;{ranged}/ReadVariableOp_1")
    rest: list[Named] = []
    for op, name in pairs:
        if name.weights:
            kernel = graph.tensors[op.inputs[1]]
            rest.append((kernel, _rounded(name.weights, len(kernel.scales) > 1)))
        rest.append((graph.tensors[op.outputs[0]], name.output))
    kinds = dict.fromkeys(("QUANTIZE", *(op.name for op in graph.ops), "DEQUANTIZE"))
    return FileLayout(
        tensors=(*_axes(graph, "quant_"), *biases, image, *rest),
        codes=tuple(kinds),
        output_name="quant_out_softmax",
        unused_buffers=2,  # of the input and output in float
    )


def _axes(graph: TensorGraph, prefix: str) -> Iterator[Named]:
    for op in graph.ops:
        if op.name == "MEAN":
            yield graph.tensors[op.inputs[1]], f"m/{prefix}pool/Mean/reduction_indices"


def _constants(graph: TensorGraph, names: list[_Names]) -> Iterator[Named]:
    for op, name in zip(reversed(graph.ops), reversed(names), strict=True):
        if name.weights:
            yield graph.tensors[op.inputs[2]], name.bias
            yield graph.tensors[op.inputs[1]], name.weights


def _op_names(spec: ArchSpec, prefix: str) -> Iterator[_Names]:
    """Yield the names of each operator's tensors; `prefix` is what tfmot puts before a layer's."""
    p = f"m/{prefix}"
    for number, block in enumerate(place_blocks(spec)):
        layer = block.layer
        if layer.op != "conv":
            yield _convolution_names(f"{p}d{number}", "depthwise", layer, folded=not prefix)
        if layer.op != "depthwise":
            yield _convolution_names(f"{p}c{number}", "Conv2D", layer)
        if layer.skip:
            yield _Names(f"{p}s{number}/add")
        if layer.pool > 1:
            yield _Names(f"{p}p{number}/MaxPool")
    yield _Names(f"{p}pool/Mean")
    if spec.hidden:
        relu = f"{p}h_relu/Relu" if prefix else f"{p}h/Relu"
        bias = f"{relu};{p}h/BiasAdd"
        yield _Names(f"{p}h/MatMul;{bias}", f"{p}h/MatMul", bias)
    yield _Names(f"{p}out/MatMul;{p}out/BiasAdd", f"{p}out/MatMul", f"{p}out/BiasAdd")
    yield _Names(f"{p}out_softmax/Softmax")


def _convolution_names(key: str, kind: str, layer: LayerSpec, *, folded: bool = False) -> _Names:
    """Return the names of a convolution; a `folded` kernel bears its normalisation's name too."""
    activation = "Relu6" if layer.activation == "relu6" else "Relu"
    weights = f"{key}/{kind}"
    normalised = f"{key}n/FusedBatchNormV3;{weights}"
    bias = f"{key}a/{activation};{normalised}"
    return _Names(f"{bias}1", normalised if folded else weights, bias)


def _rounded(weights: str, per_channel: bool) -> str:
    """Return the name of weights with that of the operator that rounded them in training."""
    layer, kind = weights.rsplit("/", 1)
    reshaped = f";{layer}/Reshape_1" if kind == "depthwise" else ""
    ending = "PerChannel" if per_channel else ""
    return f"{weights}{reshaped};{layer}/FakeQuantWithMinMaxVars{ending}"
