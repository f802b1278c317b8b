"""The front page's experiment, on the model that the course ships for it."""

import numpy as np
import pytest

from tests.conftest import ROOT
from tinyml_course.data import DIGITS, draw_gestures
from tinyml_course.device.emulate import Device
from tinyml_course.widgets.front_page import choose_samples, gesture_answers

MODEL = ROOT / "book" / "front_page" / "gesture_digits.tflite"

pytestmark = pytest.mark.skipif(not MODEL.exists(), reason="this copy of the course has no book")


@pytest.fixture(scope="module")
def gestures():
    return draw_gestures(DIGITS, samples_per_class=30, people=10, seed=2026)


@pytest.fixture(scope="module")
def report(gestures):
    return Device("esp32").emulate(MODEL.read_bytes(), gestures.images, gestures.labels)


def test_the_front_page_shows_every_class_and_every_mistake():
    """One right answer a class comes first, then all wrong ones, each sample once."""
    labels, answers = np.array([0, 0, 1, 1, 2]), np.array([1, 0, 1, 1, 0])
    assert (1, 2, 0, 4) == choose_samples(labels, answers)


def test_the_shipped_model_fits_and_knows_digits_of_other_hands(report):
    """The front page's model fits the ESP32 and errs on few digits, but on some."""
    assert report.fits
    assert 0.95 <= report.accuracy < 1


def test_the_menu_names_what_was_drawn_and_what_was_answered(gestures, report):
    """Mistakes stand in the menu as such, and the alt text says the same as the scores."""
    experiment = gesture_answers(gestures, report.outputs)
    (menu,) = experiment.controls
    mistakes = [value for value in menu.values if "taken for" in value]
    wrong = round((1 - report.accuracy) * report.test_samples)
    assert (10 + wrong, wrong) == (len(menu.values), len(mistakes))
    for value in menu.values:
        drawn, said = (value.split(", taken for ") * 2)[:2]
        said = said.split(" ")[0]
        assert f"drew {drawn}. The chip says {said}," in experiment.describe(gesture=value)


def test_the_bars_are_the_models_shares(gestures, report):
    """Each bar is (code + 128) / 256 in percent, and the drawn class has the coloured one."""
    experiment = gesture_answers(gestures, report.outputs)
    bars = experiment.draw(gesture="7").axes[1].patches
    sevens = np.flatnonzero(gestures.labels == 7)
    sample = next(i for i in sevens if report.outputs[i].argmax() == 7)
    expected = (report.outputs[sample].astype(float) + 128) / 2.56
    np.testing.assert_allclose([bar.get_height() for bar in bars], expected)
    colours = {bar.get_facecolor() for i, bar in enumerate(bars) if i != 7}
    assert bars[7].get_facecolor() not in colours
