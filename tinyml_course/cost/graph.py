"""An ArchSpec as the int8 graph that conversion would make of it, without TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinyml_course.core.arch import ArchSpec, LayerSpec, PlacedBlock, place_blocks
from tinyml_course.core.graph import TYPE_BITS, OpInfo, TensorGraph, TensorInfo

SAME, VALID = 0, 1
NONE = 0
FUSED = {"relu": 1, "relu6": 3}


def arch_graph(spec: ArchSpec) -> TensorGraph:
    """Return `spec` as a full-integer graph: normalisations folded, activations fused.

    Tensors have the sizes and types of the converted file's; scales are placeholders, because
    only training determines them.

    Parameters
    ----------
    spec : ArchSpec
        Blocks, classes and input shape.

    Returns
    -------
    TensorGraph
        Convolutions, additions and poolings of the blocks, MEAN over height and width,
        FULLY_CONNECTED, SOFTMAX.

    Examples
    --------
    >>> from tinyml_course.core.arch import gesture_net
    >>> [op.name for op in arch_graph(gesture_net(3)).ops][-3:]
    ['MEAN', 'FULLY_CONNECTED', 'SOFTMAX']
    """
    graph = _GraphBuilder()
    image = graph.activation("input", (1, *spec.input_shape))
    last = image
    for number, block in enumerate(place_blocks(spec)):
        last = _add_block(graph, last, block, f"block {number}")
    channels = graph.shape(last)[-1]
    axes = graph.constant("axes", (2,), "INT32", scales=0)
    pooled = graph.activation("pooled", (1, channels))
    graph.operator("MEAN", (last, axes), pooled, {"keep_dims": False})
    if spec.hidden:
        pooled = _add_dense(graph, pooled, spec.hidden, "hidden", activation="relu")
    logits = _add_dense(graph, pooled, spec.classes, "logits")
    probabilities = graph.activation("probabilities", (1, spec.classes))
    graph.operator("SOFTMAX", (logits,), probabilities, {"beta": 1.0})
    return TensorGraph(
        tensors=tuple(graph.tensors),
        ops=tuple(graph.ops),
        inputs=(image,),
        outputs=(probabilities,),
        name="main",
    )


class _GraphBuilder:
    """Tensors and operators under construction, addressed by index."""

    def __init__(self) -> None:
        self.tensors: list[TensorInfo] = []
        self.ops: list[OpInfo] = []

    def shape(self, tensor: int) -> tuple[int, ...]:
        return self.tensors[tensor].shape

    def activation(self, name: str, shape: tuple[int, ...]) -> int:
        self.tensors.append(
            TensorInfo(name=name, shape=shape, dtype="INT8", scales=(1.0,), zero_points=(0,))
        )
        return len(self.tensors) - 1

    def constant(
        self, name: str, shape: tuple[int, ...], dtype: str, *, scales: int, axis: int = 0
    ) -> int:
        info = TensorInfo(
            name=name,
            shape=shape,
            dtype=dtype,
            scales=(1.0,) * scales,
            zero_points=(0,) * scales,
            axis=axis,
            constant_bytes=_bytes(shape, dtype),
            buffer=len(self.tensors) + 1,
        )
        self.tensors.append(info)
        return len(self.tensors) - 1

    def operator(
        self, name: str, inputs: tuple[int, ...], output: int, options: Mapping[str, Any]
    ) -> None:
        self.ops.append(OpInfo(name=name, inputs=inputs, outputs=(output,), options=options))


def _bytes(shape: tuple[int, ...], dtype: str) -> int:
    elements = 1
    for size in shape:
        elements *= size
    return elements * TYPE_BITS[dtype] // 8


def _add_block(graph: _GraphBuilder, x: int, block: PlacedBlock, name: str) -> int:
    layer, y = block.layer, x
    if layer.op != "conv":
        y = _add_depthwise(graph, y, layer, name)
    if layer.op != "depthwise":
        pointwise = layer.op == "separable"
        kernel, label = (1, f"{name} pointwise") if pointwise else (layer.kernel, name)
        y = _add_conv(graph, y, layer, kernel, label)
    if layer.skip:
        total = graph.activation(f"{name} sum", (1, *block.inner_shape))
        graph.operator("ADD", (x, y), total, {"fused_activation_function": NONE})
        y = total
    if layer.pool > 1:
        y = _add_pool(graph, y, block, name)
    return y


def _add_pool(graph: _GraphBuilder, x: int, block: PlacedBlock, name: str) -> int:
    side = block.layer.pool
    y = graph.activation(f"{name} pool", (1, *block.output_shape))
    options = {
        "padding": SAME, "stride_w": side, "stride_h": side, "filter_width": side,
        "filter_height": side, "fused_activation_function": NONE,
    }  # fmt: skip
    graph.operator("MAX_POOL_2D", (x,), y, options)
    return y


def _add_conv(graph: _GraphBuilder, x: int, layer: LayerSpec, kernel: int, name: str) -> int:
    pointwise = layer.op == "separable"
    stride, padding = (1, VALID) if pointwise else (layer.stride, SAME)
    channels, filters = graph.shape(x)[-1], layer.filters
    weights = graph.constant(
        f"{name} weights", (filters, kernel, kernel, channels), "INT8", scales=filters
    )
    bias = graph.constant(f"{name} bias", (filters,), "INT32", scales=filters)
    y = graph.activation(name, _strided(graph.shape(x), stride, filters))
    graph.operator("CONV_2D", (x, weights, bias), y, _spatial_options(layer, stride, padding))
    return y


def _add_depthwise(graph: _GraphBuilder, x: int, layer: LayerSpec, name: str) -> int:
    channels = graph.shape(x)[-1]
    kernel = layer.kernel
    weights = graph.constant(
        f"{name} depthwise weights", (1, kernel, kernel, channels), "INT8", scales=channels, axis=3
    )
    bias = graph.constant(f"{name} depthwise bias", (channels,), "INT32", scales=channels)
    y = graph.activation(f"{name} depthwise", _strided(graph.shape(x), layer.stride, channels))
    options = _spatial_options(layer, layer.stride, SAME) | {"depth_multiplier": 1}
    graph.operator("DEPTHWISE_CONV_2D", (x, weights, bias), y, options)
    return y


def _add_dense(graph: _GraphBuilder, x: int, units: int, name: str, *, activation: str = "") -> int:
    weights = graph.constant(f"{name} weights", (units, graph.shape(x)[-1]), "INT8", scales=1)
    bias = graph.constant(f"{name} bias", (units,), "INT32", scales=1)
    y = graph.activation(name, (1, units))
    options = {
        "fused_activation_function": FUSED.get(activation, NONE), "weights_format": 0,
        "keep_num_dims": False, "asymmetric_quantize_inputs": False,
    }  # fmt: skip
    graph.operator("FULLY_CONNECTED", (x, weights, bias), y, options)
    return y


def _strided(shape: tuple[int, ...], stride: int, channels: int) -> tuple[int, ...]:
    """Return the output shape under SAME padding: sizes divided by the stride, rounded up."""
    return (shape[0], -(-shape[1] // stride), -(-shape[2] // stride), channels)


def _spatial_options(layer: LayerSpec, stride: int, padding: int) -> dict[str, Any]:
    return {
        "padding": padding, "stride_w": stride, "stride_h": stride, "dilation_w_factor": 1,
        "dilation_h_factor": 1, "fused_activation_function": FUSED[layer.activation],
    }  # fmt: skip
