"""Temperature and soft labels: what a teacher says, what a student says, and what that pushes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tinyml_course.compression.soft_targets import soften
from tinyml_course.plots.distillation import plot_answers, plot_pushes
from tinyml_course.plots.style import new_figure
from tinyml_course.widgets.experiment import Control, Experiment
from tinyml_course.widgets.why_small import entropy_bits

SOFT_TEMPERATURES = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 16.0)
SOFTENED = ("logits", "probabilities")
"""What is divided by the temperature; the second one is a common mistake."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SoftState:
    """One gesture at one temperature.

    Attributes
    ----------
    teacher, student : (K,) float64
        Softened answers, summing to 1.
    from_teacher, from_label : (K,) float64
        Where the two terms of the loss push the student's logits: minus their gradients, the
        teacher's with the factor T².
    """

    teacher: NDArray[np.float64]
    student: NDArray[np.float64]
    from_teacher: NDArray[np.float64]
    from_label: NDArray[np.float64]


def compare_softened(
    teacher: NDArray[Any], student: NDArray[Any], label: int, *, temperature: float, softened: str
) -> SoftState:
    """Return both softened answers to one gesture, and what they push the student to.

    Parameters
    ----------
    teacher, student : (K,) float
        Logits.
    label : int
        The right class.
    temperature : float
        T, positive.
    softened : {'logits', 'probabilities'}
        What is divided by T before the softmax. Probabilities give nearly even answers at any
        T; the push is then that of the gradient through both steps of softmax.

    Raises
    ------
    ValueError
        If `softened` is another word.
    """
    if softened not in SOFTENED:
        raise ValueError(f"softened must be logits or probabilities, got {softened!r}")
    answer = soften(student)
    if softened == "logits":
        p, q = soften(teacher, temperature), soften(student, temperature)
        push = temperature * (p - q)
    else:
        p, q = soften(soften(teacher), temperature), soften(answer, temperature)
        inner = temperature * (p - q)  # by the student's probabilities
        push = answer * (inner - answer @ inner)
    target = np.eye(len(answer))[label]
    return SoftState(teacher=p, student=q, from_teacher=push, from_label=target - answer)


def soft_label_experiment(
    images: NDArray[np.float32],
    logits: tuple[NDArray[Any], NDArray[Any]],
    labels: NDArray[np.int64],
    class_names: Sequence[str],
) -> Experiment:
    """Return the experiment on a few gestures.

    Parameters
    ----------
    images : (N, H, W, 1) float32
        Gestures, one for each entry of the menu.
    logits : pair of (N, K) float
        The teacher's and the student's.
    labels : (N,) int64
        Right classes.
    class_names : sequence of str
        K names.
    """
    most = np.log2(len(class_names))

    def look_up(sample: int, temperature: float, softened: str) -> SoftState:
        teacher, student = (z[sample - 1] for z in logits)
        return compare_softened(
            teacher, student, int(labels[sample - 1]), temperature=temperature, softened=softened
        )

    def caption(found: SoftState, temperature: float) -> str:
        bits = [entropy_bits(p) for p in (found.teacher, found.student)]
        return (
            f"T = {temperature:g}: the teacher's answer holds {bits[0]:.2f} bits, the student's "
            f"{bits[1]:.2f}, of at most {most:.2f}"
        )

    def draw(sample: int, temperature: float, softened: str) -> Figure:
        found = look_up(sample, temperature, softened)
        figure, (image, left, right) = new_figure(
            1, 3, width=9.4, height=3.2, width_ratios=(1, 2, 2)
        )
        image.imshow(images[sample - 1][..., 0], cmap="gray_r", vmin=0, vmax=1)
        image.set_xticks([])
        image.set_yticks([])
        image.set_xlabel(f"a {class_names[labels[sample - 1]]}")
        plot_answers({"teacher": found.teacher, "student": found.student}, class_names, ax=left)
        pushes = {"teacher, with T²": found.from_teacher, "label": found.from_label}
        plot_pushes(pushes, class_names, ax=right)
        figure.suptitle(caption(found, temperature), fontsize=9.5, x=0.01, ha="left")
        return figure

    def describe(sample: int, temperature: float, softened: str) -> str:
        found = look_up(sample, temperature, softened)
        first, second = np.argsort(-found.teacher, kind="stable")[:2]
        return (
            f"A {class_names[labels[sample - 1]]}, softened {softened}. "
            f"{caption(found, temperature)}. Teacher: {class_names[first]} "
            f"{found.teacher[first]:.3f}, then {class_names[second]} {found.teacher[second]:.3g}. "
            f"Largest push {np.abs(found.from_teacher).max():.2g} from the teacher, "
            f"{np.abs(found.from_label).max():.2g} from the label."
        )

    return Experiment(
        name="soft-labels",
        question=(
            "At which temperature does the teacher say most about the wrong classes? And what "
            "is left of its answer if its probabilities are divided instead of its logits?"
        ),
        controls=(
            Control(name="sample", label="gesture", values=tuple(range(1, len(images) + 1)),
                    default=1, kind="menu"),
            Control(name="temperature", label="temperature", values=SOFT_TEMPERATURES,
                    default=1.0),
            Control(name="softened", label="divided by T", values=SOFTENED, default="logits",
                    kind="menu"),
        ),
        draw=draw,
        describe=describe,
    )  # fmt: skip
