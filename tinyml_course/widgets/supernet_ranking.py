"""Places by the supernet's estimate and by own trainings, and what the favourites lack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tinyml_course.nas.estimates import OwnTraining
from tinyml_course.nas.ranking import Agreement, bootstrap_tau
from tinyml_course.plots.style import new_figure
from tinyml_course.plots.supernet import plot_estimates, plot_rank_lines
from tinyml_course.widgets.experiment import Control, Experiment

Measure = Literal["accuracy", "cross-entropy"]
Part = Literal["all", "cheapest third", "middle third", "dearest third"]
MEASURES: tuple[Measure, ...] = ("accuracy", "cross-entropy")
PARTS: tuple[Part, ...] = ("all", "cheapest third", "middle third", "dearest third")
CHOSEN = (1, 2, 3, 4, 6, 8)
MEAN = "mean of the seeds"
RESAMPLES = 300
"""Draws behind an interval in the figure; the notebook's own figure takes more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What one state compares.

    Attributes
    ----------
    estimate, own : (N,) float64
        Scores, larger is better: accuracies in percent, or minus the nats.
    agreement : Agreement
        Kendall's tau-b with its interval.
    """

    estimate: NDArray[np.float64]
    own: NDArray[np.float64]
    agreement: Agreement

    def top(self, count: int) -> NDArray[np.bool_]:
        """Return which `count` networks the estimate puts first, (N,) bool."""
        return places(self.estimate) <= count

    def regret(self, count: int) -> float:
        """Return by how much the best network beats the best of the chosen, in the scores' unit."""
        return float(self.own.max() - self.own[self.top(count)].max())


def places(scores: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return each score's place, 1 for the largest; of equal scores the first goes first.

    Examples
    --------
    >>> places(np.array([0.5, 0.9, 0.5])).tolist()
    [2, 1, 3]
    """
    ranks = np.empty(len(scores), np.intp)
    ranks[np.argsort(-scores, kind="stable")] = np.arange(1, len(scores) + 1)
    return ranks


def compare(rows: Sequence[OwnTraining], measure: Measure, training: str, part: Part) -> Comparison:
    """Return estimates and own results of the networks that every seed has trained.

    Parameters
    ----------
    rows : sequence of OwnTraining
        A study's table.
    measure : {'accuracy', 'cross-entropy'}
        What is compared.
    training : str
        ``seed 0`` and so on, or 'mean of the seeds'.
    part : str
        All networks, or a third of them by MACs.

    Raises
    ------
    ValueError
        If fewer than two networks are left, or all scores are equal.
    """
    seeds = sorted({row.seed for row in rows})
    codes = [c for c in dict.fromkeys(r.network for r in rows)
             if sum(r.network == c for r in rows) == len(seeds)]  # fmt: skip
    mine = [[row for row in rows if row.network == code] for code in codes]
    mine.sort(key=lambda found: found[0].macs)
    if part != "all":
        cuts = np.array_split(np.arange(len(mine)), 3)
        mine = [mine[place] for place in cuts[PARTS.index(part) - 1]]
    wanted = [s for s in seeds if training in (MEAN, f"seed {s}")]
    estimate = np.array([_scores(found[0], measure)[0] for found in mine])
    own = np.array(
        [np.mean([_scores(r, measure)[1] for r in found if r.seed in wanted]) for found in mine]
    )
    agreement = bootstrap_tau(estimate, own, rng=np.random.default_rng(0), resamples=RESAMPLES)
    return Comparison(estimate=estimate, own=own, agreement=agreement)


def ranking_experiment(rows: Sequence[OwnTraining]) -> Experiment:
    """Return the experiment on a study's networks.

    Parameters
    ----------
    rows : sequence of OwnTraining
        Each network with each seed.
    """
    trainings = (MEAN, *(f"seed {seed}" for seed in sorted({row.seed for row in rows})))
    known = {
        state: compare(rows, *state) for state in product(MEASURES, trainings, PARTS)
    }  # a bootstrap takes longer than a figure may

    def draw(measure: Measure, training: str, part: Part, chosen: int) -> Figure:
        found = known[measure, training, part]
        top = found.top(chosen)
        figure, (left, right) = new_figure(1, 2, width=8.4, height=4.0, width_ratios=(3, 2))
        unit = "accuracy (%)" if measure == "accuracy" else "log-likelihood (nats)"
        plot_estimates(found.estimate, found.own, unit=unit, top=top, ax=left)
        plot_rank_lines(places(found.estimate), places(found.own), top, ax=right)
        figure.suptitle(_title(found, measure, chosen), fontsize=9, x=0.01, ha="left")
        return figure

    def describe(measure: Measure, training: str, part: Part, chosen: int) -> str:
        found = known[measure, training, part]
        return (
            f"{len(found.own)} networks ({part}), {measure}, own trainings: {training}. "
            + _title(found, measure, chosen).replace("\n", ". ")
        )

    return Experiment(
        name="supernet-ranking",
        question=(
            "The supernet names its favourites, and only these are trained. How many must it "
            "name so that the best network is among them?"
        ),
        controls=(
            Control(name="measure", label="compared by", values=MEASURES, default="accuracy",
                    kind="menu"),
            Control(name="training", label="own trainings", values=trainings, default=MEAN,
                    kind="menu"),
            Control(name="part", label="networks", values=PARTS, default="all", kind="menu"),
            Control(name="chosen", label="favourites that are trained", values=CHOSEN, default=1),
        ),
        draw=draw,
        describe=describe,
    )  # fmt: skip


def _scores(row: OwnTraining, measure: Measure) -> tuple[float, float]:
    if measure == "accuracy":
        return 100 * row.estimate_accuracy, 100 * row.accuracy
    return -row.estimate_loss, -row.loss


def _title(found: Comparison, measure: Measure, chosen: int) -> str:
    tau = found.agreement
    unit = "points" if measure == "accuracy" else "nats"
    best = int(places(found.estimate)[found.own.argmax()])
    return (
        f"Kendall's tau {tau.tau:.2f} (95 % interval {tau.low:.2f} to {tau.high:.2f})\n"
        f"favourites trained: {chosen}; the best of them lies {found.regret(chosen):.2g} {unit} "
        f"behind the best of all, which has place {best} by estimate"
    )
