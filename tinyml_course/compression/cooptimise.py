"""One loss of accuracy, bytes and milliseconds: the network shrinks while it learns.

``cross-entropy + flash_weight * bytes(n) / bytes(whole) + latency_weight * ms(n) / ms(whole)``

The gates are the scales of the normalisations; `cost_penalty` says how the widths n follow from
them. Afterwards the channels that have faded are removed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyml_course.compression.channel_choice import Masks, pruned_spec
from tinyml_course.compression.channel_graph import find_groups
from tinyml_course.compression.cost_penalty import CostPenalty, price
from tinyml_course.compression.cost_surface import CostSurface
from tinyml_course.compression.importance import bn_scale
from tinyml_course.compression.pruning import prune_channels
from tinyml_course.core.arch import ArchSpec
from tinyml_course.core.environment import load_keras, load_tensorflow
from tinyml_course.core.types import GestureSet
from tinyml_course.training.fit import History, fit
from tinyml_course.training.objective import LabelObjective, Objective

FADED = 0.1
"""A channel whose gate is below this part of its group's largest one has faded."""


@dataclass(frozen=True, kw_only=True)
class PenalisedObjective:
    """Another objective, plus what the network costs.

    Attributes
    ----------
    inner : Objective
        The labels' cross-entropy, or distillation.
    penalty : CostPenalty
        Over the groups of the model's specification.
    """

    inner: Objective
    penalty: CostPenalty

    def attach(self, model: Any) -> Any:
        """Return what the inner objective trains, with the penalty among its losses."""
        twin = self.inner.attach(model)
        trained = load_keras().Model(twin.inputs, twin.outputs, name="penalised")
        scales, penalty = gate_variables(model), self.penalty
        if not scales:
            raise ValueError("no group of channels has a normalisation with scales: nothing fades")
        trained.add_loss(lambda: penalty(_gates(scales, penalty.flash)))
        return trained

    def targets(
        self, images: NDArray[np.float32], labels: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Return the inner objective's targets."""
        return self.inner.targets(images, labels)

    def loss(self) -> Any:
        """Return the inner objective's loss; Keras adds the penalty."""
        return self.inner.loss()

    def accuracy(self) -> Any:
        """Return the inner objective's metric."""
        return self.inner.accuracy()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CoOptimised:
    """A network that has shrunk while it learnt.

    Attributes
    ----------
    model : tf_keras model
        Without the channels that faded, not trained since.
    spec : ArchSpec
        Its specification.
    kept : mapping of group name to (C,) bool
        Channels that stayed.
    history : fit.History
        Of the training with the penalty; its losses contain it.
    """

    model: Any
    spec: ArchSpec
    kept: Masks
    history: History

    @property
    def widths(self) -> dict[str, int]:
        """Channels that each group has left."""
        return {name: int(mask.sum()) for name, mask in self.kept.items()}


def cooptimise(
    model: Any,
    spec: ArchSpec,
    train: GestureSet,
    *,
    flash_weight: float,
    latency_weight: float,
    epochs: int,
    objective: Objective | None = None,
    board: str = "esp32",
    faded: float = FADED,
    seed: int = 0,
    **options: Any,
) -> CoOptimised:
    """Train `model` in place on accuracy and costs in one loss; return it without faded channels.

    Train the result some epochs more: the normalisations behind a removed channel expect what it
    contributed.

    Parameters
    ----------
    model : tf_keras model
        From `build(spec)`, trained for some epochs: gates that are all equal have no gradient.
    spec : ArchSpec
        The whole network. A hidden layer has no gates, and stays.
    train : GestureSet
        Training samples.
    flash_weight, latency_weight : float
        Nats that all of the network's bytes, and its milliseconds, are worth.
    epochs : int
        Passes over the training samples.
    objective : Objective, optional
        In place of the labels' cross-entropy, for example a `DistillationObjective`.
    board : str, default 'esp32'
        Whose milliseconds count.
    faded : float, default 0.1
        Channels go whose gate is below this part of their group's largest.
    seed : int, default 0
        Draws the order of the samples and the augmentation.
    **options
        The other options of `training.fit.fit`.

    Raises
    ------
    ValueError
        If a weight is negative, the board unknown, or no group has a normalisation.

    References
    ----------
    .. [1] Liu et al., arXiv:1708.06519: scales as gates.
    .. [2] Gordon et al., arXiv:1711.06798: gates weighted by what their channels cost.
    """
    penalty = price(spec, flash_weight=flash_weight, latency_weight=latency_weight, board=board)
    inner = objective or LabelObjective(class_count=len(train.class_names))
    history = fit(
        model, train, epochs=epochs, seed=seed,
        objective=PenalisedObjective(inner=inner, penalty=penalty),
        **{"description": "co-optimising"} | options,
    )  # fmt: skip
    kept = strong_channels(bn_scale(model), faded)
    return CoOptimised(
        model=prune_channels(model, kept), spec=pruned_spec(spec, kept), kept=kept, history=history
    )


def strong_channels(gates: dict[str, NDArray[np.float64]], faded: float = FADED) -> Masks:
    """Return which channels have at least the part `faded` of their group's largest gate.

    Raises
    ------
    ValueError
        If `faded` is not in (0, 1].

    Examples
    --------
    >>> strong_channels({"c0": np.array([2.0, 0.1, 0.3])})["c0"].tolist()
    [True, False, True]
    """
    if not 0 < faded <= 1:
        raise ValueError(f"faded must be in (0, 1], got {faded}")
    return {name: gate >= faded * gate.max() for name, gate in gates.items()}


def gate_variables(model: Any) -> dict[str, list[Any]]:
    """Return for each group the scales of the normalisations that its channels pass.

    Their magnitudes add up to the group's gates, as in `importance.bn_scale`. Groups that no
    normalisation follows are left out.
    """
    found: dict[str, list[Any]] = {}
    for group in find_groups(model):
        followers = [model.get_layer(name) for name in group.followers]
        scales = [layer.gamma for layer in followers if hasattr(layer, "gamma")]
        if group.prunable and scales:
            found[group.name] = scales
    return found


def _gates(scales: dict[str, list[Any]], surface: CostSurface) -> list[Any]:
    """Return the gates of every group; of those without scales, gates that stay open."""
    tf = load_tensorflow()
    return [
        tf.add_n([tf.abs(scale) for scale in scales[name]])
        if name in scales
        else tf.ones(int(width))
        for name, width in zip(surface.groups, surface.widths, strict=True)
    ]
