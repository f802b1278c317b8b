import numpy as np
import pytest

from tinyml_course.training.mlp import (
    Mlp,
    compute_logits,
    cross_entropy_gradient,
    init_mlp,
    score,
    train_mlp,
)


def two_clouds(samples=200):
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 2, samples)
    x = rng.standard_normal((samples, 4)) + 3.0 * labels[:, None]
    return x.astype(np.float32), labels


def cross_entropy(logits, targets):
    z = logits - logits.max(axis=1, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    return float(-(targets * log_p).sum(axis=1).mean())


def test_logits_are_the_matrix_products_with_relu_between():
    """The forward pass equals the formula, with no ReLU after the last layer."""
    mlp = Mlp(
        (np.array([[1, -1]], np.float32), np.array([[2], [3]], np.float32)),
        (np.array([0, 0], np.float32), np.array([-10], np.float32)),
    )

    expected = [[2 * 4 - 10], [3 * 5 - 10]]

    assert expected == compute_logits(mlp, np.array([[4], [-5]], np.float32)).tolist()


def test_one_step_follows_the_numerical_gradient():
    """Adam's first step moves every weight against the sign of its numerical derivative."""
    rng = np.random.default_rng(0)
    mlp = init_mlp((3, 5, 2), rng)
    x = rng.standard_normal((8, 3)).astype(np.float32)
    targets = np.eye(2, dtype=np.float32)[rng.integers(0, 2, 8)]
    trained = train_mlp(
        mlp, x, cross_entropy_gradient(targets), epochs=1, rng=rng, learning_rate=1e-3
    )
    for depth in range(2):
        for index in np.ndindex(mlp.weights[depth].shape):
            losses = []
            for change in (0.01, -0.01):
                weights = [w.copy() for w in mlp.weights]
                weights[depth][index] += change
                moved = Mlp(tuple(weights), mlp.biases)
                losses.append(cross_entropy(compute_logits(moved, x), targets))
            slope = (losses[0] - losses[1]) / 0.02
            step = trained.weights[depth][index] - mlp.weights[depth][index]
            if abs(slope) > 1e-3:
                assert np.sign(-slope) == np.sign(step)


def test_training_separates_two_clouds():
    """A linear network learns two clouds three standard deviations apart."""
    x, labels = two_clouds()
    targets = np.eye(2, dtype=np.float32)[labels]
    rng = np.random.default_rng(0)

    start = init_mlp((4, 2), rng)
    trained = train_mlp(
        start, x, cross_entropy_gradient(targets), epochs=60, rng=rng, learning_rate=0.05
    )

    assert score(trained, x, labels) >= 0.99


def test_masked_weights_stay_zero_and_the_start_is_untouched():
    """Training under a mask never revives a weight, and returns a new network."""
    x, labels = two_clouds()
    rng = np.random.default_rng(0)
    start = init_mlp((4, 6, 2), rng)
    before = [w.copy() for w in start.weights]
    masks = tuple(rng.random(w.shape) < 0.5 for w in start.weights)

    targets = np.eye(2, dtype=np.float32)[labels]
    trained = train_mlp(start, x, cross_entropy_gradient(targets), epochs=3, rng=rng, masks=masks)

    for weight, mask, old, kept in zip(trained.weights, masks, before, start.weights, strict=True):
        assert not weight[~mask].any()
        assert weight[mask].all()
        assert np.array_equal(old, kept)


def test_the_same_seed_gives_the_same_weights():
    """Training repeats bit for bit."""
    x, labels = two_clouds()
    targets = np.eye(2, dtype=np.float32)[labels]

    def run():
        rng = np.random.default_rng(5)
        return train_mlp(
            init_mlp((4, 3, 2), rng), x, cross_entropy_gradient(targets), epochs=2, rng=rng
        )

    assert all(np.array_equal(a, b) for a, b in zip(run().weights, run().weights, strict=True))


def test_parameters_count_weights_and_biases():
    """A 4-6-2 network has 4*6+6 + 6*2+2 parameters."""
    assert 44 == init_mlp((4, 6, 2), np.random.default_rng(0)).parameters


@pytest.mark.parametrize("sizes", [(4,), (4, 0, 2)])
def test_impossible_sizes_are_refused(sizes):
    """A network needs inputs and outputs, each at least one."""
    with pytest.raises(ValueError, match="sizes"):
        init_mlp(sizes, np.random.default_rng(0))


def test_bad_epochs_and_masks_are_refused():
    """Zero epochs and masks of other shapes are errors, not silence."""
    rng = np.random.default_rng(0)
    mlp, x = init_mlp((4, 2), rng), np.zeros((3, 4), np.float32)
    gradient = cross_entropy_gradient(np.eye(2, dtype=np.float32)[[0, 1, 0]])
    with pytest.raises(ValueError, match="epochs"):
        train_mlp(mlp, x, gradient, epochs=0, rng=rng)
    with pytest.raises(ValueError, match="masks"):
        train_mlp(mlp, x, gradient, epochs=1, rng=rng, masks=(np.ones((2, 4), bool),))
