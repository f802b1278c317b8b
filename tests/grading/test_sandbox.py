"""The walls around learners' code, one by one."""

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.grading.attacks import ATTACKS
from tests.grading.handed_in import hand_in, with_cells
from tests.grading.sample import QUICK, solved
from tinyml_course.grading.marker import mark_submission
from tinyml_course.grading.sandbox import Sandbox
from tinyml_course.grading.seccomp import build_filter
from tinyml_course.grading.session import Order, ProcessEnded

pytestmark = pytest.mark.slow

PATIENT = replace(QUICK, wall_s=60.0)
"""A busy machine may give a process little time; the limit of processor time comes first here."""


def ask(sandbox, body: str, *args, limits=QUICK):
    """Return what a function with this body gives inside the sandbox."""
    with sandbox.session(limits) as session:
        session.load(Order("f", [("cell", f"def f(*args):\n{body}")]))
        return session.call(args)


def value(sandbox, expression: str, *args):
    answer = ask(sandbox, f"    import os, sys\n    return {expression}", *args)
    assert answer.fault == ""
    return answer.value


@pytest.fixture
def walled(sandbox):
    """The sandbox, if this machine allows namespaces."""
    value(sandbox, "1")
    if "own file system" not in sandbox.protections:
        pytest.skip("this machine allows no namespaces")
    return sandbox


def test_the_report_names_the_walls(sandbox):
    """Resource limits stand everywhere."""
    value(sandbox, "1")
    assert "resource limits" in sandbox.protections
    assert len(set(sandbox.protections)) == len(sandbox.protections)


def test_the_course_its_solutions_and_homes_are_out_of_sight(walled):
    """No file of the course exists in there, not even of the package that is loaded."""
    hidden = [str(ROOT / name) for name in ("solutions", "tests", ".git", "tinyml_course")]
    assert value(walled, "[path for path in args[0] if os.path.exists(path)]", hidden) == []
    assert value(walled, "os.path.exists(os.path.expanduser('~/.bashrc'))") is False
    assert value(walled, "os.path.exists('/proc')") is False


def test_only_scratch_can_be_written(walled):
    """A file elsewhere is refused; one in the scratch folder is gone for the next session."""
    assert "raised" in ask(walled, "    open('/usr/lib/x', 'w')").fault
    assert "raised" in ask(walled, "    open('/x', 'w')").fault
    assert value(walled, "open('mine', 'w').write('abc')") == 3
    assert value(walled, "os.path.exists('mine')") is False


def test_processes_are_alone(walled):
    """The learner's process is the first of its own, without privileges, user of nobody."""
    assert value(walled, "os.getpid()") == 1
    if os.geteuid() == 0:
        assert value(walled, "os.getuid()") > 60_000
        assert value(walled, "os.access('/usr/lib', os.W_OK)") is False


def test_nothing_of_the_judge_is_in_environment_and_arguments(monkeypatch):
    """A variable of the judge's own does not get in."""
    monkeypatch.setenv("TINYML_SECRET", "hidden")
    with Sandbox() as fresh:
        assert value(fresh, "'TINYML_SECRET' in os.environ") is False
        assert value(fresh, "sys.argv") == [""]


def test_the_learners_module_is_not_the_judges(sandbox):
    """Tasks, judges and verdicts are not loaded where learners' code runs."""
    loaded = value(sandbox, "sorted(m for m in sys.modules if m.startswith('tinyml_course'))")
    assert "tinyml_course.quantization.affine" in loaded
    for name in ("tasks", "evaluate", "paper", "judge", "sandbox"):
        assert f"tinyml_course.grading.{name}" not in loaded


def test_standard_library_and_numpy_work(sandbox):
    """What exercises need can be imported there, late as well."""
    names = "statistics, json, decimal, dataclasses, typing, hashlib, numpy.fft, numpy.linalg"
    body = (
        f"    import {names}\n    import numpy as np\n    return np.linalg.inv(np.eye(2)).tolist()"
    )
    assert ask(sandbox, body).value == [[1.0, 0.0], [0.0, 1.0]]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("    import os\n    os._exit(3)", "exit status 3"),
        ("    import ctypes\n    ctypes.string_at(0)", "SIGSEGV"),
        ("    while True: pass", "more than 1 s of processor time"),
        ("    import time\n    time.sleep(60)", "longer than 6 s"),
        ("    import os\n    os.close(3)\n    os.pause() if 0 else __import__('time').sleep(9)",
         "closed its line"),
    ],
)  # fmt: skip
def test_an_end_is_explained(body, why, sandbox):
    """The reason says what ended the process."""
    with pytest.raises(ProcessEnded, match=why):
        ask(sandbox, body, limits=QUICK if "longer" in why else PATIENT)
    assert value(sandbox, "7") == 7


def test_nothing_is_left_running(sandbox):
    """After a session that tried to leave processes behind, the server has no children."""
    body = (
        "    import os, time\n    if os.fork() == 0:\n        os.setsid()\n        time.sleep(600)"
    )
    ask(sandbox, body)
    children = Path(f"/proc/{sandbox.pid}/task/{sandbox.pid}/children")
    end = time.monotonic() + 5
    while children.read_text().split() and time.monotonic() < end:
        time.sleep(0.02)
    assert children.read_text().split() == []


def _call_for_ever(session):
    while True:
        session.call(())


def test_everything_ends_with_the_server():
    """A judge that is killed leaves neither server nor learner's process behind."""
    with Sandbox() as fresh, fresh.session(PATIENT) as session:
        session.load(Order("f", [("cell", "def f(): return 1")]))
        assert session.call(()).value == 1
        os.kill(fresh.pid, 9)
        with pytest.raises(ProcessEnded):
            _call_for_ever(session)


def test_a_killed_server_is_replaced(tmp_path, paper):
    """The next session starts another one, and its folder is cleared away."""
    with Sandbox() as fresh:
        os.kill(fresh.pid, 9)
        path = hand_in(tmp_path, solved())
        assert [v.points for v in mark_submission(path, paper, fresh)] == [8.0, 12.0]
        staging = Path(fresh._staging.name)
    assert not staging.exists()


@pytest.fixture(scope="module")
def plain():
    """A sandbox that may not use namespaces, as in many containers."""
    with Sandbox(namespaces=False) as server:
        yield server


@pytest.mark.parametrize(
    "name",
    [
        "reads the solution from disk", "reads another's work", "writes into the gradebook",
        "kills whatever it can", "a process that outlives the cell", "forks without end",
        "calls out", "takes 10 GB", "leaves with os._exit in the call", "ignores signals",
        "looks into environment and arguments",
    ],
)  # fmt: skip
def test_attacks_fail_without_namespaces_too(name, plain, paper, tmp_path):
    """Limits, file access rules and the system call filter hold on their own."""
    victim, gradebook = hand_in(tmp_path / "victim", solved()), tmp_path / "gradebook"
    gradebook.write_text("marks")
    code = ATTACKS[name].replace("{{", "{").replace("}}", "}")
    for key, text in {"root": ROOT, "victim": victim, "gradebook": gradebook,
                      "judge": os.getpid(), "port": 9}.items():  # fmt: skip
        code = code.replace("{" + key + "}", str(text))
    path = hand_in(tmp_path / "eve", with_cells(solved(), **{"0-1-hole": code}))
    before = victim.read_bytes()
    assert mark_submission(path, paper, plain, only={"0.1"})[0].points == 0
    if "file access rules" in plain.protections:
        assert (gradebook.read_text(), victim.read_bytes()) == ("marks", before)
    assert [v.points for v in mark_submission(victim, paper, plain)] == [8.0, 12.0]


def test_the_filter_is_known_for_common_machines():
    """x86-64 and ARM have a table; denying new processes makes it longer."""
    for machine in ("x86_64", "aarch64"):
        assert len(build_filter(machine, alone=True)) > len(build_filter(machine)) > 8 * 50
    assert build_filter("vax") is None


def test_importing_the_judge_loads_no_tensorflow():
    """Grading starts fast."""
    code = "import sys, tinyml_course.grading.judge; print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
