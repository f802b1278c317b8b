"""Training under accuracy and cost at once."""

import numpy as np
import pytest

from tests.compression.test_distillation import network, textures
from tinyml_course.compression.cooptimise import (
    PenalisedObjective,
    cooptimise,
    gate_variables,
    strong_channels,
)
from tinyml_course.compression.cost_penalty import price
from tinyml_course.compression.importance import bn_scale
from tinyml_course.core.arch import ArchSpec, LayerSpec
from tinyml_course.core.environment import load_keras, seed_everything
from tinyml_course.cost.estimate import estimate_cost
from tinyml_course.cost.graph import arch_graph
from tinyml_course.training.build import build
from tinyml_course.training.fit import evaluate, fit, predict
from tinyml_course.training.objective import LabelObjective

pytestmark = pytest.mark.slow

SPEC = ArchSpec(
    layers=tuple(LayerSpec(op="conv", filters=width, stride=2) for width in (8, 12)),
    classes=4,
    input_shape=(8, 8, 1),
)
SETTINGS = {"augment": False, "progress": False, "learning_rate": 1e-2, "batch_size": 8}


@pytest.fixture(scope="module")
def start():
    """Weights that tell all textures apart."""
    seed_everything(0)
    model = build(SPEC)
    fit(model, textures(), epochs=12, **SETTINGS)
    assert evaluate(model, textures()) == 1.0
    return model.get_weights()


def shrink(start, *, flash: float, latency: float):
    """Return the co-optimised network that begins with these weights."""
    seed_everything(0)
    model = build(SPEC)
    model.set_weights(start)
    return cooptimise(
        model, SPEC, textures(), flash_weight=flash, latency_weight=latency, epochs=25,
        **SETTINGS | {"learning_rate": 3e-2},
    )  # fmt: skip


def test_heavier_costs_leave_smaller_networks(start):
    """Without weights every channel stays; heavy ones leave a few, and those still learn."""
    free, heavy = (shrink(start, flash=w, latency=w) for w in (0.0, 6.0))

    assert {"c0": 8, "c1": 12} == free.widths
    assert sum(heavy.widths.values()) <= 12
    assert list(heavy.widths.values()) == [layer.filters for layer in heavy.spec.layers]
    small, whole = (estimate_cost(arch_graph(spec)) for spec in (heavy.spec, SPEC))
    assert small.macs < 0.5 * whole.macs
    assert small.weight_bytes < 0.5 * whole.weight_bytes

    fit(heavy.model, textures(), epochs=6, **SETTINGS)
    assert evaluate(heavy.model, textures()) > 0.9


def test_the_penalty_joins_the_loss_and_leaves_the_model_alone():
    """The attached model bears the penalty over the same weights; the given one has none."""
    model = network(3, 4)
    spec = ArchSpec(
        layers=tuple(LayerSpec(op="conv", filters=width, stride=2) for width in (3, 4)),
        classes=4, input_shape=(8, 8, 1),
    )  # fmt: skip
    penalty = price(spec, flash_weight=1.0, latency_weight=0.5)
    objective = PenalisedObjective(inner=LabelObjective(class_count=4), penalty=penalty)

    attached = objective.attach(model)

    gates = [gate.astype(np.float32) for gate in bn_scale(model).values()]
    (found,) = attached.losses
    assert model.losses == []
    assert float(found) == pytest.approx(float(penalty(gates)), rel=1e-6)
    images = textures(8).images
    np.testing.assert_array_equal(predict(model, images), predict(attached, images))
    assert {id(w) for w in model.weights} == {id(w) for w in attached.weights}


def test_gates_are_the_scales_of_every_normalisation_that_a_channel_passes():
    """Depthwise layers behind a convolution count with it, as in the pruning criterion."""
    spec = ArchSpec(
        layers=(LayerSpec(op="conv", filters=3), LayerSpec(op="separable", filters=5)),
        classes=2, input_shape=(8, 8, 1),
    )  # fmt: skip
    found = gate_variables(build(spec))

    names = {
        group: [scale.name.split("/")[0] for scale in scales] for group, scales in found.items()
    }
    assert {"c0": ["c0n", "d1n"], "c1": ["c1n"]} == names


def test_models_without_gates_and_impossible_thresholds_are_refused():
    """Dense networks have nothing to fade; a threshold above one would remove everything."""
    keras = load_keras()
    dense = keras.Sequential(
        [keras.layers.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(4, "softmax")]
    )
    penalty = price(SPEC, flash_weight=1.0, latency_weight=1.0)
    with pytest.raises(ValueError, match="nothing fades"):
        PenalisedObjective(inner=LabelObjective(class_count=4), penalty=penalty).attach(dense)
    with pytest.raises(ValueError, match="faded"):
        strong_channels({"c0": np.ones(2)}, 1.5)
