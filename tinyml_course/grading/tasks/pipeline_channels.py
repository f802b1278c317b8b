"""Chapter 3, channels: how much each matters, and which of them go together."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyml_course.grading import forms
from tinyml_course.grading.task import Part, Task

Args = tuple[Any, ...]
Channel = tuple[str, int]

_ROOM = 1e-9


def _scattered(*shape: int) -> Any:
    """Return an array of both signs without a pattern, the same every time."""
    return np.sin(np.arange(1.0, 1 + np.prod(shape)) * 2.4).reshape(shape)


WORKED_MAPS = (
    np.array([[[[2.0, -3.0]]]]),
    np.array([-0.5, 0.1]),
    np.array([[[[1.0, 1.0], [2.0, 1.0]]], [[[3.0, 2.0], [0.0, 2.0]]]]),
    np.array([[[[1.0, 1.0], [-1.0, 1.0]]], [[[1.0, -1.0], [5.0, -1.0]]]]),
)
WORKED_RATES = ((2.0, 3.0), (0.5, 0.1), (2.0, 3.0))


def _worked_rates(args: Args, result: Any) -> str | None:
    shape = args[1].shape
    if any(found.shape != shape for found in result):
        return f"three arrays of shape {shape} are needed, got {[f.shape for f in result]}"
    same = all(
        a.shape == b.shape and np.array_equal(a, b)
        for a, b in zip(args, WORKED_MAPS, strict=True)
    )  # fmt: skip
    if not same or np.allclose(result, WORKED_RATES, rtol=1e-9):
        return None
    return f"the worked example says {WORKED_RATES}, got {[found.tolist() for found in result]}"


def _sums(args: Args, result: Any) -> str | None:
    """Return which bound on a sum of absolute weights is broken."""
    kernel, found = args[0], result[0]
    flat = kernel.reshape(-1, kernel.shape[-1])
    if not np.isclose(found.sum(), np.abs(kernel).sum()):
        return (
            f"all filters together have sums of {np.abs(kernel).sum():.6g}, got {found.sum():.6g}"
        )
    for number, (value, weights) in enumerate(zip(found, flat.T, strict=True)):
        if value < abs(weights.sum()) - _ROOM or value < np.linalg.norm(weights) - _ROOM:
            return f"the weights of filter {number} are larger than {value:.6g}"
    return None


def _scales(args: Args, result: Any) -> str | None:
    gamma, found = args[1], result[1]
    if (found < 0).any() or not np.allclose(found**2, gamma**2):
        return f"scales of {gamma.tolist()} count for what they do, not for {found.tolist()}"
    return None


def _estimates(args: Args, result: Any) -> str | None:
    """Return which bound on the estimate of a channel is broken."""
    product = args[2] * args[3]
    least = np.abs(product.sum(axis=(1, 2)).mean(axis=0))
    most = np.abs(product).sum(axis=(1, 2)).mean(axis=0)
    for number, value in enumerate(result[2]):
        if not least[number] - _ROOM <= value <= most[number] + _ROOM:
            return (
                f"the loss can't change by {value:.6g} with channel {number}: at least "
                f"{least[number]:.6g}, at most {most[number]:.6g}"
            )
        if len(product) == 1 and not np.isclose(value, least[number]):
            return f"of one sample, channel {number} changes the loss by {least[number]:.6g}"
    return None


RATES = Task(
    id="3.1",
    title="How much a channel matters",
    function="rate_channels",
    returns=forms.tuple_of(*[forms.array("float", ndim=1)] * 3),
    public_inputs=(
        WORKED_MAPS,
        (_scattered(3, 3, 4, 4), _scattered(4), _scattered(6, 5, 5, 4), _scattered(6, 5, 5, 4)),
        (_scattered(3, 3, 2, 5), _scattered(5), _scattered(1, 4, 3, 5), _scattered(1, 4, 3, 5)[::-1]
         * -0.1),
        (_scattered(1, 1, 7, 3), -_scattered(3), _scattered(8, 2, 2, 3) + 1,
         _scattered(2, 8, 2, 3).reshape(8, 2, 2, 3)[::-1].copy()),
    ),
    parts=(
        Part("worked example", 2, "The two channels of the example get the three pairs.",
             _worked_rates),
        Part("L1 norms", 2, "A filter's absolute weights are summed.", _sums),
        Part("scales", 1, "The normalisation's scale counts whatever its sign.", _scales),
        Part("estimates", 3, "Each sample's change of the loss counts, whatever its sign.",
             _estimates),
    ),
    hints=(
        "Which axis holds the channels that go out? All others are summed or averaged.",
        "In a sample, pixels may cancel each other: they change the same loss. Between samples "
        "nothing cancels.",
        "A sum of absolute values; absolute values; a mean of absolute sums of a product.",
    ),
)  # fmt: skip

Layer = tuple[str, str, tuple[str, ...], int]

WORKED_LAYERS: tuple[Layer, ...] = (
    ("x", "image", (), 1),
    ("a", "conv", ("x",), 2),
    ("n", "depthwise", ("a",), 2),
    ("b", "conv", ("n",), 2),
    ("s", "add", ("n", "b"), 2),
    ("c", "conv", ("s",), 3),
    ("p", "output", ("c",), 3),
)
WORKED_TIES = [[("a", 0), ("b", 0)], [("a", 1), ("b", 1)]]
_CHAIN: tuple[Layer, ...] = (
    ("x", "image", (), 2), ("a", "conv", ("x",), 3), ("n", "depthwise", ("a",), 3),
    ("b", "conv", ("n",), 2), ("d", "conv", ("b",), 4), ("p", "output", ("d",), 4),
)  # fmt: skip
_SIDE: tuple[Layer, ...] = (
    ("x", "image", (), 1), ("a", "conv", ("x",), 2), ("b", "conv", ("x",), 1),
    ("j", "concat", ("b", "a"), 3), ("c", "conv", ("j",), 3), ("s", "add", ("c", "j"), 3),
    ("d", "conv", ("s",), 2), ("p", "output", ("d",), 2),
)  # fmt: skip
_IMAGE: tuple[Layer, ...] = (
    ("x", "image", (), 2), ("a", "conv", ("x",), 2), ("s", "add", ("x", "a"), 2),
    ("b", "conv", ("s",), 2), ("c", "conv", ("b",), 2), ("t", "add", ("c", "b"), 2),
    ("d", "conv", ("t",), 3), ("e", "conv", ("d",), 3), ("u", "add", ("e", "d"), 3),
    ("p", "output", ("u",), 3),
)  # fmt: skip
_LONG: tuple[Layer, ...] = (
    ("x", "image", (), 1), ("a", "conv", ("x",), 2), ("b", "conv", ("a",), 2),
    ("c", "conv", ("b",), 2), ("s", "add", ("b", "c"), 2), ("t", "add", ("s", "a"), 2),
    ("j", "concat", ("t", "a"), 4), ("d", "conv", ("j",), 4), ("u", "add", ("j", "d"), 4),
    ("e", "conv", ("u",), 1), ("p", "output", ("e",), 1),
)  # fmt: skip

_TWICE: tuple[Layer, ...] = (
    ("x", "image", (), 1), ("a", "conv", ("x",), 2), ("b", "conv", ("x",), 2),
    ("c", "conv", ("x",), 2), ("s", "add", ("a", "b"), 2), ("t", "add", ("c", "b"), 2),
    ("d", "conv", ("s",), 3), ("e", "conv", ("t",), 3), ("u", "add", ("d", "e"), 3),
    ("p", "output", ("u",), 3),
)  # fmt: skip


def kind_of_graph(layers: tuple[Layer, ...]) -> str:
    """Return ``concatenations``, ``sums`` or ``chains``: the most that a graph holds."""
    kinds = {kind for _, kind, _, _ in layers}
    if "concat" in kinds:
        return "concatenations"
    return "sums" if "add" in kinds else "chains"


def as_classes(result: Any) -> set[frozenset[Channel]]:
    """Return the sets of channels of a result, without order."""
    return {frozenset((name, number) for name, number in group) for group in result}


def _worked_ties(args: Args, result: Any) -> str | None:
    wanted = as_classes(WORKED_TIES)
    if args[0] != WORKED_LAYERS or as_classes(result) == wanted:
        return None
    return f"the worked example says {WORKED_TIES}, got {result}"


def _tie_fault(args: Args, result: Any) -> str | None:
    """Return a channel that is unknown or named twice, or a sum whose inputs are torn apart."""
    (layers,) = args
    widths = {name: width for name, kind, _, width in layers if kind == "conv"}
    groups: dict[Channel, int] = {}
    for number, group in enumerate(result):
        for name, place in group:
            if not 0 <= place < widths.get(name, 0):
                return f"there is no channel {place} of a convolution {name!r} that could go"
            if (name, place) in groups:
                return f"channel {place} of {name!r} is named twice"
            groups[name, place] = number
        if not group:
            return "a set without channels is none"
    return _torn(layers, groups)


def _torn(layers: tuple[Layer, ...], groups: dict[Channel, int]) -> str | None:
    """Return where a sum would add a channel that is gone to one that is not; -1 for neither."""
    after: dict[str, list[int]] = {}
    for name, kind, sources, width in layers:
        arriving = [after[source] for source in sources]
        if kind in ("image", "conv"):
            after[name] = [groups.get((name, place), -1) for place in range(width)]
        elif kind == "concat":
            after[name] = [number for part in arriving for number in part]
        else:
            after[name] = arriving[0]
        if kind == "add":
            for place, numbers in enumerate(zip(*arriving, strict=True)):
                if len(set(numbers)) > 1:
                    return f"if they go, the sum {name!r} lacks one of its terms at {place}"
        if kind == "output" and max(after[name]) >= 0:
            return f"the output {name!r} would lose a channel"
    return None


def _on_graphs(kind: str) -> Any:
    return lambda args, result: _tie_fault(args, result) if kind_of_graph(args[0]) == kind else None


TIES = Task(
    id="3.2",
    title="Which channels go together",
    function="tie_channels",
    returns=forms.list_of(forms.list_of(forms.tuple_of(forms.text, forms.integer))),
    public_inputs=((WORKED_LAYERS,), (_CHAIN,), (_SIDE,), (_IMAGE,), (_LONG,), (_TWICE,)),
    parts=(
        Part("worked example", 2, "The example's network has two sets of two channels.",
             _worked_ties),
        Part("chains", 2, "Without sums, each channel goes alone, unless it must stay.",
             _on_graphs("chains")),
        Part("sums", 3, "A sum ties its terms, through several layers if need be.",
             _on_graphs("sums")),
        Part("concatenations", 3, "The same where channels are put side by side.",
             _on_graphs("concatenations")),
    ),
    hints=(
        "Follow each tensor's channels, one by one, back to the convolutions that made them.",
        "A sum says that two channels have the same fate, and fates are passed on: if two sets "
        "meet, they become one. What the image or the output needs never goes.",
        "For each layer a list of makers, one a channel; a dict from maker to representative; "
        "sets gathered by representative, some left out.",
    ),
)  # fmt: skip
