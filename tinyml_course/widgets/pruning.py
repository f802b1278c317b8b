"""A threshold on importance: which channels go, what that saves, and what it costs untrained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from tinyml_course.compression.channel_choice import (
    Masks,
    balance,
    choose_channels,
    pruned_spec,
)
from tinyml_course.compression.importance import Criterion, Scores, score_channels
from tinyml_course.core.arch import ArchSpec
from tinyml_course.core.types import GestureSet
from tinyml_course.nas.costs import SpecCost, measure_cost
from tinyml_course.plots.pruning import plot_left, plot_scores
from tinyml_course.plots.style import new_figure
from tinyml_course.widgets.experiment import Control, Experiment

CRITERIA: tuple[Criterion, ...] = ("taylor", "l1", "bn-scale")
PERCENTS = tuple(range(0, 100, 10))
UNITS: Mapping[str, str] = {
    "taylor": "Taylor importance (nats)",
    "l1": "L1 norm (1: the group's mean square)",
    "bn-scale": "scale of the normalisation",
}
"""What a score is in each criterion."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cut:
    """A network after its least important channels are gone; nothing is trained again.

    Attributes
    ----------
    kept : mapping of group name to (C,) bool
        Channels that stay.
    threshold : float or None
        The highest score among those that go; None where none goes.
    cost : SpecCost
        What is left of the costs on the ESP32.
    accuracy : float
        Share of the samples classified right, in [0, 1].
    """

    kept: Masks
    threshold: float | None
    cost: SpecCost
    accuracy: float

    @property
    def widths(self) -> dict[str, int]:
        """Channels that each group has left."""
        return {name: int(mask.sum()) for name, mask in self.kept.items()}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CutStudy:
    """One network cut by several criteria at several degrees.

    Attributes
    ----------
    scores : mapping of criterion to scores
        Comparable between groups.
    cuts : mapping of (criterion, percent) to Cut
        By the share of all channels that goes; 0 is the whole network.
    """

    scores: Mapping[str, Scores]
    cuts: Mapping[tuple[str, int], Cut]

    @property
    def percents(self) -> tuple[int, ...]:
        """The degrees, ascending."""
        return tuple(sorted({percent for _, percent in self.cuts}))


def measure_cuts(
    model: Any,
    spec: ArchSpec,
    train: GestureSet,
    samples: GestureSet,
    *,
    percents: Sequence[int] = PERCENTS,
    at_least: int = 4,
) -> CutStudy:
    """Return what each criterion would cut, the exact costs then, and the accuracy.

    Parameters
    ----------
    model : tf_keras model
        Trained; built from `spec`, stays as it is.
    spec : ArchSpec
        Its specification.
    train : GestureSet
        Samples for Taylor importance.
    samples : GestureSet
        What the accuracy is measured on.
    percents : sequence of int
        Shares of all channels to remove; 0 is always among them.
    at_least : int, default 4
        Channels that every group keeps.
    """
    from tinyml_course.compression.pruning import prune_channels
    from tinyml_course.training.fit import evaluate

    scores = {name: score_channels(model, name, train) for name in CRITERIA}
    scores["l1"] = balance(scores["l1"])
    cuts = {}
    for criterion, by_group in scores.items():
        for percent in sorted({0, *percents}):
            kept = choose_channels(by_group, fraction=percent / 100, at_least=at_least)
            cuts[criterion, percent] = Cut(
                kept=kept,
                threshold=_threshold(by_group, kept),
                cost=measure_cost(pruned_spec(spec, kept)),
                accuracy=evaluate(prune_channels(model, kept), samples),
            )
    return CutStudy(scores=scores, cuts=cuts)


def pruning_experiment(study: CutStudy) -> Experiment:
    """Return the experiment: a criterion, a threshold, and what goes.

    Parameters
    ----------
    study : CutStudy
        What `measure_cuts` returns.
    """

    def draw(criterion: str, percent: int) -> Figure:
        found, whole = study.cuts[criterion, percent], study.cuts[criterion, 0]
        figure, (left, right) = new_figure(1, 2, width=9.0, height=3.6, width_ratios=(3, 2))
        plot_scores(
            study.scores[criterion], found.kept, ylabel=UNITS[criterion],
            threshold=found.threshold, ax=left,
        )  # fmt: skip
        pairs = _costs(found, whole)
        plot_left(
            list(pairs),
            [now / before if before else 0.0 for now, before, _ in pairs.values()],
            [note for *_, note in pairs.values()],
            ax=right,
        )
        figure.suptitle(_title(found, whole), fontsize=9, x=0.01, ha="left")
        return figure

    def describe(criterion: str, percent: int) -> str:
        found, whole = study.cuts[criterion, percent], study.cuts[criterion, 0]
        notes = "; ".join(f"{name} {note}" for name, (*_, note) in _costs(found, whole).items())
        return f"Importance by {criterion}. {_title(found, whole)} Left: {notes}."

    return Experiment(
        name="channel-threshold",
        question=(
            "Half of the channels go, the least important ones. Does half of the file go, half "
            "of the work, half of the arena? And which criterion does the least harm?"
        ),
        controls=(
            Control(name="criterion", label="importance by", values=CRITERIA, default="taylor",
                    kind="menu"),
            Control(name="percent", label="channels that go (%)", values=study.percents,
                    default=0),
        ),
        draw=draw,
        describe=describe,
    )  # fmt: skip


def _threshold(scores: Scores, kept: Masks) -> float | None:
    """Return the highest score of a channel that goes."""
    gone = [float(value) for name, score in scores.items() for value in score[~kept[name]]]
    return max(gone, default=None)


def _costs(found: Cut, whole: Cut) -> dict[str, tuple[float, float, str]]:
    """Return each bar by name: what is left, the whole, and the note on the bar."""
    now, before = found.cost, whole.cost
    return {
        "file": (now.model_bytes, before.model_bytes, f"{now.model_bytes:,} B"),
        "MACs": (now.macs, before.macs, f"{now.macs:,}"),
        "arena": (now.arena_bytes, before.arena_bytes, f"{now.arena_bytes:,} B"),
        "latency": (now.latency_ms, before.latency_ms, f"{now.latency_ms:.1f} ms"),
        "accuracy": (found.accuracy, 1.0, f"{found.accuracy:.1%}, not trained again"),
    }


def _title(found: Cut, whole: Cut) -> str:
    channels, total = (sum(cut.widths.values()) for cut in (found, whole))
    return (
        f"{total - channels} of {total} channels go; widths {tuple(found.widths.values())}. "
        f"Costs are exact before any conversion, the latency is modelled."
    )
