"""The waterfall: a bar a stage, hollow where it was taken back, limits beside them."""

import pytest

from tinyml_course.plots.waterfall import Bar, plot_waterfall

BARS = [
    Bar(stage="train", accuracy=0.98, model_bytes=98_516, arena_bytes=26_556, latency_ms=300.0),
    Bar(stage="prune", accuracy=0.9, model_bytes=9000, arena_bytes=9000, latency_ms=3, kept=False),
    Bar(stage="slim", accuracy=0.97, model_bytes=5760, arena_bytes=5196, latency_ms=14.0),
]  # fmt: skip


def test_every_stage_has_a_bar_of_its_height():
    """File and arena in KB, in order; the names stand below."""
    _, middle, bottom = plot_waterfall(BARS).axes
    assert [bar.model_bytes / 1024 for bar in BARS] == [p.get_height() for p in middle.patches]
    assert [bar.arena_bytes / 1024 for bar in BARS] == [p.get_height() for p in bottom.patches]
    assert ["train", "prune", "slim"] == [tick.get_text() for tick in bottom.get_xticklabels()]


def test_a_stage_that_was_taken_back_is_hollow():
    """Its bar is white with a dashed edge, and the line of accuracies passes it by."""
    top, middle, _ = plot_waterfall(BARS).axes
    assert ["-", "--", "-"] == [patch.get_linestyle() for patch in middle.patches]
    assert [0, 2] == list(top.lines[0].get_xdata())
    assert [1] == list(top.lines[1].get_xdata())


def test_limits_are_lines_with_their_values():
    """Three dashed lines, at 95 %, 6 KB and 8 KB."""
    figure = plot_waterfall(BARS, max_flash=6144, max_arena=8192, min_accuracy=0.95)
    levels = [axes.lines[-1].get_ydata()[0] for axes in figure.axes]
    names = [axes.texts[-1].get_text() for axes in figure.axes[1:]]
    assert [6.0, 8.0] == levels[1:]
    assert ["limit 6 KB", "limit 8 KB"] == names
    assert "asked 95 %" in [text.get_text() for text in figure.axes[0].texts]


def test_limits_lie_within_the_axes():
    """Far below the smallest file, far above the best accuracy: the axes reach that far."""
    figure = plot_waterfall(BARS, max_flash=500, max_arena=90_000, min_accuracy=0.999)
    for axes, limit in zip(figure.axes, (99.9, 500 / 1024, 90_000 / 1024), strict=True):
        low, high = axes.get_ylim()
        assert low < limit < high


def test_nothing_to_draw_is_an_error():
    """No stage, no picture."""
    with pytest.raises(ValueError, match="at least one"):
        plot_waterfall([])
