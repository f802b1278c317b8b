"""Which channels stay: the most important ones, for a share, given widths, or limits in bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyml_course.compression.byte_limits import ByteLimits
from tinyml_course.core.arch import ArchSpec, simplify

Scores = Mapping[str, NDArray[np.float64]]
Masks = dict[str, NDArray[np.bool_]]


def choose_channels(scores: Scores, *, fraction: float, at_least: int = 1) -> Masks:
    """Return which channels stay when the least important `fraction` of all of them goes.

    Parameters
    ----------
    scores : mapping of group name to (C,) float64
        Importance, comparable between groups; see `balance`.
    fraction : float
        Share of the channels to remove, in [0, 1), rounded down.
    at_least : int, default 1
        Channels that every group keeps.

    Raises
    ------
    ValueError
        If `fraction` is not in [0, 1) or `at_least` is below 1.

    Examples
    --------
    >>> scores = {"c0": np.array([3.0, 1.0]), "c1": np.array([4.0, 2.0])}
    >>> kept = choose_channels(scores, fraction=0.5)
    >>> {name: mask.tolist() for name, mask in kept.items()}
    {'c0': [True, False], 'c1': [True, False]}
    """
    if not 0 <= fraction < 1 or at_least < 1:
        raise ValueError(
            f"fraction must be in [0, 1) and at_least 1 or more, got {fraction}, {at_least}"
        )
    loose = [
        (score[place], number, name, place)
        for number, (name, score) in enumerate(scores.items())
        for place in _weakest_first(score)[: max(0, len(score) - at_least)]
    ]
    total = sum(map(len, scores.values()))
    kept = {name: np.ones(len(score), bool) for name, score in scores.items()}
    for _, _, name, place in sorted(loose)[: int(fraction * total + 1e-9)]:
        kept[name][place] = False
    return kept


def choose_widths(scores: Scores, widths: Mapping[str, int]) -> Masks:
    """Return which channels stay when each group of `widths` keeps so many, the most important.

    Raises
    ------
    ValueError
        If a group has no scores, or a width is not in 1..C.

    Examples
    --------
    >>> choose_widths({"c0": np.array([3.0, 1.0, 2.0])}, {"c0": 2})["c0"].tolist()
    [True, False, True]
    """
    kept = {}
    for name, width in widths.items():
        if name not in scores or not 1 <= width <= len(scores[name]):
            known = ", ".join(f"{name} (1..{len(score)})" for name, score in scores.items())
            raise ValueError(f"{name!r} can't keep {width} channels; choose from {known}")
        kept[name] = np.ones(len(scores[name]), bool)
        kept[name][_weakest_first(scores[name])[: len(scores[name]) - width]] = False
    return kept


def choose_within(
    spec: ArchSpec,
    scores: Scores,
    limits: ByteLimits,
    *,
    at_least: int = 2,
    relative: bool = False,
) -> Masks:
    """Return which channels stay so that the network keeps within `limits`.

    Greedy: of the weakest channel of every group, the one with the least importance for what it
    saves goes first. A group's saving is in shares of the limits that are still exceeded, per
    channel, with half of the group gone: single channels save nothing or much, by alignment.

    Parameters
    ----------
    spec : ArchSpec
        What the scored model was built from.
    scores : mapping of group name to (C,) float64
        Importance, comparable between groups; groups without scores stay whole.
    limits : ByteLimits
        What to meet.
    at_least : int, default 2
        Channels that every group keeps.
    relative : bool, default False
        Count importance as a share of what the group still has, so that the last channels of a
        layer become dear: for scores that say nothing about how much the layer matters.

    Raises
    ------
    ValueError
        If the scores do not belong to `spec`, `at_least` is below 1, or even so narrow a network
        exceeds the limits.
    """
    if at_least < 1:
        raise ValueError(f"at_least must be 1 or more, got {at_least}")
    widths = group_widths(spec)
    wrong = [name for name, score in scores.items() if widths.get(name) != len(score)]
    if wrong:
        raise ValueError(f"the scores of {', '.join(wrong)} do not belong to the specification, "
                         f"whose groups are {widths}")  # fmt: skip
    while max(limits.loads(resize(spec, widths))) > 1:
        savings = _savings(spec, widths, limits, [n for n in scores if widths[n] > at_least])
        if not savings:
            flash, arena = limits.costs(resize(spec, widths))
            raise ValueError(
                f"with {at_least} channels in every group it still takes {flash:,} B of flash and "
                f"{arena:,} B of arena; allow more bytes or begin with fewer or strided layers"
            )
        useful = {name for name, saving in savings.items() if saving > 0} or set(savings)
        price = {
            name: _weakest(scores[name], widths[name], relative) / max(savings[name], 1e-12)
            for name in useful
        }
        widths[min(sorted(price), key=price.__getitem__)] -= 1
    return choose_widths(scores, {name: widths[name] for name in scores})


def balance(scores: Scores) -> dict[str, NDArray[np.float64]]:
    """Return the scores with each group's divided by their root mean square.

    For criteria whose size depends on the layer; then an average channel scores about 1.

    References
    ----------
    .. [1] Molchanov et al., arXiv:1611.06440, section 2.2: normalisation layer by layer.
    """
    return {name: score / (np.sqrt(np.mean(score**2)) or 1.0) for name, score in scores.items()}


def pruned_spec(spec: ArchSpec, kept: Mapping[str, Any]) -> ArchSpec:
    """Return the specification of the network that `prune_channels` makes of `build(spec)`.

    Parameters
    ----------
    spec : ArchSpec
        Of the whole network.
    kept : mapping of group name to (C,) bool
        Channels that stay; groups that it does not name stay whole.

    Returns
    -------
    ArchSpec
        Skips that did not act are switched off: in a narrower network they might.

    Raises
    ------
    ValueError
        If a group is unknown, or a mask has another width or keeps nothing.
    """
    widths = group_widths(spec)
    for name, mask in kept.items():
        if len(mask) != widths.get(name) or not np.any(mask):
            raise ValueError(f"a mask of {len(mask)} channels with {int(np.sum(mask))} kept does "
                             f"not fit {name!r}; the groups are {widths}")  # fmt: skip
    return resize(spec, widths | {name: int(np.sum(mask)) for name, mask in kept.items()})


def group_widths(spec: ArchSpec) -> dict[str, int]:
    """Return the width of each group of `build(spec)` that may be pruned, by name.

    Examples
    --------
    >>> from tinyml_course.core.arch import gesture_net
    >>> group_widths(gesture_net(3))
    {'c0': 8, 'c1': 16, 'c2': 32, 'c3': 56}
    """
    layers = simplify(spec).layers
    found = {name: layers[int(name[1:])].filters for name in _block_groups(spec) if name[0] == "c"}
    return found | ({"h": spec.hidden} if spec.hidden else {})


def resize(spec: ArchSpec, widths: Mapping[str, int]) -> ArchSpec:
    """Return `spec` with other widths of its groups; those that are not named stay."""
    layers = tuple(
        replace(layer, filters=widths.get(name, layer.filters)) if layer.filters else layer
        for layer, name in zip(simplify(spec).layers, _block_groups(spec), strict=True)
    )
    return replace(spec, layers=layers, hidden=widths.get("h", spec.hidden) if spec.hidden else 0)


def _block_groups(spec: ArchSpec) -> tuple[str, ...]:
    """Return the group of each block's output: its own convolution's, or the one it is added to."""

    def follow() -> Iterator[str]:
        name = "x"
        for number, layer in enumerate(simplify(spec).layers):
            if layer.filters and not layer.skip:
                name = f"c{number}"
            yield name

    return tuple(follow())


def _savings(
    spec: ArchSpec, widths: Mapping[str, int], limits: ByteLimits, names: list[str]
) -> dict[str, float]:
    """Return what a channel of each group saves, in shares of the limits that are exceeded."""
    now = limits.loads(resize(spec, widths))
    found = {}
    for name in names:
        gone = -(-widths[name] // 2)
        then = limits.loads(resize(spec, {**widths, name: widths[name] - gone}))
        saved = sum(a - b for a, b in zip(now, then, strict=True) if a > 1)
        found[name] = saved / gone
    return found


def _weakest_first(score: NDArray[np.float64]) -> list[int]:
    return [int(place) for place in np.argsort(score, kind="stable")]


def _weakest(score: NDArray[np.float64], width: int, relative: bool) -> float:
    """Return the lowest of the `width` highest scores; relative to their sum, if asked for."""
    left = np.sort(score)[len(score) - width :]
    return float(left[0] / (left.sum() or 1.0) if relative else left[0])
