"""Chapter 2's tasks against learners who know the public inputs, and their oracles against others.

The oracles of the judge count pairs, run races and measure volumes; SciPy and brute force confirm
them here.
"""

import itertools
import json
import math

import numpy as np
import pytest
from scipy.stats import kendalltau

from tests.grading.handed_in import SOLUTIONS
from tinyml_course.core.arch import ArchSpec, LayerSpec, place_blocks
from tinyml_course.grading.evaluate import Case, evaluate
from tinyml_course.grading.judge import generator, load_judges
from tinyml_course.grading.public import call_function
from tinyml_course.grading.tasks import tasks_of
from tinyml_course.grading.tasks.nas_product import (
    ACCURACY,
    ARENA_BYTES,
    LEAST,
    MODEL_BYTES,
    WORST,
)

NAME = "02_nas.ipynb"
TASKS = {task.id: task for task in tasks_of(NAME)}
FUNCTIONS = [task for task in TASKS if TASKS[task].function]
JUDGES = load_judges(SOLUTIONS, NAME)
SOURCES = {
    cell["id"]: "".join(cell["source"])
    for cell in json.loads((SOLUTIONS / NAME).read_text())["cells"]
}
SETUP = {
    "np": np, "math": math, "itertools": itertools, "ArchSpec": ArchSpec, "LayerSpec": LayerSpec,
    "place_blocks": place_blocks,
}  # fmt: skip

GUESSES = {
    "2.1": (lambda _, __, w, n: (2 * len(w) + 1) ** n, lambda _, __, w, n: len(w) ** n),
    "2.2": (lambda _: (0, 0), lambda spec: (len(spec.layers), 10**6)),
    "2.3": (lambda _: 10**9, lambda spec: 2 * math.prod(spec.input_shape)),
    "2.4": (lambda parents, *_: parents[:1], lambda *_: [],
            lambda parents, _, plan, __: [parents[pair[1][0]] for pair, *_ in plan]),
    "2.5": (lambda c: np.zeros(len(c), int), lambda c: np.arange(len(c)),
            lambda c: np.argsort(np.argsort(c.sum(axis=1)))),
    "2.6": (lambda c: np.full(len(c), np.inf), lambda c: np.zeros(len(c)),
            lambda c: np.full(len(c), np.nan)),
    "2.7": (lambda *_: 0.0, lambda c, r: float((r - c.min(axis=0)).prod()), lambda *_: 1e9),
    "2.8": (lambda a, *_: (0, len(a)), lambda a, e, _: (len(a) - 1, len(a) * sum(e)),
            lambda _, e, __: (0, sum(e))),
    "2.9": (lambda _, k, i, o: np.zeros((k, k, i, o)), lambda s, *_: s,
            lambda _, k, i, o: np.full((k, k, i, o), np.nan)),
    "2.10": (lambda *_: 1.0, lambda *_: 0.0, lambda *_: -1.0),
    "2.11": (lambda x, _, __, c: (np.ones(len(x)) / len(x), float(c.mean()), 0 * c),
             lambda x, _, __, c: (np.eye(len(x))[0], float(c[0]), 0 * c)),
}  # fmt: skip
"""What is returned on inputs that were not seen."""


def solve(task):
    """Return the solution's function."""
    space = dict(SETUP)
    exec(SOURCES[TASKS[task].cell_id("hole")], space)
    return space[TASKS[task].function]


def public_cases(task):
    """Return the public inputs with the solution's answers."""
    function = solve(task)
    return [Case(args, call_function(function, args)) for args in TASKS[task].inputs]


@pytest.mark.parametrize("task", FUNCTIONS)
def test_knowing_the_public_inputs_earns_the_worked_example_only(task):
    """Right on all public inputs, a constant, a bound or a rule of thumb on the others."""
    known = public_cases(task)
    hidden = JUDGES[task].draw_inputs(generator("a secret", task))
    for guess in GUESSES[task]:
        unknown = [Case(args, call_function(guess, args), hidden=True) for args in hidden]
        verdict = evaluate(TASKS[task], [*known, *unknown], also=JUDGES[task].also)
        assert {part.name for part in verdict.parts if part.points} <= {"worked example"}


@pytest.mark.parametrize("task", FUNCTIONS)
def test_the_solution_is_right_by_the_public_check_alone(task):
    """Whoever has no judge reads no fault on a right answer."""
    verdict = evaluate(TASKS[task], public_cases(task))
    assert [part.fault for part in verdict.parts if part.judged and part.fault] == []


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("task", FUNCTIONS)
def test_the_public_check_alone_names_a_fault_of_most_mistakes(task):
    """Self-study without a judge: at least two thirds of the named mistakes are caught."""
    caught = []
    for wrong in JUDGES[task].wrong:
        space = dict(SETUP)
        exec(wrong.cell, space)
        function = space[TASKS[task].function]
        cases = [Case(args, call_function(function, args)) for args in TASKS[task].inputs]
        caught.append(evaluate(TASKS[task], cases).points < TASKS[task].points)
    assert sum(caught) >= len(caught) * 2 / 3


def test_points_add_up_to_a_hundred():
    """Twelve tasks, a hundred points."""
    assert (len(TASKS), sum(task.points for task in TASKS.values())) == (12, 100)


def test_the_specification_of_the_model_states_the_figures_that_count():
    """Sizes and accuracy in the text, and the limits in the cell below it, are the task's."""
    text = SOURCES["2-12-spec"]
    sizes = [f"at most {size:,} bytes; none from {WORST * size:,.0f} on"
             for size in (ARENA_BYTES, MODEL_BYTES)]  # fmt: skip
    shares = (f"at least {100 * ACCURACY:.0f} %", f"none up to {100 * LEAST:.0f} %")
    assert [figure for figure in (*sizes, *shares) if figure not in text] == []
    limits = f"Constraints(max_arena={ARENA_BYTES:_}, max_flash={MODEL_BYTES:_})"
    assert limits in SOURCES["text-space"]


def test_the_judges_tau_is_scipys():
    """On every hidden ranking that ranks anything, SciPy's tau-b passes and another does not."""
    judge = JUDGES["2.10"]
    for args in judge.draw_inputs(generator("a secret", "2.10")):
        if all(np.ptp(values) > 0 for values in args):
            tau = float(kendalltau(*args).statistic)
            found = [[test(args, value) for test in judge.also.values()] for value in (tau, 1.01)]
            assert (found[0], any(found[1])) == ([None, None], True)


def test_the_judges_spaces_are_those_written_out():
    """On hidden spaces that are small enough, writing all networks out gives the same number."""
    judge, checked = JUDGES["2.1"], 0
    for args in judge.draw_inputs(generator("a secret", "2.1")):
        side, channels, widths, blocks = args
        if (4 * len(widths)) ** blocks > 3_000:
            continue
        choices = list(itertools.product(widths, (1, 2), (False, True)))
        networks = {
            tuple(written_block(side, channels, chain)) for chain in
            itertools.product(choices, repeat=blocks)
        }  # fmt: skip
        assert [test(args, len(networks)) for test in judge.also.values()] == [None, None]
        checked += 1
    assert checked >= 4


def written_block(side, channels, chain):
    """Yield the blocks of a chain as they act."""
    for width, stride, skip in chain:
        smaller = -(-side // stride)
        yield width, smaller, skip and (smaller, width) == (side, channels)
        side, channels = smaller, width
