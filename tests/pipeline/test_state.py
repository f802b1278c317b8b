"""States: immutable, told apart by every bit, and files that give them back."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.pipeline.states import SPEC, flash_state, float_state, measurement
from tinyml_course.core.arch import ArchSpec, LayerSpec, gesture_net
from tinyml_course.core.errors import InvalidData
from tinyml_course.core.types import ModelArtifact
from tinyml_course.pipeline.state import (
    AwareState,
    FlashState,
    FloatState,
    Provenance,
    SpecState,
    StageRecord,
)
from tinyml_course.pipeline.state_files import (
    measurement_file,
    read_measurement,
    read_state,
    state_files,
)

NAMES = st.text(min_size=1, max_size=12)
PARAMETERS = st.one_of(
    st.integers(-(2**40), 2**40), st.floats(allow_nan=False), NAMES, st.booleans(), st.none()
)
RECORDS = st.builds(
    StageRecord,
    name=NAMES,
    parameters=st.dictionaries(NAMES, PARAMETERS, max_size=3).map(lambda d: tuple(d.items())),
    seed=st.integers(0, 2**32 - 1),
)
ORIGINS = st.builds(
    Provenance,
    seed=st.integers(0, 2**32 - 1),
    data_fingerprint=NAMES,
    stages=st.lists(RECORDS, max_size=3).map(tuple),
    versions=st.dictionaries(NAMES, NAMES, max_size=2).map(lambda d: tuple(d.items())),
)
BLOCKS = st.builds(
    LayerSpec,
    op=st.sampled_from(["conv", "separable"]),
    filters=st.integers(1, 9),
    kernel=st.sampled_from([1, 3, 5]),
    stride=st.sampled_from([1, 2]),
    skip=st.booleans(),
    pool=st.sampled_from([1, 2]),
)
SPECS = st.builds(
    ArchSpec,
    layers=st.lists(BLOCKS, min_size=1, max_size=4).map(tuple),
    classes=st.integers(2, 10),
    hidden=st.integers(0, 8),
)
ARRAYS = hnp.arrays(
    st.sampled_from([np.float32, np.int32]),
    hnp.array_shapes(min_dims=0, max_dims=4, max_side=3),
)
WEIGHTS = st.dictionaries(NAMES, ARRAYS, max_size=4)
STATES = st.one_of(
    st.builds(SpecState, spec=SPECS, provenance=ORIGINS),
    st.builds(FloatState, spec=SPECS, weights=WEIGHTS, provenance=ORIGINS),
    st.builds(AwareState, spec=SPECS, weights=WEIGHTS, provenance=ORIGINS),
    st.builds(
        FlashState,
        spec=SPECS,
        provenance=ORIGINS,
        artifact=st.builds(
            ModelArtifact,
            tflite=st.binary(max_size=40),
            class_names=st.lists(NAMES, max_size=3).map(tuple),
            data_fingerprint=NAMES,
        ),
    ),
)


@settings(max_examples=60)
@given(state=STATES)
def test_a_state_comes_back_from_its_files_bit_for_bit(state):
    """Kind, network, origin, every array's bits (NaN and -0.0 too) and the file are the same."""
    found = read_state(state_files(state))
    assert type(state) is type(found)
    assert state.fingerprint == found.fingerprint
    assert (state.spec, state.provenance) == (found.spec, found.provenance)
    for name, array in getattr(state, "weights", {}).items():
        assert array.dtype == found.weights[name].dtype
        assert array.tobytes() == found.weights[name].tobytes()
    assert list(getattr(state, "weights", {})) == list(getattr(found, "weights", {}))


@settings(max_examples=40)
@given(state=STATES)
def test_equal_states_give_equal_files(state):
    """Files have no time stamps: what is written twice is the same twice."""
    assert state_files(state) == state_files(read_state(state_files(state)))


def test_a_state_can_t_be_changed():
    """Neither its arrays nor its mapping take a new value, nor does the caller's array reach it."""
    given_array = np.zeros(3, np.float32)
    state = FloatState(spec=SPEC, weights={"a": given_array})
    given_array[0] = 7
    assert 0 == state.weights["a"][0]
    with pytest.raises(ValueError, match="read-only"):
        state.weights["a"][0] = 1
    with pytest.raises(TypeError):
        state.weights["b"] = given_array


@pytest.mark.parametrize(
    "other",
    [
        FloatState(spec=SPEC, weights={"w": np.array([1.0], np.float32)}),
        FloatState(spec=SPEC, weights={"v": np.array([0.0], np.float32)}),
        FloatState(spec=SPEC, weights={"w": np.array([[0.0]], np.float32)}),
        FloatState(spec=gesture_net(2), weights={"w": np.array([0.0], np.float32)}),
        AwareState(spec=SPEC, weights={"w": np.array([0.0], np.float32)}),
        float_state(provenance=Provenance(seed=1)),
    ],
)
def test_the_fingerprint_tells_states_apart(other):
    """Another value, name, shape, network, kind or origin gives another fingerprint."""
    assert float_state().fingerprint == float_state().fingerprint
    assert float_state().fingerprint != other.fingerprint


@pytest.mark.parametrize(
    "damage",
    [
        lambda files: files.pop("weights.npz"),
        lambda files: files.pop("state.json"),
        lambda files: files.update({"weights.npz": files["weights.npz"][:50]}),
        lambda files: files.update({"state.json": b"[]"}),
        lambda files: files.update({"state.json": b"{"}),
        lambda files: files.update({"state.json": files["state.json"].replace(b"float32", b"?")}),
    ],
)
def test_damaged_files_are_refused_with_a_remedy(damage):
    """A missing, cut or foreign file is named, and nothing is guessed."""
    files = state_files(float_state())
    damage(files)
    with pytest.raises(InvalidData, match=r"run again|delete"):
        read_state(files)


def test_a_changed_model_file_is_noticed():
    """One other byte in model.tflite, and the state is refused."""
    files = state_files(flash_state(b"TFL3 and more"))
    files["model.tflite"] = b"TFL3 and mora"
    with pytest.raises(InvalidData, match=r"model\.tflite"):
        read_state(files)


def test_no_pickle_is_ever_loaded():
    """An .npz with an object array is refused before the object is made."""
    import io

    buffer = io.BytesIO()
    np.savez(buffer, w0000=np.array([{"a": 1}], dtype=object))
    files = {**state_files(float_state()), "weights.npz": buffer.getvalue()}
    with pytest.raises(InvalidData, match="allow_pickle"):
        read_state(files)


def test_a_measurement_comes_back_exactly():
    """All seven figures, floats to the last bit."""
    measured = measurement(accuracy=1 / 3, seconds=0.1 + 0.2)
    assert measured == read_measurement(measurement_file(measured))
    assert 7 == len(json.loads(measurement_file(measured)["measured.json"]))
