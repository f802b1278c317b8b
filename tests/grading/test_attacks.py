"""Nobody gets points by attacking the judge, and nobody else loses any."""

import os
import socket

import pytest

from tests.conftest import ROOT
from tests.grading.attacks import ATTACKS
from tests.grading.handed_in import hand_in, with_cells
from tests.grading.sample import solved
from tinyml_course.grading.marker import mark_submission

pytestmark = pytest.mark.slow

MARKS = "student,points\nvictim,20\n"


@pytest.fixture(scope="module")
def classroom(tmp_path_factory):
    """Submissions with an honest learner's among them, a gradebook, and a listening port."""
    folder = tmp_path_factory.mktemp("class")
    hand_in(folder / "submissions" / "victim", solved())
    (folder / "gradebook.csv").write_text(MARKS)
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.setblocking(False)
        yield folder, server


@pytest.mark.parametrize("name", list(ATTACKS))
def test_an_attack_gets_nothing_and_harms_nobody(name, classroom, paper, sandbox):
    """The task has 0 points with a reason; the honest notebook keeps all of its points."""
    folder, server = classroom
    root = folder / "submissions"
    victim = root / "victim" / paper.name
    before = victim.read_bytes()
    code = ATTACKS[name].replace("{{", "{").replace("}}", "}")
    for key, value in {
        "root": ROOT, "victim": victim, "gradebook": folder / "gradebook.csv",
        "judge": os.getpid(), "port": server.getsockname()[1],
    }.items():  # fmt: skip
        code = code.replace("{" + key + "}", str(value))
    path = hand_in(root / "attacker", with_cells(solved(), **{"0-1-hole": code}))
    attacked = mark_submission(path, paper, sandbox, root=root, only={"0.1"})[0]
    honest = mark_submission(victim, paper, sandbox, root=root)
    assert (attacked.points, attacked.status) in {(0.0, "failed"), (0.0, "refused")}
    assert attacked.reason
    assert [verdict.points for verdict in honest] == [8.0, 12.0]
    assert victim.read_bytes() == before
    assert (folder / "gradebook.csv").read_text() == MARKS
    with pytest.raises(BlockingIOError):
        server.accept()


def test_there_are_attacks_enough():
    """At least 25 different attacks are tried."""
    assert len(set(ATTACKS.values())) >= 25


@pytest.mark.parametrize(
    "name", [n for n in ATTACKS if n.startswith(("an object that eq", "an int"))]
)
def test_a_judge_that_compares_in_its_own_process_is_fooled(name):
    """The lying objects are real: ``==`` in one process takes them for the right answer."""
    space: dict = {}
    exec(ATTACKS[name], space)
    assert space["weight_bytes"](3, 5, 8) == 35


def test_an_honest_answer_in_place_of_an_attack_gets_all_points(paper, sandbox, tmp_path):
    """The same notebook with an honest answer in place of the attack gets all points."""
    path = hand_in(tmp_path, solved())
    assert [v.points for v in mark_submission(path, paper, sandbox)] == [8.0, 12.0]


def test_hidden_inputs_are_not_told(paper, sandbox, tmp_path):
    """An error that quotes its arguments shows public ones only."""
    code = "def weight_bytes(*args):\n    raise ValueError(f'seen {args}')\n"
    path = hand_in(tmp_path, with_cells(solved(), **{"0-1-hole": code}))
    verdict = mark_submission(path, paper, sandbox, only={"0.1"})[0]
    told = " ".join((verdict.reason, *(part.fault for part in verdict.parts)))
    hidden = paper.questions[0].hidden
    assert "seen (3, 5, 8)" in told
    assert [
        args for args in hidden if str(args) in told and args not in paper.questions[0].public
    ] == []


def test_the_rest_of_an_attacker_is_still_graded(paper, sandbox, tmp_path):
    """A cell that ends its process costs its own task only."""
    code = "import os\nos._exit(0)\n"
    path = hand_in(tmp_path, with_cells(solved(), **{"0-1-hole": code}))
    assert [v.points for v in mark_submission(path, paper, sandbox)] == [0.0, 12.0]
