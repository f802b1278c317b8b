"""The weights that all networks of a space share: which there are, and which part is whose.

At each place of the deepest network there is one filter bank for each operation, as large as the
largest choice. A narrower block uses the first channels of it, a smaller kernel its centre: so a
weight is trained by every network that has it, and the largest sees them all. All networks have
the same dense layers. Sharing less was tried and learnt more slowly: banks for each scale of the
map, dense layers for each kind of last block. Each weight is then trained by fewer networks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tinyml_course.core.arch import place_blocks

if TYPE_CHECKING:
    from tinyml_course.core.arch import ArchSpec, PlacedBlock
    from tinyml_course.nas.space import SearchSpace

Weights = dict[str, NDArray[np.float32]]


def weight_shapes(space: SearchSpace) -> dict[str, tuple[int, ...]]:
    """Return name and shape of each shared array.

    ``0/conv`` are the filters of place 0, (K, K, C, F); ``1/separable`` and ``1/pointwise`` the
    two stages of a separable block; ``.../gamma`` and ``.../beta`` scale and shift of the
    normalisation; ``hidden`` and ``output`` are the dense layers, ``output`` where there is no
    hidden one, ``hidden/output`` behind it.

    Raises
    ------
    ValueError
        If a kernel is even or 1: under a stride it has no centre in common with the others.
    """
    if any(kernel % 2 == 0 or kernel < 3 for kernel in space.kernels):
        raise ValueError(f"kernels {space.kernels} have no common centre; use 3, 5, 7 ...")
    shapes: dict[str, tuple[int, ...]] = {}
    for place in range(space.max_depth):
        shapes |= _place_shapes(space, place)
    widest, hidden = _widest(space, space.max_depth), max(space.hidden)
    shapes |= {"output": (widest, space.classes), "output/bias": (space.classes,)}
    if hidden:
        shapes |= {"hidden": (widest, hidden), "hidden/bias": (hidden,)}
        shapes |= {"hidden/output": (hidden, space.classes), "hidden/output/bias": (space.classes,)}
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
    if len(shape) == 2:
        return shape[0]
    if name.endswith(("depthwise", "separable")):  # one filter a channel
        return shape[0] * shape[1]
    return shape[0] * shape[1] * min(shape[2], *space.widths)


def take_weights(weights: Mapping[str, NDArray[np.float32]], spec: ArchSpec) -> Weights:
    """Return copies of the parts of the shared arrays that `spec` uses, by the same names.

    The names of the head's arrays are ``hidden`` and ``output``, whatever they are shared as.
    """
    taken: Weights = {}
    for place, block in enumerate(place_blocks(spec)):
        for name, part in _parts(block, weights, place).items():
            taken[name] = part.copy()
    channels, hidden = block.output_shape[2], spec.hidden
    if not hidden:
        taken["output"] = weights["output"][:channels].copy()
        taken["output/bias"] = weights["output/bias"].copy()
        return taken
    taken["hidden"] = weights["hidden"][:channels, :hidden].copy()
    taken["hidden/bias"] = weights["hidden/bias"][:hidden].copy()
    taken["output"] = weights["hidden/output"][:hidden].copy()
    taken["output/bias"] = weights["hidden/output/bias"].copy()
    return taken


def _parts(
    block: PlacedBlock, weights: Mapping[str, NDArray[np.float32]], place: int
) -> dict[str, NDArray[np.float32]]:
    """Return views of the filters, scales and shifts of one block."""
    layer, inputs, outputs = block.layer, block.input_shape[2], block.inner_shape[2]
    name = f"{place}/{layer.op}"
    bank = weights[name]
    margin = (bank.shape[0] - layer.kernel) // 2
    centre = slice(margin, margin + layer.kernel)
    filters, channels = (outputs, outputs) if layer.op == "conv" else (1, inputs)
    parts = {name: bank[centre, centre, :inputs, :filters]} | _norm(weights, name, channels)
    if layer.op == "separable":
        name = f"{place}/pointwise"
        parts |= {name: weights[name][:, :, :inputs, :outputs]} | _norm(weights, name, outputs)
    return parts


def _norm(
    weights: Mapping[str, NDArray[np.float32]], name: str, channels: int
) -> dict[str, NDArray[np.float32]]:
    return {key: weights[key][:channels] for key in (f"{name}/gamma", f"{name}/beta")}


def _place_shapes(space: SearchSpace, place: int) -> dict[str, tuple[int, ...]]:
    side, inputs, outputs = max(space.kernels), _widest(space, place), max(space.widths)
    shapes: dict[str, tuple[int, ...]] = {}
    for op in space.operations if place else space.stem:
        filters = outputs if op == "conv" else 1
        channels = outputs if op == "conv" else inputs
        shapes |= _with_norm(f"{place}/{op}", (side, side, inputs, filters), channels)
        if op == "separable":
            shapes |= _with_norm(f"{place}/pointwise", (1, 1, inputs, outputs), outputs)
    return shapes


def _with_norm(name: str, shape: tuple[int, ...], channels: int) -> dict[str, tuple[int, ...]]:
    return {name: shape, f"{name}/gamma": (channels,), f"{name}/beta": (channels,)}


def _widest(space: SearchSpace, place: int) -> int:
    """Return the most channels that `place` may be given."""
    return max(space.input_shape[2], *space.widths) if place else space.input_shape[2]
