"""Packed states: nothing is lost, and what they share is stored once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyml_course.widgets.state_table import (
    measure_compressed_bytes,
    pack_states,
    unpack_states,
)

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)
ALT = TEXT.filter(str.strip)


@given(st.lists(st.tuples(TEXT, ALT), max_size=8))
def test_unpacking_gives_back_every_figure_and_alt_text(states):
    """Any texts survive the round trip, blank lines and all alphabets included."""
    packed = pack_states([svg for svg, _ in states], [alt for _, alt in states])
    assert unpack_states(packed) == states


def test_lines_that_states_share_are_stored_once():
    """A thousand lines in forty states take less than twice their room in one state."""
    shared = "\n".join(f'<path d="M {i * 7919 % 1009} {i * 104729 % 997}"/>' for i in range(1000))
    one = len(pack_states([shared], ["a"]))
    forty = len(pack_states([f"{shared}\n<g {i}/>" for i in range(40)], ["a"] * 40))
    assert forty < 2 * one


def test_a_state_without_alt_text_is_refused():
    """An empty alt text raises ValueError."""
    with pytest.raises(ValueError, match="alt text"):
        pack_states(["<svg/>"], [" "])


def test_figures_and_alt_texts_must_pair_up():
    """Fewer alt texts than figures raise ValueError."""
    with pytest.raises(ValueError, match="1 for 2"):
        pack_states(["<svg/>", "<svg/>"], ["a"])


def test_the_size_of_a_page_is_that_of_its_gzip():
    """A repetitive page is small, and more text is never free."""
    assert measure_compressed_bytes("abc" * 100_000) < 1_000
    assert measure_compressed_bytes("abc") < measure_compressed_bytes("abc" + "αβγ")
