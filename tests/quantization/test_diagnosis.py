"""The diagnosis on trained models: every planted fault is found, healthy models are left alone."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tinyml_course.core.environment import load_keras, seed_everything
from tinyml_course.data import draw_gestures, split
from tinyml_course.device.convert import convert_float32, convert_int8
from tinyml_course.device.slim import slim
from tinyml_course.quantization import planted
from tinyml_course.quantization.diagnosis import diagnose, float_twin
from tinyml_course.quantization.layer_health import sqnr_db
from tinyml_course.quantization.qat import quantize_aware
from tinyml_course.quantization.trace import trace_model
from tinyml_course.training.build import small_cnn
from tinyml_course.training.fit import fit

pytestmark = pytest.mark.slow

TRAIN, TEST = split(
    draw_gestures(samples_per_class=80, people=6, seed=0), test_fraction=0.4, seed=0
)


def train_model(seed, *, epochs):
    seed_everything(seed)
    model = small_cnn(3)
    fit(model, TRAIN, epochs=epochs, seed=seed, learning_rate=1e-2, progress=False)
    return model


@pytest.fixture(scope="module")
def model():
    """One trained float model for the whole module."""
    return train_model(0, epochs=10)


@pytest.fixture(scope="module")
def float_file(model):
    """The model's float32 file, so that it is converted once."""
    return convert_float32(model)


@pytest.fixture(scope="module")
def healthy(model):
    """The model, quantized as it should be."""
    return convert_int8(model, TRAIN.images)


@pytest.fixture(scope="module")
def aware(model):
    """An aware copy, trained a little."""
    copy = quantize_aware(model)
    fit(copy, TRAIN, epochs=3, seed=0, learning_rate=1e-3, progress=False)
    return copy


@pytest.mark.parametrize("plant", planted.FAULTS, ids=lambda plant: plant.__name__[6:])
def test_each_planted_fault_is_found_at_its_layer_and_nothing_else(plant, model, float_file):
    """The diagnosis gives exactly one finding: the planted kind at the planted layer."""
    patient = plant(model, TRAIN.images)
    twin = float_file if patient.float_model is model else patient.float_model
    diagnosis = diagnose(twin, patient.tflite, TEST.images, TEST.labels)
    assert [(patient.kind, patient.layer)] == [(x.kind, x.layer) for x in diagnosis.findings]
    (finding,) = diagnosis.findings
    assert any(digit in finding.evidence for digit in "0123456789") or finding.kind == "operator"
    assert finding.remedy


def test_a_healthy_model_is_left_alone(float_file, healthy):
    """Post-training quantization with care gives no finding, and every layer has a twin."""
    diagnosis = diagnose(float_file, healthy, TEST.images, TEST.labels)
    assert () == diagnosis.findings
    assert () == diagnosis.unmatched
    assert not diagnosis.trained_on
    assert 11 == len(diagnosis.layers)
    assert all(layer.weight_steps < 0.51 for layer in diagnosis.layers)


@pytest.mark.parametrize("seed", [1, 2])
def test_other_seeds_are_healthy_too(seed):
    """Other trainings, quantized with care, give no finding either."""
    model = train_model(seed, epochs=6)
    artifact = convert_int8(model, TRAIN.images)
    assert () == diagnose(model, artifact, TEST.images, TEST.labels).findings


def test_an_aware_model_is_healthy_beside_its_twin(model, aware):
    """Against the float twin with the learnt weights there is no finding and no training note."""
    artifact = convert_int8(aware, TRAIN.images)
    diagnosis = diagnose(float_twin(model, aware), artifact, TEST.images, TEST.labels)
    assert () == diagnosis.findings
    assert not diagnosis.trained_on
    before = diagnose(model, artifact, TEST.images, TEST.labels)
    assert () == before.findings
    assert before.trained_on


def test_the_ratio_is_that_of_keras_activations(model, float_file, healthy):
    """A layer's SQNR equals the ratio of Keras' own activations to the dequantized codes."""
    keras = load_keras()
    diagnosis = diagnose(float_file, healthy, TEST.images)
    trace = trace_model(healthy.tflite, TEST.images)
    for layer in diagnosis.layers[1:8]:
        output = model.get_layer(f"{layer.layer}a").output
        exact = np.asarray(keras.Model(model.input, output)(TEST.images))
        codes = trace.real(trace.graph.ops[layer.number].outputs[0])
        assert math.isclose(layer.sqnr_db, sqnr_db(exact, codes), abs_tol=0.05), layer.layer


def test_names_are_not_needed(model, float_file, healthy):
    """The slimmed file, without names, gives the same figures under the float model's names."""
    named = diagnose(float_file, healthy, TEST.images)
    bare = diagnose(float_file, slim(healthy.tflite), TEST.images)
    assert named.layers == bare.layers
    assert {layer.name for layer in model.layers} >= {x.layer for x in named.layers[1:10]}


def test_a_residual_network_is_matched_through_its_branches():
    """In a Functional model with a skip connection every operator has its twin."""
    keras = load_keras()
    seed_everything(0)
    x = inputs = keras.layers.Input((32, 32, 1))
    x = stem = keras.layers.Conv2D(8, 3, strides=4, activation="relu", name="stem")(x)
    x = keras.layers.Conv2D(8, 3, padding="same", activation="relu", name="left")(x)
    x = keras.layers.Add(name="sum")([stem, x])
    x = keras.layers.Dense(3, name="head")(keras.layers.Flatten()(x))
    model = keras.Model(inputs, x)
    diagnosis = diagnose(model, slim(convert_int8(model, TRAIN.images).tflite), TEST.images)
    assert () == diagnosis.findings
    assert () == diagnosis.unmatched
    assert {"stem", "left", "sum", "head"} <= {layer.layer for layer in diagnosis.layers}


def test_arguments_that_cannot_be_diagnosed_are_refused(model, aware, healthy):
    """Aware models as float twins, single samples, missing labels and other twins raise."""
    with pytest.raises(ValueError, match="float_twin"):
        diagnose(aware, healthy, TEST.images)
    with pytest.raises(ValueError, match="samples"):
        diagnose(model, healthy, TEST.images[:1])
    with pytest.raises(ValueError, match="labels"):
        diagnose(model, healthy, TEST.images, TEST.labels[:3])
    with pytest.raises(ValueError, match="kernel"):
        float_twin(small_cnn(3, width=4), aware)
    with pytest.raises(ValueError, match="no operator"):
        planted.narrow_range(healthy.tflite, "c9", 0.5)
