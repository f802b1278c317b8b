"""The emulated board: verdicts, reasons and reports."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.device.factory import make_model, operand
from tinyml_course.core.errors import InvalidModel, ModelDoesNotFit
from tinyml_course.device.emulate import Device, choose_kernels, run_raw

TRUTH = Path(__file__).parent / "truth"
FIGURES = json.loads((TRUTH / "arena_truth.json").read_text())


def model(name: str) -> bytes:
    """Return a model of the truth."""
    return (TRUTH / "models" / f"{name}.tflite").read_bytes()


@pytest.fixture(scope="module")
def small_report():
    """The report on a small model that fits the ESP32."""
    return Device("esp32").emulate(model("mlp_small"))


def raw(name: str) -> bytes:
    """Return a file of the truth."""
    return (TRUTH / "models" / name).read_bytes()


def test_the_limit_is_inclusive_and_uses_the_larger_figure(small_report):
    """An arena of exactly the required bytes fits; one byte less does not."""
    needed = small_report.plan.required_bytes
    assert needed == max(FIGURES["mlp_small"]["esp_nn_esp32_c3"].values())
    assert Device("esp32", arena_bytes=needed).emulate(model("mlp_small")).fits
    with pytest.raises(ModelDoesNotFit, match=f"{needed:,} B needed, {needed - 1:,} B in one"):
        Device("esp32", arena_bytes=needed - 1).emulate(model("mlp_small"))


def test_a_model_that_does_not_fit_names_fault_figure_and_remedy():
    """The reason names the peak operator, its tensors' bytes and something to do."""
    report = Device("esp32", arena_bytes=20_000).emulate(model("resnet8_fcpt"), strict=False)
    assert not report.fits
    assert "CONV_2D: input" in report.reasons[0]
    assert "halve" in report.reasons[0]


@pytest.mark.parametrize("name", [n for n, f in FIGURES.items() if not f["runs_on_tflm"]])
def test_models_that_the_chip_refuses_do_not_fit(name):
    """Whatever the real runtime refused is refused here, before it is run."""
    report = Device("esp32").emulate(model(name), strict=False)
    assert (report.fits, report.runtime) == (False, "")
    assert "DOES NOT FIT ESP32 (Espressif): the runtime refuses the model" == report.verdict


def test_a_kernel_that_refuses_only_when_it_runs_is_found_without_samples():
    """ARG_MAX to int64 loads and then fails; the reason has the kernel's words and a remedy."""
    inputs = [operand("INT8", 2, 10), operand("INT32", data=1)]
    data = make_model("ARG_MAX", inputs, [operand("INT64", 2)], ("ArgMaxOptions", {}))
    report = Device("esp32").emulate(data, strict=False)
    assert not report.fits
    assert report.refused
    assert "got INT64" in report.reasons[0]
    assert "another layer or type" in report.reasons[0]
    assert "out of range" not in report.reasons[0]


@pytest.mark.parametrize("name", ["g_conv_w4_d2", "mlp_small"])
def test_models_that_the_chip_runs_are_not_refused(name):
    """No reason is given for a model that the real runtime ran."""
    assert Device("esp32").emulate(model(name)).reasons == ()


def test_dense_layers_with_a_scale_per_channel_are_warned_about():
    """Older runtimes compute wrong numbers on them; the report says so."""
    assert Device("esp32").emulate(model("resnet8_fcpt")).warnings == ()
    assert "one scale per channel" in Device("esp32").emulate(model("g_multiin")).warnings[0]


def test_accuracy_counts_the_winning_classes():
    """Accuracy is the share of samples whose largest output is the given class."""
    data = model("mlp_small")
    port_shape = np.frombuffer(raw("mlp_small.in0.bin"), np.int8)
    x = np.stack([port_shape, np.roll(port_shape, 1), np.zeros_like(port_shape)])
    report = Device("esp32").emulate(data, x)
    winners = report.outputs.reshape(3, -1).argmax(axis=1)
    assert Device("esp32").emulate(data, x, winners).accuracy == 1.0
    wrong = winners.copy()
    wrong[0] += 1
    assert Device("esp32").emulate(data, x, wrong).accuracy == pytest.approx(2 / 3)
    with pytest.raises(ValueError, match="got 2 labels for 3 samples"):
        Device("esp32").emulate(data, x, winners[:2])


def test_raw_bytes_of_several_inputs_give_the_outputs_of_the_chip():
    """Two input files give the reference's output bytes."""
    outputs = run_raw(model("g_multiin"), [raw("g_multiin.in0.bin"), raw("g_multiin.in1.bin")])
    assert outputs == raw("g_multiin.out_ref.bin")


def test_inputs_of_the_wrong_size_or_number_are_refused():
    """The error says how many bytes or files the model takes."""
    with pytest.raises(ValueError, match="the file has 3 B"):
        run_raw(model("mlp_small"), [b"abc"])
    with pytest.raises(ValueError, match="has 2 inputs, got 1"):
        run_raw(model("g_multiin"), [b"abc"])


def test_bytes_that_are_no_model_are_refused():
    """Text is not a model."""
    with pytest.raises(InvalidModel, match=r"not a \.tflite"):
        Device("esp32").emulate(b"certainly not a flatbuffer")


def test_report_says_how_each_figure_was_obtained(small_report):
    """Every row is measured or modelled, in the notebook's view as in the terminal's."""
    assert {how for *_, how in small_report.rows()} == {"measured", "modelled"}
    html = small_report.html()
    assert [what for what, *_ in small_report.rows() if what.strip() not in html] == []
    assert 'alt="Memory map' in html


@pytest.mark.parametrize(
    ("board", "family", "kernels"),
    [
        ("esp32", None, "esp-nn"),
        ("esp32-s3", "esp-nn", "esp-nn-s3"),
        ("esp32-p4", None, "esp-nn-p4"),
        ("esp32", "tflm-reference", "tflm-reference"),
        ("stm32l4r5", None, "tflm-reference"),
    ],
)
def test_each_chip_gets_its_own_kernels(board, family, kernels):
    """ESP-NN means the kernels of that chip."""
    assert choose_kernels(board, family) == kernels


@pytest.mark.parametrize(("board", "family"), [("stm32l4r5", "esp-nn"), ("esp32", "cuda")])
def test_kernels_that_do_not_exist_are_refused(board, family):
    """ESP-NN on another vendor's chip and unknown names raise ValueError."""
    with pytest.raises(ValueError, match="kernels"):
        choose_kernels(board, family)


def test_external_ram_holds_what_internal_ram_can_not():
    """A large float model does not fit the S3's internal block; its PSRAM takes it, slower."""
    data = model("g_conv_w8_float32")
    limit = 16 * 1024
    inside = Device("esp32-s3", arena_bytes=limit).emulate(data, strict=False)
    outside = Device("esp32-s3", psram=True).emulate(data)
    assert "PSRAM" in inside.reasons[0]
    assert outside.fits
    assert "external RAM" in " ".join(outside.warnings)


def test_boards_without_external_ram_say_so():
    """Asking the plain ESP32 for PSRAM names the boards that have it."""
    with pytest.raises(ValueError, match="boards with it: esp32-s3, esp32-p4"):
        Device("esp32", psram=True)


def test_the_report_tells_how_good_the_latency_model_is(small_report):
    """The error on published cases that were not fitted stands in both views."""
    assert "published latencies" in str(small_report)
    assert "published latencies" in small_report.html()
