"""States and live Keras models: a model is made when a stage needs one, and never kept."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from numpy.typing import NDArray

from tinyml_course.core.environment import load_keras, seed_everything
from tinyml_course.core.errors import InvalidData
from tinyml_course.device.convert import MADE_BY
from tinyml_course.pipeline.state import AwareState, FloatState
from tinyml_course.quantization.qat import quantize_aware
from tinyml_course.training.build import build


def start_afresh(seed: int) -> None:
    """Forget all earlier models and seed every generator: a stage depends on its state alone."""
    load_keras().backend.clear_session()
    gc.collect()
    seed_everything(seed)


def capture(model: Any) -> dict[str, NDArray[Any]]:
    """Return the weights of a `tf_keras` model by name, in its own order."""
    return {weight.name.removesuffix(":0"): weight.numpy() for weight in model.weights}


def restore(state: FloatState | AwareState) -> Any:
    """Return the `tf_keras` model of a state; `capture` gives back the same weights.

    Raises
    ------
    InvalidData
        If names or shapes of the weights are not those of the state's network.
    """
    model = build(state.spec)
    if isinstance(state, AwareState):
        model = quantize_aware(model)
    _check(model, state.weights)
    model.set_weights(list(state.weights.values()))
    return model


def find_versions() -> tuple[tuple[str, str], ...]:
    """Return the packages that a result depends on, with their versions."""
    return tuple((name, version(name)) for name in MADE_BY)


def _check(model: Any, weights: Mapping[str, NDArray[Any]]) -> None:
    expected = {w.name.removesuffix(":0"): tuple(w.shape) for w in model.weights}
    given = {name: array.shape for name, array in weights.items()}
    if list(expected.items()) != list(given.items()):
        wrong = next(
            (name for name in (*expected, *given) if expected.get(name) != given.get(name)),
            "their order",
        )
        raise InvalidData(
            f"the weights do not belong to this network: {wrong} is {given.get(wrong, 'absent')}, "
            f"the network has {expected.get(wrong, 'none')}"
        )
