"""Scoring with shared weights: each network is measured under statistics of its own."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from tqdm.auto import tqdm

from tinyml_course.core.types import GestureSet
from tinyml_course.data import stratified_subset
from tinyml_course.nas.supernet import ScoringImages, Supernet
from tinyml_course.nas.trial import Evaluation
from tinyml_course.nas.weight_sharing import Weights

if TYPE_CHECKING:
    from tinyml_course.core.arch import ArchSpec
    from tinyml_course.nas.space import SearchSpace

CALIBRATION_IMAGES = 128
"""Training images behind the statistics of a normalisation, about; each class equally often."""


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
        Training images behind the statistics, about.
    """

    def __init__(
        self,
        supernet: Supernet,
        train: GestureSet,
        validation: GestureSet,
        *,
        calibration: int = CALIBRATION_IMAGES,
    ) -> None:
        self.supernet = supernet
        self._labels = validation.labels
        self._images: ScoringImages = supernet.load_images(
            validation.images, calibration=calibration_images(train, calibration)
        )

    def __call__(self, spec: ArchSpec) -> Estimate:
        """Return the estimate of one network."""
        logits = self.supernet.calibrated(spec, self._images).logits.astype(np.float64)
        shifted = logits - logits.max(axis=1, keepdims=True)
        chosen = shifted[np.arange(len(shifted)), self._labels]
        return Estimate(
            accuracy=float(np.mean(logits.argmax(axis=1) == self._labels)),
            loss=float(np.mean(np.log(np.exp(shifted).sum(axis=1)) - chosen)),
        )

    def score(
        self, specs: Iterable[ArchSpec], *, total: int | None = None, progress: bool = True
    ) -> Iterator[Estimate]:
        """Yield the estimate of each network as soon as it is known."""
        for spec in tqdm(specs, desc="scoring", unit="net", total=total, disable=not progress):
            yield self(spec)


def calibration_images(train: GestureSet, count: int) -> NDArray[np.float32]:
    """Return about `count` training images, each class equally often; always the same ones."""
    smallest = int(np.bincount(train.labels, minlength=len(train.class_names)).min())
    per_class = min(max(1, round(count / len(train.class_names))), smallest)
    return stratified_subset(train, per_class=per_class, seed=0).images


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
        Training images behind the statistics of the normalisations, about.
    """

    space: SearchSpace
    weights: Weights = field(repr=False)
    train: GestureSet = field(repr=False)
    validation: GestureSet = field(repr=False)
    calibration: int = CALIBRATION_IMAGES

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
