import itertools

import pytest

from tinyml_course.widgets.budget import (
    CONV_EXPLORER,
    DENSE_EXPLORER,
    bars,
    conv_budget,
    dense_budget,
)


def test_the_claimed_layer_lies_in_flash_and_not_in_ram():
    """The 1000 x 100 layer: 400,400 B in flash, input and output alone in the arena's head."""
    budget = dense_budget(1000, 100, "float32", "esp32")

    assert 400_400 == budget.constant_bytes
    assert 4_000 + 400 == budget.head_bytes
    assert budget.ram_bytes < 0.02 * 520_000
    assert "fits" == budget.verdict


def test_int8_divides_activations_by_four():
    """The head of an int8 convolution is a quarter of the float one's."""
    floats = conv_budget(32, 16, "float32", "nrf52840")
    ints = conv_budget(32, 16, "int8", "nrf52840")

    assert floats.head_bytes == 4 * ints.head_bytes
    assert floats.head_bytes == 32 * 32 * (8 + 16) * 4


@pytest.mark.parametrize("board", ["esp32", "esp32-s3", "nrf52840"])
def test_ram_grows_with_every_filter(board):
    """More filters never need less RAM or flash."""
    found = [conv_budget(16, n, "int8", board) for n in (4, 8, 16, 32)]
    for smaller, larger in itertools.pairwise(found):
        assert smaller.ram_bytes < larger.ram_bytes
        assert smaller.flash_bytes < larger.flash_bytes


def test_the_verdict_names_each_memory_that_is_too_small():
    """Flash, RAM, both or none."""
    assert "too large for flash" == dense_budget(4096, 256, "float32", "esp32").verdict
    assert "too large for RAM" == conv_budget(128, 64, "int8", "esp32").verdict
    both = dense_budget(32768, 1024, "float32", "esp32").verdict
    assert "too large for flash and RAM" == both


@pytest.mark.parametrize("explorer", [DENSE_EXPLORER, CONV_EXPLORER])
def test_a_sample_of_states_draws_and_tells_the_verdict(explorer):
    """Every seventeenth state has a figure, and alt text that ends with the verdict."""
    for state in list(explorer.states())[::17]:
        assert explorer.describe(**state).rstrip(".").endswith(("fits", "flash", "RAM"))
        assert 2 == len(explorer.draw(**state).axes)


def test_the_bars_hold_the_whole_budget():
    """What is drawn adds up to what is computed."""
    budget = dense_budget(64, 10, "int8", "esp32-s3")

    flash, ram = (sum(size for _, size in bar.parts) for bar in bars(budget))

    assert (budget.flash_bytes, budget.ram_bytes) == (flash, ram)
