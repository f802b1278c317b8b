"""The board table."""

import pytest

from tinyml_course.core.boards import BOARDS, find_board


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_every_board_cites_its_memory_and_power(board):
    """Each board says where its RAM and its power figure come from."""
    text = " ".join(board.sources)
    assert [word for word in ("RAM", "power") if word not in text] == []


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_an_arena_is_part_of_the_ram(board):
    """No microcontroller's arena limit exceeds its on-chip RAM."""
    assert board.name == "rpi4" or board.arena_limit_bytes < board.sram_bytes


def test_unknown_boards_are_answered_with_the_known_ones():
    """A misspelt board name lists what exists."""
    with pytest.raises(ValueError, match=r"unknown board 'esp23'; choose one of esp32, "):
        find_board("esp23")
