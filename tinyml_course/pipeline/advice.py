"""What to try where a requirement is not met."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinyml_course.core.types import GestureSet
from tinyml_course.device.report import DeviceReport
from tinyml_course.pipeline.history import History
from tinyml_course.pipeline.requirements import Miss


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What advice depends on.

    Attributes
    ----------
    stages : tuple of str
        That were asked for.
    quick : bool
        Whether the trainings were short.
    history : history.History
        What happened.
    report : DeviceReport
        Of the file.
    confusion : str
        The two gestures that are confused most, in words; empty where none are.
    """

    stages: tuple[str, ...]
    quick: bool
    history: History
    report: DeviceReport
    confusion: str = ""


def advise(miss: Miss, situation: Situation) -> str:
    """Return what to try about one miss, in one line."""
    tips = (
        _accuracy_tips(miss, situation) if miss.limit == "accuracy" else _size_tips(miss, situation)
    )
    return "; or ".join(tips)


def find_confusion(gestures: GestureSet, outputs: NDArray[np.generic] | None) -> str:
    """Return in words which gesture is most often taken for which; empty where none is.

    Parameters
    ----------
    gestures : GestureSet
        N samples.
    outputs : (N, K) or None
        The answers of the device runtime.
    """
    if outputs is None:
        return ""
    said = np.asarray(outputs).reshape(len(gestures), -1).argmax(axis=1)
    counts = np.zeros((len(gestures.class_names),) * 2, int)
    np.add.at(counts, (gestures.labels, said), 1)
    np.fill_diagonal(counts, 0)
    if not counts.any():
        return ""
    right, wrong = np.unravel_index(counts.argmax(), counts.shape)
    names = gestures.class_names
    return f"{names[right]!r}, taken for {names[wrong]!r} {counts[right, wrong]} time(s)"


def _accuracy_tips(miss: Miss, situation: Situation) -> list[str]:
    tips = ["leave out --quick: its trainings are short"] if situation.quick else []
    which = f", above all of {situation.confusion}" if situation.confusion else ""
    tips.append(f"record more gestures{which}")
    if "distill" not in situation.stages:
        tips.append("add distill to --stages")
    below = math.floor(1000 * miss.value) / 1000
    return [*tips, f"allow more bytes, or ask for --min-accuracy {below:g}"]


def _size_tips(miss: Miss, situation: Situation) -> list[str]:
    missing = [name for name in ("prune", "slim") if name not in situation.stages]
    tips = [f"add {' and '.join(missing)} to --stages"] if missing else []
    if any(step.stage == "prune" and not step.kept for step in situation.history.steps):
        tips.append("ask for less accuracy: pruning was rolled back for its sake")
    if miss.limit == "arena" and situation.report.peak.remedies:
        tips.append(str(situation.report.peak.remedies[0]))
    if miss.limit == "latency":
        tips.append("choose a faster --board")
    return [*tips, _allow(miss)]


def _allow(miss: Miss) -> str:
    """Return the option that the present result would meet."""
    if miss.limit == "latency":
        return f"allow --max-latency {math.ceil(10 * miss.value) / 10:g}"
    return f"allow --max-{miss.limit} {math.ceil(10 * miss.value / 1024) / 10:g}KB"


def explain_misses(misses: Sequence[Miss], situation: Situation) -> list[str]:
    """Return each miss with what to try."""
    return [f"{miss}. Try: {advise(miss, situation)}." for miss in misses]
