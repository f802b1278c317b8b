"""The learner's side: a check that never raises, a panel, and a time limit."""

import subprocess
import sys
import threading
import time

import pytest

from tinyml_course.grading import check as module
from tinyml_course.grading import forms
from tinyml_course.grading.check import attempted, check, run_check, write_product
from tinyml_course.grading.panel import make_panel
from tinyml_course.grading.progress import VARIABLE, Progress
from tinyml_course.grading.task import Limits, Part, Task, worked_examples
from tinyml_course.grading.time_limit import OutOfTime, time_limit
from tinyml_course.grading.verdict import no_points
from tinyml_course.grading.words import describe_verdict, verdict_html

TWICE = Task(
    id="0.1",
    title="Twice a number",
    function="twice",
    returns=forms.integer,
    public_inputs=((2,), (3,)),
    parts=(
        Part("example", 1, "Twice 2 is 4.", worked_examples({(2,): 4})),
        Part("all", 2, "On <every> input."),
    ),
    hints=("one <b>", "two", "three"),
    limits=Limits(wall_s=0.2),
)


@pytest.fixture(autouse=True)
def own_progress(monkeypatch, tmp_path):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "progress.sqlite3"))
    monkeypatch.setattr(module, "find_task", lambda _: TWICE)


def untouched(x):
    raise NotImplementedError("0.1: Twice a number")


def test_an_untouched_task_says_not_attempted(capsys):
    """It prints one line and records nothing."""
    check("0.1", untouched)
    assert "0.1: not attempted\n" == capsys.readouterr().out
    assert not Progress().path.exists()


def test_a_wrong_answer_is_told_by_its_property_and_never_raises(capsys):
    """The output names the property, the public input, and no hidden part's result."""
    check("0.1", lambda x: x)
    said = capsys.readouterr().out
    assert "twice(2): the worked example says 4, got 2" in said
    assert "open: On <every> input." in said


def test_a_right_answer_is_recorded_as_passed(capsys):
    """Points that are judged later are said to be open."""
    check("0.1", lambda x: 2 * x)
    assert "1 of 3 points; 2 more are judged when you hand it in" in capsys.readouterr().out
    assert Progress().standing()[0].passed


def test_an_answer_that_never_ends_is_interrupted():
    """An endless loop, and one that swallows every exception, end at the limit."""

    def swallows(_):
        while True:
            try:
                while True:
                    pass
            except Exception:
                pass

    verdict = run_check(TWICE, swallows)
    assert "within 0.2 s" in verdict.reason
    assert 0 == verdict.points


def test_something_that_is_no_function_is_refused_with_the_call_to_write():
    """`check("0.1")` without the function says what to write."""
    assert "check('0.1', twice)" in run_check(TWICE, None).reason


def test_a_progress_file_that_cannot_be_written_does_not_stop_the_check(
    monkeypatch, tmp_path, capsys
):
    """The verdict appears, with a notice that names the file."""
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    check("0.1", lambda x: 2 * x)
    said = capsys.readouterr().out
    assert "passed: Twice 2 is 4." in said
    assert f"Not recorded: the progress file {tmp_path}" in said


def test_the_panel_opens_one_rung_at_a_time_and_records_it():
    """Three clicks open three rungs, then the button is out of use; HTML is escaped."""
    panel = make_panel(TWICE, no_points("0.1", 3, "x"), again=lambda: (no_points("0.1", 3, ""), ""))
    _, buttons, hints = panel.children
    hint = buttons.children[1]
    for count in (1, 2, 3):
        hint.click()
        assert count == hints.value.count("<li>")
    assert "one &lt;b&gt;" in hints.value
    assert hint.disabled
    assert 3 == Progress().standing()[0].hints


def test_the_panel_checks_again_on_request():
    """The button shows what the second check found."""
    better = run_check(TWICE, lambda x: 2 * x)
    panel = make_panel(TWICE, run_check(TWICE, lambda x: x), again=lambda: (better, "a <notice>"))
    shown, buttons, _ = panel.children
    assert "failed" in shown.value
    buttons.children[0].click()
    assert "passed" in shown.value
    assert "a &lt;notice&gt;" in shown.value


def test_the_panel_says_what_to_do_where_nothing_was_done():
    """An untouched task shows its points and the steps; a press shows when it was checked."""

    def stub(_):
        raise NotImplementedError

    untouched = run_check(TWICE, stub)
    panel = make_panel(TWICE, untouched, again=lambda: (untouched, ""))
    shown, buttons, _ = panel.children
    assert f"0 of {TWICE.points:g} points so far" in shown.value
    assert "run that cell" in shown.value
    assert "Checked at" not in shown.value
    buttons.children[0].click()
    assert "Checked at" in shown.value
    assert not buttons.children[0].disabled


def test_the_panel_stays_usable_when_a_check_fails():
    """A check that raises leaves the button as it was."""

    def again():
        raise OSError("disk")

    panel = make_panel(TWICE, no_points("0.1", 3, "x"), again=again)
    button = panel.children[1].children[0]
    button.click()
    assert (button.disabled, button.description) == (False, "Check again")


def test_text_and_html_tell_the_same_and_escape_what_learners_wrote():
    """A result that looks like markup is shown as text."""
    verdict = run_check(TWICE, lambda _: "<script>")
    assert "<script>" not in verdict_html(TWICE, verdict)
    for part in verdict.parts:
        assert part.says in describe_verdict(TWICE, verdict)


def test_attempted_lets_only_missing_answers_pass(capsys):
    """Other errors stay errors."""
    with attempted("0.1"):
        untouched(1)
    assert "0.1: not attempted yet\n" == capsys.readouterr().out
    with pytest.raises(ZeroDivisionError), attempted("0.1"):
        raise ZeroDivisionError


def test_a_product_is_written_whole(tmp_path):
    """The file holds exactly the model's bytes."""
    assert 3 == write_product("0.9.tflite", b"abc", folder=tmp_path)
    assert b"abc" == (tmp_path / "0.9.tflite").read_bytes()


def test_a_missing_product_is_not_attempted(monkeypatch, tmp_path):
    """No file, no attempt."""
    monkeypatch.chdir(tmp_path)
    task = Task(
        id="0.9", title="A file", function="", product="0.9.tflite", parts=TWICE.parts,
        public_inputs=((1,),), hints=TWICE.hints,
    )  # fmt: skip
    assert "not attempted" == run_check(task, None).status


def test_the_time_limit_puts_the_old_handler_back():
    """Nothing fires after the block."""
    with time_limit(0.05):
        pass
    time.sleep(0.1)
    with pytest.raises(OutOfTime, match=r"0\.05 s"), time_limit(0.05):
        time.sleep(5)


def test_the_time_limit_lets_other_threads_be():
    """Outside the main thread there is no signal, and the block just runs."""
    done = []

    def work():
        with time_limit(0.01):
            time.sleep(0.05)
            done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert [True] == done


def test_the_module_needs_no_notebook():
    """Importing the learner's side loads neither IPython nor TensorFlow."""
    code = "import sys, tinyml_course.grading.check; print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "False\n" == done.stdout
