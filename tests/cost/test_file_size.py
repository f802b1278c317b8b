"""The flatbuffer builder's arithmetic against the builder itself."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyml_course.core.arch import gesture_net
from tinyml_course.cost.file_size import SizeBuilder, file_bytes
from tinyml_course.cost.graph import arch_graph

WIDTHS = {1: "PrependInt8Slot", 4: "PrependInt32Slot", 8: "PrependInt64Slot"}
STEPS = st.one_of(
    st.tuples(st.just("vector"), st.integers(0, 40), st.sampled_from((1, 4, 8))),
    st.tuples(st.just("string"), st.integers(0, 60)),
    st.dictionaries(st.integers(0, 9), st.sampled_from((1, 4, 8)), max_size=6).map(
        lambda fields: ("table", *sorted(fields.items()))
    ),
)


def build_for_real(steps):
    """Return the bytes that flatbuffers' own builder writes for the same steps."""
    flatbuffers = pytest.importorskip("flatbuffers")
    builder = flatbuffers.Builder(16)
    for kind, *arguments in steps:
        if kind == "vector":
            count, width = arguments
            builder.StartVector(width, count, width)
            builder.head -= count * width
            builder.EndVector()
        elif kind == "string":
            builder.CreateString("x" * arguments[0])
        else:
            builder.StartObject(10)
            for slot, width in arguments:
                getattr(builder, WIDTHS[width])(slot, 1, 0)
            root = builder.EndObject()
    builder.Finish(root, b"TEST")
    return bytes(builder.Output())


@given(st.lists(STEPS, max_size=12))
@settings(max_examples=100)
def test_the_arithmetic_is_the_builders(steps):
    """Any sequence of vectors, texts and tables takes as many bytes as the builder writes."""
    steps = [*steps, ("table", (0, 4))]
    counter = SizeBuilder()
    for kind, *arguments in steps:
        getattr(counter, kind)(*arguments)
    assert len(build_for_real(steps)) == counter.finish()


def test_the_reference_is_a_flatbuffer():
    """What the tests compare with carries the identifier and a root: it is a real file."""
    data = build_for_real([("string", 3), ("table", (0, 4))])
    assert data[4:8] == b"TEST"
    assert 8 <= struct.unpack("<I", data[:4])[0] < len(data)


def test_a_longer_name_costs_its_letters():
    """Layers with numbers of two digits have longer names, so the file grows beyond its blocks."""
    layer = gesture_net(3).layers[2]
    spec = gesture_net(3)

    def size(depth):
        longer = replace(spec, layers=(*spec.layers[:2], *[layer] * depth))
        return file_bytes(longer, arch_graph(longer))

    growth = [size(depth + 1) - size(depth) for depth in range(5, 12)]
    assert max(growth[:3]) < min(growth[3:])
