"""Best practices as a checklist that runs on a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tinyml_course.core.graph import OpInfo, TensorGraph
from tinyml_course.core.types import ModelArtifact
from tinyml_course.device.emulate import Device
from tinyml_course.device.flatbuffer import Model, read_model
from tinyml_course.device.refusals import WEIGHTED
from tinyml_course.device.report import DeviceReport
from tinyml_course.quantization.diagnosis import diagnose
from tinyml_course.quantization.findings import Diagnosis
from tinyml_course.quantization.trace import Array, read_constants, trace_model

Status = Literal["kept", "broken", "cannot tell"]
"""cannot tell: the answer is not in the model, or what was passed does not suffice."""

Standing = Literal["holds", "partly", "does not hold", "not tested"]
"""What the course's experiments say about the advice itself."""


class Subject:
    """What a checklist looks at; figures are computed when a rule first asks for them.

    Parameters
    ----------
    tflite : bytes
        The quantized file.
    float_model : tf_keras model or bytes, optional
        Its float twin.
    x, y : arrays, optional
        Samples (N, ...) float32 and their classes (N,).
    board : str
        Where it shall run.
    """

    def __init__(
        self,
        tflite: bytes,
        *,
        float_model: Any = None,
        x: NDArray[np.float32] | None = None,
        y: NDArray[np.integer[Any]] | None = None,
        board: str = "esp32",
    ) -> None:
        self.tflite, self.float_model = tflite, float_model
        self.x, self.y, self.board = x, y, board
        self.model: Model = read_model(tflite)
        self.graph: TensorGraph = self.model.subgraphs[0]

    @cached_property
    def constants(self) -> dict[int, Array]:
        """Stored weights by tensor index."""
        return read_constants(self.tflite, self.graph)

    @cached_property
    def weighted(self) -> tuple[OpInfo, ...]:
        """The operators with weights."""
        return tuple(op for op in self.graph.ops if op.name in WEIGHTED)

    @cached_property
    def keras_layers(self) -> Sequence[Any]:
        """The Keras layers, none where the float model was not given as such."""
        return getattr(self.float_model, "layers", ())

    @cached_property
    def diagnosis(self) -> Diagnosis | None:
        """The diagnosis; None without float model or samples."""
        if self.float_model is None or self.x is None:
            return None
        return diagnose(self.float_model, self.tflite, self.x, self.y)

    @cached_property
    def report(self) -> DeviceReport:
        """The emulator's report on the board."""
        return Device(self.board).emulate(self.tflite, self.x, self.y, strict=False)

    def answers(self, x: NDArray[np.float32]) -> NDArray[np.intp]:
        """Return the class that the quantized file gives for each sample, on the host."""
        trace = trace_model(self.tflite, x)
        outputs = trace.stored[trace.graph.outputs[0]]
        return np.asarray(outputs.reshape(len(outputs), -1).argmax(axis=1))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a rule found: the status, and the figures behind it."""

    status: Status
    evidence: str


Rule = Callable[[Subject], Outcome]


@dataclass(frozen=True, slots=True, kw_only=True)
class Practice:
    """One piece of advice.

    Attributes
    ----------
    advice : str
        What to do.
    source : {'tutorial', 'field'}
        Who says so.
    standing : Standing
        Whether it held in the course's experiments.
    experiment : str
        Where that was measured, and in which way it held or not.
    rule : callable
        Checks it on a `Subject`.
    """

    advice: str
    source: Literal["tutorial", "field"]
    standing: Standing
    experiment: str
    rule: Rule


@dataclass(frozen=True, slots=True)
class Checked:
    """One practice with its outcome on one model."""

    practice: Practice
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class LintReport:
    """The checklist, filled in for one model."""

    items: tuple[Checked, ...]

    def with_status(self, status: Status) -> tuple[Checked, ...]:
        """Return the items of one status, in the checklist's order."""
        return tuple(item for item in self.items if item.outcome.status == status)

    @property
    def summary(self) -> str:
        """One line with the counts."""
        counts = {s: len(self.with_status(s)) for s in ("kept", "broken", "cannot tell")}
        return ", ".join(f"{count} {status}" for status, count in counts.items())

    def __str__(self) -> str:
        lines = [self.summary]
        for item in self.items:
            lines.append(f"  [{item.outcome.status}] {item.practice.advice}")
            lines.append(f"      {item.outcome.evidence}")
            lines.append(f"      advice {item.practice.standing}: {item.practice.experiment}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        page: str = _template().render(report=self)
        return page


def lint_model(
    quantized: ModelArtifact | bytes,
    *,
    float_model: Any = None,
    x: NDArray[np.float32] | None = None,
    y: NDArray[np.integer[Any]] | None = None,
    board: str = "esp32",
) -> LintReport:
    """Return the checklist of best practices, each checked on this model where it can be.

    Parameters
    ----------
    quantized : ModelArtifact or bytes
        The .tflite that would be flashed.
    float_model : tf_keras model, optional
        Its float twin; without it, what only training or the float model shows is not told.
    x, y : arrays, optional
        Samples (N, ...) float32 of every class, and their classes (N,).
    board : str, default 'esp32'
        Name in `core.boards.BOARDS`.

    Raises
    ------
    InvalidModel
        If the bytes are no .tflite.
    ValueError
        If the board is unknown or the samples do not match the model.
    """
    from tinyml_course.quantization.checklist import PRACTICES

    data = quantized.tflite if isinstance(quantized, ModelArtifact) else quantized
    subject = Subject(data, float_model=float_model, x=x, y=y, board=board)
    return LintReport(tuple(Checked(practice, practice.rule(subject)) for practice in PRACTICES))


@lru_cache
def _template() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("tinyml_course.quantization", "templates")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    return environment.get_template("lint.html.jinja")
