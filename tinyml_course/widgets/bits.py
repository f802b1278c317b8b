"""The experiment on bit widths: how many bits until the network forgets what it learned."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tinyml_course.core.errors import InvalidData
from tinyml_course.plots.bits import WidthCurve, plot_bit_state
from tinyml_course.quantization.bit_study import WIDTHS, BitRow, accuracy_by_width
from tinyml_course.widgets.experiment import Control, Experiment

METHODS = {
    ("ptq", "min-max"): "PTQ, min-max",
    ("ptq", "mse"): "PTQ, least squares",
    ("qat", "ste"): "QAT",
}
NETWORKS = {
    ("channel", "none"): "one scale a channel",
    ("tensor", "none"): "one scale a tensor",
    ("tensor", "weight"): "one scale a tensor, planted outlier",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BitState:
    """A quantized network as the experiment shows it.

    Attributes
    ----------
    bits : int
        Width of its weights.
    network, method : str
        Values of `NETWORKS` and `METHODS`.
    class_names : tuple of str
        K names.
    confusion : (K, K) int
        Test samples by true and predicted class.
    before, after : (N,) float
        One layer's folded weights, before and after rounding.
    """

    bits: int
    network: str
    method: str
    class_names: tuple[str, ...]
    confusion: NDArray[np.int64]
    before: NDArray[np.float64]
    after: NDArray[np.float64]

    @property
    def accuracy(self) -> float:
        """Share of the samples on the diagonal."""
        return float(np.trace(self.confusion) / self.confusion.sum())

    @property
    def values(self) -> int:
        """How many different values are left of the weights."""
        return len(np.unique(self.after))


def read_states(path: Path) -> tuple[BitState, ...]:
    """Return the states of a JSON Lines file in its order.

    Raises
    ------
    InvalidData
        If a line is broken; names the file and the line.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    return tuple(_parse(path, number, line) for number, line in enumerate(lines, start=1))


def bits_explorer(states: Sequence[BitState]) -> Experiment:
    """Return an experiment over bits, network and method of quantization.

    Parameters
    ----------
    states : sequence of BitState
        One for each combination.

    Raises
    ------
    InvalidData
        If a combination is missing.
    """
    found = {(state.bits, state.network, state.method): state for state in states}
    widths = tuple(sorted({state.bits for state in states}, reverse=True))
    wanted = [(b, n, m) for b in widths for n in NETWORKS.values() for m in METHODS.values()]
    missing = [key for key in wanted if key not in found]
    if missing or not widths:
        raise InvalidData(f"no state for {missing[:3]}; make the file of states again")

    def caption(state: BitState) -> str:
        return f"{100 * state.accuracy:.1f} % right, {state.values} different weights"

    def draw(bits: int, network: str, method: str) -> Figure:
        state = found[bits, network, method]
        return plot_bit_state(
            state.before, state.after, state.confusion,
            class_names=state.class_names, caption=caption(state),
        )  # fmt: skip

    def describe(bits: int, network: str, method: str) -> str:
        state = found[bits, network, method]
        return (
            f"Weights of {bits} bits, {network}, {method}: {caption(state)} in layer d2; "
            f"{_worst_confusion(state)}."
        )

    return Experiment(
        name="bits-and-accuracy",
        question="At how many bits does accuracy fall below 90 %: PTQ, then QAT?",
        controls=(
            Control(name="bits", label="bits of the weights", values=widths, default=widths[0]),
            Control(
                name="network", label="scales", values=tuple(NETWORKS.values()),
                default="one scale a channel", kind="menu",
            ),
            Control(
                name="method", label="method", values=tuple(METHODS.values()),
                default="PTQ, min-max", kind="menu",
            ),
        ),
        draw=draw,
        describe=describe,
    )  # fmt: skip


def width_curve(
    name: str, rows: Sequence[BitRow], *, colour: int, dashed: bool = False, **wanted: Any
) -> WidthCurve:
    """Return the accuracy of the rows in `wanted` at each width, in percent.

    Raises
    ------
    ValueError
        As `accuracy_by_width`.
    """
    found = accuracy_by_width(rows, **wanted)
    return WidthCurve(
        name=name, bits=np.array(WIDTHS), colour=colour, dashed=dashed,
        mean=np.array([100 * f.mean for f in found]),
        half_width=np.array([100 * f.half_width for f in found]),
    )  # fmt: skip


def study_curves(
    rows: Sequence[BitRow],
) -> tuple[tuple[WidthCurve, ...], tuple[WidthCurve, ...]]:
    """Return the study's curves as trained, and with a planted outlier among the weights.

    Activations have 8 bits; PTQ takes min-max ranges. Colours tell how many weights share a
    scale, dashes are PTQ.

    Raises
    ------
    ValueError
        If the study is not complete.
    """
    methods = {"PTQ": ("ptq", "min-max"), "QAT": ("qat", "ste")}

    def curve(name: str, scheme: str, plant: str) -> WidthCurve:
        method, calibration = methods[name]
        return width_curve(
            f"{name}, {scheme}", rows, colour=int(scheme == "tensor"), dashed=name == "PTQ",
            method=method, calibration=calibration, scheme=scheme, plant=plant,
            activation_bits=8,
        )  # fmt: skip

    plain = [curve(name, scheme, "none") for name in methods for scheme in ("channel", "tensor")]
    outlier = [("PTQ", "channel"), ("PTQ", "tensor"), ("QAT", "tensor")]
    return tuple(plain), tuple(curve(name, scheme, "weight") for name, scheme in outlier)


def _worst_confusion(state: BitState) -> str:
    wrong = state.confusion - np.diag(np.diag(state.confusion))
    if not wrong.any():
        return "nothing is confused"
    true, taken = np.unravel_index(wrong.argmax(), wrong.shape)
    names = state.class_names
    return f"most often {names[true]} is taken for {names[taken]}, {wrong.max()} times"


def _parse(path: Path, number: int, line: str) -> BitState:
    try:
        row = json.loads(line)
        state = BitState(
            bits=int(row["bits"]),
            network=NETWORKS[row["scheme"], row["plant"]],
            method=METHODS[row["method"], row["calibration"]],
            class_names=tuple(row["classes"]),
            confusion=np.array(row["confusion"], np.int64),
            before=np.array(row["before"], np.float64),
            after=np.array(row["after"], np.float64),
        )
    except (KeyError, TypeError, ValueError) as fault:
        raise InvalidData(
            f"{path.name}, line {number}: {fault!r}; make the file again with "
            "`python benchmarks/study_quantization.py`"
        ) from fault
    if state.confusion.shape != (len(state.class_names),) * 2 or not state.confusion.sum():
        raise InvalidData(f"{path.name}, line {number}: the confusion matrix is no count by class")
    return state
