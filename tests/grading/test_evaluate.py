"""From answers to points."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyml_course.grading import forms
from tinyml_course.grading.evaluate import Answer, Case, evaluate
from tinyml_course.grading.public import check_function
from tinyml_course.grading.task import Part, Shortfall, Task, worked_examples
from tinyml_course.grading.verdict import NOT_ATTEMPTED


def make_task(*parts, **options) -> Task:
    """Return a task about squaring a number."""
    return Task(
        id="9.9", title="Squares", function="square", returns=forms.real, parts=parts,
        public_inputs=((2,), (3,)), hints=("", "", ""), **options,
    )  # fmt: skip


def at_least_zero(_, result):
    return None if result >= 0 else f"{result} is below zero"


def exact(args, result):
    return None if result == args[0] ** 2 else f"expected {args[0] ** 2}"


SQUARE = make_task(
    Part("example", 2, "Two gives four.", worked_examples({(2,): 4})),
    Part("sign", 3, "Squares are not negative.", at_least_zero, after=("example",)),
    Part("exact", 5, "It is the square, on hidden inputs."),
)


def cases(function, hidden=(5, -7)):
    """Return cases with the answers of a function."""
    public = [Case((x,), Answer(function(x))) for x in (2, 3)]
    return public + [Case((x,), Answer(function(x)), hidden=True) for x in hidden]


def points(function, task=SQUARE):
    verdict = evaluate(task, cases(function), also={"exact": exact})
    return verdict.points, verdict.status


def test_the_right_answer_gets_all_points():
    """Every part holds on every input."""
    assert points(lambda x: x * x) == (10, "passed")


def test_a_part_earns_only_if_it_holds_on_every_input():
    """One failure among the hidden inputs costs the part."""
    assert points(lambda x: x * abs(x)) == (2, "partial")


def test_a_part_waits_for_those_that_it_builds_on():
    """A trivial answer that meets a weak property earns nothing for it."""
    assert points(lambda _: 0) == (0, "failed")


@given(st.lists(st.integers(-3, 30), min_size=4, max_size=4))
def test_points_stay_between_zero_and_the_maximum(values):
    """Whatever the answers, 0 <= points <= maximum, and full points mean that all is right."""
    answers = iter(values)
    verdict = evaluate(SQUARE, cases(lambda _: next(answers)), also={"exact": exact})
    assert 0 <= verdict.points <= 10
    assert (verdict.status == "passed") == (values == [4, 9, 25, 49])


@pytest.mark.parametrize("value", [float("nan"), "4", None, [4], True])
def test_a_result_of_the_wrong_form_earns_nothing(value):
    """NaN slips through comparisons, so that its form is refused before any test."""
    assert points(lambda _: value) == (0, "failed")


def test_a_failed_call_costs_every_part():
    """Even one call without an answer, among many that are right."""
    some = [*cases(lambda x: x * x), Case((9,), Answer(fault="raised ValueError"), hidden=True)]
    assert evaluate(SQUARE, some, also={"exact": exact}).points == 0


def test_what_the_judge_expects_is_not_told():
    """The text of a secret test, with the answer in it, reaches nobody."""
    verdict = evaluate(SQUARE, cases(lambda x: x * x + (x == 3)), also={"exact": exact})
    told = " ".join((verdict.reason, *(part.fault for part in verdict.parts)))
    assert "expected" not in told
    assert "square(3)" in told


def test_hidden_inputs_are_counted_and_not_named():
    """A fault on hidden inputs only says how many they were."""
    verdict = evaluate(SQUARE, cases(lambda x: -1 if x < 0 else x * x), also={"exact": exact})
    faults = [part.fault for part in verdict.parts]
    assert faults[1] == "sign: holds on the public inputs, fails on 1 hidden ones"
    assert "-7" not in " ".join(faults)


def test_a_test_that_trips_has_found_a_fault():
    """An exception inside a test counts against the answer."""
    task = make_task(Part("trips", 4, "It does not trip.", lambda _, result: result[0]))
    assert evaluate(task, cases(lambda x: x)).points == 0


def test_a_shortfall_earns_its_share():
    """The lowest share over all inputs counts."""
    task = make_task(
        Part("near", 4, "It is near.", lambda args, _: Shortfall("off", 0.25 * args[0]))
    )
    assert evaluate(task, cases(lambda x: x, hidden=())).points == 2


def test_stubs_are_not_attempts():
    """If every call says so, the task is not attempted; no part is listed."""
    some = [Case((x,), Answer(fault=NOT_ATTEMPTED)) for x in (2, 3)]
    verdict = evaluate(SQUARE, some)
    assert (verdict.status, verdict.points, verdict.parts) == ("not attempted", 0.0, ())


def test_without_a_judge_hidden_parts_stay_open():
    """The public check gives no points for them, and does not call them failed."""
    verdict = check_function(SQUARE, lambda x: x * x)
    assert (verdict.points, verdict.pending_points, verdict.status) == (5, 5, "passed")


def test_a_part_does_not_wait_for_one_that_is_judged_later():
    """In the public check, what builds on a hidden part is judged by itself."""
    task = make_task(Part("exact", 5, ""), Part("sign", 3, "", at_least_zero, after=("exact",)))
    assert check_function(task, lambda x: x * x).points == 3


def test_the_public_check_reports_errors_of_the_function():
    """An exception becomes a fault, with the call that raised it."""
    verdict = check_function(SQUARE, lambda _: 1 / 0)
    assert verdict.status == "failed"
    assert verdict.reason == "square(2): raised ZeroDivisionError: division by zero"


def test_the_public_check_hands_out_copies():
    """A function that changes its arguments does not change the task."""
    numbers = [1, 2]
    task = replace(
        make_task(Part("kept", 1, "", lambda args, _: None if args == ([1, 2],) else "changed")),
        public_inputs=((numbers,),),
    )
    assert check_function(task, lambda x: x.clear() or 0).status == "passed"
    assert numbers == [1, 2]


def test_no_inputs_are_no_proof():
    """A verdict on nothing would be full points for anything."""
    with pytest.raises(ValueError, match="no inputs"):
        evaluate(SQUARE, [])


@pytest.mark.parametrize(
    "parts",
    [
        (Part("a", 1, ""), Part("a", 1, "")),
        (Part("a", 1, "", after=("b",)), Part("b", 1, "")),
    ],
)
def test_ill_formed_tasks_are_refused(parts):
    """Two parts of one name, and a part that waits for a later one."""
    with pytest.raises(ValueError, match=r"task 9\.9"):
        make_task(*parts)


def test_worked_examples_compare_the_listed_inputs_only():
    """Other inputs pass; a float may differ by the stated tolerance, an int may not be a float."""
    test = worked_examples({(1, 2): 0.5, (3,): 7}, within=1e-3)
    assert [test((1, 2), 0.5001), test((9,), 1), test((3,), 7)] == [None] * 3
    assert None not in [test((1, 2), 0.51), test((3,), 7.0), test((3,), 8)]
