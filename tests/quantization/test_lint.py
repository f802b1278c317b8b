"""The checklist: each rule is kept by a good file and broken by one that breaks it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinyml_course.core.environment import load_keras, seed_everything
from tinyml_course.data import draw_gestures
from tinyml_course.device.convert import convert_int8
from tinyml_course.device.slim import slim
from tinyml_course.quantization import practices
from tinyml_course.quantization.checklist import PRACTICES
from tinyml_course.quantization.lint import Subject, lint_model
from tinyml_course.training.build import small_cnn

TRUTH = Path(__file__).parents[1] / "device" / "truth" / "models"


def subject(name):
    return Subject((TRUTH / f"{name}.tflite").read_bytes())


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        (practices.bounded, "g_avgpool_w16_relu6", "g_conv_w8_d3"),
        (practices.wide_enough, "g_conv_w8_d3", "g_conv_w4_d2"),
        (practices.separable, "g_sep_w32_d6", "g_conv_w8_d3"),
        (practices.integer_ends, "g_conv_w8_d3", "g_conv_w8_floatio"),
        (practices.integer_inside, "g_conv_w8_d3", "g_conv_w8_float32"),
        (practices.dense_scale, "g_conv_w8_fcpt", "g_conv_w8_d3"),
        (practices.runnable, "dscnn_fcpt", "dscnn_hybrid"),
        (practices.fits, "dscnn_fcpt", "dscnn_hybrid"),
        (practices.fused, "g_conv_w8_d3", "prebn_prelu"),
    ],
)
def test_a_rule_tells_good_from_bad(rule, good, bad):
    """The rule is kept by one truth model and broken by another, with figures."""
    kept, broken = rule(subject(good)), rule(subject(bad))
    assert ("kept", "broken") == (kept.status, broken.status), (kept, broken)
    assert broken.evidence


def test_slimming_keeps_the_rule_about_luggage():
    """A slimmed file keeps what the converter's own file breaks."""
    data = (TRUTH / "g_conv_w4_d2.tflite").read_bytes()
    assert "broken" == practices.slimmed(Subject(data)).status
    assert "kept" == practices.slimmed(Subject(slim(data))).status


def test_the_tutorials_saturation_rule_accuses_depthwise_layers():
    """With a scale per channel, a 3x3 depthwise filter has one weight in nine at the rail."""
    outcome = practices.unsaturated_weights(subject("g_dw_w16_d4"))
    assert "broken" == outcome.status


def test_nothing_is_guessed_from_a_file_alone():
    """Rules that need the float model or samples say so instead of judging."""
    report = lint_model((TRUTH / "g_conv_w8_d3.tflite").read_bytes())
    unsure = {item.practice.rule for item in report.with_status("cannot tell")}
    needy = {practices.normalised, practices.agrees, practices.undiagnosed}
    assert needy <= unsure
    assert len(PRACTICES) == len(report.items)


def test_every_practice_says_where_it_was_tested():
    """Advice is unique, has a source, a standing and an experiment or the lack of one."""
    assert len(PRACTICES) == len({practice.advice for practice in PRACTICES})
    for practice in PRACTICES:
        assert practice.experiment
        assert practice.source in ("tutorial", "field")
        assert practice.standing in ("holds", "partly", "does not hold", "not tested")


def test_text_and_page_hold_every_item():
    """Each advice and its evidence stand in both forms of the report."""
    report = lint_model((TRUTH / "g_conv_w8_d3.tflite").read_bytes())
    text, page = str(report), report._repr_html_()
    assert report.summary in text
    for item in report.items:
        assert item.practice.advice in text
        assert item.practice.advice in page


@pytest.mark.slow
def test_the_float_model_and_samples_settle_what_the_file_leaves_open():
    """With both, only advice about training stays open; a bare convolution is named."""
    seed_everything(0)
    gestures = draw_gestures(samples_per_class=12, people=4, seed=0)
    model = small_cnn(3)
    report = lint_model(
        convert_int8(model, gestures.images), float_model=model, x=gestures.images,
        y=gestures.labels,
    )  # fmt: skip
    unsure = {item.practice.rule for item in report.with_status("cannot tell")}
    assert {practices.in_training_only} == unsure
    layers = load_keras().layers
    bare = load_keras().Sequential(
        [layers.Input((32, 32, 1)), layers.Conv2D(8, 3, name="bare"), layers.Flatten()]
    )
    outcome = practices.normalised(
        Subject((TRUTH / "g_conv_w8_d3.tflite").read_bytes(), float_model=bare)
    )
    assert ("broken", True) == (outcome.status, "bare" in outcome.evidence)
