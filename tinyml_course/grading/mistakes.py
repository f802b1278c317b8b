"""Wrong answers made from the solution: it with one piece changed, so that they follow it.

For ``solutions/judges``; not part of a release.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tflite

from tinyml_course.device.flatbuffer import read_model
from tinyml_course.grading.author import MARKER
from tinyml_course.grading.judge import WrongAnswer
from tinyml_course.grading.notebook import read_notebook


@dataclass(frozen=True, slots=True)
class Mistakes:
    """A maker of wrong answers to the tasks of one solution notebook.

    Attributes
    ----------
    notebook : Path
        The solution notebook; products lie in ``products`` beside it.
    """

    notebook: Path

    def solution(self, task: str) -> str:
        """Return the source of a task's hole."""
        key = f"{task.replace('.', '-')}-hole"
        cells = read_notebook(self.notebook)["cells"]
        return next(str(cell["source"]) for cell in cells if cell["id"] == key)

    def mistake(self, task: str, name: str, score: float, change: tuple[str, str]) -> WrongAnswer:
        """Return the solution with one piece of its text replaced by another.

        Raises
        ------
        ValueError
            If the solution does not hold the piece exactly once.
        """
        right, wrong = change
        source = self.solution(task)
        if source.count(right) != 1:
            raise ValueError(f"{task} {name!r}: the solution must hold {right!r} exactly once")
        return WrongAnswer(name, score, source.replace(right, wrong))

    def instead(self, task: str, name: str, score: float, body: str) -> WrongAnswer:
        """Return the solution with its body replaced by lines of code."""
        head, _, _ = self.solution(task).partition(f"    {MARKER}")
        lines = "".join(f"    {line}\n" for line in body.split("\n"))
        return WrongAnswer(name, score, head + lines)

    def product(self, name: str) -> bytes:
        """Return a model of the solution's own."""
        return (self.notebook.parent / "products" / name).read_bytes()


def with_last_weights(model: bytes, change: Callable[[Any], Any]) -> bytes:
    """Return a .tflite with the int8 weights (K, C) of its last layer changed.

    Parameters
    ----------
    model : bytes
        Ends in a FULLY_CONNECTED layer.
    change : callable
        From (K, C) int8 codes to new ones.

    Raises
    ------
    ValueError
        If the weights do not occur exactly once in the file.
    """
    graph = read_model(model).subgraphs[0]
    dense = next(op for op in graph.ops if op.name == "FULLY_CONNECTED")
    weights = graph.tensors[dense.inputs[1]]
    codes = tflite.Model.GetRootAs(model).Buffers(weights.buffer).DataAsNumpy().view(np.int8)
    if model.count(codes.tobytes()) != 1:
        raise ValueError("the weights of the last layer must occur once in the file")
    changed = np.asarray(change(codes.reshape(weights.shape))).astype(np.int8)
    return model.replace(codes.tobytes(), changed.tobytes())
