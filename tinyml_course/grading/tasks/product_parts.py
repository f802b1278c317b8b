"""The parts that tasks with a product share: learnt, fits the board, small, accurate."""

from __future__ import annotations

from typing import Any

from tinyml_course.data import draw_gestures
from tinyml_course.grading.product import ProductReport, at_least, at_most, fits_board
from tinyml_course.grading.task import Inputs, Part

LEARNT = "learnt"
"""Name of the part that the others wait for: costs of a model that guesses earn nothing."""


def draw_public(classes: tuple[str, ...], *, samples_per_class: int, seed: int) -> Inputs:
    """Return the gestures of ten people on which a learner may try the product."""
    gestures = draw_gestures(classes, samples_per_class=samples_per_class, people=10, seed=seed)
    return ((gestures.images, gestures.labels),)


def learnt(points: int, least: float, *, things: str, guessing: str) -> Part:
    """Return the part for a share `least` of right answers, which guessing does not reach.

    Parameters
    ----------
    points : int
        What it earns.
    least : float
        In [0, 1].
    things, guessing : str
        What is recognised, and the share that a guess gets right, in words.
    """

    def test(args: tuple[Any, ...], result: ProductReport) -> str | None:
        del args
        if result.accuracy >= least:
            return None
        return f"{result.accuracy:.0%} of the {things} are right, guessing gets {guessing}"

    return Part(
        LEARNT, points, f"It gets at least {least:.0%} of {things} by strangers right.", test
    )


def fits(points: int) -> Part:
    """Return the part for an arena that the board can give."""
    statement = "The ESP32's largest free block holds its arena."
    return Part("fits", points, statement, fits_board, after=(LEARNT,))


def little_ram(points: int, limit: int, *, worst: float = 2.0) -> Part:
    """Return the part for an arena of `limit` bytes; `worst` times that earns nothing."""
    statement = f"The arena takes at most {limit:,} bytes; up to {_times(worst)} earns a part."
    test = at_most("arena_bytes", limit, zero=worst * limit)
    return Part("little RAM", points, statement, test, after=(LEARNT,))


def little_flash(
    points: int, limit: int, *, worst: float = 2.0, name: str = "little flash"
) -> Part:
    """Return the part for a file of `limit` bytes; `worst` times that earns nothing."""
    statement = f"The file takes at most {limit:,} bytes; up to {_times(worst)} earns a part."
    test = at_most("model_bytes", limit, zero=worst * limit)
    return Part(name, points, statement, test, after=(LEARNT,))


def accurate(points: int, accuracy: float, *, least: float) -> Part:
    """Return the part for a share `accuracy` of right answers; `least` earns nothing."""
    statement = f"It gets at least {accuracy:.0%} right; above {least:.0%} earns a part."
    return Part("accurate", points, statement, at_least("accuracy", accuracy, zero=least))


def _times(worst: float) -> str:
    return "twice that" if worst == 2 else f"{worst:g} times that"
