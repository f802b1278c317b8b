import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyml_course.compression.lottery import TicketRound
from tinyml_course.compression.soft_targets import soften
from tinyml_course.widgets.why_small import (
    count_survivors,
    curve_over_seeds,
    entropy_bits,
    temperature_explorer,
    ticket_curves,
    ticket_explorer,
)


def round_of(kept, side=4, hidden=6):
    rng = np.random.default_rng(int(kept * 100))
    masks = (rng.random((side * side, hidden)) < kept, np.ones((hidden, 2), bool))
    return TicketRound(
        kept=kept, masks=masks, pruned=0.2, ticket=0.9, reinitialised=0.7, random_mask=0.6
    )


def teacher():
    rng = np.random.default_rng(0)
    images = rng.random((3, 32, 32, 1)).astype(np.float32)
    return temperature_explorer(images, rng.normal(0, 4, (3, 5)), tuple("01234"))


@given(st.lists(st.floats(-10, 10), min_size=2, max_size=8))
def test_softening_never_lowers_the_entropy(logits):
    """Entropy grows with temperature, from 0 at most to log2 K."""
    grown = [entropy_bits(soften(np.array(logits), t)) for t in (0.5, 1.0, 4.0, 100.0)]

    assert (np.diff(grown) >= -1e-9).all()
    assert grown[-1] <= np.log2(len(logits)) + 1e-9


def test_every_state_of_the_temperature_draws_and_tells_the_result():
    """Each state has a figure, and alt text with its temperature and first class."""
    explorer = teacher()
    for state in explorer.states():
        text = explorer.describe(**state)
        assert f"T = {state['temperature']:g}:" in text
        assert explorer.draw(**state).axes
    assert 3 * 9 == sum(1 for _ in explorer.states())


def test_every_round_of_a_ticket_draws_and_tells_the_result():
    """Each round has a map, and alt text with its share of weights."""
    explorer = ticket_explorer([round_of(0.5), round_of(0.1)], side=4)
    texts = [explorer.describe(**state) for state in explorer.states()]

    assert ["50.0 % of the weights" in texts[0], "10.0 % of the weights" in texts[1]] == [True] * 2
    assert all(explorer.draw(**state).axes for state in explorer.states())


def test_survivors_count_the_mask_per_pixel():
    """Each pixel's count is its row's sum in the mask, and all counts add up to the mask."""
    found = round_of(0.3)

    counts = count_survivors(found, 4)

    assert found.masks[0][5].sum() == counts[1, 1]
    assert found.masks[0].sum() == counts.sum()


def test_survivors_need_a_square_image():
    """A mask over 16 inputs is no 5 x 5 image."""
    with pytest.raises(ValueError, match="5 x 5"):
        count_survivors(round_of(0.3), 5)


def test_a_curve_has_one_interval_a_place():
    """Means and intervals run over the seeds, not over the places."""
    curve = curve_over_seeds("a", [1, 2], np.array([[0.0, 1.0], [2.0, 1.0]]))

    assert [1.0, 1.0] == curve.mean.tolist()
    assert [True, False] == (curve.half_width > 0).tolist()


def test_ticket_curves_are_percent_over_the_seeds():
    """Each kind of network has a curve: shares and accuracies in percent, means over the hunts."""
    hunts = [(0.9, (round_of(0.5), round_of(0.1))), (0.8, (round_of(0.5), round_of(0.1)))]

    found = {curve.name: (curve.x.tolist(), curve.mean.tolist()) for curve in ticket_curves(hunts)}

    assert {
        "ticket": ([50.0, 10.0], [90.0, 90.0]),
        "new weights": ([50.0, 10.0], [70.0, 70.0]),
        "random mask": ([50.0, 10.0], [60.0, 60.0]),
        "not retrained": ([50.0, 10.0], [20.0, 20.0]),
    } == found
