"""Modelled latency against published figures, and its properties."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyml_course.core.boards import BOARDS, find_board
from tinyml_course.core.graph import TensorGraph
from tinyml_course.cost.estimate import op_macs
from tinyml_course.device import latency_networks as nets
from tinyml_course.device.latency import model_latency
from tinyml_course.device.latency_cases import CASES, validate_latency
from tinyml_course.device.latency_rates import CALIBRATIONS, TABLES

HELD_OUT = [case for case in CASES if case.role == "held-out"]
FITTED = [case for case in CASES if case.role == "fit"]
ESP32 = find_board("esp32")


@pytest.mark.parametrize(
    ("network", "macs"),
    [
        (nets.person_detection, 7_157_888),
        (nets.visual_wake_words, 7_489_664),
        (nets.keyword_spotting, 2_656_768),
        (nets.image_classification, 12_501_632),
        (nets.anomaly_detection, 264_192),
    ],
)
def test_the_networks_are_the_published_ones(network, macs):
    """Each network has as many multiply-accumulates as the published file."""
    graph = network()
    assert macs == sum(op_macs(graph, op) for op in graph.ops)


def test_the_held_out_errors_are_within_the_issued_bounds():
    """On figures it was not fitted to, the model is off by 25 % at the median, 60 % at worst."""
    validation = validate_latency()
    assert validation.cases == len(HELD_OUT) >= 12
    assert (True, True) == (validation.median_error <= 0.25, validation.worst_error <= 0.60)


def test_the_validation_is_pinned():
    """The errors that the report prints are 7 % at the median and 55 % at worst."""
    assert (0.07, 0.55) == (
        round(validate_latency().median_error, 2),
        round(validate_latency().worst_error, 2),
    )


def name_case(case):
    """Return a name of the case that is the same in every process."""
    made = getattr(case.network, "func", case.network)
    words = [case.board, case.tier, made.__name__, *getattr(case.network, "args", ())]
    return "-".join(map(str, words))


@pytest.mark.parametrize("case", FITTED, ids=name_case)
def test_the_rates_reproduce_what_they_were_fitted_to(case):
    """The constants come from the cases that claim it, within 2 %."""
    assert abs(case.error) < 0.02


@pytest.mark.parametrize("case", HELD_OUT, ids=name_case)
def test_every_held_out_figure_is_within_the_printed_range(case):
    """The range of an estimate holds the published figure."""
    board = find_board(case.board)
    board = replace(board, clock_mhz=case.clock_mhz or board.clock_mhz)
    estimate = model_latency(case.network(), board, case.tier)
    assert estimate.low_ms <= case.milliseconds <= estimate.high_ms


@pytest.mark.parametrize("case", CASES, ids=name_case)
def test_every_case_says_where_it_stands_and_why_it_has_its_role(case):
    """Source and reason are given."""
    assert [] == [text for text in (case.source, case.reason) if not text.strip()]


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_every_board_has_an_estimate_for_its_own_kernels(board):
    """The kernels of the board table are calibrated, and the range holds the estimate."""
    estimate = model_latency(nets.image_classification(), board)
    assert 0 < estimate.low_ms < estimate.milliseconds < estimate.high_ms
    assert "modelled" == estimate.kind
    assert any(source.startswith("power") for source in estimate.sources)


def test_a_calibration_names_a_board_and_a_tier_that_exist():
    """No calibration is out of reach through a misspelt key."""
    assert set(CALIBRATIONS) == {
        (board, tier) for board, tier in CALIBRATIONS if board in BOARDS and tier in TABLES
    }


def test_vector_kernels_are_refused_on_a_chip_without_them():
    """The error lists what the board has."""
    with pytest.raises(ValueError, match=r"no 'esp-nn-s3' kernels; choose one of tflm-reference"):
        model_latency(nets.person_detection(), ESP32, "esp-nn-s3")


def test_operators_add_up_to_the_whole():
    """The estimate is the sum of its operators, each listed once and in order."""
    graph = nets.keyword_spotting()
    estimate = model_latency(graph, ESP32)
    assert [op.name for op in graph.ops] == [op.name for op in estimate.per_op]
    assert pytest.approx(estimate.milliseconds) == sum(op.milliseconds for op in estimate.per_op)


def test_energy_is_power_times_time():
    """Half the power is half the energy, in millijoules."""
    weak = replace(ESP32, active_mw=100.0)
    estimate = model_latency(nets.anomaly_detection(), weak)
    assert pytest.approx(estimate.milliseconds * 0.1) == estimate.energy_mj


@pytest.mark.parametrize("tier", ["esp-nn", "esp-nn-s3"])
def test_floats_run_on_the_reference_kernels(tier):
    """ESP-NN accelerates int8 only: a float network is as slow as without it."""
    graph = nets.image_classification()
    floats = TensorGraph(
        tensors=tuple(replace(t, dtype="FLOAT32") for t in graph.tensors),
        ops=graph.ops,
        inputs=graph.inputs,
        outputs=graph.outputs,
    )
    board = find_board("esp32-s3")
    slow = model_latency(floats, board, "tflm-reference").milliseconds
    assert pytest.approx(slow) == model_latency(floats, board, tier).milliseconds


def test_a_chip_without_a_float_unit_pays_for_floats():
    """On the ESP32-C3 floats cost a multiple of integers, on the ESP32 they do not."""
    graph = nets.single_dense(64, 8)
    floats = replace(graph, tensors=tuple(replace(t, dtype="FLOAT32") for t in graph.tensors))
    ratio = {
        name: model_latency(floats, find_board(name), "tflm-reference").milliseconds
        / model_latency(graph, find_board(name), "tflm-reference").milliseconds
        for name in ("esp32", "esp32-c3")
    }
    assert (1.0, 8.0) == (pytest.approx(ratio["esp32"]), pytest.approx(ratio["esp32-c3"]))


def test_weights_of_a_dense_network_wait_for_the_flash():
    """A fully connected network can't be faster than its weights stream from serial flash."""
    graph = nets.anomaly_detection()
    estimate = model_latency(graph, find_board("esp32-s3"))
    assert estimate.milliseconds > 264_192 / 40e6 * 1e3


@settings(max_examples=40)
@given(
    size=st.integers(4, 40),
    channels=st.integers(1, 32),
    filters=st.integers(1, 32),
    kernel=st.sampled_from([1, 3]),
    key=st.sampled_from(sorted(CALIBRATIONS)),
)
def test_more_filters_never_take_less_time(size, channels, filters, kernel, key):
    """Latency grows with the work, on every board and tier."""
    board = find_board(key[0])
    small = nets.single_conv(size, channels, filters, kernel)
    large = nets.single_conv(size, channels, filters + 1, kernel)
    assert model_latency(small, board, key[1]).milliseconds < (
        model_latency(large, board, key[1]).milliseconds
    )


def test_operators_without_a_published_cost_are_marked():
    """The share of assumed time is that of the operators marked as assumed."""
    estimate = model_latency(nets.keyword_spotting(), ESP32)
    assumed = [op for op in estimate.per_op if op.assumed]
    assert ["AVERAGE_POOL_2D"] == [op.name for op in assumed]
    assert pytest.approx(assumed[0].milliseconds / estimate.milliseconds) == estimate.assumed_share
