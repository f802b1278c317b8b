"""Requirements, what misses them, and when a stage is taken back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.states import flash_state, float_state, measurement
from tests.pipeline.toy_stages import NARROW, WIDE
from tinyml_course.nas.costs import Constraints, measure_cost
from tinyml_course.pipeline.gates import explain_harm, open_misses
from tinyml_course.pipeline.requirements import Miss, Requirements
from tinyml_course.pipeline.widths import loosen, scale_widths, widest_within

ASKED = Requirements(max_flash=6144, max_arena=6144, max_latency=20.0, min_accuracy=0.95)


@given(
    accuracy=st.floats(0, 1), flash=st.integers(1, 20_000), arena=st.integers(1, 20_000),
    latency=st.floats(0, 50),
)  # fmt: skip
def test_a_requirement_is_missed_exactly_where_it_is_broken(accuracy, flash, arena, latency):
    """Each limit on its own; what reaches it exactly is met; every excess is positive."""
    misses = ASKED.misses(accuracy, model_bytes=flash, arena_bytes=arena, latency_ms=latency)
    broken = {
        "flash": flash > 6144, "arena": arena > 6144, "latency": latency > 20,
        "accuracy": accuracy < 0.95,
    }  # fmt: skip
    assert [name for name, is_broken in broken.items() if is_broken] == [m.limit for m in misses]
    assert all(miss.excess > 0 for miss in misses)


def test_a_miss_says_by_how_much():
    """Value, limit and difference, in the unit of the limit."""
    said = [str(miss) for miss in ASKED.misses_of(measurement(accuracy=0.93, latency_ms=25.0))]
    assert "flash: 30,000 B, the limit is 6,144 B: 23,856 B (388%) too much" in said
    assert "latency: 25.00 ms, the limit is 20.00 ms: 5.00 ms (25%) too much" in said
    assert "accuracy: 93.0%, 95.0% asked for: 2.0 points short" in said


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"min_accuracy": 95}, "a share in 0..1, as 0.95, got 95"),
        ({"min_accuracy": float("nan")}, "a share"),
        ({"max_flash": 0}, "max_flash must be positive"),
        ({"max_latency": -1.0}, "max_latency must be positive"),
    ],
)
def test_impossible_requirements_are_refused(fields, fault):
    """Percent instead of a share, no bytes, negative time: the value and the remedy."""
    with pytest.raises(ValueError, match=fault):
        Requirements(**fields)


def test_no_more_is_asked_than_the_board_has():
    """A limit above the board's own is refused with both figures."""
    with pytest.raises(ValueError, match=r"--max-arena is 1,000,000 B, .* gives 112,640 B"):
        Requirements(max_arena=10**6).check_board("esp32")


def test_a_network_is_judged_by_the_file_that_it_will_be():
    """A float file of 100 KB breaks no limit of 50 KB: its int8 file has 28; a file is as it is."""
    asked = Requirements(max_flash=50 * 1024)
    float_file = measurement(model_bytes=100_000)
    assert () == open_misses(float_state(), float_file, asked, board="esp32", form="slim")
    found = open_misses(flash_state(b"x"), float_file, asked, board="esp32", form="slim")
    assert ["flash"] == [miss.limit for miss in found]


def harm(lost, model_bytes, before=(), after=()):
    """Return the reason for a roll-back from 97 %, 30,000 B, 9,000 B, 10 ms."""
    old = measurement()
    new = measurement(accuracy=0.97 - lost, model_bytes=model_bytes)
    return explain_harm((old, before), (new, after))


def test_less_than_a_point_is_noise():
    """A fall of one point or less is never a reason, whatever it saves."""
    assert "" == harm(0.0099, 30_000)
    assert "" == harm(-0.05, 60_000)


@pytest.mark.parametrize("lost", [0.02, 0.03, 0.05])
def test_a_point_must_save_a_tenth(lost):
    """Just below ten per cent a point it is taken back, just above it is kept."""
    assert "rolled back" in harm(lost, int(30_000 * (1 - 10 * lost + 0.01)))
    assert "" == harm(lost, int(30_000 * (1 - 10 * lost - 0.01)))


def test_a_saving_that_brings_nothing_nearer_is_taken_back():
    """Half the file for three points: not where the file was small enough, and 95 % is asked."""
    short = (Miss(limit="accuracy", value=0.94, bound=0.95),)
    large = (Miss(limit="flash", value=30_000, bound=15_000),)
    assert "no nearer" in harm(0.03, 15_000, after=short)
    assert "" == harm(0.03, 15_000, before=large, after=short)
    assert "" == harm(0.03, 15_000, before=large)


@given(share=st.floats(0.01, 1))
def test_narrower_networks_cost_no_more(share):
    """Scaling keeps blocks and strides, and no width grows or falls below two."""
    narrow = scale_widths(WIDE, share)
    widths = [layer.filters for layer in narrow.layers]
    assert [layer.stride for layer in WIDE.layers] == [layer.stride for layer in narrow.layers]
    assert all(2 <= new <= old.filters for new, old in zip(widths, WIDE.layers, strict=True))


@pytest.mark.parametrize("limit", [3000, 6144, 12_000, 30_000])
def test_the_widest_within_limits_is_the_widest(limit):
    """It keeps the limit, and the next wider one in the same steps does not."""
    limits = Constraints(max_flash=limit)
    best = widest_within(WIDE, limits, board="esp32", form="slim")
    assert measure_cost(best, form="slim").model_bytes <= limit
    wider = [scale_widths(WIDE, step / 64) for step in range(1, 65)]
    over = [spec for spec in wider if spec.layers[2].filters > best.layers[2].filters]
    assert all(measure_cost(spec, form="slim").model_bytes > limit for spec in over)


def test_out_of_reach_means_the_narrowest():
    """No copy fits 500 bytes: two channels everywhere."""
    best = widest_within(WIDE, Constraints(max_flash=500), board="esp32", form="slim")
    assert [2, 2, 2] == [layer.filters for layer in best.layers]
    assert [4, 8, 8] == [layer.filters for layer in NARROW.layers]


def test_looser_limits_keep_what_is_not_limited():
    """None stays None; the rest is multiplied."""
    loose = loosen(Constraints(max_flash=1000, max_latency=3.0), 2.0)
    assert Constraints(max_flash=2000, max_latency=6.0) == loose
