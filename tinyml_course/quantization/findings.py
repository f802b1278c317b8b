"""The result of a diagnosis: findings with evidence and remedy, and each layer's figures."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from tinyml_course.quantization.layer_health import LayerHealth

Kind = Literal[
    "input", "saturation", "range", "outlier", "dead", "bias", "operator", "dense-scales",
    "weights", "noise",
]  # fmt: skip
"""What can be wrong; `symptoms` has one rule for each."""

Severity = Literal["error", "warning"]
"""error: the model answers wrongly or is refused; warning: it loses more than it should."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One fault of a quantized model.

    Attributes
    ----------
    kind : Kind
        Which rule found it.
    layer : str
        Where.
    severity : {'error', 'warning'}
        Whether it makes the model wrong, or only worse.
    evidence : str
        The figures that were measured.
    remedy : str
        What to do.
    """

    kind: Kind
    layer: str
    severity: Severity
    evidence: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.severity}, {self.kind} at {self.layer}: {self.evidence}. Do: {self.remedy}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What `diagnose` found out about a quantized model.

    Attributes
    ----------
    findings : tuple of Finding
        Errors first, each group in the order of the layers; empty for a healthy model.
    layers : tuple of LayerHealth
        The input, then each layer that has a twin in the float model; empty where the model
        cannot be run.
    samples : int
        N samples looked at.
    accuracy_float, accuracy_quantized : float or None
        Share of the samples classified right, in [0, 1]; None without labels.
    trained_on : bool
        The quantized weights differ from the float ones by more than rounding in most layers,
        so they were trained further; noise figures then include what training changed.
    unmatched : tuple of str
        Operators of the quantized file that the float model lacks; they were not compared.
    """

    findings: tuple[Finding, ...]
    layers: tuple[LayerHealth, ...] = ()
    samples: int = 0
    accuracy_float: float | None = None
    accuracy_quantized: float | None = None
    trained_on: bool = False
    unmatched: tuple[str, ...] = ()

    @property
    def healthy(self) -> bool:
        """Whether no fault was found."""
        return not self.findings

    @property
    def verdict(self) -> str:
        """One line: how many faults, and what they cost."""
        count = len(self.findings)
        found = f"{count} finding{'s' * (count != 1)}" if count else "no findings"
        if self.accuracy_float is None or self.accuracy_quantized is None:
            return found
        return (
            f"{found}; accuracy {self.accuracy_float:.1%} in float, "
            f"{self.accuracy_quantized:.1%} in integers, {self.samples} samples (measured)"
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What to know when reading the figures."""
        found = []
        if self.trained_on:
            found.append(
                "the weights were trained on after the float model: SQNR counts that too; "
                "compare with `float_twin` to see the quantization alone"
            )
        if self.unmatched:
            found.append(f"not compared, without a twin: {', '.join(self.unmatched)}")
        return tuple(found)

    def rows(self) -> tuple[tuple[str, ...], ...]:
        """Return the table of layers, one text for each of `COLUMNS`."""
        return tuple(
            (
                layer.layer,
                layer.op,
                _decibels(layer.sqnr_db),
                _decibels(layer.rounding_db),
                "" if layer.fixed_range else f"{layer.beyond_share:.2%}",
                "" if layer.fixed_range else f"{layer.wasted_bits:.1f}",
                "" if layer.weight_sqnr_db is None else _decibels(layer.weight_sqnr_db),
            )
            for layer in self.layers
        )

    def __str__(self) -> str:
        lines = [self.verdict, *(f"  - {finding}" for finding in self.findings)]
        lines += [f"  note: {note}" for note in self.notes]
        for row in (COLUMNS, *self.rows()) if self.layers else ():
            figures = "".join(f"{cell:>13}" for cell in row[2:])
            lines.append(f"  {row[0]:<10} {row[1]:<18}{figures}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        page: str = _template().render(diagnosis=self, columns=COLUMNS)
        return page


COLUMNS = ("layer", "operator", "SQNR, dB", "limit, dB", "cut off", "bits unused", "weights, dB")
"""Heads of the table: `limit` is what rounding this output alone would leave."""


def _decibels(value: float) -> str:
    return "exact" if math.isinf(value) and value > 0 else f"{value:.1f}"


@lru_cache
def _template() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("tinyml_course.quantization", "templates")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    return environment.get_template("diagnosis.html.jinja")
