"""The weights that all networks of a space share: which there are, and which part is whose.

The image's block has one filter bank for each operation, as large as the largest choice; so has
every other block, by its scale and its order at that scale (`path.banks`). A narrower block uses
the first channels, a smaller kernel the centre: a weight is trained by every network that has it,
and the largest sees them all. Scales have filters of their own, because a pen stroke that is eight
pixels wide at one is one pixel wide at another; operations, because nothing makes the channels of
two of them mean the same. For the same reason the dense layers, few weights as they are, come once
for each kind of last block.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tinyml_course.core.arch import place_blocks
from tinyml_course.nas.path import banks, find_banks, head_kinds, head_number

if TYPE_CHECKING:
    from tinyml_course.core.arch import ArchSpec, PlacedBlock
    from tinyml_course.nas.space import SearchSpace

Weights = dict[str, NDArray[np.float32]]


def weight_shapes(space: SearchSpace) -> dict[str, tuple[int, ...]]:
    """Return name and shape of each shared array.

    ``0/conv`` are the filters of the first block, (K, K, C, F); ``conv`` those of all others,
    (B, K, K, C, F), in the order of `path.banks` and with the first block's bank unused;
    ``separable`` and ``pointwise`` the two stages of a separable block; ``.../gamma`` and
    ``.../beta`` scale and shift of the normalisation; ``hidden`` and ``output`` have
    `path.head_number` as first axis.

    Raises
    ------
    ValueError
        If a kernel is even or 1: under a stride it has no centre in common with the others.
    """
    if any(kernel % 2 == 0 or kernel < 3 for kernel in space.kernels):
        raise ValueError(f"kernels {space.kernels} have no common centre; use 3, 5, 7 ...")
    count = len(banks(space))
    shapes = {f"0/{name}": shape for name, shape in _block_shapes(space, first=True).items()}
    shapes |= {name: (count, *shape) for name, shape in _block_shapes(space, first=False).items()}
    heads, widest = count * len(head_kinds(space)), _widest(space, first=False)
    hidden = max(space.hidden)
    shapes |= {"output": (heads, widest, space.classes), "output/bias": (heads, space.classes)}
    if hidden:
        shapes |= {"hidden": (heads, widest, hidden), "hidden/bias": (heads, hidden)}
        shapes["hidden/output"] = (heads, hidden, space.classes)
        shapes["hidden/output/bias"] = (heads, space.classes)
    return shapes


def initial_weights(space: SearchSpace, seed: int) -> Weights:
    """Return weights before any training: He's initialisation, scales 1, shifts and biases 0.

    References
    ----------
    .. [1] He et al., Delving deep into rectifiers, arXiv:1502.01852, section 2.2.
    """
    rng = np.random.default_rng(seed)
    weights: Weights = {}
    for name, shape in weight_shapes(space).items():
        if name.endswith(("beta", "bias")):
            weights[name] = np.zeros(shape, np.float32)
        elif name.endswith("gamma"):
            weights[name] = np.ones(shape, np.float32)
        else:
            fan_in = _fan_in(space, name, shape)
            weights[name] = rng.normal(0, np.sqrt(2 / fan_in), shape).astype(np.float32)
    return weights


def _fan_in(space: SearchSpace, name: str, shape: tuple[int, ...]) -> int:
    """Return how many inputs the narrowest network sums.

    Behind a normalisation the scale of a filter changes nothing but how far a step of a given
    length turns it. The widest network's scale would make that of a shared filter ten times as
    far as in a narrow network of its own.
    """
    if len(shape) == 3:
        return shape[1]
    side, inputs = shape[-4], shape[-2]
    if name.endswith(("depthwise", "separable")):  # one filter a channel
        return side * side
    return side * side * min(inputs, *space.widths)


def take_weights(
    space: SearchSpace, weights: Mapping[str, NDArray[np.float32]], spec: ArchSpec
) -> Weights:
    """Return copies of the parts of the shared arrays that `spec` uses, by the same names.

    The names of the head's arrays are ``hidden`` and ``output``, whatever they are shared as.
    """
    taken: Weights = {}
    for place, (block, bank) in enumerate(zip(place_blocks(spec), find_banks(spec), strict=True)):
        own = _bank(space, weights, bank)
        taken |= {f"{place}/{name}": part.copy() for name, part in _parts(block, own).items()}
    last, channels = head_number(space, spec), block.output_shape[2]
    if not spec.hidden:
        taken["output"] = weights["output"][last, :channels].copy()
        taken["output/bias"] = weights["output/bias"][last].copy()
        return taken
    taken["hidden"] = weights["hidden"][last, :channels, : spec.hidden].copy()
    taken["hidden/bias"] = weights["hidden/bias"][last, : spec.hidden].copy()
    taken["output"] = weights["hidden/output"][last, : spec.hidden].copy()
    taken["output/bias"] = weights["hidden/output/bias"][last].copy()
    return taken


def _bank(
    space: SearchSpace, weights: Mapping[str, NDArray[np.float32]], bank: tuple[int, int]
) -> Weights:
    """Return views of the arrays of one bank, by the names without place."""
    if bank == (0, 0):
        return {name: weights[f"0/{name}"] for name in _block_shapes(space, first=True)}
    number = banks(space).index(bank)
    return {name: weights[name][number] for name in _block_shapes(space, first=False)}


def _parts(block: PlacedBlock, bank: Weights) -> Weights:
    """Return views of the filters, scales and shifts of one block."""
    layer, inputs, outputs = block.layer, block.input_shape[2], block.inner_shape[2]
    filters = bank[layer.op]
    margin = (filters.shape[0] - layer.kernel) // 2
    centre = slice(margin, margin + layer.kernel)
    count, channels = (outputs, outputs) if layer.op == "conv" else (1, inputs)
    parts = {layer.op: filters[centre, centre, :inputs, :count]} | _norm(bank, layer.op, channels)
    if layer.op == "separable":
        parts["pointwise"] = bank["pointwise"][:, :, :inputs, :outputs]
        parts |= _norm(bank, "pointwise", outputs)
    return parts


def _norm(bank: Weights, name: str, channels: int) -> Weights:
    return {key: bank[key][:channels] for key in (f"{name}/gamma", f"{name}/beta")}


def _block_shapes(space: SearchSpace, *, first: bool) -> dict[str, tuple[int, ...]]:
    """Return name and shape of each array of one bank."""
    side, inputs, outputs = max(space.kernels), _widest(space, first=first), max(space.widths)
    shapes: dict[str, tuple[int, ...]] = {}
    for op in space.stem if first else space.operations:
        filters = outputs if op == "conv" else 1
        channels = outputs if op == "conv" else inputs
        shapes |= _with_norm(op, (side, side, inputs, filters), channels)
        if op == "separable":
            shapes |= _with_norm("pointwise", (1, 1, inputs, outputs), outputs)
    return shapes


def _with_norm(name: str, shape: tuple[int, ...], channels: int) -> dict[str, tuple[int, ...]]:
    return {name: shape, f"{name}/gamma": (channels,), f"{name}/beta": (channels,)}


def _widest(space: SearchSpace, *, first: bool) -> int:
    """Return the most channels that a block may be given."""
    return space.input_shape[2] if first else max(space.input_shape[2], *space.widths)
