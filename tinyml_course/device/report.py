"""The device report: verdict, figures and memory map, for notebooks, terminals and files."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from numpy.typing import NDArray

from tinyml_course.core.boards import Board
from tinyml_course.core.types import How, KernelTier, MemoryPlan
from tinyml_course.device.explain import PeakExplanation
from tinyml_course.device.latency import LatencyEstimate
from tinyml_course.device.latency_cases import validate_latency


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DeviceReport:
    """What the emulator found out about one model on one board.

    Attributes
    ----------
    board, kernels
        The board, and the kernels that its firmware links.
    reasons : tuple of str
        Limits exceeded, each with figure and remedy; empty where the model fits.
    warnings : tuple of str
        What works, but not everywhere.
    refused : bool
        The runtime would not run the model at all, whatever its size.
    model_bytes, code_bytes : int
        The .tflite (measured) and the application around it (modelled).
    arena_limit_bytes : int
        What the arena may take.
    plan : MemoryPlan
        The arena, byte for byte.
    peak : PeakExplanation
        Which tensors make the peak, and the cheapest remedy.
    latency : LatencyEstimate
        Modelled time and energy of one inference.
    runtime : str
        What computed the outputs: 'tflm', 'litert-reference', or '' where nothing ran.
    outputs : (N, ...) or None
        Raw output codes.
    accuracy : float or None
        Share of the samples classified right by these bytes, in [0, 1].
    test_samples : int
        N.
    """

    board: Board
    kernels: KernelTier
    reasons: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    refused: bool = False
    model_bytes: int
    code_bytes: int
    arena_limit_bytes: int
    plan: MemoryPlan
    peak: PeakExplanation
    latency: LatencyEstimate
    runtime: str = ""
    outputs: NDArray[Any] | None = None
    accuracy: float | None = None
    test_samples: int = 0

    @property
    def fits(self) -> bool:
        """Whether no limit is exceeded."""
        return not self.reasons

    @property
    def flash_bytes(self) -> int:
        """Model and modelled code together."""
        return self.model_bytes + self.code_bytes

    @property
    def margin(self) -> str:
        """Board, and the share of its arena that the model takes, or that it can't run there."""
        if self.refused:
            return f"{self.board.title}: the runtime refuses the model"
        share = self.plan.required_bytes / self.arena_limit_bytes
        bound = "" if self.plan.exact else ", lower bound"
        return f"{self.board.title}: {share:.0%} of the arena{bound}"

    @property
    def verdict(self) -> str:
        """One line: does it fit, and by what margin."""
        return f"{'FITS' if self.fits else 'DOES NOT FIT'} {self.margin}"

    def rows(self) -> tuple[tuple[str, str, How], ...]:
        """Return the table: what, figure with unit, and how it was obtained."""
        plan, latency = self.plan, self.latency
        bound = "" if plan.exact else f", lower bound ({', '.join(plan.unmodelled)} not modelled)"
        rows: list[tuple[str, str, How]] = [
            ("model file", f"{self.model_bytes:,} B", "measured"),
            (
                "flash, with code",
                f"{self.flash_bytes:,} B of {self.board.flash_bytes:,} B",
                "modelled",
            ),
            (
                "arena to reserve",
                f"{plan.required_bytes:,} B of {self.arena_limit_bytes:,} B{bound}",
                "modelled",
            ),
            ("  activations (head)", f"{plan.head_bytes:,} B", "modelled"),
            ("  structures (tail)", f"{plan.tail_bytes:,} B", "modelled"),
            (
                "latency",
                f"{_figure(latency.milliseconds)} ms "
                f"({_figure(latency.low_ms)} to {_figure(latency.high_ms)})",
                "modelled",
            ),
            ("energy an inference", f"{_figure(latency.energy_mj)} mJ", "modelled"),
        ]
        if self.accuracy is not None:
            right = round(self.accuracy * self.test_samples)
            figure = f"{self.accuracy:.1%} ({right} of {self.test_samples})"
            rows.append((f"accuracy of these bytes ({self.runtime})", figure, "measured"))
        return tuple(rows)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values for JSON."""
        return {
            "board": self.board.name,
            "kernels": self.kernels,
            "fits": self.fits,
            "reasons": list(self.reasons),
            "warnings": list(self.warnings),
            "flash_bytes": self.flash_bytes,
            "model_bytes": self.model_bytes,
            "arena_bytes": self.plan.arena_bytes,
            "arena_min_bytes": self.plan.arena_min_bytes,
            "arena_limit_bytes": self.arena_limit_bytes,
            "head_bytes": self.plan.head_bytes,
            "tail_bytes": self.plan.tail_bytes,
            "exact": self.plan.exact,
            "latency_ms": self.latency.milliseconds,
            "latency_low_ms": self.latency.low_ms,
            "latency_high_ms": self.latency.high_ms,
            "latency_kind": "modelled",
            "energy_mj": self.latency.energy_mj,
            "operators": list(self.plan.op_names),
            "runtime": self.runtime,
            "accuracy": self.accuracy,
            "test_samples": self.test_samples,
        }

    def __str__(self) -> str:
        lines = [self.verdict]
        lines += [f"  - {reason}" for reason in self.reasons]
        lines += [f"  warning: {warning}" for warning in self.warnings]
        lines += [f"  {what:<42}{figure}  [{how}]" for what, figure, how in self.rows()]
        lines.append(f"  peak: {self.peak}")
        lines.append(f"  latency model: {validate_latency()}")
        return "\n".join(lines)

    def html(self) -> str:
        """Return the report as an HTML fragment with the memory map in it."""
        page: str = _template("report.html.jinja").render(
            report=self, memory_map=self.memory_map(), validation=validate_latency()
        )
        return page

    def memory_map(self) -> str:
        """Return the memory map as an HTML `<img>` with alt text."""
        from tinyml_course.plots.memory_map import plot_memory_map
        from tinyml_course.plots.style import img_tag, new_figure, render_png

        figure, axes = new_figure(width=7.2, height=4.2)
        plot_memory_map(self.plan, ax=axes, limit_bytes=self.arena_limit_bytes)
        alt = (
            f"Memory map over time: {len(self.plan.buffers)} buffers in a head of "
            f"{self.plan.head_bytes:,} bytes below {self.plan.tail_bytes:,} bytes of structures; "
            f"the board gives {self.arena_limit_bytes:,}. "
            f"Peak: {self.peak}"
        )
        return img_tag(render_png(figure), alt)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/html": self.html(), "text/plain": str(self)}


def _figure(value: float) -> str:
    """Return `value` with three digits, never in exponent form."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


@lru_cache
def _template(name: str) -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("tinyml_course.device", "templates")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined).get_template(name)
