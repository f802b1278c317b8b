"""A copy of a .tflite means what the original means, whatever it holds."""

from __future__ import annotations

from pathlib import Path

import pytest
import tflite

from tests.device.test_slim import answers
from tinyml_course.device.copier import TableCopier
from tinyml_course.device.flatbuffer import read_model
from tinyml_course.device.int4 import read_constants
from tinyml_course.device.runtime_server import RuntimeServer

MODELS = Path(__file__).parent / "truth" / "models"
NAMES = sorted(path.stem for path in MODELS.glob("*.tflite"))


@pytest.mark.parametrize("name", NAMES)
def test_a_copy_reads_as_the_original(name):
    """Graphs with names and options, metadata, versions and every buffer are the same."""
    data = (MODELS / f"{name}.tflite").read_bytes()
    copy = TableCopier(data).file()
    assert read_model(data) == read_model(copy)
    assert read_constants(data) == read_constants(copy)


def test_signatures_and_ranges_are_copied():
    """What no runtime needs stays too: signature, calibration range, shape signature."""
    data = (MODELS / "g_conv_w8_d3.tflite").read_bytes()
    old, new = (tflite.Model.GetRootAs(d, 0) for d in (data, TableCopier(data).file()))
    assert old.SignatureDefs(0).SignatureKey() == new.SignatureDefs(0).SignatureKey()
    for index in range(old.Subgraphs(0).TensorsLength()):
        a, b = (root.Subgraphs(0).Tensors(index) for root in (old, new))
        assert list(_numbers(a.ShapeSignatureAsNumpy())) == list(
            _numbers(b.ShapeSignatureAsNumpy())
        )
        ranges = [
            [*_numbers(t.Quantization().MinAsNumpy()), *_numbers(t.Quantization().MaxAsNumpy())]
            for t in (a, b)
            if t.Quantization() is not None
        ]
        assert not ranges or ranges[0] == ranges[1]


def test_the_runtime_answers_a_copy_as_the_original():
    """Outputs of the copied file are the same bytes."""
    data = (MODELS / "mbv3_se_block.tflite").read_bytes()
    with RuntimeServer() as server:
        assert answers(data, server) == answers(TableCopier(data).file(), server)


def _numbers(array):
    return [] if isinstance(array, int) else array
