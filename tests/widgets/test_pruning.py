"""The threshold on importance: what is chosen, what it costs, and that both are shown."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from tinyml_course.compression.channel_choice import pruned_spec
from tinyml_course.core.arch import ArchSpec, LayerSpec
from tinyml_course.core.types import GestureSet
from tinyml_course.nas.costs import measure_cost
from tinyml_course.widgets.pruning import (
    CRITERIA,
    Cut,
    CutStudy,
    measure_cuts,
    pruning_experiment,
)

SPEC = ArchSpec(
    classes=3, input_shape=(8, 8, 1),
    layers=(LayerSpec(op="conv", filters=6, stride=2), LayerSpec(op="conv", filters=8)),
)  # fmt: skip


def cut(left: int, accuracy: float) -> Cut:
    """Return a cut that leaves so many channels of the second layer."""
    kept = {"c0": np.ones(6, bool), "c1": np.arange(8) < left}
    return Cut(
        kept=kept, threshold=0.5 if left < 8 else None,
        cost=measure_cost(pruned_spec(SPEC, kept)), accuracy=accuracy,
    )  # fmt: skip


@pytest.fixture(scope="module")
def study():
    """A study made by hand: half of the second layer goes."""
    scores = {"c0": np.arange(6.0) + 1, "c1": np.linspace(4, 0.1, 8)}
    return CutStudy(
        scores=dict.fromkeys(CRITERIA, scores),
        cuts={(name, p): cut(8 - p // 10, 0.9 - p / 100) for name in CRITERIA for p in (0, 40)},
    )


def test_every_state_draws_and_says_what_is_left(study):
    """Figure and words of each state hold its widths, its exact bytes and its accuracy."""
    experiment = pruning_experiment(study)
    states = list(experiment.states())
    assert 3 * 2 == len(states)
    for state in states:
        found = study.cuts[state["criterion"], state["percent"]]
        figure = experiment.draw(**state)
        assert isinstance(figure, Figure)
        said = experiment.describe(**state)
        for figures in (f"{found.cost.model_bytes:,} B", f"{found.cost.arena_bytes:,} B",
                        f"{found.accuracy:.1%}", str(tuple(found.widths.values()))):  # fmt: skip
            assert figures in said
        assert f"{found.cost.model_bytes:,} B" in [t.get_text() for t in figure.axes[1].texts]


def test_the_whole_network_has_full_bars_and_no_threshold(study):
    """At 0 % every cost is drawn at 100 %, and there is no dashed line."""
    left, right = pruning_experiment(study).draw(criterion="taylor", percent=0).axes
    assert [100.0] * 4 == pytest.approx([bar.get_width() for bar in right.patches][5:9])
    assert not any(line.get_linestyle() == "--" for line in left.lines)


@pytest.mark.slow
def test_cuts_are_measured_on_the_pruned_network():
    """Costs are those of what is left, zero per cent is the whole, the weakest channels go."""
    from tinyml_course.core.environment import seed_everything
    from tinyml_course.training.build import build
    from tinyml_course.training.fit import evaluate

    seed_everything(0)
    model, rng = build(SPEC), np.random.default_rng(0)
    samples = GestureSet(
        images=rng.random((30, 8, 8, 1), np.float32), labels=np.arange(30) % 3,
        class_names=("a", "b", "c"), persons=("p",) * 30,
    )  # fmt: skip

    study = measure_cuts(model, SPEC, samples, samples, percents=(50,), at_least=2)

    assert (0, 50) == study.percents
    assert {(name, p) for name in CRITERIA for p in (0, 50)} == set(study.cuts)
    for name in CRITERIA:
        whole, found = study.cuts[name, 0], study.cuts[name, 50]
        assert measure_cost(SPEC) == whole.cost
        assert evaluate(model, samples) == whole.accuracy
        assert 7 == sum(found.widths.values())
        assert measure_cost(pruned_spec(SPEC, found.kept)) == found.cost
        scores = study.scores[name]
        stays = [v for g in scores for v in scores[g][found.kept[g]] if found.widths[g] > 2]
        assert found.threshold <= min(stays)
