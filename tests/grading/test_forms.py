"""What results must look like."""

import numpy as np
import pytest

from tinyml_course.core.types import ChannelQParams, QParams
from tinyml_course.grading import forms

NAN = float("nan")


@pytest.mark.parametrize(
    ("form", "good", "bad"),
    [
        (forms.integer, [0, -(10**30)], [1.0, True, "1", None]),
        (forms.real, [0, 1.5], [NAN, float("inf"), True, "1"]),
        (forms.truth, [True, False], [1, 0.0, None]),
        (forms.text, ["", "a"], [b"a", 1]),
        (forms.array("float"), [np.zeros(2), np.zeros((1, 2), np.float32)],
         [np.array([NAN]), np.zeros(2, int), [0.0], 0.0]),
        (forms.array("float", finite=False), [np.array([NAN])], [np.zeros(2, bool)]),
        (forms.array("int", ndim=2), [np.zeros((1, 2), np.uint8)], [np.zeros(2, int)]),
        (forms.array("bool", ndim=1), [np.zeros(2, bool)], [np.zeros(2, np.int8)]),
        (forms.list_of(forms.integer), [[], [1, 2]], [(1,), [1, 2.0], [None]]),
        (forms.tuple_of(forms.real, forms.integer), [(1.0, 2), [1, 2]], [(1.0,), (1.0, 2.5), 3]),
        (forms.dict_of(forms.real), [{}, {"a": 1}], [{"a": NAN}, []]),
        (forms.optional(forms.integer), [None, 3], [3.0]),
        (forms.instance(QParams), [QParams(0.1, 0)],
         [QParams(NAN, 0), QParams(0.1, 0.0), QParams("x", 0), (0.1, 0)]),
        (forms.instance(ChannelQParams), [ChannelQParams((QParams(0.1, 0),), 0)],
         [ChannelQParams((QParams(0.1, 0),), "0")]),
    ],
)  # fmt: skip
def test_a_form_takes_what_it_describes_and_names_the_fault_of_the_rest(form, good, bad):
    """Good values have no fault, bad ones have one in words."""
    assert [form(value) for value in good] == [None] * len(good)
    assert [value for value in bad if not form(value)] == []
