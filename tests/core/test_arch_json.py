"""Networks as JSON text."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyml_course.core.arch import ArchSpec, LayerSpec, gesture_net
from tinyml_course.core.arch_json import LIMITS, from_json, to_fields, to_json
from tinyml_course.core.errors import InvalidData

SIDES = st.integers(1, 64)
LAYERS = st.sampled_from(("conv", "depthwise", "separable")).flatmap(
    lambda op: st.builds(
        LayerSpec,
        op=st.just(op),
        filters=st.just(0) if op == "depthwise" else st.integers(1, LIMITS["filters"]),
        kernel=SIDES,
        stride=SIDES,
        activation=st.sampled_from(("relu", "relu6")),
        skip=st.booleans(),
        pool=SIDES,
    )
)
SPECS = st.builds(
    ArchSpec,
    layers=st.lists(LAYERS, min_size=1, max_size=6).map(tuple),
    classes=st.integers(2, LIMITS["classes"]),
    input_shape=st.tuples(*[st.integers(1, LIMITS["input_shape"])] * 3),
    hidden=st.integers(0, LIMITS["hidden"]),
)


def altered(**changes):
    """Return JSON of a network with some fields of it, or of its first layer, replaced."""
    fields = to_fields(gesture_net(3))
    layer = {k.removeprefix("layer_"): v for k, v in changes.items() if k.startswith("layer_")}
    fields["layers"][0] |= layer
    fields |= {k: v for k, v in changes.items() if not k.startswith("layer_")}
    return json.dumps(fields)


@settings(max_examples=50)
@given(SPECS)
def test_every_network_survives_the_round_trip(spec):
    """Reading what was written returns an equal network with an equal hash."""
    back = from_json(to_json(spec))
    assert (back, hash(back)) == (spec, hash(spec))


def test_fields_with_a_default_may_be_missing():
    """A short hand-written network has the defaults of the classes."""
    spec = from_json('{"classes": 3, "layers": [{"op": "conv", "filters": 8}]}')
    assert spec == ArchSpec(classes=3, layers=(LayerSpec(op="conv", filters=8),))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[]", "JSON object, got list"),
        ("{}", "lacks the field 'layers'"),
        (" " * 200_001, "200,001 characters"),
        (altered(depth=3), "no field 'depth'"),
        (altered(layer_colour=1), "layer 0 has no field 'colour'"),
        (altered(layers={}), "must be a list"),
        (altered(layers=[]), "at least one layer"),
        (altered(layers=[3]), "layer 0 must be a JSON object, got int"),
        (altered(layers=[{"op": "depthwise"}] * 257), "at most 256"),
        (altered(layer_op="dense"), "layer 0: op must be conv"),
        (altered(layer_op=["conv"]), "op must be str, got a list of 1"),
        (altered(layer_filters="8"), "filters must be int, got '8'"),
        (altered(layer_filters=8.0), "filters must be int, got 8.0"),
        (altered(layer_filters=True), "filters must be int, got True"),
        (altered(layer_filters=10**400), r"filters must be in 0..4096, got 1000"),
        (altered(layer_kernel=-1), "kernel must be in 0..64"),
        (altered(layer_stride=0), "must be positive"),
        (altered(layer_skip=1), "skip must be bool, got 1"),
        (altered(layer_activation="swish"), "activation must be relu or relu6"),
        (altered(classes=1), "at least 2 classes"),
        (altered(classes=None), "classes must be int, got None"),
        (altered(input_shape=[32, 32]), r"must be \[H, W, C\], got a list of 2"),
        (altered(input_shape=[32, 32, 0]), "input_shape must be"),
        (altered(input_shape=[32, 32, 1.5]), "input_shape must be int"),
        (altered(hidden=10**9), "hidden must be in 0..65536"),
    ],
)
def test_what_is_no_network_is_refused_by_name(text, message):
    """Unknown fields, wrong types and huge values raise InvalidData that names the fault."""
    with pytest.raises(InvalidData, match=message):
        from_json(text)


@settings(max_examples=60)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
                    lambda inner: st.lists(inner) | st.dictionaries(
                        st.sampled_from(("layers", "op", "classes", "filters")) | st.text(), inner),
                    max_leaves=12))  # fmt: skip
def test_arbitrary_json_is_a_network_or_invalid_data(document):
    """No JSON document raises anything but InvalidData."""
    try:
        spec = from_json(json.dumps(document))
    except InvalidData:
        return
    assert isinstance(spec, ArchSpec)
