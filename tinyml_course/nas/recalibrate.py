"""Scoring with shared weights: each network gets statistics and a last layer of its own.

Both come from training samples, in closed form. The shared last layer has to serve networks whose
features mean different things; what a network's filters are worth shows only under its own.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from tqdm.auto import tqdm

from tinyml_course.core.environment import THREADS
from tinyml_course.core.types import GestureSet
from tinyml_course.data import stratified_subset
from tinyml_course.nas.prototypes import fit_prototypes
from tinyml_course.nas.supernet import ScoringImages, Supernet
from tinyml_course.nas.trial import Evaluation
from tinyml_course.nas.weight_sharing import Weights

if TYPE_CHECKING:
    from tinyml_course.core.arch import ArchSpec
    from tinyml_course.nas.space import SearchSpace

CALIBRATION = 420
"""Training samples behind statistics and last layer, about; each class equally often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What the supernet says about one network.

    Attributes
    ----------
    accuracy : float
        Share of the validation samples classified right, in [0, 1].
    loss : float
        Mean cross-entropy on them, in nats.
    """

    accuracy: float
    loss: float


class Scorer:
    """Measures networks on validation samples with a supernet's weights.

    Parameters
    ----------
    supernet : Supernet
        Trained.
    train, validation : GestureSet
        The first calibrates, the second is classified.
    calibration : int
        Training samples behind statistics and last layer, about.
    """

    def __init__(
        self,
        supernet: Supernet,
        train: GestureSet,
        validation: GestureSet,
        *,
        calibration: int = CALIBRATION,
    ) -> None:
        self.supernet = supernet
        self._labels, self._classes = validation.labels, len(train.class_names)
        chosen = calibration_samples(train, calibration)
        self._known = chosen.labels
        self._images: ScoringImages = supernet.load_images(
            validation.images, calibration=chosen.images
        )

    def __call__(self, spec: ArchSpec) -> Estimate:
        """Return the estimate of one network.

        A hidden layer is left out where the space allows it: the one that all networks share
        distorts what their blocks are worth more than a hidden layer of its own adds.
        """
        if 0 in self.supernet.space.hidden:
            spec = replace(spec, hidden=0)
        features = self.supernet.calibrated(spec, self._images).features
        known, asked = np.split(features, [len(self._known)])
        weights, bias = fit_prototypes(known, self._known, classes=self._classes)
        logits = asked.astype(np.float64) @ weights + bias
        shifted = logits - logits.max(axis=1, keepdims=True)
        chosen = shifted[np.arange(len(shifted)), self._labels]
        return Estimate(
            accuracy=float(np.mean(logits.argmax(axis=1) == self._labels)),
            loss=float(np.mean(np.log(np.exp(shifted).sum(axis=1)) - chosen)),
        )

    def score(
        self, specs: Iterable[ArchSpec], *, total: int | None = None, progress: bool = True
    ) -> Iterator[Estimate]:
        """Yield the estimate of each network as soon as it is known, in the order of `specs`."""
        threads = ThreadPoolExecutor(THREADS)
        try:
            yield from tqdm(
                threads.map(self, specs), desc="scoring", unit="net", total=total,
                disable=not progress,
            )  # fmt: skip
        finally:
            threads.shutdown(cancel_futures=True)


def calibration_samples(train: GestureSet, count: int) -> GestureSet:
    """Return about `count` training samples, each class equally often; always the same ones."""
    smallest = int(np.bincount(train.labels, minlength=len(train.class_names)).min())
    per_class = min(max(1, round(count / len(train.class_names))), smallest)
    return stratified_subset(train, per_class=per_class, seed=0)


def calibration_images(train: GestureSet, count: int) -> NDArray[np.float32]:
    """Return the images of `calibration_samples`."""
    return calibration_samples(train, count).images


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SupernetEvaluator:
    """An evaluator that trains nothing: it asks the supernet.

    It can be sent to another process; there the supernet is compiled once.

    Attributes
    ----------
    space : SearchSpace
        The supernet's.
    weights : mapping of str to float32 arrays
        `Supernet.weights`.
    train, validation : GestureSet
        Two parts of the training data. The test set is no part of a search.
    calibration : int
        Training samples behind statistics and last layer, about.
    """

    space: SearchSpace
    weights: Weights = field(repr=False)
    train: GestureSet = field(repr=False)
    validation: GestureSet = field(repr=False)
    calibration: int = CALIBRATION

    @property
    def fidelity(self) -> float:
        """0: the weights are shared with other networks."""
        return 0.0

    def __call__(self, spec: ArchSpec, seed: int) -> Evaluation:  # noqa: ARG002
        """Return the estimated accuracy of `spec`; `seed` has nothing to decide here."""
        began = time.perf_counter()
        found = _scorer(_Compiled(self, repr(self.describe())))(spec)
        return Evaluation(
            accuracy=found.accuracy, seconds=time.perf_counter() - began, fidelity=self.fidelity
        )

    def describe(self) -> dict[str, object]:
        """Return the fingerprints of weights and samples."""
        return {
            "evaluator": "supernet",
            "space": repr(self.space),
            "weights": fingerprint(self.weights),
            "train": self.train.fingerprint,
            "validation": self.validation.fingerprint,
            "calibration": self.calibration,
        }


def fingerprint(weights: Weights) -> str:
    """Return 16 hexadecimal digits that distinguish weights."""
    digest = sha256()
    for name, value in sorted(weights.items()):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(value).tobytes())
    return digest.hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A key: evaluators of the same description share one compiled supernet."""

    evaluator: SupernetEvaluator = field(compare=False)
    description: str


@lru_cache(maxsize=1)
def _scorer(key: _Compiled) -> Scorer:
    wanted: Any = key.evaluator
    supernet = Supernet(wanted.space, wanted.weights)
    return Scorer(supernet, wanted.train, wanted.validation, calibration=wanted.calibration)
