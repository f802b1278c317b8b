"""What a run depends on, and what it gives."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from tinyml_course.core.arch import ArchSpec
from tinyml_course.core.arch_json import to_fields
from tinyml_course.nas.catalog import Samples
from tinyml_course.nas.costs import FileForm
from tinyml_course.pipeline.history import History
from tinyml_course.pipeline.requirements import Miss, Requirements
from tinyml_course.pipeline.stage import Stage
from tinyml_course.pipeline.state import FlashState, FloatState, Measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that the outcome of a run depends on.

    Attributes
    ----------
    stages : tuple of Stage
        In order; they begin with an untrained network and end in a file.
    spec : ArchSpec
        The network to begin with.
    samples : Samples
        For weights, and for everything that is selected.
    requirements : Requirements
        What the result must keep to.
    board : str
        Name of the board.
    seed : int
        Of all stages.
    versions : tuple of (str, str)
        Packages that take part; another version may give other bytes.
    """

    stages: tuple[Stage, ...]
    spec: ArchSpec
    samples: Samples
    requirements: Requirements
    board: str = "esp32"
    seed: int = 0
    versions: tuple[tuple[str, str], ...] = ()

    @property
    def form(self) -> FileForm:
        """The file that the run ends in."""
        names = {stage.name for stage in self.stages}
        if "slim" in names:
            return "slim"
        return "aware" if "quantize" in names else "calibrated"

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, to tell runs apart."""
        return {
            "stages": [[s.name, *map(list, s.record(0).parameters)] for s in self.stages],
            "network": to_fields(self.spec),
            "training data": self.samples.train.fingerprint,
            "validation data": self.samples.validation.fingerprint,
            **asdict(self.requirements),
            "board": self.board,
            "seed": self.seed,
            "versions": [list(pair) for pair in self.versions],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run gave.

    Attributes
    ----------
    state : FlashState
        The file.
    measurement : Measurement
        Of the file, on the validation samples.
    baseline : FloatState
        The float network that was trained first.
    misses : tuple of Miss
        What the file does not meet, by validation samples.
    history : history.History
        Every stage.
    """

    state: FlashState
    measurement: Measurement
    baseline: FloatState
    misses: tuple[Miss, ...]
    history: History
