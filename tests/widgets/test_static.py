"""Experiments in a page: all states held, controls bound to them, within the budget."""

import importlib
import json
import pkgutil
import re
from dataclasses import replace
from html import unescape

import pytest

import tinyml_course.widgets
from tests.widgets import (
    test_beat_the_search,
    test_bits,
    test_diagnosis,
    test_mixed_precision,
    test_pareto,
    test_pareto_explorer,
    test_supernet_ranking,
    test_why_small,
)
from tests.widgets.test_experiment import line_experiment
from tinyml_course.widgets.beat_the_search import beat_experiment
from tinyml_course.widgets.bits import bits_explorer, read_states
from tinyml_course.widgets.diagnosis import fault_game, read_cases
from tinyml_course.widgets.experiment import MAX_STATES, Control, Experiment
from tinyml_course.widgets.mixed_precision import precision_experiment
from tinyml_course.widgets.state_table import measure_compressed_bytes, unpack_states
from tinyml_course.widgets.static import (
    MAX_WIDGET_BYTES,
    STATIC_VARIABLE,
    StaticExperiment,
    build_static,
    thin_longest,
)
from tinyml_course.widgets.supernet_ranking import ranking_experiment
from tinyml_course.widgets.why_small import ticket_explorer

pytestmark = pytest.mark.slow


def find_experiments():
    """Return every experiment that a widget module holds by name."""
    found = {}
    for module in pkgutil.iter_modules(tinyml_course.widgets.__path__, "tinyml_course.widgets."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, Experiment):
                found[value.name] = value
    return found


def make_experiments():
    """Return the experiments that notebooks make from what they measured, on small data."""
    made = (
        bits_explorer(read_states(test_bits.SHIPPED)),
        fault_game(read_cases(test_diagnosis.SHIPPED)),
        precision_experiment(
            test_mixed_precision.ROWS, test_mixed_precision.PLANS, budget_bytes=2140
        ),
        *test_pareto.EXPERIMENTS,
        test_pareto_explorer.EXPERIMENT,
        beat_experiment(test_beat_the_search.ESTIMATED, test_beat_the_search.RIVALS),
        ranking_experiment(test_supernet_ranking.ROWS),
        test_why_small.teacher(),
        ticket_explorer([test_why_small.round_of(kept) for kept in (0.5, 0.1)], side=4),
    )
    return {experiment.name: experiment for experiment in made}


EXPERIMENTS = {**make_experiments(), **find_experiments()}


def held_states(piece):
    """Return the states inside a piece's HTML."""
    return unpack_states(re.search(r'class="tx-states">([^<]+)<', piece.html)[1])


def sample(experiment):
    """Return `experiment` with its grids thinned to at most four states."""
    while len(list(experiment.states())) > 4:
        controls = thin_longest(experiment.controls)
        if controls == experiment.controls:
            first = max(controls, key=lambda control: len(control.values))
            kept = tuple(dict.fromkeys((first.values[0], first.default)))
            controls = tuple(
                replace(control, values=kept) if control is first else control
                for control in controls
            )
            if controls == experiment.controls:
                break
        experiment = replace(experiment, controls=controls)
    return experiment


def test_a_piece_holds_every_state_in_the_order_of_the_grid():
    """State number and strides lead to the alt text of the controls' values."""
    experiment = line_experiment()
    piece = experiment.static()
    alts = [alt for _, alt in held_states(piece)]
    assert alts == [experiment.describe(**values) for values in experiment.states()]
    strides = json.loads(re.search(r'data-strides="([^"]+)"', piece.html)[1])
    for i, slope in enumerate((-1, 0, 1)):
        for j, dashed in enumerate((False, True)):
            number = i * strides[0] + j * strides[1]
            assert alts[number] == experiment.describe(slope=slope, dashed=dashed)


def test_the_start_is_readable_without_javascript():
    """Question, first figure and its alt text stand in the markup, and nothing hides them."""
    piece = line_experiment().static()
    markup = re.sub(r"<script.*?</script>", "", piece.html, flags=re.DOTALL)
    assert "Does it rise?" in markup
    assert 'aria-label="slope 0, solid"' in markup
    assert "<svg" in markup
    assert 'class="tx-result">' in markup


def test_a_slider_carries_the_text_of_each_value():
    """A range input has the grid's texts, the default's place and its text for screen readers."""
    piece = line_experiment().static()
    slider = re.search(r'<input class="tx-control" type="range"[^>]+>', piece.html)[0]
    assert 'max="2"' in slider
    assert 'value="1"' in slider
    assert 'aria-valuetext="0"' in slider
    assert json.loads(unescape(re.search(r'data-texts="([^"]+)"', slider)[1])) == ["-1", "0", "1"]


def test_a_menu_has_one_option_a_value():
    """Booleans read yes and no, the default is selected."""
    options = re.findall(r"<option[^>]*>[^<]+", line_experiment().static().html)
    assert options == ['<option value="0" selected>no', '<option value="1">yes']


def test_questions_and_labels_are_escaped():
    """Markup in a declaration is shown as text."""
    odd = replace(line_experiment(), question="<b>&", describe=lambda **_: '"><i>')
    markup = odd.static().html
    assert "&lt;b&gt;&amp;" in markup
    assert '"><i>' not in markup


def test_a_piece_asks_the_network_for_nothing():
    """No element loads from an address, and no attribute holds a handler."""
    markup = re.sub(r"<script.*?</script>", "", line_experiment().static().html, flags=re.DOTALL)
    assert not re.search(r"\ssrc=|@import|<link|\son[a-z]+=", markup)
    assert not re.search(r'href="(?!#)', markup)


def test_over_the_budget_the_longest_control_is_thinned_and_the_page_says_so():
    """Half of the slopes go, ends and default stay, and a sentence tells."""
    wide = Control(name="slope", label="slope", values=tuple(range(-4, 5)), default=1)
    experiment = replace(line_experiment(), controls=(wide, line_experiment().controls[1]))
    whole = build_static(experiment)
    small = build_static(experiment, max_bytes=whole.compressed_bytes - 1)
    assert whole.thinned == ()
    assert small.compressed_bytes < whole.compressed_bytes
    assert "“slope” has 6 of its 9 values" in small.html
    texts = json.loads(unescape(re.search(r'data-texts="([^"]+)"', small.html)[1]))
    assert {"-4", "1", "4"} <= set(texts)
    assert small.states == len(held_states(small)) == 12


def test_thinning_turns_to_a_shorter_control_where_the_longest_cannot_be_thinned():
    """Ends and a default between them are kept; the other control loses its middle."""
    full = Control(name="slope", label="slope", values=(1, 2, 3), default=2)
    short = Control(name="dashed", label="dashed", values=(4, 5, 6), default=6)
    once = thin_longest((full, short))
    assert [control.values for control in once] == [(1, 2, 3), (4, 6)]
    assert thin_longest(once) == once


def test_an_experiment_that_cannot_be_thinned_enough_is_refused():
    """The error names the experiment, its size and the remedy."""
    with pytest.raises(ValueError, match=r"'a-line' takes .* budget is 100: draw fewer"):
        build_static(line_experiment(), max_bytes=100)


def test_the_notebook_shows_the_static_piece_when_the_book_is_built(monkeypatch):
    """With the variable set, `live()` gives HTML and no widget; without it, a widget."""
    monkeypatch.setenv(STATIC_VARIABLE, "1")
    shown = line_experiment().live()
    assert isinstance(shown, StaticExperiment)
    assert shown._repr_mimebundle_()["text/html"] == line_experiment().static().html
    monkeypatch.delenv(STATIC_VARIABLE)
    assert not isinstance(line_experiment().live(), StaticExperiment)


def test_the_reported_size_is_that_of_the_html():
    """The bytes a piece reports are those of its gzip."""
    piece = line_experiment().static()
    assert piece.compressed_bytes == measure_compressed_bytes(piece.html)


def test_the_course_has_experiments_with_different_names():
    """The walk finds the modules' experiments, and no two pieces of a page share an id."""
    held, made = find_experiments(), make_experiments()
    assert {"memory-budget-dense", "number-formats", "ste-explorer"} <= set(held)
    assert not set(held) & set(made)
    assert len(made) == 10
    assert all(re.fullmatch(r"[a-z][a-z0-9-]*", name) for name in EXPERIMENTS)


@pytest.mark.parametrize("name", sorted(EXPERIMENTS))
def test_every_experiment_of_the_course_renders(name):
    """A sample of its states has figures, alt texts that tell them apart, and few bytes."""
    experiment = EXPERIMENTS[name]
    total = len(list(experiment.states()))
    assert 1 <= total <= MAX_STATES
    piece = build_static(sample(experiment))
    states = held_states(piece)
    print(f"{name}: {len(states)} of {total} states, {piece.compressed_bytes:,} bytes")
    alts = {}
    for svg, alt in states:
        assert alts.setdefault(alt, svg) == svg, f"two figures share the alt text {alt!r}"
    assert piece.thinned == ()
    assert piece.compressed_bytes <= MAX_WIDGET_BYTES
