"""The networks of the published latencies, as graphs: shapes only, weights do not matter."""

from __future__ import annotations

import math
from typing import Any

from tinyml_course.core.graph import OpInfo, TensorGraph, TensorInfo

Shape = tuple[int, ...]


class _Network:
    """A chain of int8 operators under construction; `last` is the tensor at its end."""

    def __init__(self, *shape: int, weights_in_flash: bool = True) -> None:
        self.tensors: list[TensorInfo] = []
        self.ops: list[OpInfo] = []
        self.weights_in_flash = weights_in_flash
        self.last = self._tensor((1, *shape))

    def conv(self, filters: int, kernel: Shape, stride: int = 1, *, valid: bool = False) -> None:
        channels = self._shape[-1]
        weights = self._constant((filters, *kernel, channels))
        self._add("CONV_2D", (weights,), (*self._windows(kernel, stride, valid), filters))

    def depthwise(
        self, kernel: Shape, stride: int = 1, *, multiplier: int = 1, pads: int | None = None
    ) -> None:
        channels = self._shape[-1] * multiplier
        weights = self._constant((1, *kernel, channels))
        size = self._windows(kernel, stride, pads is not None, pads or 0)
        self._add("DEPTHWISE_CONV_2D", (weights,), (*size, channels))

    def dense(self, units: int) -> None:
        weights = self._constant((units, math.prod(self._shape)))
        self._add("FULLY_CONNECTED", (weights,), (units,))

    def average_pool(self) -> None:
        height, width, channels = self._shape
        options = {"filter_height": height, "filter_width": width}
        self._add("AVERAGE_POOL_2D", (), (1, 1, channels), options)

    def add(self, other: int) -> None:
        self._add("ADD", (other,), self._shape)

    def softmax(self) -> None:
        self._add("SOFTMAX", (), self._shape)

    def graph(self, name: str) -> TensorGraph:
        return TensorGraph(
            tensors=tuple(self.tensors),
            ops=tuple(self.ops),
            inputs=(0,),
            outputs=(self.last,),
            name=name,
        )

    @property
    def _shape(self) -> Shape:
        return self.tensors[self.last].shape[1:]

    def _windows(self, kernel: Shape, stride: int, valid: bool, pads: int = 0) -> Shape:
        sizes = self._shape[:2]
        if valid:
            sizes = tuple(n + 2 * pads - k + 1 for n, k in zip(sizes, kernel, strict=True))
        return tuple(-(-n // stride) for n in sizes)

    def _tensor(self, shape: Shape, constant_bytes: int = 0) -> int:
        name = f"t{len(self.tensors)}"
        self.tensors.append(
            TensorInfo(name=name, shape=shape, dtype="INT8", constant_bytes=constant_bytes)
        )
        return len(self.tensors) - 1

    def _constant(self, shape: Shape) -> int:
        return self._tensor(shape, math.prod(shape) if self.weights_in_flash else 0)

    def _add(
        self, name: str, others: Shape, shape: Shape, options: dict[str, Any] | None = None
    ) -> None:
        inputs = (self.last, *others)
        self.last = self._tensor((1, *shape))
        op = OpInfo(name=name, inputs=inputs, outputs=(self.last,), options=options or {})
        self.ops.append(op)


MOBILENET_BLOCKS = (
    (16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2), (128, 1), (128, 1), (128, 1),
    (128, 1), (128, 1), (256, 2), (256, 1),
)  # fmt: skip
"""Filters and stride of each depthwise-separable block of MobileNetV1 0.25."""


def _mobilenet_body(net: _Network) -> None:
    for filters, stride in MOBILENET_BLOCKS:
        net.depthwise((3, 3), stride)
        net.conv(filters, (1, 1))
    net.average_pool()


def person_detection() -> TensorGraph:
    """Return TFLM's person detection: MobileNetV1 0.25 on 96x96x1, 7,157,888 MACs."""
    net = _Network(96, 96, 1)
    net.depthwise((3, 3), 2, multiplier=8)
    _mobilenet_body(net)
    net.conv(2, (1, 1))
    net.softmax()
    return net.graph("person detection")


def visual_wake_words() -> TensorGraph:
    """Return MLPerf Tiny's VWW: MobileNetV1 0.25 on 96x96x3, 7,489,664 MACs."""
    net = _Network(96, 96, 3)
    net.conv(8, (3, 3), 2)
    _mobilenet_body(net)
    net.dense(2)
    net.softmax()
    return net.graph("visual wake words")


def keyword_spotting() -> TensorGraph:
    """Return MLPerf Tiny's KWS: DS-CNN on 49x10, 2,656,768 MACs."""
    net = _Network(49, 10, 1)
    net.conv(64, (10, 4), 2)
    for _ in range(4):
        net.depthwise((3, 3))
        net.conv(64, (1, 1))
    net.average_pool()
    net.dense(12)
    net.softmax()
    return net.graph("keyword spotting")


def image_classification() -> TensorGraph:
    """Return MLPerf Tiny's IC: ResNet-8 on 32x32x3, 12,501,632 MACs."""
    net = _Network(32, 32, 3)
    net.conv(16, (3, 3))
    for filters, stride in ((16, 1), (32, 2), (64, 2)):
        shortcut = net.last
        net.conv(filters, (3, 3), stride)
        net.conv(filters, (3, 3))
        branch = net.last
        if stride > 1:
            net.last = shortcut
            net.conv(filters, (1, 1), stride)
        net.add(branch if stride > 1 else shortcut)
    net.average_pool()
    net.dense(10)
    net.softmax()
    return net.graph("image classification")


def anomaly_detection() -> TensorGraph:
    """Return MLPerf Tiny's AD: an autoencoder on 640 inputs, 264,192 MACs."""
    net = _Network(640)
    for units in (128, 128, 128, 128, 8, 128, 128, 128, 128, 640):
        net.dense(units)
    return net.graph("anomaly detection")


def single_conv(size: int, channels: int, filters: int, kernel: int) -> TensorGraph:
    """Return one convolution without padding whose weights lie in RAM, as ESP-NN's tests run it."""
    net = _Network(size, size, channels, weights_in_flash=False)
    net.conv(filters, (kernel, kernel), valid=True)
    return net.graph(f"conv {kernel}x{kernel}, {channels} to {filters}")


def single_depthwise(
    size: int, channels: int, kernel: int, *, multiplier: int = 1, pads: int = 0
) -> TensorGraph:
    """Return one depthwise convolution whose weights lie in RAM, as ESP-NN's tests run it."""
    net = _Network(size, size, channels, weights_in_flash=False)
    net.depthwise((kernel, kernel), multiplier=multiplier, pads=pads)
    return net.graph(f"depthwise {kernel}x{kernel}, {channels}")


def single_dense(inputs: int, units: int) -> TensorGraph:
    """Return one fully connected layer whose weights lie in RAM, as ESP-NN's tests run it."""
    net = _Network(inputs, weights_in_flash=False)
    net.dense(units)
    return net.graph(f"dense {inputs} to {units}")


def single_add(elements: int) -> TensorGraph:
    """Return one element-wise addition."""
    net = _Network(elements)
    net.add(0)
    return net.graph(f"add {elements}")
