"""Single layers as graphs and as bytes: what chapter 0 computes by hand."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tinyml_course.core.graph import TYPE_BITS, OpInfo, TensorGraph, TensorInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseCost:
    """Bytes of one dense layer, y = Wx + b.

    Attributes
    ----------
    weight_bytes, bias_bytes : int
        Constants: flash on the chip.
    activation_bytes : int
        The output y of one sample: RAM.
    gradient_bytes : int
        One number per weight and bias; only training needs it.
    """

    weight_bytes: int
    bias_bytes: int
    activation_bytes: int
    gradient_bytes: int


def count_dense_bytes(inputs: int, outputs: int, *, dtype: str = "FLOAT32") -> DenseCost:
    """Return the bytes of a dense layer with `inputs` x `outputs` weights.

    Parameters
    ----------
    inputs, outputs : int
        Numbers that go in and come out, at least 1.
    dtype : {'FLOAT32', 'INT8'}
        Of weights and activations; the biases of INT8 layers are INT32, and gradients are
        always FLOAT32, as in training.

    Raises
    ------
    ValueError
        If a size is below 1 or the type is another one.

    Examples
    --------
    >>> count_dense_bytes(1000, 100).weight_bytes
    400000
    """
    _check(dtype, inputs=inputs, outputs=outputs)
    size = TYPE_BITS[dtype] // 8
    return DenseCost(
        weight_bytes=inputs * outputs * size,
        bias_bytes=outputs * 4,
        activation_bytes=outputs * size,
        gradient_bytes=(inputs + 1) * outputs * 4,
    )


def dense_graph(inputs: int, outputs: int, *, dtype: str = "FLOAT32") -> TensorGraph:
    """Return the graph of one dense layer, as a converted model would hold it.

    Raises
    ------
    ValueError
        If a size is below 1 or `dtype` is neither FLOAT32 nor INT8.
    """
    _check(dtype, inputs=inputs, outputs=outputs)
    return _one_op(
        OpInfo(name="FULLY_CONNECTED", inputs=(0, 1, 2), outputs=(3,), options={}),
        dtype,
        x=(1, inputs),
        filters=(outputs, inputs),
        y=(1, outputs),
        channels=1,
    )


def conv_graph(
    side: int, channels: int, filters: int, *, kernel: int = 3, dtype: str = "FLOAT32"
) -> TensorGraph:
    """Return the graph of one convolution with stride 1 that keeps height and width.

    Parameters
    ----------
    side : int
        Height and width of the image.
    channels, filters : int
        Channels that go in and come out.
    kernel : int, default 3
        Side of the square filter.
    dtype : {'FLOAT32', 'INT8'}
        Of weights and activations.

    Raises
    ------
    ValueError
        If a size is below 1 or the type is another one.
    """
    _check(dtype, side=side, channels=channels, filters=filters, kernel=kernel)
    options = {
        "padding": 0, "stride_w": 1, "stride_h": 1, "fused_activation_function": 0,
        "dilation_w_factor": 1, "dilation_h_factor": 1,
    }  # fmt: skip
    return _one_op(
        OpInfo(name="CONV_2D", inputs=(0, 1, 2), outputs=(3,), options=options),
        dtype,
        x=(1, side, side, channels),
        filters=(filters, kernel, kernel, channels),
        y=(1, side, side, filters),
        channels=filters,
    )


def _one_op(
    op: OpInfo,
    dtype: str,
    *,
    x: tuple[int, ...],
    filters: tuple[int, ...],
    y: tuple[int, ...],
    channels: int,
) -> TensorGraph:
    shapes = {"x": x, "weights": filters, "bias": filters[:1], "y": y}
    tensors = []
    for index, (name, shape) in enumerate(shapes.items()):
        constant = name in ("weights", "bias")
        kind = "INT32" if name == "bias" and dtype == "INT8" else dtype
        scales = (channels if constant else 1) * (dtype == "INT8")
        info = TensorInfo(
            name=name,
            shape=shape,
            dtype=kind,
            scales=(1.0,) * scales,
            zero_points=(0,) * scales,
            buffer=index + 1 if constant else 0,
        )
        tensors.append(_with_data(info) if constant else info)
    return TensorGraph(tensors=tuple(tensors), ops=(op,), inputs=(0,), outputs=(3,), name="main")


def _with_data(info: TensorInfo) -> TensorInfo:
    return replace(info, constant_bytes=info.elements * TYPE_BITS[info.dtype] // 8)


def _check(dtype: str, **sizes: int) -> None:
    if dtype not in ("FLOAT32", "INT8"):
        raise ValueError(f"dtype must be FLOAT32 or INT8, got {dtype!r}")
    for name, value in sizes.items():
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
