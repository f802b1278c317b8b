"""Scratch sizes of ESP-NN's kernels: each rule by hand, and what the kernels' buffers need."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyml_course.core.graph import OpInfo
from tinyml_course.cost.layers import conv_graph
from tinyml_course.device.esp_nn import (
    Window,
    conv_scratch,
    depthwise_scratch,
    softmax_scratch,
    window_of,
)

CACHE_BYTES = 32768
"""What the P4's tiled convolution keeps its tile and sums below."""


def window(side, channels, kernel, outputs, *, stride=1, pad=0, multiplier=1, out=None):
    """Return a square geometry; `out` is the output's side, by default that of the padding."""
    out = out or (side + 2 * pad - kernel) // stride + 1
    return Window(
        iw=side, ih=side, ic=channels, fw=kernel, fh=kernel, ow=out, oh=out, oc=outputs,
        sw=stride, sh=stride, pw=pad, ph=pad, multiplier=multiplier,
    )  # fmt: skip


CONV_S3 = [
    (window(4, 8, 1, 10), 8 * 10 + 64 + 16 * 8, "1x1: filters, and eight pixels transposed"),
    (window(2, 8, 1, 10), 8 * 10 + 64, "1x1: fewer than eight pixels are not transposed"),
    (window(4, 9, 1, 10), 16 * 10 + 64 + 16 * 16 + 16 * 16, "1x1: channels padded to eight"),
    (window(8, 3, 3, 5, pad=1), 4 * 5 + 16 + 5 * 32 + 16 + 32 + 64, "a window of 27 unrolled"),
    (window(9, 16, 1, 4, stride=2, out=5), 16 * 4 + 16 * 4 + 16 + 64 + 10 * 10 * 16, "1x1, stride"),
    (window(8, 16, 3, 4), 2 * 9 * 16 * 4 + 4 * 4 + 64, "no padding, no overhang"),
    (window(8, 16, 3, 4, pad=1), 2 * 9 * 16 * 4 + 16 + 64 + (10 * 10 + 10 * 10) * 16, "padding"),
    (window(8, 1, 3, 4), 9 * 16 * 4 + 16 * 3 * 4 + 16 + 64, "a window of 9 is not unrolled"),
]


@pytest.mark.parametrize(("w", "size", "_"), CONV_S3, ids=[c[2] for c in CONV_S3])
def test_convolutions_on_the_s3_follow_their_rules(w, size, _):
    """Each branch of the size function gives the sum of its buffers."""
    assert size == conv_scratch(w, "esp-nn-s3")


DEPTHWISE_S3 = [
    (window(8, 16, 3, 16, pad=1), 144 + 10 * 10 * 16 + 16, "padded image"),
    (window(50, 16, 3, 16, pad=1), 144 + 52 * 3 * 16 + 16, "strip of rows"),
    (window(8, 16, 3, 16), 144 + 16, "nothing to pad"),
    (window(8, 16, 3, 16, stride=2, out=4), 144 + 10 * 10 * 16 + 16, "overhang of SAME, stride 2"),
    (window(8, 24, 3, 24, pad=1), 9 * 32 + 12 * 12 * 32 + 64 * 32 + 64, "24 channels become 32"),
    (window(8, 8, 3, 8, pad=1), 2 * (72 + 512) + 32, "eight channels in int16"),
    (window(8, 16, 5, 16, pad=2), 2 * (400 + 1024) + 32, "5x5 in int16"),
    (window(40, 16, 5, 16, pad=2), 2 * 400 + 2 * 40 * 5 * 16 + 32, "5x5 beyond 48 KiB: rows"),
    (window(6, 5, 3, 5, pad=1), 144 + 576 + 288 + 12 * 8 + 16, "five channels become eight"),
    (window(6, 3, 3, 12, pad=1, multiplier=4), 2 * (108 + 108) + 32, "multiplier 4"),
    (window(6, 3, 3, 6, pad=1, multiplier=2), 32, "multiplier 2"),
    (window(6, 3, 3, 3, pad=1), 32, "three channels"),
]


@pytest.mark.parametrize(("w", "size", "_"), DEPTHWISE_S3, ids=[c[2] for c in DEPTHWISE_S3])
def test_depthwise_convolutions_on_the_s3_follow_their_rules(w, size, _):
    """Each branch of the size function gives the sum of its buffers."""
    assert size == depthwise_scratch(w, "esp-nn-s3")


CONV_P4 = [
    (window(4, 8, 1, 10), 20 * 10 + 64, "1x1 of few channels"),
    (window(4, 20, 1, 10), 24 * 10 + 32 + 16 * 24 + 16 * 24, "1x1 padded to eight"),
    (window(8, 16, 3, 4), 9 * 16 * 4 + 16 + 32, "no padding, wide rows"),
    (window(8, 3, 3, 4, pad=1), 16 + 27 + 32, "a window of 27 unrolled"),
    (window(8, 1, 3, 4), 16 + 9 * 16 * 4 + 8 * 8 * 16 + 32, "no padding, a window of 9"),
    (window(8, 1, 3, 4, pad=1), 100 + 9 * 16 * 4 + 16 + 32, "padding, a window of 9"),
    (window(200, 1, 3, 4, pad=1), 11 * 202 * 16 + 9 * 16 * 4 + 16 + 32, "padding, tiles of rows"),
]


@pytest.mark.parametrize(("w", "size", "_"), CONV_P4, ids=[c[2] for c in CONV_P4])
def test_convolutions_on_the_p4_follow_their_rules(w, size, _):
    """Each branch of the size function gives the sum of its buffers."""
    assert size == conv_scratch(w, "esp-nn-p4")


windows = st.builds(
    window,
    st.integers(7, 60),
    st.integers(1, 40),
    st.sampled_from([1, 3, 5]),
    st.integers(1, 40),
    stride=st.integers(1, 2),
    pad=st.integers(0, 2),
)


@given(windows)
def test_portable_kernels_ask_for_nothing(w):
    """Only the vector kernels keep copies, and depthwise ones on the P4 need none."""
    assert 0 == conv_scratch(w, "esp-nn") == depthwise_scratch(w, "esp-nn")
    assert 0 == conv_scratch(w, "tflm-reference") == depthwise_scratch(w, "esp-nn-p4")


@given(windows)
def test_the_s3_has_room_for_its_copy_of_the_filters(w):
    """A convolution's filters are copied to rows of whole vectors, so they fit the scratch."""
    assert conv_scratch(w, "esp-nn-s3") >= w.fw * w.fh * w.ic * w.oc


@given(windows.filter(lambda w: w.ic > 3 and (w.pw or w.fw != 3)))
def test_the_s3_has_room_for_filters_and_one_windows_rows_of_a_depthwise_convolution(w):
    """Where the image is padded or widened, filters and a window's rows lie in scratch together."""
    needed = w.fw * w.fh * w.ic + w.iw * w.fh * w.ic
    assert depthwise_scratch(replace(w, oc=w.ic), "esp-nn-s3") >= needed


@given(st.integers(1, 400), st.integers(1, 64), st.integers(1, 2))
def test_the_p4s_tile_has_room_for_a_window_and_stays_near_the_cache(side, outputs, stride):
    """A tile holds at least one window's rows; beyond them it keeps to its share of the cache."""
    w = window(side, 1, 3, outputs, stride=stride, pad=1)
    size = conv_scratch(w, "esp-nn-p4")
    row = (side + 2) * 16
    if (side + 2) ** 2 + 4 * outputs > CACHE_BYTES:
        fixed = 4 * outputs + 9 * 16 * outputs + 32
        assert 5 * row <= size - fixed <= max(5 * row, CACHE_BYTES - fixed + 32 + 2 * row)


@given(st.integers(1, 30), st.integers(1, 7), st.integers(1, 3), st.integers(1, 3))
def test_same_padding_in_front_is_half_of_the_total(size, kernel, stride, dilation):
    """The first window starts as far before the image as the last ends behind it, or one less."""
    graph = conv_graph(size, 1, 1, dtype="INT8")
    options = {"stride_w": stride, "dilation_w_factor": dilation, "padding": 0}
    x, filters, bias, y = graph.tensors
    outputs = -(-size // stride)
    tensors = (
        replace(x, shape=(1, 1, size, 1)),
        replace(filters, shape=(1, 1, kernel, 1)),
        bias,
        replace(y, shape=(1, 1, outputs, 1)),
    )
    op = OpInfo(name="CONV_2D", inputs=(0, 1, 2), outputs=(3,), options=options)
    w = window_of(replace(graph, tensors=tensors, ops=(op,)), op)
    reach = (outputs - 1) * stride + (kernel - 1) * dilation + 1
    behind = reach - size - w.pw
    assert 0 == w.ph
    assert (reach <= size and w.pw == 0) or behind - w.pw in (0, 1)


def test_softmax_keeps_one_number_for_each_entry_of_the_second_dimension():
    """That is the row for a batch of vectors, and the height for an image."""
    assert (40, 20) == (softmax_scratch((1, 10)), softmax_scratch((1, 5, 7, 3)))
