"""What crosses between the judge and learners' code, and what does not."""

import contextlib
import functools
import json
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinyml_course.core.arch import gesture_net
from tinyml_course.core.types import ChannelQParams, QParams
from tinyml_course.grading import wire
from tinyml_course.grading.wire import Garbled, NotPlain, decode, encode

LEAVES = (
    st.none() | st.booleans() | st.integers(-(2**200), 2**200) | st.floats() | st.text(max_size=20)
    | st.binary(max_size=20)
)  # fmt: skip
PLAIN = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)
ARRAYS = hnp.arrays(
    st.sampled_from(["b1", "i1", "u1", "i2", "i4", "i8", "u8", "f2", "f4", "f8"]).map(np.dtype),
    hnp.array_shapes(min_dims=0, min_side=0, max_dims=4, max_side=4),
)


class Liar(int):
    """An int that equals everything."""

    def __eq__(self, other):
        return True

    __hash__ = int.__hash__


def frame(tree, blob=b"") -> bytes:
    """Return a message with any tree, as a forger would."""
    text = json.dumps(tree).encode()
    return struct.pack("<I", len(text)) + text + blob


@given(PLAIN)
def test_plain_data_come_back_the_same(value):
    """Types and values survive the round trip; NaN included, which repr tells apart."""
    assert repr(decode(encode(value))) == repr(value)


@given(ARRAYS)
def test_arrays_come_back_the_same(array):
    """Dtype, shape and every bit survive."""
    back = decode(encode(array))
    assert (back.dtype, back.shape, back.tobytes()) == (array.dtype, array.shape, array.tobytes())


@pytest.mark.parametrize(
    "value",
    [
        QParams(0.1, -3, 8),
        ChannelQParams((QParams(0.5, 0, 8, True),), 1),
        gesture_net(3),
        {"layers": [gesture_net(4).layers[0]]},
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_courses_dataclasses_cross(value):
    """Registered frozen dataclasses come back equal, nested ones too."""
    assert decode(encode(value)) == value


def test_numpy_scalars_become_python_numbers():
    """A result computed with NumPy counts as the number that it is."""
    assert [type(decode(encode(x))) for x in (np.float32(1), np.int64(1), np.True_)] == [
        float,
        int,
        bool,
    ]


@pytest.mark.parametrize(
    "value",
    [
        object(), Liar(3), {3: 1}, {1, 2}, np.array([object()]), np.array(["a"]), 1j, open,
        np.ma.masked_array([1]), np.zeros(1).view(np.recarray), range(3), 1 << 10**5,
        functools.reduce(lambda x, _: [x], range(20)),
        np.datetime64("2020"), type("str", (str,), {})("x"),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_anything_else_is_refused(value):
    """Foreign classes, subclasses of plain ones, huge and endless values have no encoding."""
    with pytest.raises(NotPlain):
        encode(value)


@pytest.mark.parametrize(
    "message",
    [
        b"", b"\xff" * 4, b"\xff" * 40, frame(3), frame([]), frame(["f", 1.5]), frame(["i", 3]),
        frame(["x", 1]), frame(["b", 1]), frame(["l", "ab"]), frame(["o", "Path", []]),
        frame(["o", "QParams", [["scale", ["f", "0x1p0"]]]]), frame(["n", 1]),
        frame(["d", [[1, 2]]]),
        frame(["a", "<f8", [2], 0, 16], b"short"), frame(["a", "<f8", [-1], 0, 8], bytes(8)),
        frame(["a", "|O8", [1], 0, 8], bytes(8)), frame(["a", "<f8", [3], 0, 8], bytes(8)),
        frame(["y", -4, 8], bytes(8)), frame(["i", "f" * 5000]), frame(["f", "snan"]),
        struct.pack("<I", 30000) + b"[" * 30000,
        frame(["a", "<f8", [10**9, 10**9], 0, 8], bytes(8)),
        frame(["o", "ArchSpec", [["layers", ["t", []]], ["classes", ["i", "3"]],
                                 ["input_shape", ["n"]]]]),
    ],
)  # fmt: skip
def test_a_forged_message_is_garbled(message):
    """Whatever the bytes, the decoder returns a value or says `Garbled`; nothing else escapes."""
    with pytest.raises(Garbled):
        decode(message)


@given(st.binary(max_size=80))
def test_random_bytes_never_do_anything_but_fail(data):
    """Random bytes raise `Garbled`, or are by chance a message."""
    with contextlib.suppress(Garbled):
        decode(data)


@given(PLAIN, st.data())
def test_a_message_with_changed_bytes_fails_cleanly(value, data):
    """Flipping a byte of a good message never raises anything but `Garbled`."""
    message = bytearray(encode(value))
    position = data.draw(st.integers(0, len(message) - 1))
    message[position] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(Garbled):
        decode(bytes(message))


def test_size_is_limited_both_ways():
    """More than 16 MB is refused by writer and reader."""
    with pytest.raises(NotPlain):
        encode(bytes(wire.MAX_BYTES + 1))
    with pytest.raises(Garbled):
        decode(bytes(wire.MAX_BYTES + 1))
