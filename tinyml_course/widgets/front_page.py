"""The front page's experiment: choose a gesture, see what the emulated chip answers."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tinyml_course.core.types import GestureSet
from tinyml_course.plots.front_page import plot_answer
from tinyml_course.widgets.experiment import Control, Experiment


def choose_samples(labels: NDArray[np.integer], answers: NDArray[np.integer]) -> tuple[int, ...]:
    """Return the first sample of each class that was answered right, then all answered wrong.

    Parameters
    ----------
    labels, answers : (N,) int
        What was drawn, and what the model said.

    Examples
    --------
    >>> choose_samples(np.array([0, 1, 0, 1]), np.array([1, 1, 0, 1]))
    (2, 1, 0)
    """
    right = labels == answers
    firsts = [int(np.flatnonzero(right & (labels == c))[0]) for c in np.unique(labels[right])]
    return (*firsts, *(int(index) for index in np.flatnonzero(~right)))


def gesture_answers(gestures: GestureSet, outputs: NDArray[np.int8]) -> Experiment:
    """Return the experiment: a menu of gestures, each with the scores that the chip gave it.

    Parameters
    ----------
    gestures : GestureSet
        N samples.
    outputs : (N, C) int8
        Raw codes of the model's softmax, as `DeviceReport.outputs` holds them.
    """
    shares = (outputs.astype(np.float64) + 128) / 256  # softmax: scale 1/256, zero point -128
    answers = outputs.argmax(axis=1)
    names = gestures.class_names
    chosen = {
        _name(names, int(gestures.labels[index]), int(answers[index]), index): index
        for index in choose_samples(gestures.labels, answers)
    }

    def draw(gesture: str) -> Figure:
        index = chosen[gesture]
        return plot_answer(
            gestures.images[index], shares[index], names, right=int(gestures.labels[index])
        )

    def describe(gesture: str) -> str:
        index = chosen[gesture]
        drawn, said = names[gestures.labels[index]], names[answers[index]]
        return f"Someone drew {drawn}. The chip says {said}, with {shares[index].max():.0%}."

    menu = Control(
        name="gesture", label="gesture", values=tuple(chosen), default=next(iter(chosen)),
        kind="menu",
    )  # fmt: skip
    return Experiment(
        name="front-page-answers",
        question="The model learned from other hands. Which digit will it take for another?",
        controls=(menu,),
        draw=draw,
        describe=describe,
    )


def _name(names: tuple[str, ...], drawn: int, said: int, index: int) -> str:
    """Return what the menu calls a sample: what was drawn, and a mistake with its number."""
    if drawn == said:
        return names[drawn]
    return f"{names[drawn]}, taken for {names[said]} (sample {index})"
