"""A pen-trajectory generator: people who draw gestures and digits, each in a style of their own.

Shapes by letter: K knots, P points. Lengths are in units of the template's height, times in
seconds, angles in radians.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinyml_course.core.errors import InvalidData
from tinyml_course.core.types import GestureSet, Stroke
from tinyml_course.data.raster import gestures_from_strokes
from tinyml_course.data.strokes import resample
from tinyml_course.data.templates import GESTURES, TEMPLATES, Path

SAMPLE_RATE_HZ = 50.0
"""Points a second that the wand records."""

SENSOR_STEP = 1 / 128
"""The wand's resolution, as in the real recordings."""

FINE = 160
"""Points of the ideal path before it is timed."""

PERSON_KNOTS, SAMPLE_KNOTS = 0.035, 0.022
"""Standard deviations by which a person's knots, and one sample's knots, miss the template."""

_CLASS_IDS = {name: number for number, name in enumerate(TEMPLATES)}
_STYLE, _HABIT, _SAMPLE = range(3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How one person draws.

    Attributes
    ----------
    slant, aspect, rotation : float
        Shear, ratio of width to height, and angle.
    height : float
        Size of a gesture in the recording's unit.
    speed : float
        Path lengths a second, in template heights.
    roundness : float
        Length over which corners are rounded off.
    tremor, tremor_hz : float
        Amplitude and frequency of the hand's shaking.
    drift : float
        Velocity error of the sensor, heights a second.
    dwell : float
        Mean time the pen stands still before and after, seconds.
    """

    slant: float
    aspect: float
    rotation: float
    height: float
    speed: float
    roundness: float
    tremor: float
    tremor_hz: float
    drift: float
    dwell: float


def draw_style(person: int, *, seed: int) -> Style:
    """Return the style of person number `person` among those of `seed`."""
    rng = np.random.default_rng([_STYLE, seed, person])
    return Style(
        slant=rng.normal(0.08, 0.16),
        aspect=0.75 * np.exp(rng.normal(0, 0.18)),
        rotation=rng.normal(0, 0.1),
        height=0.55 * np.exp(rng.normal(0, 0.2)),
        speed=3.0 * np.exp(rng.normal(0, 0.25)),
        roundness=rng.uniform(0.02, 0.12),
        tremor=abs(rng.normal(0, 0.008)),
        tremor_hz=rng.uniform(4, 10),
        drift=abs(rng.normal(0, 0.04)),
        dwell=rng.uniform(0.0, 0.25),
    )


def draw_stroke(class_name: str, *, person: int = 0, index: int = 0, seed: int = 0) -> Stroke:
    """Return one stroke; the same four arguments always give the same stroke.

    Parameters
    ----------
    class_name : str
        A name in `TEMPLATES`: wing, ring, slope or a digit.
    person, index, seed : int
        Who draws, which of the person's samples, and which population of people.

    Raises
    ------
    InvalidData
        If the class is unknown.
    """
    if class_name not in TEMPLATES:
        raise InvalidData(
            f"the generator draws no {class_name!r}; choose from {', '.join(TEMPLATES)}"
        )
    style = draw_style(person, seed=seed)
    number = _CLASS_IDS[class_name]
    habit = np.random.default_rng([_HABIT, seed, person, number])
    rng = np.random.default_rng([_SAMPLE, seed, person, number, index])
    path = _draw_path(class_name, habit, rng, style.roundness)
    return Stroke(
        points=_record(_time_path(path, style, rng), style, rng),
        label=class_name,
        person=f"person {person}",
        source=f"synthetic {class_name}, person {person}, sample {index}, seed {seed}",
    )


def draw_gestures(
    class_names: Sequence[str] = GESTURES,
    *,
    samples_per_class: int = 160,
    people: int = 8,
    seed: int = 0,
) -> GestureSet:
    """Return drawn gestures, the classes in turn, the people in turn.

    A larger `samples_per_class` appends samples and changes none.

    Parameters
    ----------
    class_names : sequence of str
        Names in `TEMPLATES`: wing, ring, slope, 0 to 9.
    samples_per_class : int
        Strokes of each class, spread over the people.
    people : int
        Persons with styles of their own.
    seed : int
        Chooses the population of people and all their strokes.

    Raises
    ------
    ValueError
        If a count is not positive, or the seed is negative.
    InvalidData
        If a class is unknown.
    """
    for name, value in (("samples_per_class", samples_per_class), ("people", people)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    if seed < 0:
        raise ValueError(f"seed must not be negative, got {seed}")
    strokes = [
        draw_stroke(name, person=number % people, index=number // people, seed=seed)
        for number in range(samples_per_class)
        for name in class_names
    ]
    return gestures_from_strokes(
        strokes, class_names=class_names, source=f"synthetic, {people} people, seed {seed}"
    )


def _draw_path(
    class_name: str, habit: np.random.Generator, rng: np.random.Generator, roundness: float
) -> NDArray[np.float64]:
    """Return the path (FINE, 2) that the person means to draw this time."""
    variants = TEMPLATES[class_name]
    curves = variants[habit.integers(len(variants))]
    knots = _shake_knots(curves, habit, PERSON_KNOTS)
    knots = _shake_knots(knots, rng, SAMPLE_KNOTS)
    path = np.concatenate([_interpolate(np.array(curve)) for curve in knots])
    return _round_corners(resample(path, FINE), roundness * rng.uniform(0.6, 1.4))


def _shake_knots(curves: Path, rng: np.random.Generator, deviation: float) -> Path:
    """Return the curves with each knot moved; a knot shared by two curves moves once."""
    moved: dict[tuple[float, float], tuple[float, float]] = {}
    for curve in curves:
        for knot in curve:
            if knot not in moved:
                dx, dy = rng.normal(0, deviation, 2)
                moved[knot] = (knot[0] + dx, knot[1] + dy)
    return tuple(tuple(moved[knot] for knot in curve) for curve in curves)


def _interpolate(knots: NDArray[np.float64], steps: int = 12) -> NDArray[np.float64]:
    """Return a smooth curve through the knots (Catmull-Rom).

    References
    ----------
    .. [1] Catmull and Rom, A class of local interpolating splines, 1974.
    """
    padded = np.concatenate([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
    before, start, end, after = padded[:-3], padded[1:-2], padded[2:-1], padded[3:]
    t = np.linspace(0, 1, steps, endpoint=False)[:, None, None]
    curve = 0.5 * (
        2 * start
        + (end - before) * t
        + (2 * before - 5 * start + 4 * end - after) * t**2
        + (3 * start - before - 3 * end + after) * t**3
    )
    return np.concatenate([curve.swapaxes(0, 1).reshape(-1, 2), knots[-1:]])


def _round_corners(path: NDArray[np.float64], length: float) -> NDArray[np.float64]:
    """Return the path smoothed over `length` by a Hann window; its ends stay."""
    total = np.hypot(*np.diff(path, axis=0).T).sum()
    half = int(length / total * len(path))
    if half < 1:
        return path
    window = np.hanning(2 * half + 3)[1:-1]
    padded = np.pad(path, ((half, half), (0, 0)), mode="reflect", reflect_type="odd")
    smooth = [np.convolve(padded[:, axis], window / window.sum(), "valid") for axis in (0, 1)]
    return np.stack(smooth, axis=1)


def _time_path(
    path: NDArray[np.float64], style: Style, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return the path as the wand samples it: slow at the ends and in turns, still before."""
    step = np.diff(path, axis=0)
    turn = np.abs(np.diff(np.unwrap(np.arctan2(step[:, 1], step[:, 0])), prepend=np.nan))
    turn[0] = 0
    along = np.linspace(0, 1, len(step))
    pace = (0.25 + np.sin(np.pi * along)) / (1 + 2 * turn)
    seconds = np.hypot(step[:, 0], step[:, 1]) / pace
    seconds *= np.hypot(*step.T).sum() / style.speed / seconds.sum()
    clock = np.concatenate([[0.0], np.cumsum(seconds)])
    waits = rng.exponential(style.dwell, 2).clip(max=0.6)
    times = np.arange(-waits[0], clock[-1] * rng.uniform(0.97, 1.03) + waits[1], 1 / SAMPLE_RATE_HZ)
    return np.stack([np.interp(times, clock, path[:, axis]) for axis in (0, 1)], axis=1)


def _record(
    path: NDArray[np.float64], style: Style, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return the sampled path with the hand's and the sensor's errors, in the recording's unit."""
    times = np.arange(len(path)) / SAMPLE_RATE_HZ
    phase = rng.uniform(0, 2 * np.pi, 2) + 2 * np.pi * style.tremor_hz * times[:, None]
    shaken = path - 0.5 + style.tremor * np.sin(phase)
    shaken += np.outer(times, rng.normal(0, style.drift, 2))
    angle, shear = style.rotation + rng.normal(0, 0.07), style.slant + rng.normal(0, 0.05)
    wide = style.aspect * np.exp(rng.normal(0, 0.1))
    cos, sin = np.cos(angle), np.sin(angle)
    matrix = np.array([[cos, -sin], [sin, cos]]) @ np.array([[wide, shear], [0, 1]])
    drawn = style.height * np.exp(rng.normal(0, 0.1)) * shaken @ matrix.T
    noisy = drawn + rng.normal(0, SENSOR_STEP / 4, drawn.shape)
    recorded: NDArray[np.float64] = np.round(noisy / SENSOR_STEP) * SENSOR_STEP
    return recorded
