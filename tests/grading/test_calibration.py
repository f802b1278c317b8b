"""Every task of the course gives its points to the solution, and to nothing less."""

from dataclasses import replace

import pytest

from tests.grading.handed_in import EXERCISES, SOLUTIONS, hand_in, with_cells
from tinyml_course.grading.evaluate import evaluate
from tinyml_course.grading.judge import (
    SELF_STUDY,
    draw_question,
    load_judges,
    make_paper,
)
from tinyml_course.grading.marker import Marker, mark_submission
from tinyml_course.grading.notebook import read_notebook
from tinyml_course.grading.paper import public_paper
from tinyml_course.grading.product import judge_product
from tinyml_course.grading.submission import read_submission
from tinyml_course.grading.tasks import find_task, notebook_of, tasks_of
from tinyml_course.grading.wire import encode

pytestmark = pytest.mark.slow

NOTEBOOKS = sorted(path.name for path in SOLUTIONS.glob("*.ipynb"))
JUDGES = {task: j for name in NOTEBOOKS for task, j in load_judges(SOLUTIONS, name).items()}
WRONG = {f"{task} {wrong.name}": (task, wrong) for task in JUDGES for wrong in JUDGES[task].wrong}
FUNCTIONS = [task for task in JUDGES if find_task(task).function]
PRODUCTS = [task for task in JUDGES if find_task(task).product]
SECRETS = (SELF_STUDY, *(f"term {number}" for number in range(20)))


@pytest.fixture(scope="module")
def questions():
    """The questions of each task, one under each secret."""
    return {
        task: [draw_question(find_task(task), judge, secret) for secret in SECRETS]
        for task, judge in JUDGES.items()
    }


def points_under_all_secrets(path, asked, sandbox) -> set[float]:
    """Return the points that a notebook gets; one process answers the inputs of all secrets."""
    name = notebook_of(asked[0].task.id)
    paper = public_paper(EXERCISES / name)
    everything = replace(asked[0], hidden=tuple(args for q in asked for args in q.hidden))
    cases = Marker(paper, read_submission(path), sandbox).answer(everything)
    given, points = len(asked[0].public), set()
    hidden = iter(cases[given:])
    for question in asked:
        own = [*cases[:given], *(next(hidden) for _ in question.hidden)]
        points.add(evaluate(question.task, own, also=question.also).points)
    return points


@pytest.mark.parametrize("task", FUNCTIONS)
def test_a_solution_gets_every_point_under_every_secret(task, questions, sandbox):
    """The solution notebook, handed in as it is, is right on 21 draws of hidden inputs."""
    path = SOLUTIONS / notebook_of(task)
    assert points_under_all_secrets(path, questions[task], sandbox) == {find_task(task).points}


@pytest.mark.parametrize("case", [name for name in WRONG if WRONG[name][0] in FUNCTIONS])
def test_a_wrong_answer_gets_its_stated_score_under_every_secret(
    case, questions, sandbox, tmp_path
):
    """A named mistake costs the same whatever is drawn."""
    task, wrong = WRONG[case]
    hole = {find_task(task).cell_id("hole"): wrong.cell}
    path = hand_in(tmp_path, with_cells(read_notebook(SOLUTIONS / notebook_of(task)), **hole))
    assert points_under_all_secrets(path, questions[task], sandbox) == {wrong.score}


@pytest.mark.parametrize("task", PRODUCTS)
def test_a_product_gets_its_stated_score(task, questions, sandbox, tmp_path):
    """The solution's file gets every point on 21 draws of gestures, each wrong file its score.

    The verdict on all draws at once is the worst of them, so that one draw is judged alone too.
    """
    first = questions[task][0]
    every = replace(first, hidden=tuple(args for q in questions[task] for args in q.hidden))
    right = SOLUTIONS / "products" / find_task(task).product
    assert judge_product(every, right, sandbox).points == find_task(task).points
    for wrong in JUDGES[task].wrong:
        path = hand_in(tmp_path, wrong.product(), find_task(task).product)
        found = [judge_product(question, path, sandbox).points for question in (first, every)]
        assert (wrong.name, found) == (wrong.name, [wrong.score] * 2)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_an_untouched_exercise_gets_nothing(name, sandbox):
    """The exercise as given out is not attempted, task by task."""
    paper = make_paper(EXERCISES / name, solutions=SOLUTIONS)
    verdicts = mark_submission(EXERCISES / name, paper, sandbox)
    assert len(verdicts) == len(tasks_of(name))
    assert {(v.points, v.status) for v in verdicts} == {(0.0, "not attempted")}


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_stub_that_was_edited_without_an_answer_gets_nothing(name, sandbox, tmp_path):
    """A comment in each hole is not an attempt."""
    exercise = read_notebook(EXERCISES / name)
    holes = {
        task.cell_id("hole"): _source(exercise, task.cell_id("hole")) + "\n# later"
        for task in tasks_of(name)
        if task.function
    }
    path = hand_in(tmp_path, with_cells(exercise, **holes), name)
    paper = make_paper(EXERCISES / name, solutions=SOLUTIONS)
    assert {v.points for v in mark_submission(path, paper, sandbox)} == {0.0}


@pytest.mark.parametrize("task", list(JUDGES))
def test_hidden_inputs_depend_on_the_secret_only(task, questions):
    """The same secret gives the same inputs, another secret gives others."""
    again = draw_question(find_task(task), JUDGES[task], SECRETS[1])
    first, second = questions[task][1:3]
    assert encode(again.hidden) == encode(first.hidden)
    assert encode(first.hidden) != encode(second.hidden)


def _source(notebook, key):
    return next(cell["source"] for cell in notebook["cells"] if cell["id"] == key)
