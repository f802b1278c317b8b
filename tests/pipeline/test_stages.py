"""The stages: what each takes and refuses, and what TensorFlow makes of the states."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from tests.pipeline.states import small_samples
from tests.pipeline.tiny import TINY
from tinyml_course.core.arch import ArchSpec, LayerSpec
from tinyml_course.core.errors import InvalidData, StageRefused
from tinyml_course.pipeline.catalog import (
    DEFAULT_STAGES,
    FULL,
    QUICK,
    baseline_net,
    make_stages,
    parse_stages,
)
from tinyml_course.pipeline.compress_stages import PruneChannels
from tinyml_course.pipeline.requirements import Requirements
from tinyml_course.pipeline.stage import Context, check_order, stage_seed
from tinyml_course.pipeline.stages import FILE_MARGIN
from tinyml_course.pipeline.state import AwareState, FlashState, FloatState, SpecState

SKIPPY = ArchSpec(
    layers=(
        LayerSpec(op="conv", filters=6, stride=2),
        LayerSpec(op="separable", filters=6, skip=True),
        LayerSpec(op="separable", filters=8, stride=2, skip=True),
    ),
    classes=2,
    hidden=5,
)


@pytest.mark.parametrize("settings", [FULL, QUICK, TINY], ids=["full", "quick", "tiny"])
def test_the_default_order_works(settings):
    """Full, quick and tiny lengths have the same stages, and their order is accepted."""
    check_order(make_stages(DEFAULT_STAGES, settings))
    check_order(make_stages(("search", *DEFAULT_STAGES), settings))
    assert list(FULL) == list(settings)


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        ("train,quantize,prune,convert", "ranges were observed before channels were removed"),
        ("train,convert,quantize", "quantize before convert"),
        ("train,slim,convert", "convert first"),
        ("train,prune", "add convert"),
        ("prune,train,convert", "train first, then prune"),
        ("train,search,convert", "search first"),
        ("train,train,convert", "train once"),
        ("train,convert,distill", "distill before convert"),
        ("train,quantize,quantize,convert", "quantize once"),
        ("distill,convert", "no teacher yet"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused_with_the_reason(names, reason):
    """By type, before anything runs: the message says why and what to do instead."""
    with pytest.raises(StageRefused, match=reason):
        check_order(make_stages(parse_stages(names), FULL))


def test_every_sensible_order_of_three_is_accepted():
    """Prune, distill and quantize in any order that does not prune after quantizing."""
    for middle in (("prune", "distill", "quantize"), ("distill", "prune", "quantize"),
                   ("prune", "quantize", "distill"), ("quantize", "distill")):  # fmt: skip
        check_order(make_stages(("train", *middle, "convert", "slim"), FULL))


@pytest.mark.parametrize("text", ["", "train,fly,convert", ",", "Train"])
def test_an_unknown_stage_is_named(text):
    """The message has the name and all that there are."""
    with pytest.raises(InvalidData, match="choose from search, train, distill, prune, quantize"):
        parse_stages(text)


def test_seeds_of_stages_differ_and_repeat():
    """Each stage of each run draws for itself; the same stage of the same run draws the same."""
    seeds = [stage_seed(run, number) for run, number in product(range(20), range(8))]
    assert len(seeds) == len(set(seeds))
    assert seeds == [stage_seed(run, number) for run, number in product(range(20), range(8))]
    assert all(0 <= seed < 2**32 for seed in seeds)


def context(samples, **asked):
    """Return what a stage sees."""
    return Context(samples=samples, requirements=Requirements(**asked), seed=5, progress=False)


def test_pruning_aims_at_the_limits_with_a_margin():
    """Bytes as asked for, the file a little less; what can't be reached is the narrowest."""
    samples, spec = small_samples(), baseline_net(2)
    near = PruneChannels().target(spec, context(samples, max_flash=6144, max_arena=6144))
    assert (int(6144 / (1 + FILE_MARGIN)), 6144) == (near.max_flash, near.max_arena)
    far = PruneChannels().target(spec, context(samples, max_flash=500))
    assert 500 < far.max_flash < 6144
    assert far.max_arena is None
    assert 0.5 == PruneChannels().target(spec, context(samples))


def test_a_limit_of_latency_becomes_one_of_bytes():
    """5 ms ask for a file of a few KB, though none was limited; a slow limit asks for nothing."""
    samples, spec = small_samples(), baseline_net(2)
    fast = PruneChannels().target(spec, context(samples, max_flash=50_000, max_latency=5.0))
    slow = PruneChannels().target(spec, context(samples, max_flash=50_000, max_latency=500.0))
    assert fast.max_flash < 5_000 < slow.max_flash


@pytest.fixture(scope="module")
def trained():
    """A network with skips, trained in float and then aware of quantization, with samples."""
    samples = small_samples()
    state = TINY["train"](SpecState(spec=SKIPPY), context(samples))
    return state, TINY["quantize"](state, context(samples)), samples


@pytest.mark.slow
def test_a_network_comes_back_from_its_state_exactly(trained):
    """Restored and captured again: the same names and bits, float and quantization-aware."""
    from tinyml_course.pipeline.keras_state import capture, restore, start_afresh
    from tinyml_course.training.fit import predict

    state, aware, samples = trained
    assert (FloatState, AwareState) == (type(state), type(aware))
    for each in (state, aware):
        start_afresh(1)
        model = restore(each)
        found = capture(model)
        assert list(each.weights) == list(found)
        assert all(np.array_equal(each.weights[name], found[name]) for name in found)
        assert np.array_equal(
            predict(model, samples.train.images), predict(restore(each), samples.train.images)
        )


@pytest.mark.slow
def test_a_stage_depends_on_state_context_and_fields_alone(trained):
    """Trained and converted twice, with other work between: the same weights and file."""
    state, aware, samples = trained
    first = TINY["convert"](aware, context(samples))
    assert state.fingerprint == TINY["train"](SpecState(spec=SKIPPY), context(samples)).fingerprint
    assert first.fingerprint == TINY["convert"](aware, context(samples)).fingerprint
    slim = TINY["slim"](first, context(samples))
    assert FlashState is type(slim)
    assert len(slim.artifact.tflite) < len(first.artifact.tflite)
    assert ["train", "quantize", "convert", "slim"] == [s.name for s in slim.provenance.stages]


@pytest.mark.slow
def test_weights_of_another_network_are_refused(trained):
    """A state whose spec was changed by hand names the weight that does not fit."""
    from tinyml_course.pipeline.keras_state import restore

    state, _, _ = trained
    with pytest.raises(InvalidData, match="c0/kernel"):
        restore(FloatState(spec=baseline_net(2), weights=state.weights))


@pytest.mark.slow
def test_pruning_and_distilling_keep_the_network_a_network(trained):
    """Pruned to limits: costs are met, weights fit the new spec, skips stay where they acted."""
    from tinyml_course.nas.costs import measure_cost
    from tinyml_course.pipeline.keras_state import restore

    state, _, samples = trained
    asked = {"max_flash": 3000, "max_arena": 8000}
    pruned = TINY["prune"](state, context(samples, **asked))
    assert measure_cost(pruned.spec, form="slim").model_bytes <= 3000
    assert measure_cost(state.spec, form="slim").model_bytes > 3000
    assert restore(pruned).count_params() < restore(state).count_params()
    student = TINY["distill"](pruned, context(samples, **asked))
    assert pruned.spec == student.spec
    assert not all(np.array_equal(pruned.weights[n], student.weights[n]) for n in student.weights)
