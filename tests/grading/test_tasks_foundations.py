"""Chapter 0's tasks against learners who know the public inputs and nothing else."""

import json

import numpy as np
import pytest

from tests.grading.handed_in import SOLUTIONS
from tinyml_course.grading.evaluate import Case, evaluate
from tinyml_course.grading.judge import generator, load_judges
from tinyml_course.grading.public import call_function
from tinyml_course.grading.tasks import tasks_of
from tinyml_course.grading.tasks.foundations_memory import ACCURACY, LEAST, MODEL_BYTES

NAME = "00_foundations.ipynb"
TASKS = {task.id: task for task in tasks_of(NAME)}
JUDGES = load_judges(SOLUTIONS, NAME)
SOURCES = {
    cell["id"]: "".join(cell["source"])
    for cell in json.loads((SOLUTIONS / NAME).read_text())["cells"]
}

GUESSES = {
    "0.1": (lambda *_: 0, lambda *_: 10**9, lambda i, o, bits: i * o * bits // 8),
    "0.2": (lambda c: np.ones(len(c), bool), lambda c: np.zeros(len(c), bool),
            lambda c: c[:, 0] == c[:, 0].min()),
    "0.3": (lambda _, ops: [0] * len(ops), lambda s, ops: [sum(s)] * len(ops),
            lambda s, ops: [max(s)] * len(ops)),
    "0.4": (lambda *_: (1.0, 0), lambda *_: (1e-9, 0), lambda *_: (1e9, 0),
            lambda low, high, _: ((high - low) / 255 or 1.0, 0)),
    "0.5": (lambda x, *_: x, lambda x, *_: 0 * x, lambda x, s, *_: np.clip(x, -128 * s, 127 * s)),
    "0.6": (lambda _, e: [1e9] * len(e), lambda _, e: list(e),
            lambda _, e: [float(s) for s in np.cumsum(e)]),
    "0.7": (lambda s, _: [0] * len(s), lambda s, _: [sum(s[:i]) for i in range(len(s))]),
    "0.8": (lambda *_: (1e9, "memory"), lambda *_: (0.0, "compute"), lambda *_: (2.5, "memory")),
    "0.9": (lambda *_: 0.0, lambda *_: 0.1308, lambda t, s, _: float(((t - s) ** 2).mean() / 2)),
}  # fmt: skip
"""What is returned on inputs that were not seen."""

SHOWN = {"0.9": "hot limit"}
"""Parts whose property is a formula in the specification, so that the formula earns them."""


@pytest.mark.parametrize("task", [task for task in TASKS if TASKS[task].function])
def test_knowing_the_public_inputs_earns_the_worked_example_only(task):
    """Right on all public inputs, a constant, a bound or a rule of thumb on the others."""
    space = {"np": np}
    exec(SOURCES[TASKS[task].cell_id("hole")], space)
    known = [
        Case(args, call_function(space[TASKS[task].function], args)) for args in TASKS[task].inputs
    ]
    hidden = JUDGES[task].draw_inputs(generator("a secret", task))
    for guess in GUESSES[task]:
        unknown = [Case(args, call_function(guess, args), hidden=True) for args in hidden]
        verdict = evaluate(TASKS[task], [*known, *unknown], also=JUDGES[task].also)
        earned = {part.name for part in verdict.parts if part.points}
        assert earned <= {"worked example", SHOWN.get(task)}


@pytest.mark.parametrize("task", [task for task in TASKS if TASKS[task].function])
def test_the_solution_is_right_by_the_public_check_alone(task):
    """Whoever has no judge reads no fault on a right answer."""
    space = {"np": np}
    exec(SOURCES[TASKS[task].cell_id("hole")], space)
    function = space[TASKS[task].function]
    cases = [Case(args, call_function(function, args)) for args in TASKS[task].inputs]
    verdict = evaluate(TASKS[task], cases)
    assert [part.fault for part in verdict.parts if part.judged and part.fault] == []


def test_points_add_up_to_a_hundred():
    """Ten tasks, a hundred points."""
    assert (len(TASKS), sum(task.points for task in TASKS.values())) == (10, 100)


def test_the_specification_of_the_model_states_the_figures_that_count():
    """Size and accuracy in the text are those of the task."""
    text = SOURCES["0-10-spec"]
    sizes = (f"at most {MODEL_BYTES:,} bytes", f"none from {2 * MODEL_BYTES:,} on")
    shares = (f"at least {100 * ACCURACY:.0f} %", f"none up to {100 * LEAST:.0f} %")
    assert [figure for figure in (*sizes, *shares) if figure not in text] == []


def test_the_solutions_model_has_room_below_the_limit():
    """A tenth of the bytes are spare, so that another version of the converter may add some."""
    size = (SOLUTIONS / "products" / TASKS["0.10"].product).stat().st_size
    assert size <= 0.9 * MODEL_BYTES
