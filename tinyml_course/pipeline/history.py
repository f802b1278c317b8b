"""What a pipeline went through: a table, plain values, and the figures of a waterfall."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tinyml_course.pipeline.requirements import Requirements
from tinyml_course.pipeline.state import Measurement

COLUMNS = ("stage", "accuracy", "file", "arena", "latency", "parameters", "time", "note")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One stage of a run.

    Attributes
    ----------
    stage : str
        Its name.
    folder : str
        Where its artefacts are, in the store.
    measurement : Measurement or None
        None after a stage that trains nothing.
    kept : bool
        False where the stage was taken back.
    note : str
        Why it was taken back, or what was skipped after it.
    resumed : bool
        Whether an earlier session had done it.
    """

    stage: str
    folder: str
    measurement: Measurement | None
    kept: bool = True
    note: str = ""
    resumed: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the step as plain values for JSON."""
        m = self.measurement
        return {
            "stage": self.stage,
            "accuracy": m and m.accuracy,
            "model_bytes": m and m.model_bytes,
            "arena_bytes": m and m.arena_bytes,
            "latency_ms": m and m.latency_ms,
            "parameters": m and m.parameters,
            "macs": m and m.macs,
            "seconds": m and m.seconds,
            "kept": self.kept,
            "note": self.note,
            "folder": self.folder,
        }

    def row(self) -> tuple[str, ...]:
        """Return the cells of a table, as `COLUMNS` names them."""
        m, mark = self.measurement, "" if self.kept else " (undone)"
        if m is None:
            return (self.stage + mark, "", "", "", "", "", "", self.note)
        return (
            self.stage + mark, f"{m.accuracy:.1%}", f"{m.model_bytes:,} B", f"{m.arena_bytes:,} B",
            f"{m.latency_ms:.1f} ms", f"{m.parameters:,}", f"{m.seconds:.0f} s", self.note,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """All stages of a run, in the order in which they ran.

    Attributes
    ----------
    steps : tuple of Step
        Those that were taken back, too.
    requirements : Requirements
        What was asked for.
    """

    steps: tuple[Step, ...]
    requirements: Requirements

    def measured(self) -> tuple[Step, ...]:
        """Return the steps that have figures."""
        return tuple(step for step in self.steps if step.measurement is not None)

    def to_list(self) -> list[dict[str, Any]]:
        """Return one object a stage, as plain values for JSON; an untrained one has no figures."""
        return [step.to_dict() for step in self.steps]

    def table(self, title: str = "") -> Any:
        """Return a rich table; the notes are too long for it."""
        from rich.table import Table

        table = Table(title=title or None, title_justify="left")
        for name in COLUMNS[:-1]:
            table.add_column(name, justify="left" if name == "stage" else "right", no_wrap=True)
        for step in self.steps:
            table.add_row(*step.row()[:-1], style=None if step.kept else "dim")
        return table

    def notes(self) -> tuple[str, ...]:
        """Return what there is to say about single stages."""
        return tuple(f"{step.stage}: {step.note}" for step in self.steps if step.note)

    def waterfall(self) -> Any:
        """Return the figure of accuracy and costs, stage by stage."""
        from tinyml_course.plots.waterfall import Bar, plot_waterfall

        asked = self.requirements
        bars = [
            Bar(
                stage=step.stage, kept=step.kept, accuracy=m.accuracy, model_bytes=m.model_bytes,
                arena_bytes=m.arena_bytes, latency_ms=m.latency_ms,
            )
            for step in self.measured()
            if (m := step.measurement) is not None
        ]  # fmt: skip
        return plot_waterfall(
            bars, max_flash=asked.max_flash, max_arena=asked.max_arena,
            min_accuracy=asked.min_accuracy,
        )  # fmt: skip

    def describe(self) -> str:
        """Return the alt text of the waterfall."""
        parts = [
            f"{step.stage}{'' if step.kept else ', taken back'}: {m.accuracy:.1%}, file "
            f"{m.model_bytes:,} B, arena {m.arena_bytes:,} B"
            for step in self.measured()
            if (m := step.measurement) is not None
        ]
        return "Accuracy, file and arena after each stage. " + "; ".join(parts) + "."
