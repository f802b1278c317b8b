"""Chapter 2, spaces and costs: how many networks there are, and what one costs untrained."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import product
from typing import Any

from tinyml_course.core.arch import ArchSpec, LayerSpec, place_blocks, simplify
from tinyml_course.core.types import CostReport
from tinyml_course.cost.estimate import estimate_cost
from tinyml_course.cost.graph import arch_graph
from tinyml_course.grading import forms
from tinyml_course.grading.task import Part, Task, worked_examples

Args = tuple[Any, ...]

WORKED_SPACE = (2, 1, (1, 2), 1)
WIDTHS = (4, 8, 12, 16, 24, 32, 40, 56)
FEW = 5_000
"""Spellings that a check can write out one by one."""


def keeps_room(args: Args) -> bool:
    """Whether even the last block stands on more than one pixel, if all before it halve."""
    side, _, _, blocks = args
    return bool(side > 2 ** (blocks - 1))


def _spellings(args: Args) -> Iterator[ArchSpec]:
    """Yield every way to write down a network of the space."""
    side, channels, widths, blocks = args
    choices = [
        LayerSpec(op="conv", filters=width, stride=stride, skip=skip)
        for width, stride, skip in product(widths, (1, 2), (False, True))
    ]
    for layers in product(choices, repeat=blocks):
        yield ArchSpec(layers=layers, classes=2, input_shape=(side, side, channels))


@cache
def _write_out(args: Args) -> int:
    """Return the number of different networks of a small space."""
    return len({simplify(spec) for spec in _spellings(args)})


def _different(args: Args, result: int) -> str | None:
    _, _, widths, blocks = args
    spelled = (4 * len(widths)) ** blocks
    if not len(widths) ** blocks <= result <= spelled:
        return f"there are {len(widths)}^{blocks} choices of widths and {spelled} spellings"
    if spelled > FEW:
        return None
    found = _write_out(args)
    if result == found:
        return None
    return f"{result} is {'less' if result < found else 'more'} than the different networks"


NETWORKS = Task(
    id="2.1",
    title="How many networks there are",
    function="count_networks",
    returns=forms.integer,
    public_inputs=(
        WORKED_SPACE,
        (8, 8, (4, 8), 3),
        (9, 1, (8, 16, 32, 64), 2),
        (1, 4, (4, 8), 3),
        (3, 2, (2, 4, 6), 3),
        (10**9, 1, WIDTHS, 20),
        (32, 1, WIDTHS, 20),
    ),
    parts=(
        Part("worked example", 2, "The example's space holds 5 networks.",
             worked_examples({WORKED_SPACE: 5})),
        Part(
            "maps with room",
            3,
            "Where no map gets down to a single pixel before the last block, the count is exact.",
            lambda args, result: _different(args, result) if keeps_room(args) else None,
        ),
        Part(
            "single pixels",
            3,
            "The same where blocks stand on a single pixel.",
            lambda args, result: None if keeps_room(args) else _different(args, result),
        ),
    ),
    hints=(
        "How many ways there are to go on depends on what has come before only through one thing.",
        "Keep, for each side and number of channels, in how many ways it can be reached.",
        "A dict from shapes to counts, made anew for each block; a sum at the end.",
    ),
)  # fmt: skip

WORKED_NET = ArchSpec(
    layers=(LayerSpec(op="conv", filters=4),), classes=2, input_shape=(4, 4, 1)
)  # fmt: skip
_CONVS = (LayerSpec(op="conv", filters=6), LayerSpec(op="conv", filters=9, kernel=5, skip=True))
_LIGHT = (
    LayerSpec(op="conv", filters=7),
    LayerSpec(op="depthwise", kernel=5),
    LayerSpec(op="separable", filters=11),
)
_HALVING = (
    LayerSpec(op="conv", filters=5, stride=2),
    LayerSpec(op="separable", filters=9, stride=2, pool=2),
    LayerSpec(op="depthwise", pool=2),
)


def kind_of_net(spec: ArchSpec) -> str:
    """Return ``halving`` if a stride or pool is above 1, else ``light`` or ``convolutions``."""
    if any(max(block.stride, block.pool) > 1 for block in spec.layers):
        return "halving"
    return "light" if any(block.op != "conv" for block in spec.layers) else "convolutions"


@cache
def _cost(spec: ArchSpec) -> CostReport:
    return estimate_cost(arch_graph(spec))


def _counted(args: Args, result: Any) -> str | None:
    cost = _cost(args[0])
    for name, found, right in zip(
        ("parameters", "MACs"), result, (cost.parameters, cost.macs), strict=True
    ):
        if found != right:
            return f"there are {'fewer' if found > right else 'more'} {name} than {found}"
    return None


def _on_kind(kind: str) -> Any:
    return lambda args, result: _counted(args, result) if kind_of_net(args[0]) == kind else None


COSTS = Task(
    id="2.2",
    title="Parameters and multiplications",
    function="count_network",
    returns=forms.tuple_of(forms.integer, forms.integer),
    public_inputs=(
        (WORKED_NET,),
        (ArchSpec(layers=_CONVS, classes=3, input_shape=(9, 7, 2)),),
        (ArchSpec(layers=_CONVS[:1], classes=10, hidden=16),),
        (ArchSpec(layers=_LIGHT, classes=5, input_shape=(8, 8, 1)),),
        (ArchSpec(layers=_HALVING, classes=3, input_shape=(15, 9, 2)),),
        (ArchSpec(layers=_HALVING, classes=10, hidden=32),),
    ),
    withheld=("tinyml_course.cost.estimate", "tinyml_course.cost.graph"),
    parts=(
        Part("worked example", 2, "The example has 50 parameters and takes 584 MACs.",
             lambda args, result: _counted(args, result) if args[0] == WORKED_NET else None),
        Part("convolutions", 2, "Both numbers are right for full convolutions and dense layers.",
             _on_kind("convolutions")),
        Part("light blocks", 2, "The same with depthwise and separable blocks.",
             _on_kind("light")),
        Part("halving", 2, "The same with strides and poolings, on odd sides too.",
             _on_kind("halving")),
    ),
    hints=(
        "Each trained step is a number of places, of outputs, and of weights behind each output.",
        "A depthwise output looks at one channel; a separable block is a depthwise step and a 1x1 "
        "convolution; a pooling follows after the multiplications.",
        "A list of steps (places, weights for each output, outputs), and two sums over it.",
    ),
)  # fmt: skip

WORKED_SKIP = ArchSpec(
    layers=(LayerSpec(op="conv", filters=2, skip=True),), classes=2, input_shape=(4, 4, 2)
)
_IDLE = (
    LayerSpec(op="conv", filters=8, skip=True),
    LayerSpec(op="separable", filters=24, stride=2),
    LayerSpec(op="conv", filters=24, stride=2, skip=True),
)
_HELD = (
    LayerSpec(op="conv", filters=8, pool=2),
    LayerSpec(op="separable", filters=8, skip=True),
    LayerSpec(op="conv", filters=8, stride=2),
)
_POOLED = (LayerSpec(op="conv", filters=16, pool=2), LayerSpec(op="conv", filters=8))
_WIDE = (LayerSpec(op="conv", filters=3, stride=2), LayerSpec(op="depthwise", kernel=5, skip=True))


def has_skips(spec: ArchSpec) -> bool:
    """Whether a skip acts."""
    return any(block.layer.skip for block in place_blocks(spec))


def _alive(args: Args, result: int) -> str | None:
    peak = _cost(args[0]).activation_bytes
    if result == peak:
        return None
    return f"at most {'less' if result > peak else 'more'} than {result} B is alive at once"


PEAK = Task(
    id="2.3",
    title="The most that is alive",
    function="peak_bytes",
    returns=forms.integer,
    public_inputs=(
        (WORKED_SKIP,),
        (ArchSpec(layers=(LayerSpec(op="conv", filters=16, stride=2),), classes=3),),
        (ArchSpec(layers=_IDLE, classes=10),),
        (ArchSpec(layers=_POOLED, classes=10, hidden=40),),
        (ArchSpec(layers=_IDLE[:2], classes=600, input_shape=(5, 5, 1)),),
        (ArchSpec(layers=_HELD, classes=10),),
        (ArchSpec(layers=_WIDE, classes=3),),
    ),
    withheld=(
        "tinyml_course.cost.estimate", "tinyml_course.cost.graph", "tinyml_course.cost.liveness",
        "tinyml_course.device.arena",
    ),
    parts=(
        Part("worked example", 2, "The network of the example needs 96 bytes.",
             lambda args, result: _alive(args, result) if args[0] == WORKED_SKIP else None),
        Part(
            "chains",
            4,
            "The most that is alive at once, where no skip acts, whatever is written.",
            lambda args, result: None if has_skips(args[0]) else _alive(args, result),
        ),
        Part(
            "skips",
            4,
            "The same where blocks add their input to their output.",
            lambda args, result: _alive(args, result) if has_skips(args[0]) else None,
        ),
    ),
    hints=(
        "Each operator needs what it reads and what it writes; a skip's input waits until the sum.",
        "Follow one shape through the blocks (`core.arch.place_blocks` knows which skips act), and "
        "do not forget the small tensors behind the average.",
        "A running size and a running maximum over pairs of neighbours; three equal tensors at a "
        "sum.",
    ),
)  # fmt: skip
