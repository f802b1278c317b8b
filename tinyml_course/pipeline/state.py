"""The states of a pipeline: a network as plain data, and everything that has happened to it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tinyml_course.core.arch import ArchSpec
from tinyml_course.core.arch_json import to_fields
from tinyml_course.core.types import ModelArtifact

Parameter = int | float | str | bool | None
"""What a stage's parameter may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRecord:
    """A stage that a state has gone through.

    Attributes
    ----------
    name : str
        As in ``tinyml optimize --stages``.
    parameters : tuple of (str, Parameter)
        The stage's fields with their values.
    seed : int
        That the stage trained with.
    """

    name: str
    parameters: tuple[tuple[str, Parameter], ...] = ()
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where a state comes from.

    Attributes
    ----------
    seed : int
        Of the whole run.
    data_fingerprint : str
        `GestureSet.fingerprint` of the training samples.
    stages : tuple of StageRecord
        In order; stages that were rolled back are not among them.
    versions : tuple of (str, str)
        Packages that took part, with their versions.
    """

    seed: int = 0
    data_fingerprint: str = ""
    stages: tuple[StageRecord, ...] = ()
    versions: tuple[tuple[str, str], ...] = ()

    def after(self, record: StageRecord) -> Provenance:
        """Return the provenance with one more stage."""
        return replace(self, stages=(*self.stages, record))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Weighted:
    """A network with arrays: base of the states that hold weights."""

    spec: ArchSpec
    weights: Mapping[str, NDArray[Any]]
    provenance: Provenance = field(default_factory=Provenance)

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", _frozen(self.weights))

    @property
    def fingerprint(self) -> str:
        """SHA-256 over kind, network, every array's name, type, shape and bytes, and origin."""
        digest = _start_digest(self)
        for name, array in self.weights.items():
            digest.update(f"\0{name}\0{array.dtype.str}\0{array.shape}\0".encode())
            digest.update(array.tobytes())
        return digest.hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecState:
    """A network without weights: where a pipeline begins.

    Attributes
    ----------
    spec : ArchSpec
        The network.
    provenance : Provenance
        Its origin.
    """

    kind: ClassVar[str] = "untrained"
    spec: ArchSpec
    provenance: Provenance = field(default_factory=Provenance)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over kind, network and origin."""
        return _start_digest(self).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FloatState(_Weighted):
    """A trained float32 network.

    Attributes
    ----------
    spec : ArchSpec
        The network.
    weights : mapping of str to array
        By Keras' names, in the order in which the layers of `build(spec)` hold them; read-only.
    provenance : Provenance
        Its origin.
    """

    kind: ClassVar[str] = "float32"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AwareState(_Weighted):
    """A network in quantization-aware training: weights, and the ranges observed so far.

    The ranges belong to these very channels, so a state of this type can't be pruned.

    Attributes
    ----------
    spec : ArchSpec
        The network.
    weights : mapping of str to array
        Kernels, normalisations and ranges (names that end in ``_min`` and ``_max``), in the order
        in which the layers of ``quantize_aware(build(spec))`` hold them; read-only.
    provenance : Provenance
        Its origin.
    """

    kind: ClassVar[str] = "quantization-aware"


@dataclass(frozen=True, slots=True, kw_only=True)
class FlashState:
    """The int8 bytes that would be flashed.

    Attributes
    ----------
    spec : ArchSpec
        The network that they hold.
    artifact : ModelArtifact
        The bytes, with their own provenance.
    provenance : Provenance
        Their origin.
    """

    kind: ClassVar[str] = "int8 file"
    spec: ArchSpec
    artifact: ModelArtifact
    provenance: Provenance = field(default_factory=Provenance)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over kind, network, bytes and origin."""
        digest = _start_digest(self)
        digest.update(self.artifact.tflite)
        return digest.hexdigest()


State = SpecState | FloatState | AwareState | FlashState
"""Any state of a pipeline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What one state is worth, and what it costs.

    Attributes
    ----------
    accuracy : float
        Share of the validation samples that it classifies right, in [0, 1]; measured. A file
        runs in the device runtime, a network in Keras.
    parameters, macs : int
        Trained numbers in the file, and multiply-accumulates of one inference.
    model_bytes : int
        The .tflite that would be flashed now: float32, or int8 once aware of quantization.
    arena_bytes : int
        Arena that this file needs on the chip; modelled, byte for byte.
    latency_ms : float
        Modelled time of one inference.
    seconds : float
        That the stage took.
    """

    accuracy: float
    parameters: int
    macs: int
    model_bytes: int
    arena_bytes: int
    latency_ms: float
    seconds: float


def provenance_fields(provenance: Provenance) -> dict[str, Any]:
    """Return a provenance as plain lists, numbers and strings."""
    return {
        "seed": provenance.seed,
        "data_fingerprint": provenance.data_fingerprint,
        "stages": [
            {"name": r.name, "parameters": dict(r.parameters), "seed": r.seed}
            for r in provenance.stages
        ],
        "versions": dict(provenance.versions),
    }


def _frozen(weights: Mapping[str, NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
    """Return copies of the arrays that nobody can write to."""
    copies = {name: np.array(array, order="C") for name, array in weights.items()}
    for array in copies.values():
        array.setflags(write=False)
    return MappingProxyType(copies)


def _start_digest(state: State | _Weighted) -> Any:
    """Return a SHA-256 that has seen what all states have."""
    known = {"spec": to_fields(state.spec), "origin": provenance_fields(state.provenance)}
    kind = getattr(state, "kind", "")
    return hashlib.sha256(f"{kind}\0{json.dumps(known)}".encode())
