"""Differentiable search: the choices are learnt by gradient, with the expected cost in the loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm.auto import tqdm

from tinyml_course.core.environment import load_keras, load_tensorflow
from tinyml_course.core.types import GestureSet
from tinyml_course.nas.choices import Distribution, Skeleton
from tinyml_course.nas.expected_cost import CostTables, expect_costs, tabulate_costs
from tinyml_course.nas.gumbel import Cooling, draw_gumbel, gumbel_softmax
from tinyml_course.nas.mixture import Mixture
from tinyml_course.nas.strategy import SAMPLE_TRIES, NoFeasibleNetwork
from tinyml_course.training.batches import EpochImages

if TYPE_CHECKING:
    from tinyml_course.core.arch import ArchSpec
    from tinyml_course.nas.strategy import Problem

POWERS = (1.0, 0.5, 0.25, 0.0)
"""By which probabilities are flattened, one after the other, until a feasible network is drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DescentPlan:
    """How a differentiable search goes about it.

    Attributes
    ----------
    epochs : int
        Passes over the training half; as many batches of the validation half.
    batch_size : int
        Samples a step.
    cost_weight : float
        Nats that the expected cost of a uniform choice is worth; MACs and bytes count alike.
    learning_rate, choice_rate : float
        Of the weights, and of the preferences.
    cooling : Cooling
        Temperatures of the Gumbel softmax.
    seed : int
        Of weights, noise, order and augmentation.
    """

    epochs: int = 20
    batch_size: int = 32
    cost_weight: float = 0.3
    learning_rate: float = 4e-3
    choice_rate: float = 0.05
    cooling: Cooling = field(default_factory=Cooling)
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.epochs, self.batch_size) < 1 or self.cost_weight < 0:
            raise ValueError(
                f"epochs and batch_size must be at least 1, cost_weight at least 0, got {self}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Descent:
    """What a differentiable search found.

    Attributes
    ----------
    spec : ArchSpec
        The most likely network that meets the constraints, exactly computed.
    distribution : Distribution
        Where the preferences ended.
    expected : tuple of (float, float)
        Expected MACs and weight bytes after each epoch.
    """

    spec: ArchSpec
    distribution: Distribution
    expected: tuple[tuple[float, float], ...]


def descend(
    problem: Problem,
    skeleton: Skeleton,
    train: GestureSet,
    validation: GestureSet,
    *,
    plan: DescentPlan | None = None,
    progress: bool = True,
) -> Descent:
    """Return the network that gradients on both halves of the training data lead to.

    A step on a training batch moves the weights, a step on a validation batch the preferences:
    were both to move on the same samples, the choices that overfit would win.

    Parameters
    ----------
    problem : Problem
        Its constraints are checked at the end, by exact cost.
    skeleton : Skeleton
        What is open.
    train, validation : GestureSet
        For the weights, and for the preferences.
    plan : DescentPlan, optional
        Length, rates, temperatures, weight of the cost.
    progress : bool, default True
        Show a progress bar.

    Raises
    ------
    NoFeasibleNetwork
        If hardly any choice meets the constraints.

    References
    ----------
    .. [1] Liu, Simonyan and Yang, DARTS, arXiv:1806.09055, section 2 (alternating steps).
    .. [2] Wu et al., FBNet, arXiv:1812.03443, section 3 (Gumbel softmax, cost in the loss).
    .. [3] Wan et al., FBNetV2, arXiv:2004.05565, section 3.1 (masks over channels).
    """
    plan = plan or DescentPlan()
    run = _Run(skeleton, plan)
    rng = np.random.default_rng([plan.seed, 1])
    sources = [
        (EpochImages(part, seed=plan.seed + n, strength=1.0), part.labels)
        for n, part in enumerate((train, validation))
    ]
    steps = -(-len(train) // plan.batch_size)
    expected = []
    for epoch in tqdm(range(plan.epochs), desc="descent", unit="epoch", disable=not progress):
        batches = [
            _batches(source.draw(), labels, steps, plan.batch_size, rng)
            for source, labels in sources
        ]
        for step, (fit, choose) in enumerate(zip(*batches, strict=True)):
            run.step(fit, choose, plan.cooling.at((epoch + step / steps) / plan.epochs), rng)
        expected.append(run.expected())
    distribution = run.distribution()
    return Descent(
        spec=project(problem, skeleton, distribution, rng=rng),
        distribution=distribution,
        expected=tuple(expected),
    )


def project(
    problem: Problem, skeleton: Skeleton, distribution: Distribution, *, rng: np.random.Generator
) -> ArchSpec:
    """Return the most likely feasible network among the best choice, many draws and the skeleton's.

    Draws come from the distribution, and from flatter ones where it has no feasible network.

    Raises
    ------
    NoFeasibleNetwork
        If no draw, not even a uniform one, meets the constraints, nor the skeleton's own network.
    """
    choices = {distribution.best, skeleton.own}
    for power in POWERS:
        flat = distribution.flatten(power)
        choices |= {flat.draw(rng) for _ in range(SAMPLE_TRIES // (4 * len(POWERS)))}
        for choice in sorted(choices, key=distribution.log_probability, reverse=True):
            spec = skeleton.network(choice)
            if not problem.constraints.violations(problem.cost(spec)):
                return spec
    raise NoFeasibleNetwork(
        f"none of {len(choices):,} choices for the skeleton meets the limits; raise them, or take "
        "a skeleton with earlier downsampling or fewer blocks"
    )


class _Run:
    """Weights and preferences under way."""

    def __init__(self, skeleton: Skeleton, plan: DescentPlan) -> None:
        tf, keras = load_tensorflow(), load_keras()
        self._mixture = Mixture(skeleton, np.random.default_rng([plan.seed, 0]))
        self._tables: CostTables = tabulate_costs(skeleton)
        start = skeleton.uniform()
        self._sizes = [len(p) for p in (*start.operations, *start.widths)]
        self._preferences = [tf.Variable(tf.zeros([size])) for size in self._sizes]
        reference = expect_costs(self._tables, start.operations, start.widths)
        self._price = (plan.cost_weight / (len(reference) * reference)).astype(np.float32)
        self._weight_rule = keras.optimizers.Adam(plan.learning_rate)
        self._choice_rule = keras.optimizers.Adam(plan.choice_rate)
        self._weight_step = tf.function(self._fit, autograph=False)
        self._choice_step = tf.function(self._choose, autograph=False)

    def step(
        self, fit: tuple[Any, Any], choose: tuple[Any, Any], temperature: float,
        rng: np.random.Generator,
    ) -> None:  # fmt: skip
        """Move the weights on one batch, the preferences on another."""
        tf = load_tensorflow()
        for function, (images, labels) in ((self._weight_step, fit), (self._choice_step, choose)):
            noise = [tf.constant(draw_gumbel(rng, size)) for size in self._sizes]
            function(
                tf.constant(images), tf.constant(labels, tf.int32), noise,
                tf.constant(temperature, tf.float32),
            )  # fmt: skip

    def expected(self) -> tuple[float, float]:
        """Return MACs and weight bytes that the preferences now lead to, without noise."""
        now = self.distribution()
        macs, size = expect_costs(self._tables, now.operations, now.widths)
        return float(macs), float(size)

    def distribution(self) -> Distribution:
        """Return the preferences as probabilities."""
        shares = [gumbel_softmax(p.numpy(), 0.0, 1.0) for p in self._preferences]
        operations, widths = self._halves(shares)
        return Distribution(operations=tuple(operations), widths=tuple(widths))

    @staticmethod
    def _halves(parts: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
        return parts[: len(parts) // 2], parts[len(parts) // 2 :]

    def _shares(
        self, noise: Sequence[Any], temperature: Any
    ) -> tuple[Sequence[Any], Sequence[Any]]:
        tf = load_tensorflow()
        return self._halves(
            [
                tf.nn.softmax((p + n) / temperature)
                for p, n in zip(self._preferences, noise, strict=True)
            ]
        )

    def _loss(self, images: Any, labels: Any, shares: tuple[Sequence[Any], Sequence[Any]]) -> Any:
        tf = load_tensorflow()
        logits = self._mixture.logits(images, *shares)
        return tf.reduce_mean(
            tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
        )

    def _fit(self, images: Any, labels: Any, noise: Sequence[Any], temperature: Any) -> None:
        tf = load_tensorflow()
        with tf.GradientTape() as tape:
            loss = self._loss(images, labels, self._shares(noise, temperature))
        weights = self._mixture.variables
        self._weight_rule.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))

    def _choose(self, images: Any, labels: Any, noise: Sequence[Any], temperature: Any) -> None:
        tf = load_tensorflow()
        with tf.GradientTape() as tape:
            shares = self._shares(noise, temperature)
            cost = expect_costs(self._tables, *shares, einsum=tf.einsum)
            loss = self._loss(images, labels, shares) + tf.reduce_sum(cost * self._price)
        found = tape.gradient(loss, self._preferences)
        self._choice_rule.apply_gradients(zip(found, self._preferences, strict=True))


def _batches(
    images: Any, labels: Any, count: int, size: int, rng: np.random.Generator
) -> list[tuple[Any, Any]]:
    """Return `count` batches of `size` samples; a set that is used up begins again."""
    rounds = -(-count * size // len(images))
    order = np.concatenate([rng.permutation(len(images)) for _ in range(rounds)])
    chosen = [order[n * size : (n + 1) * size] for n in range(count)]
    return [(images[part], labels[part]) for part in chosen]
