"""Training a supernet: the sandwich, the schedule, checkpoints, and that it learns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.nas.test_differentiable import draw_pairs
from tinyml_course.core.arch import LayerSpec, place_blocks
from tinyml_course.core.errors import InvalidData
from tinyml_course.nas.catalog import make_problem
from tinyml_course.nas.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from tinyml_course.nas.costs import Constraints
from tinyml_course.nas.sandwich import Sandwich, draw_feasible, set_widths
from tinyml_course.nas.space import DEFAULT_SPACE, SearchSpace
from tinyml_course.nas.strategy import NoFeasibleNetwork
from tinyml_course.nas.supernet_training import Schedule, train_supernet

TINY = make_problem(
    Constraints(max_arena=6_000),
    classes=2,
    space=SearchSpace(
        classes=2, input_shape=(12, 12, 1), widths=(2, 8), min_depth=1, max_depth=2, hidden=(0,),
        operations=("conv",), downsampling=("none",),
    ),
)  # fmt: skip
LIMITED = make_problem(Constraints(max_arena=16_384, max_flash=12_288), classes=10)
TRAIN, VALIDATION = draw_pairs(96, 0), draw_pairs(96, 1)


def test_sandwich_has_both_ends():
    """A step's first two networks are sisters in all but widths, and every network is feasible."""
    sandwich, rng = Sandwich(LIMITED, random=2, pool=60), np.random.default_rng(0)
    wider = 0
    for _ in range(20):
        wide, narrow, *between = sandwich.draw(rng)
        assert len(between) == 2
        for spec in (wide, narrow, *between):
            assert not LIMITED.constraints.violations(LIMITED.cost(spec))
        assert [(b.op, b.kernel, b.stride, b.pool) for b in wide.layers] == (
            [(b.op, b.kernel, b.stride, b.pool) for b in narrow.layers]
        )
        assert all(
            a.inner_shape[2] >= b.inner_shape[2]
            for a, b in zip(place_blocks(wide), place_blocks(narrow), strict=True)
        )
        wider += wide != narrow
    assert wider > 15


def test_deep_networks_are_drawn_more_often():
    """Each depth of the pool comes in proportion to its square, within four deviations."""
    sandwich, rng = Sandwich(LIMITED, random=200, pool=60), np.random.default_rng(0)
    drawn = [len(spec.layers) for _ in range(10) for spec in sandwich.draw(rng)[2:]]
    counts = np.bincount(drawn, minlength=6)[2:]
    shares = np.array([4, 9, 16, 25]) / 54
    deviation = np.sqrt(2000 * shares * (1 - shares))
    assert np.all(np.abs(counts - 2000 * shares) <= 4 * deviation)


def test_widest_sister_uses_the_limits():
    """One more step of all widths would exceed a limit, unless they are the widest already."""
    sandwich, rng = Sandwich(LIMITED, pool=1), np.random.default_rng(1)
    for _ in range(10):
        widest = sandwich.widest(draw_feasible(LIMITED, rng))
        beyond = set_widths(DEFAULT_SPACE, widest, lambda rank: rank + 1)
        assert beyond == widest or LIMITED.constraints.violations(LIMITED.cost(beyond))


def test_impossible_limits_name_the_tightest():
    """Where no network is feasible, the message says which limit excludes them."""
    cost = TINY.cost(draw_feasible(TINY, np.random.default_rng(0)))
    problem = replace(TINY, constraints=Constraints(max_arena=100), cost=lambda _: cost)
    with pytest.raises(NoFeasibleNetwork, match="max_arena"):
        draw_feasible(problem, np.random.default_rng(0))


def test_rate_warms_up_and_ends_at_zero():
    """The rate rises through one epoch to its peak and falls to zero at the last."""
    schedule = Schedule(epochs=10, learning_rate=1.0)
    rates = [schedule.rate(epoch) for epoch in (0, 0.5, 1, 5.5, 10)]
    assert rates == pytest.approx([0.1, 0.55, 1.0, 0.5, 0.0])
    with pytest.raises(ValueError, match="epochs"):
        Schedule(epochs=0)


def test_checkpoint_round_trip_and_refusals(tmp_path):
    """What is loaded is what was saved; another training's file, or a damaged one, is refused."""
    path, rng = tmp_path / "deep" / "super.npz", np.random.default_rng(0)
    parts = [{"0/conv": rng.random((2, 3), np.float32)} for _ in range(3)]
    state = Checkpoint(
        weights=parts[0], means=parts[1], squares=parts[2], step=7, losses=(2.0, 1.5)
    )
    save_checkpoint(path, state, {"seed": 1, "target": "esp32"})
    found = load_checkpoint(path, {"seed": 1, "target": "esp32"})
    assert (found.step, found.losses) == (7, (2.0, 1.5))
    for part in ("weights", "means", "squares"):
        assert np.array_equal(getattr(found, part)["0/conv"], getattr(state, part)["0/conv"])
    assert [file.name for file in path.parent.iterdir()] == ["super.npz"]
    with pytest.raises(InvalidData, match="seed is 1 there, 2 here"):
        load_checkpoint(path, {"seed": 2, "target": "esp32"})
    whole = path.read_bytes()
    for damaged in (b"", b"no zip", whole[: len(whole) // 2]):
        path.write_bytes(damaged)
        with pytest.raises(InvalidData, match="no supernet's checkpoint"):
            load_checkpoint(path, {"seed": 1, "target": "esp32"})


@pytest.mark.slow
def test_training_learns_and_resumes_exactly(tmp_path, monkeypatch):
    """Losses fall; a training killed after an epoch ends with the weights of an unbroken one."""
    from tinyml_course.nas import supernet_training
    from tinyml_course.nas.recalibrate import Scorer

    schedule = Schedule(epochs=60, random=1, learning_rate=2e-2)
    whole = train_supernet(TINY, TRAIN, schedule, progress=False)
    assert whole.losses[-1] < whole.losses[0] - 0.05
    keep, path = supernet_training.save_checkpoint, tmp_path / "super.npz"

    def interrupt(target, state, identity):
        keep(target, state, identity)
        if len(state.losses) == 5:
            raise KeyboardInterrupt

    monkeypatch.setattr(supernet_training, "save_checkpoint", interrupt)
    with pytest.raises(KeyboardInterrupt):
        train_supernet(TINY, TRAIN, schedule, checkpoint=path, progress=False)
    monkeypatch.undo()
    resumed = train_supernet(TINY, TRAIN, schedule, checkpoint=path, progress=False)
    assert resumed.losses == whole.losses
    weights = resumed.supernet.weights
    for name, value in whole.supernet.weights.items():
        assert np.array_equal(weights[name], value), name
    scorer = Scorer(whole.supernet, TRAIN, VALIDATION, calibration=64)
    five, three = (
        scorer(TINY.space.network((LayerSpec(op="conv", filters=8, kernel=kernel),)))
        for kernel in (5, 3)
    )
    assert five.accuracy > 0.9
    assert three.accuracy < 0.75
    assert five.loss < three.loss
