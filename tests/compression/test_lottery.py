import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyml_course.compression.lottery import (
    TicketTask,
    full_masks,
    hunt_tickets,
    kept_share,
    magnitude_masks,
    shuffle_masks,
)
from tinyml_course.training.mlp import init_mlp


def easy_task(epochs=60):
    """Return a task of 20 inputs of which only the first two matter."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal((400, 20)).astype(np.float32)
    labels = (x[:, 0] * 2 > x[:, 1]).astype(np.int64)
    return TicketTask(
        x=x[:300],
        labels=labels[:300],
        x_test=x[300:],
        labels_test=labels[300:],
        hidden=(16,),
        epochs=epochs,
        learning_rate=1e-2,
    )


@given(st.integers(0, 1000), st.floats(0.05, 1.0))
def test_what_is_kept_is_never_smaller_than_what_is_removed(seed, keep):
    """In each layer, every weight kept is at least as large as every weight removed."""
    mlp = init_mlp((12, 7, 3), np.random.default_rng(seed))

    masks = magnitude_masks(mlp, full_masks(mlp), keep)

    for weight, mask in zip(mlp.weights, masks, strict=True):
        if not mask.all():
            assert np.abs(weight)[mask].min() >= np.abs(weight)[~mask].max()


def test_the_hidden_layer_keeps_its_share_and_the_output_half_as_little():
    """Pruning to 20 % leaves 20 % of the first layer and 60 % of the output layer."""
    mlp = init_mlp((100, 50, 10), np.random.default_rng(0))

    masks = magnitude_masks(mlp, full_masks(mlp), 0.2)

    assert [1000, 300] == [int(m.sum()) for m in masks]


def test_pruning_again_never_revives_a_weight():
    """A removed weight stays removed, even where its trained value is large."""
    mlp = init_mlp((30, 8, 3), np.random.default_rng(0))
    first = shuffle_masks(magnitude_masks(mlp, full_masks(mlp), 0.5), np.random.default_rng(1))

    second = magnitude_masks(mlp, first, 0.5)

    assert all(not (b & ~a).any() for a, b in zip(first, second, strict=True))
    assert kept_share(second) < kept_share(first)


def test_random_masks_have_the_same_size_in_each_layer():
    """The control differs from the ticket in place only, not in number."""
    mlp = init_mlp((30, 8, 3), np.random.default_rng(0))
    masks = magnitude_masks(mlp, full_masks(mlp), 0.3)

    shuffled = shuffle_masks(masks, np.random.default_rng(2))

    assert [m.sum() for m in masks] == [m.sum() for m in shuffled]
    assert any(not np.array_equal(a, b) for a, b in zip(masks, shuffled, strict=True))


def test_a_ticket_finds_the_inputs_that_matter():
    """Where 2 of 20 inputs matter, the ticket's weights gather on them and beat random ones."""
    dense, rounds = hunt_tickets(easy_task(), seed=0, rounds=5)
    on_pixels = rounds[-1].masks[0].sum(axis=1)

    assert on_pixels[:2].mean() > on_pixels[2:].max()
    assert rounds[-1].ticket >= dense - 0.05
    assert rounds[-1].ticket > rounds[-1].random_mask


def test_each_round_keeps_fewer_weights_and_calls_back():
    """The shares fall round by round, and the progress callback is called once a round."""
    calls = []

    _, rounds = hunt_tickets(
        easy_task(epochs=1), seed=0, rounds=3, on_round=lambda: calls.append(1)
    )

    shares = [r.kept for r in rounds]
    assert sorted(shares, reverse=True) == shares
    assert 3 == len(calls)


def test_the_hunt_repeats_exactly():
    """The same seed gives the same accuracies."""

    def run(seed):
        dense, rounds = hunt_tickets(easy_task(epochs=2), seed=seed, rounds=1)
        return dense, rounds[0].ticket, rounds[0].reinitialised, rounds[0].random_mask

    assert run(0) == run(0)
    assert run(0) != run(1)


def test_without_controls_the_tickets_are_the_same():
    """Leaving the controls out saves time and changes no ticket."""
    _, full = hunt_tickets(easy_task(epochs=2), seed=0, rounds=2)
    _, bare = hunt_tickets(easy_task(epochs=2), seed=0, rounds=2, controls=False)

    assert [r.ticket for r in full] == [r.ticket for r in bare]
    assert all(np.isnan([r.reinitialised, r.random_mask]).all() for r in bare)


def test_an_impossible_share_is_refused():
    """Keeping nothing is an error."""
    mlp = init_mlp((3, 2), np.random.default_rng(0))
    with pytest.raises(ValueError, match="keep"):
        magnitude_masks(mlp, full_masks(mlp), 0.0)
