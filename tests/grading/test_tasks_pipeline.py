"""Chapter 3's tasks against learners who know the public inputs, and their oracles against others.

The oracles of the judge find components, count bytes and grow orders; brute force, and what the
chapter itself uses, confirm them here.
"""

import itertools
import json
import math

import numpy as np
import pytest

from tests.grading.handed_in import SOLUTIONS
from tinyml_course.compression.soft_targets import distillation_gradient, distillation_loss
from tinyml_course.core.statistics import mean_interval
from tinyml_course.grading.evaluate import Answer, Case, evaluate
from tinyml_course.grading.judge import generator, load_judges
from tinyml_course.grading.public import call_function
from tinyml_course.grading.tasks import tasks_of
from tinyml_course.grading.tasks.pipeline_product import (
    ACCURACY,
    ARENA_BYTES,
    LEAST,
    MODEL_BYTES,
    WORST,
)
from tinyml_course.grading.tasks.pipeline_runs import MOVES
from tinyml_course.pipeline.compress_stages import Distill, PruneChannels
from tinyml_course.pipeline.stages import Convert, QuantizeAware, Slim, Train
from tinyml_course.pipeline.state import AwareState, FlashState, FloatState, SpecState

NAME = "03_pipeline.ipynb"
TASKS = {task.id: task for task in tasks_of(NAME)}
FUNCTIONS = [task for task in TASKS if TASKS[task].function]
JUDGES = load_judges(SOLUTIONS, NAME)
SOURCES = {
    cell["id"]: "".join(cell["source"])
    for cell in json.loads((SOLUTIONS / NAME).read_text())["cells"]
}
SETUP = {"np": np, "math": math, "itertools": itertools}

GUESSES = {
    "3.1": (lambda k, g, *_: (np.abs(k).mean(axis=(0, 1, 2)), np.ones(len(g)), np.zeros(len(g))),
            lambda _, g, *__: (np.full(len(g), np.nan),) * 3),
    "3.2": (lambda _: [], lambda layers: [[(n, i)] for n, k, _, w in layers if k == "conv"
                                          for i in range(w)]),
    "3.3": (lambda *args: args[:3], lambda f, n, s, k: ((f[0] * k, f[1] * k), n, s)),
    "3.4": (lambda g, _, k, b, __: (np.ones(len(g), bool), k, b),
            lambda g, _, k, b, __: (g != 0, k[:, :, g != 0], b)),
    "3.5": (lambda s, *_: [[int(x.argmax())] for x in s],
            lambda s, *_: [list(range(len(x))) for x in s], lambda *_: []),
    "3.6": (lambda c, _: (c, (len(c),) * 3), lambda c, _: (0 * c, (len(c), -(-len(c) // 8), 0))),
    "3.7": (lambda t, *_: (0.0, 0 * t), lambda _, s, *__: (1e9, 0 * s)),
    "3.8": (lambda *_: 0.0, lambda *_: 0.5, lambda *_: 1.0),
    "3.9": (lambda *_: [], lambda stages, _: [stages]),
    "3.10": (lambda start, stages, _: (["kept"] * len(stages), start),
             lambda start, stages, _: (["skipped"] * len(stages), start)),
    "3.11": (lambda a, b, _: (float(np.mean(a) - np.mean(b)), 0.0, "first"),
             lambda *_: (0.0, 0.0, "undecided"), lambda *_: (0.0, 1.0, "undecided")),
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


def draw(task):
    """Return hidden inputs."""
    return JUDGES[task].draw_inputs(generator("a secret", task))


@pytest.mark.parametrize("task", FUNCTIONS)
def test_knowing_the_public_inputs_earns_the_worked_example_only(task):
    """Right on all public inputs, a constant, a bound or a rule of thumb on the others."""
    known = public_cases(task)
    for guess in GUESSES[task]:
        unknown = [Case(args, call_function(guess, args), hidden=True) for args in draw(task)]
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
    """Sizes and accuracy in the text are the task's."""
    text = SOURCES["3-12-spec"]
    sizes = [f"at most {size:,} bytes; none from {WORST * size:,.0f} on"
             for size in (ARENA_BYTES, MODEL_BYTES)]  # fmt: skip
    shares = (f"at least {100 * ACCURACY:.0f} %", f"none up to {100 * LEAST:.0f} %")
    assert [figure for figure in (*sizes, *shares) if figure not in text] == []


def test_the_moves_of_the_exercise_are_those_of_the_stages():
    """What each of the course's stages takes and makes, the specification's cell says too."""
    names = {SpecState: "network", FloatState: "float", AwareState: "aware", FlashState: "file"}
    stages = (Train, PruneChannels, Distill, QuantizeAware, Convert, Slim)
    accepted = {
        stage.name: {names[kind]: names[made] for kind, made in stage.accepts.items()}
        for stage in stages
    }  # fmt: skip
    space = {}
    exec(SOURCES["3-9-picture"].partition("\n")[2].partition("    counts")[0].replace("    ", ""),
         space)  # fmt: skip
    assert (accepted, space["moves"]) == (MOVES, MOVES)


def test_the_judges_lesson_is_the_courses():
    """Chapter 0's loss and gradient pass, those at another temperature do not."""
    judge = JUDGES["3.7"]
    for teacher, student, labels, temperature, hard in draw("3.7")[:12]:
        args = teacher, student, labels, temperature, hard
        rows, targets = np.arange(len(labels)), np.eye(student.shape[1])[labels]
        soft = distillation_loss(teacher, student, temperature=temperature)
        cold = -np.log(np.exp(student) / np.exp(student).sum(axis=1, keepdims=True))
        loss = hard * cold[rows, labels].mean() + (1 - hard) * soft
        slopes = distillation_gradient(
            teacher, targets, temperature=temperature, soft_share=1 - hard
        )(student, rows).astype(float)
        found = [test(args, (loss, slopes)) for test in judge.also.values()]
        wrong = judge.also["loss"](args, (loss + 1e-6, slopes))
        assert (found, bool(wrong)) == ([None, None], True)


def test_the_judges_sets_are_those_that_brute_force_finds():
    """A channel's set is all that must go for the sums to stay whole, counted from one channel."""
    for (layers,) in draw("3.2"):
        fates, stuck = carry(layers)
        makers = [(n, i) for n, kind, _, w in layers if kind == "conv" for i in range(w)]
        sets = {frozenset(spread({maker}, fates)) for maker in makers}
        free = [list(group) for group in sets if not group & stuck]
        found = [test((layers,), free) for test in JUDGES["3.2"].also.values()]
        assert (found, bool(free)) == ([None] * 3, True)


def carry(layers):
    """Return the makers of every channel of every tensor, and those that must stay."""
    carried, stuck = {}, set()
    for name, kind, sources, width in layers:
        arriving = [carried[source] for source in sources]
        if kind in ("image", "conv"):
            carried[name] = [{(name, number)} for number in range(width)]
        elif kind == "add":
            carried[name] = [set.union(*terms) for terms in zip(*arriving, strict=True)]
        else:
            carried[name] = [makers for part in arriving for makers in part]
        if kind in ("image", "output"):
            stuck = stuck.union(*carried[name])
    fates = [makers for tensor in carried.values() for makers in tensor]
    return fates, frozenset(stuck)


def spread(gone, fates):
    """Return all that must go with the makers `gone`."""
    more = gone.union(*(makers for makers in fates if makers & gone))
    return gone if more == gone else spread(more, fates)


def test_the_judges_interval_is_the_courses():
    """The chapter's own interval passes; its table of t is what the inputs hold."""
    for first, second, t in draw("3.11"):
        interval = mean_interval(np.subtract(first, second))
        word = "undecided"
        if interval.excludes_zero:
            word = "first" if interval.mean > 0 else "second"
        answer = Answer((interval.mean, interval.half_width, word))
        verdict = evaluate(TASKS["3.11"], [Case((first, second, t), answer)],
                           also=JUDGES["3.11"].also)  # fmt: skip
        assert verdict.points == TASKS["3.11"].points
