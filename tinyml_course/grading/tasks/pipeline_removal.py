"""Chapter 3, removal: arrays without a channel, and constants that move on."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from tinyml_course.grading import forms
from tinyml_course.grading.task import Part, Task

Args = tuple[Any, ...]
Array = np.ndarray[Any, np.dtype[Any]]


def _scattered(*shape: int) -> Array:
    """Return an array of both signs without a pattern, the same every time."""
    return np.asarray(np.cos(np.arange(1.0, 1 + np.prod(shape)) * 1.9).reshape(shape))


def make_layers(shape: tuple[int, ...], second: Array, kept: list[bool]) -> Args:
    """Return a first kernel of `shape` with bias and normalisation, a second one, and a mask."""
    c = shape[-1]
    norm = (_scattered(c), _scattered(c) / 2, _scattered(2 * c)[c:], 1 + _scattered(c) ** 2)
    return (_scattered(*shape), _scattered(c) * 3), norm, second, np.array(kept)


WORKED_LAYERS = (
    (np.array([[[[1.0, 2.0, 3.0]]]]), np.array([4.0, 5.0, 6.0])),
    (np.array([1.0, 2.0, 3.0]), np.zeros(3), np.zeros(3), np.array([1.0, 2.0, 4.0])),
    np.array([[1.0], [2.0], [3.0], [4.0], [5.0], [6.0]]),
    np.array([True, False, True]),
)
_WORKED_ARRAYS = (
    (np.array([[[[1.0, 3.0]]]]), np.array([4.0, 6.0])),
    (np.array([1.0, 3.0]), np.zeros(2), np.zeros(2), np.array([1.0, 4.0])),
    np.array([[1.0], [3.0], [4.0], [6.0]]),
)


def _flat(value: Any) -> list[Array]:
    """Return the arrays of nested tuples in order."""
    if isinstance(value, np.ndarray):
        return [value]
    return [array for part in value for array in _flat(part)]


def _same(first: Any, second: Any) -> bool:
    pairs = list(zip(_flat(first), _flat(second), strict=True))
    return all(a.shape == b.shape and np.array_equal(a, b) for a, b in pairs)


def is_flattened(args: Args) -> bool:
    """Whether the second layer is a dense one behind flattened maps."""
    return bool(args[2].ndim == 2)


def _worked_removal(args: Args, result: Any) -> str | None:
    if not _same(args, WORKED_LAYERS) or _same(result, _WORKED_ARRAYS):
        return None
    shown = [array.tolist() for array in _flat(_WORKED_ARRAYS)]
    return f"the worked example says {shown}, got {[array.tolist() for array in _flat(result)]}"


def _run_layers(layers: Args, images: Array, side: tuple[int, int]) -> Any:
    """Return maps (P, Q, C) behind the first layer, and the second one's weights (P Q C, O)."""
    (kernel, bias), (gamma, beta, mean, variance), second = layers
    (rows, columns), (p, q) = kernel.shape[:2], side
    maps = np.zeros((p, q, kernel.shape[3]))
    for i, j in product(range(rows), range(columns)):
        maps += images[i : i + p, j : j + q] @ kernel[i, j]
    maps = np.maximum(gamma * (maps + bias - mean) / np.sqrt(variance + 1e-3) + beta, 0.0)
    return maps, second.reshape(-1, second.shape[-1])


def _removal_fault(args: Args, result: Any) -> str | None:
    """Return whether the smaller layers make something else than the masked ones."""
    (kernel, _), _, second, kept = args
    wanted = [part.shape for part in _flat(args[:3])]
    channels, left = len(kept), int(kept.sum())
    places = len(second) // channels if is_flattened(args) else 0
    head = (places * left,) if places else (*second.shape[:2], left)
    wanted = [(*shape[:-1], left) for shape in wanted[:-1]] + [(*head, second.shape[-1])]
    found = [part.shape for part in _flat(result)]
    if found != wanted:
        return f"arrays of shapes {wanted} are needed, got {found}"
    side = (places, 1) if places else second.shape[:2]
    size = (side[0] + kernel.shape[0] - 1, side[1] + kernel.shape[1] - 1, kernel.shape[2])
    images = np.random.default_rng(0).normal(size=size)
    maps, weights = _run_layers(args[:3], images, side)
    smaller, fewer = _run_layers(result, images, side)
    if np.allclose((maps * kept).ravel() @ weights, smaller.ravel() @ fewer, atol=1e-9):
        return None
    return "the outputs differ from those of the whole layers with these channels at zero"


REMOVAL = Task(
    id="3.3",
    title="Channels that are really gone",
    function="remove_channels",
    returns=forms.tuple_of(
        forms.tuple_of(forms.array("float", ndim=4), forms.array("float", ndim=1)),
        forms.tuple_of(*[forms.array("float", ndim=1)] * 4),
        forms.array("float"),
    ),
    public_inputs=(
        WORKED_LAYERS,
        make_layers((3, 3, 2, 5), _scattered(3, 3, 5, 4), [True, True, False, True, False]),
        make_layers((1, 1, 4, 4), _scattered(1, 1, 4, 4), [False, True, True, True]),
        make_layers((3, 3, 1, 3), _scattered(12, 2), [False, True, True]),
        make_layers((3, 3, 1, 4), _scattered(16, 3), [True, False, False, True]),
    ),
    parts=(
        Part("worked example", 2, "Two of the example's three channels are left.",
             _worked_removal),
        Part(
            "convolutions",
            4,
            "Two convolutions without the channels do what they do with them at zero.",
            lambda args, result: None if is_flattened(args) else _removal_fault(args, result),
        ),
        Part(
            "flattened maps",
            4,
            "The same where a dense layer sees every pixel of every channel.",
            lambda args, result: _removal_fault(args, result) if is_flattened(args) else None,
        ),
    ),
    hints=(
        "A channel has weights where it is made, where it is normalised, and where it is read.",
        "Flattened maps are pixel after pixel, and each pixel has all channels: so the same "
        "channel comes again and again.",
        "One mask as index of each last axis and of the second kernel's third; for a matrix, the "
        "mask repeated as a whole.",
    ),
)  # fmt: skip

WORKED_CONSTANT = (
    np.array([1.0, 0.0, 0.0]), np.array([0.5, 2.0, -1.0]),
    np.array([[[[1.0], [10.0], [7.0]]]]), np.array([3.0]), "same",
)  # fmt: skip
_WORKED_LEFT = ((True, False, False), (1.0,), (23.0,))


def make_reader(
    shape: tuple[int, ...], gamma: list[float], padding: str, *, unread: tuple[int, ...] = ()
) -> Args:
    """Return a normalisation's scales and shifts, and a convolution that reads its channels."""
    kernel = _scattered(*shape)
    kernel[:, :, list(unread)] = 0.0
    c = shape[2]
    shifts = np.where(np.arange(c) % 2 == 0, 1.5, -0.5) + _scattered(c) / 4
    return np.array(gamma), shifts, kernel, _scattered(shape[3]), padding


def reads_border(args: Args) -> bool:
    """Whether the kernel reads zeros beyond the map's border."""
    _, _, kernel, _, padding = args
    return bool(padding == "same" and max(kernel.shape[:2]) > 1)


def _worked_constant(args: Args, result: Any) -> str | None:
    same = args[4] == WORKED_CONSTANT[4] and _same(args[:4], WORKED_CONSTANT[:4])
    found = tuple(tuple(part.ravel().tolist()) for part in result)
    if not same or found == _WORKED_LEFT:
        return None
    return f"the worked example says {_WORKED_LEFT}, got {found}"


def convolve(maps: Array, kernel: Array, padding: str) -> Array:
    """Return (H, W, O), or less without padding, of maps (H, W, C) and a kernel of odd sides."""
    rows, columns = kernel.shape[:2]
    if padding == "same":
        maps = np.pad(maps, ((rows // 2,) * 2, (columns // 2,) * 2, (0, 0)))
    height, width = maps.shape[0] - rows + 1, maps.shape[1] - columns + 1
    total = np.zeros((height, width, kernel.shape[3]))
    for i, j in product(range(rows), range(columns)):
        total += maps[i : i + height, j : j + width] @ kernel[i, j]
    return total


def _maps(args: Args) -> Array:
    """Return maps as they come out of the ReLU behind the normalisation."""
    gamma, beta, kernel, _, _ = args
    side = max(kernel.shape[:2]) + 2
    drawn = np.random.default_rng(0).normal(scale=10.0, size=(side, side, len(gamma)))
    return np.asarray(np.maximum(gamma * drawn + beta, 0.0))


def _constant_fault(args: Args, result: Any) -> str | None:
    """Return whether outputs change, or a channel is left that only adds a constant."""
    _, _, kernel, bias, padding = args
    kept, smaller, new_bias = result
    left, c = int(kept.sum()), len(args[0])
    wanted = [(c,), (*kernel.shape[:2], left, kernel.shape[3]), bias.shape]
    found = [part.shape for part in result]
    if found != wanted:
        return f"arrays of shapes {wanted} are needed, got {found}"
    maps = _maps(args)
    before = convolve(maps, kernel, padding) + bias
    after = convolve(maps[..., kept], smaller, padding) + new_bias
    if not np.allclose(before, after, atol=1e-9):
        return f"the outputs change by up to {np.abs(before - after).max():.3g}"
    for number in np.flatnonzero(kept):
        part = convolve(maps[..., [number]], kernel[:, :, [number]], padding)
        if np.ptp(part, axis=(0, 1)).max() < 1e-12:
            return f"channel {number} adds the same everywhere, and yet it is still there"
    return None


CONSTANTS = Task(
    id="3.4",
    title="Channels that never change",
    function="fold_constants",
    returns=forms.tuple_of(
        forms.array("bool", ndim=1), forms.array("float", ndim=4), forms.array("float", ndim=1)
    ),
    public_inputs=(
        WORKED_CONSTANT,
        make_reader((3, 3, 4, 2), [0.7, 0.0, 0.0, -0.4], "valid", unread=(0,)),
        make_reader((1, 1, 5, 3), [0.0, 0.0, 0.3, 0.2, 0.0], "same"),
        make_reader((3, 3, 5, 2), [0.0, 0.0, 0.5, 0.6, 0.0], "same", unread=(3,)),
        make_reader((1, 3, 4, 2), [0.0, 0.8, 0.0, 0.0], "same", unread=(2,)),
    ),
    parts=(
        Part("worked example", 2, "Of the example's channels one is left, and a bias of 23.",
             _worked_constant),
        Part(
            "inside",
            3,
            "All outputs stay, and no channel is left that adds the same everywhere.",
            lambda args, result: None if reads_border(args) else _constant_fault(args, result),
        ),
        Part(
            "borders",
            3,
            "The same where the kernel reads zeros beyond the border.",
            lambda args, result: _constant_fault(args, result) if reads_border(args) else None,
        ),
    ),
    hints=(
        "What does the channel hold if its scale is zero? The ReLU has a word in that, too.",
        "At the border, a kernel sees fewer pixels of a constant than inside, unless it has one "
        "pixel only, or the constant is zero.",
        "Constants, a mask of three conditions, the kernel without some channels, and a bias that "
        "gains a sum over the kernel's places and those channels.",
    ),
)  # fmt: skip
