"""Handed-in models, parsed and run inside the sandbox only."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from tests.conftest import ROOT
from tests.grading.handed_in import hand_in
from tinyml_course.grading.paper import Question
from tinyml_course.grading.product import (
    MAX_PRODUCT_BYTES,
    at_least,
    at_most,
    fits_board,
    judge_product,
)
from tinyml_course.grading.sandbox import Sandbox
from tinyml_course.grading.task import Part, Task

pytestmark = pytest.mark.slow

MODELS = ROOT / "tests" / "device" / "truth" / "models"
NAME = "9.1.tflite"
RNG = np.random.default_rng(0)
IMAGES = RNG.random((20, 32, 32, 1)).astype(np.float32)
TASK = Task(
    id="9.1",
    title="A small model",
    function="",
    product=NAME,
    public_inputs=((IMAGES, np.zeros(20, np.int64)),),
    hints=("", "", ""),
    parts=(
        Part("fits", 4, "It fits.", fits_board),
        Part("small", 4, "It is small.", at_most("model_bytes", 5_000, zero=9_000)),
        Part("int8", 2, "It is int8.", lambda _, r: None if r.input_types == ("int8",) else "no"),
    ),
)
QUESTION = Question(TASK, TASK.inputs, ((IMAGES[:7], np.ones(7, np.int64)),), {})


def model(name: str = "g_conv_w8_d3") -> bytes:
    return (MODELS / f"{name}.tflite").read_bytes()


def judged(data: bytes, folder, sandbox, question=QUESTION):
    return judge_product(question, hand_in(folder, data, NAME), sandbox)


def test_a_model_gets_points_along_each_part(tmp_path, sandbox):
    """It fits, it is int8, and its size lies between full points and none."""
    data = model()
    verdict = judged(data, tmp_path, sandbox)
    assert 5_000 < len(data) < 9_000
    share = (len(data) - 9_000) / (5_000 - 9_000)
    assert [part.points for part in verdict.parts] == [4.0, pytest.approx(4 * share), 2.0]
    assert verdict.status == "partial"
    assert f"model_bytes is {len(data)}" in verdict.reason


def test_accuracy_is_computed_from_the_outputs_and_the_labels_here(tmp_path, sandbox):
    """The same file on labels that are its own answers has accuracy 1, on others 0."""
    answers = []
    probe = Part("see", 1, "", lambda _, r: answers.append(r.accuracy))
    labels = [np.full(20, k, np.int64) for k in range(10)]
    question = Question(
        replace(TASK, parts=(probe,)), tuple((IMAGES, label) for label in labels), (), {}
    )
    judged(model(), tmp_path, sandbox, question)
    assert sum(answers) == pytest.approx(1.0)
    assert max(answers) > 0


@pytest.mark.parametrize(
    "data",
    [
        b"", b"no model", b"\0" * 5000, model()[:2000], model("resnet8_32x32x3"),
        model()[:3000] + bytes(400) + model()[3400:],
        b"\x1c\0\0\0TFL3" + b"\xff" * 4000,
    ],
    ids=["empty", "text", "zeros", "cut", "other input", "damaged", "wild offsets"],
)  # fmt: skip
def test_bad_files_get_nothing_and_the_reason(data, tmp_path, sandbox):
    """Whatever they do to parser and runtime, the next model is judged as ever."""
    verdict = judged(data, tmp_path / "bad", sandbox)
    assert (verdict.points, verdict.status) == (0.0, "failed")
    assert verdict.reason.startswith(NAME)
    assert judged(model(), tmp_path / "good", sandbox).points > 6


def test_damaged_models_never_escape(tmp_path, sandbox):
    """Thirty files with random bytes changed each get a verdict."""
    good = model()
    for number in range(30):
        data = bytearray(good)
        for position in RNG.integers(0, len(data), 20):
            data[position] = RNG.integers(256)
        verdict = judged(bytes(data), tmp_path / str(number), sandbox)
        assert 0 <= verdict.points <= 10


def test_a_missing_product_is_not_attempted_and_a_strange_one_refused(tmp_path, sandbox):
    """No file, a link, a file that is too large."""
    assert judge_product(QUESTION, tmp_path / NAME, sandbox).status == "not attempted"
    (tmp_path / NAME).symlink_to(MODELS / "mlp_small.tflite")
    assert judge_product(QUESTION, tmp_path / NAME, sandbox).status == "refused"
    (tmp_path / "dangling").mkdir()
    (tmp_path / "dangling" / NAME).symlink_to(tmp_path / "nowhere")
    assert judge_product(QUESTION, tmp_path / "dangling" / NAME, sandbox).status == "refused"
    large = hand_in(tmp_path / "large", bytes(MAX_PRODUCT_BYTES + 1), NAME)
    assert judge_product(QUESTION, large, sandbox).status == "refused"


def test_models_are_judged_without_namespaces_too(tmp_path):
    """The board runs behind limits, file access rules and the filter alone."""
    with Sandbox(namespaces=False) as plain:
        assert judged(model(), tmp_path, plain).points > 6


def test_lines_between_full_points_and_none():
    """Costs and merits are clipped at both ends."""
    small, right = at_most("x", 10, zero=20), at_least("x", 0.9, zero=0.5)
    assert [small((), SimpleNamespace(x=x)) for x in (0, 10)] == [None, None]
    assert [small((), SimpleNamespace(x=x)).share for x in (15, 20, 99)] == [0.5, 0.0, 0.0]
    assert right((), SimpleNamespace(x=0.95)) is None
    assert right((), SimpleNamespace(x=0.7)).share == pytest.approx(0.5)
    with pytest.raises(ValueError, match="different bounds"):
        at_most("x", 1, zero=1)
