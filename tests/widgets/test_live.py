"""The live version of an experiment, without a browser."""

import asyncio
from dataclasses import replace

import ipywidgets as w

from tests.widgets.test_experiment import line_experiment


def find(widget, kind):
    """Return all widgets of `kind` in the tree below `widget`."""
    children = getattr(widget, "children", ())
    own = [widget] if isinstance(widget, kind) else []
    return own + [found for child in children for found in find(child, kind)]


def press_enter(field):
    """Do what the browser does when Enter is pressed in `field`."""
    field._handle_custom_msg({"event": "submit"}, [])


def test_the_result_is_hidden_until_a_prediction_is_entered():
    """The result opens by a prediction, not by an empty field."""
    box = line_experiment().live()
    result, (field,) = box.children[-1], find(box, w.Text)
    button = find(box, w.Button)[0]
    button.click()
    assert result.layout.display == "none"
    field.value = "<i>yes</i>"
    button.click()
    assert result.layout.display == ""
    assert "&lt;i&gt;yes&lt;/i&gt;" in box.children[2].value


def test_enter_in_the_field_does_what_the_button_does():
    """Enter opens the result once a prediction stands there, and not before."""
    box = line_experiment().live()
    result, (field,) = box.children[-1], find(box, w.Text)
    press_enter(field)
    assert result.layout.display == "none"
    field.value = "yes"
    press_enter(field)
    assert result.layout.display == ""


def test_letters_that_arrive_after_the_press_are_noted():
    """The note holds the whole prediction, though the browser sent its end last."""
    box = line_experiment().live()
    (field,) = find(box, w.Text)
    field.value = "ye"
    press_enter(field)
    field.value = "yes"
    assert "You predicted:</b> yes" in box.children[2].value


def test_moving_a_control_redraws():
    """Moving the slider changes picture and alt text."""
    box = line_experiment().live()
    find(box, w.Button)[1].click()
    picture = find(box.children[-1], w.HTML)[-1]
    assert 'alt="slope 0, solid"' in picture.value
    find(box, w.SelectionSlider)[0].value = 1
    assert 'alt="slope 1, solid"' in picture.value


def test_all_labels_have_a_column_as_wide_as_the_longest():
    """Slider and menu begin at the same place, and no label is cut off."""
    box = line_experiment().live()
    knobs = [*find(box, w.SelectionSlider), *find(box, w.Dropdown)]
    assert [knob.style.description_width for knob in knobs] == ["7ch", "7ch"]


def test_what_one_move_leads_to_is_drawn_while_nothing_else_happens():
    """In a running loop the pause after the reveal draws the neighbours, each state once."""
    drawn = []

    def draw(slope, dashed):
        drawn.append((slope, dashed))
        return line_experiment().draw(slope, dashed)

    async def reveal_and_wait():
        box = replace(line_experiment(), draw=draw).live()
        find(box, w.Button)[1].click()
        assert drawn == [(0, False)]
        while len(drawn) < 4:
            await asyncio.sleep(0.02)
        find(box, w.SelectionSlider)[0].value = 1

    asyncio.run(asyncio.wait_for(reveal_and_wait(), 60))
    assert sorted(drawn) == [(-1, False), (0, False), (0, True), (1, False)]
