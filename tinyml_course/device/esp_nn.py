"""Scratch memory that ESP-NN's int8 kernels ask for, by chip.

References
----------
espressif/esp-nn 1.2.3 (d45b843): src/convolution/esp_nn_conv_esp32s3.c,
esp_nn_conv_s8_esp32p4.c, esp_nn_depthwise_conv_s8_esp32s3.c, src/softmax/softmax_common.c;
other versions differ.
"""

from __future__ import annotations

from dataclasses import dataclass

from tinyml_course.core.graph import OpInfo, TensorGraph
from tinyml_course.core.types import KernelTier

SAME = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Geometry of a convolution: sizes in elements, padding on the left and on top.

    Attributes
    ----------
    iw, ih, ic : int
        Input width, height, channels.
    fw, fh : int
        Filter width and height.
    ow, oh, oc : int
        Output width, height, channels.
    sw, sh : int
        Strides.
    pw, ph : int
        Padding on the left and on top, half of the total rounded down.
    multiplier : int
        Output channels per input channel of a depthwise convolution.
    """

    iw: int
    ih: int
    ic: int
    fw: int
    fh: int
    ow: int
    oh: int
    oc: int
    sw: int
    sh: int
    pw: int
    ph: int
    multiplier: int = 1

    @property
    def is_pointwise(self) -> bool:
        """Whether it is 1x1 with stride 1 and no padding."""
        return (self.fw, self.fh, self.sw, self.sh, self.pw, self.ph) == (1, 1, 1, 1, 0, 0)

    @property
    def overhang_w(self) -> int:
        """Columns that the last window reaches beyond the input, counted from its left edge."""
        return self.ow * self.sw + self.fw - 1 - self.iw

    @property
    def overhang_h(self) -> int:
        """Rows that the last window reaches beyond the input, counted from its top edge."""
        return self.oh * self.sh + self.fh - 1 - self.ih


def window_of(graph: TensorGraph, op: OpInfo) -> Window:
    """Return the geometry of a CONV_2D or DEPTHWISE_CONV_2D operator."""
    x = graph.tensors[op.inputs[0]].shape
    f = graph.tensors[op.inputs[1]].shape
    y = graph.tensors[op.outputs[0]].shape
    sw, sh = op.options.get("stride_w", 1), op.options.get("stride_h", 1)
    same = op.options.get("padding", SAME) == SAME
    dw, dh = op.options.get("dilation_w_factor", 1), op.options.get("dilation_h_factor", 1)
    return Window(
        iw=x[2], ih=x[1], ic=x[3], fw=f[2], fh=f[1], ow=y[2], oh=y[1], oc=y[3], sw=sw, sh=sh,
        pw=_left_padding(x[2], f[2], sw, dw) if same else 0,
        ph=_left_padding(x[1], f[1], sh, dh) if same else 0,
        multiplier=op.options.get("depth_multiplier", 1),
    )  # fmt: skip


def _left_padding(size: int, kernel: int, stride: int, dilation: int) -> int:
    """Return the padding in front, under SAME padding."""
    reach = (kernel - 1) * dilation + 1
    outputs = -(-size // stride)
    return max(0, (outputs - 1) * stride + reach - size) // 2


def up(value: int, multiple: int) -> int:
    """Return `value` rounded up to a multiple of `multiple`."""
    return -(-value // multiple) * multiple


def conv_scratch(w: Window, tier: KernelTier) -> int:
    """Return the scratch bytes of an int8 CONV_2D; 0 for none.

    Examples
    --------
    >>> pointwise = Window(iw=4, ih=4, ic=8, fw=1, fh=1, ow=4, oh=4, oc=8,
    ...                    sw=1, sh=1, pw=0, ph=0)
    >>> conv_scratch(pointwise, "esp-nn"), conv_scratch(pointwise, "esp-nn-s3")
    (0, 256)
    """
    if tier == "esp-nn-s3":
        return _conv_s3(w)
    return _conv_p4(w) if tier == "esp-nn-p4" else 0


def depthwise_scratch(w: Window, tier: KernelTier) -> int:
    """Return the scratch bytes of an int8 DEPTHWISE_CONV_2D; 0 for none."""
    if tier != "esp-nn-s3":
        return 0
    if w.multiplier == 1 and w.ic % 8 == 0 and (w.fw, w.fh) == (3, 3):
        return _depthwise_s3_16(w) if w.ic % 16 == 0 else _depthwise_s3_8(w)
    taps = w.fw * w.fh * w.ic * w.multiplier
    if w.multiplier == 1 and w.ic % 8 == 0:
        total = 2 * (taps + w.iw * w.ih * w.ic)
        return total + 32 if total <= 49152 else 2 * taps + 2 * w.iw * w.fh * w.ic + 32
    if w.multiplier == 1 and w.ic > 3:
        padded = up(w.ic, 8)
        total = up(2 * w.fw * w.fh * padded, 16)
        total = up(total + 2 * w.iw * w.ih * padded, 16)
        return up(total + w.ow * w.oh * padded, 16) + 12 * padded + 16
    return 2 * (taps + w.iw * w.ih * w.ic) + 32 if w.multiplier % 4 == 0 else 32


def _depthwise_s3_16(w: Window) -> int:
    taps = 9 * w.ic
    padded = w.pw > 0 or w.ph > 0
    extra_w, extra_h = (2 * w.pw, 2 * w.ph) if padded else (w.overhang_w, w.overhang_h)
    if (extra_w, extra_h) == (0, 0):
        return taps + 16
    image = (w.iw + extra_w) * (w.ih + extra_h) * w.ic
    return taps + 16 + (image if image <= 40960 else (w.iw + extra_w) * w.fh * w.ic)


def _depthwise_s3_8(w: Window) -> int:
    if w.ic < 12:
        return 2 * (9 * w.ic + w.iw * w.ih * w.ic) + 32
    n = up(w.ic, 16)
    width = w.iw + 2 * w.pw + max(0, w.overhang_w)
    height = w.ih + 2 * w.ph + max(0, w.overhang_h)
    return 9 * n + width * height * n + w.ow * w.oh * n + 64


def _pointwise(w: Window, constant: int) -> int:
    n, pixels = up(w.ic, 8), w.iw * w.ih
    return n * w.oc + constant + (16 * n if pixels >= 8 else 0) + (pixels * n if w.ic % 8 else 0)


def _conv_s3(w: Window) -> int:
    if w.is_pointwise:
        return _pointwise(w, 64)
    taps = w.fw * w.fh * w.ic
    if w.fw * w.ic < 16 <= taps:
        return 4 * w.oc + 16 + w.oc * up(taps, 16) + 16 + up(taps, 16) + 64
    n = up(w.ic, 16)
    total = w.fw * w.fh * n * w.oc + up(w.fw * w.ic, 16) * w.fh * w.oc + 4 * w.oc + 64
    if w.pw or w.ph:
        total += (w.iw + 2 * w.pw) * (w.ih + 2 * w.ph) * w.ic
    right, bottom = max(0, w.overhang_w), max(0, w.overhang_h)
    if right or bottom:
        total += (w.iw + right) * (w.ih + bottom) * w.ic
    return total


def _conv_p4(w: Window) -> int:
    padded = w.pw > 0 or w.ph > 0
    taps = w.fw * w.fh * w.ic
    filters = w.fw * w.fh * up(w.ic, 16) * w.oc
    if w.is_pointwise:
        return 20 * w.oc + 64 if w.ic < 16 else _pointwise(w, 32)
    if not padded and w.fw * w.ic >= 16:
        return filters + 4 * w.oc + 32
    if taps >= 16:
        return 4 * w.oc + taps + 32
    if not padded:
        widened = up(-(-16 // w.fw), 16)
        return 4 * w.oc + w.fw * w.fh * widened * w.oc + w.iw * w.ih * widened + 32
    image = (w.iw + 2 * w.pw) * (w.ih + 2 * w.ph) * w.ic
    if image + 4 * w.oc <= 32768:
        return image + filters + 4 * w.oc + 32
    return _conv_p4_tiled(w)


def _conv_p4_tiled(w: Window) -> int:
    """Return the scratch of a padded convolution whose image is worked off in tiles of rows."""
    channels, filters = w.ic, 0
    if w.fw * w.ic < 16:
        channels = up(-(-16 // w.fw), 16)
        filters = w.fw * w.fh * channels * w.oc
    row = (w.iw + 2 * w.pw) * channels
    budget = 32768 - 4 * w.oc - filters
    tile = 1
    if w.fh * row <= budget:
        tile = min(w.oh, (budget - w.fh * row) // (w.sh * row) + 1)
    return ((tile - 1) * w.sh + w.fh + 2 * w.ph) * row + filters + 4 * w.oc + 32


def softmax_scratch(shape: tuple[int, ...]) -> int:
    """Return the scratch bytes of an int8 SOFTMAX: one int32 per entry of the second dimension."""
    return 4 * shape[1] if len(shape) > 1 else 0
