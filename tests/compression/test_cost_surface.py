"""Costs at fractional widths, against the cost model at whole ones."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyml_course.compression.channel_choice import group_widths, resize
from tinyml_course.compression.cost_surface import fit_surface
from tinyml_course.core.arch import ArchSpec, LayerSpec, gesture_net
from tinyml_course.core.boards import find_board
from tinyml_course.cost.graph import arch_graph
from tinyml_course.device.latency import model_latency
from tinyml_course.device.slim_size import slim_bytes

STRIDED = ArchSpec(
    layers=tuple(LayerSpec(op="conv", filters=width, stride=2) for width in (16, 32, 64)),
    classes=10,
)
RESIDUAL = ArchSpec(
    layers=(
        LayerSpec(op="conv", filters=12, stride=2),
        LayerSpec(op="conv", filters=12, skip=True),
        LayerSpec(op="depthwise"),
        LayerSpec(op="separable", filters=24, pool=2),
    ),
    classes=10,
    hidden=8,
)
SPECS = {"strided": STRIDED, "separable": gesture_net(10), "residual": RESIDUAL}
SURFACES = {
    (name, cost): fit_surface(spec, cost)
    for name, spec in SPECS.items()
    for cost in ("flash", "latency")
}


def widths_of(spec):
    """Return a strategy for widths from one channel to all."""
    return st.tuples(*(st.integers(1, width) for width in group_widths(spec).values()))


@pytest.mark.parametrize("name", SPECS)
@given(data=st.data())
@settings(max_examples=25)
def test_modelled_latency_is_met_exactly_at_every_whole_width(name, data):
    """Cycles are products of neighbouring widths, also where a sum ties two layers to one."""
    spec, surface = SPECS[name], SURFACES[name, "latency"]
    widths = data.draw(widths_of(spec))
    graph = arch_graph(resize(spec, dict(zip(surface.groups, widths, strict=True))))
    board = find_board("esp32")

    exact = model_latency(graph, board, board.kernels).milliseconds

    assert surface(np.array(widths)) == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize("name", SPECS)
@given(data=st.data())
@settings(max_examples=25)
def test_file_bytes_are_met_up_to_padding_and_shared_blocks(name, data):
    """The slimmed file stores equal vectors once: at most the widest zero points are in doubt."""
    spec, surface = SPECS[name], SURFACES[name, "flash"]
    widths = data.draw(widths_of(spec))
    graph = arch_graph(resize(spec, dict(zip(surface.groups, widths, strict=True))))

    error = abs(surface(np.array(widths)) - slim_bytes(graph))

    assert error <= 8 * max(surface.widths)  # int64


def test_costs_rise_with_every_width():
    """No channel is free: the slope by each group is positive from one channel to all."""
    for surface in SURFACES.values():
        for n in (np.ones_like(surface.widths), surface.widths):
            assert (surface.linear + 2 * surface.square @ n > 0).all()


def test_unknown_costs_and_boards_are_refused():
    """Only what the cost model knows has a surface."""
    with pytest.raises(ValueError, match="'flash' or 'latency', got 'energy'"):
        fit_surface(STRIDED, "energy")
    with pytest.raises(ValueError, match="abacus"):
        fit_surface(STRIDED, "latency", board="abacus")
