"""A network as a path through a supernet: small integers that a compiled graph can follow."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tinyml_course.core.arch import OpKind, place_blocks

if TYPE_CHECKING:
    from tinyml_course.core.arch import ArchSpec
    from tinyml_course.nas.space import SearchSpace


class Column(IntEnum):
    """What each column of `Path.blocks` holds."""

    BRANCH = 0
    BANK = 1
    WIDTH = 2
    KERNEL = 3
    RELU6 = 4
    SKIP = 5
    POOL = 6


@dataclass(frozen=True, slots=True)
class Path:
    """One network of a space as integers.

    Attributes
    ----------
    blocks : (D, 7) int32
        A row for each of the D places of the deepest network; columns as in `Column`. BRANCH
        counts `branches`; the number after the last branch leaves the place out. BANK counts
        `banks`.
    head : (2,) int32
        Number of the head (`head_number`), units of the hidden dense layer (0 for none).
    """

    blocks: NDArray[np.int32]
    head: NDArray[np.int32]


def branches(space: SearchSpace, place: int) -> tuple[tuple[OpKind, int], ...]:
    """Return the ways to compute the block at `place`: operation and stride.

    Examples
    --------
    >>> from tinyml_course.nas.space import DEFAULT_SPACE
    >>> branches(DEFAULT_SPACE, 0)
    (('conv', 1), ('conv', 2))
    """
    strides = (1, 2) if "stride" in space.downsampling else (1,)
    return tuple(product(space.operations if place else space.stem, strides))


def banks(space: SearchSpace) -> tuple[tuple[int, int], ...]:
    """Return which blocks have weights of their own: by scale, and by order at that scale.

    The scale counts how often the map was halved before the block, the order counts the blocks
    before it at the same scale.

    Examples
    --------
    >>> from tinyml_course.nas.space import SearchSpace
    >>> banks(SearchSpace(min_depth=1, max_depth=3))
    ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (2, 0))
    """
    halvings = space.max_depth if {"stride", "pool"} & set(space.downsampling) else 1
    return tuple(
        (scale, order) for scale in range(halvings) for order in range(space.max_depth - scale)
    )


def find_banks(spec: ArchSpec) -> tuple[tuple[int, int], ...]:
    """Return scale and order of each block of `spec`.

    Examples
    --------
    >>> from tinyml_course.core.arch import gesture_net
    >>> find_banks(gesture_net(10))
    ((0, 0), (1, 0), (2, 0), (2, 1))
    """
    found, scale, order = [], 0, 0
    for block in place_blocks(spec):
        found.append((scale, order))
        halves = block.layer.stride > 1 or block.layer.pool > 1
        scale, order = (scale + 1, 0) if halves else (scale, order + 1)
    return tuple(found)


def head_kinds(space: SearchSpace) -> tuple[OpKind, ...]:
    """Return the operations that a last block may have, each once."""
    return tuple(dict.fromkeys((*space.stem, *space.operations)))


def head_number(space: SearchSpace, spec: ArchSpec) -> int:
    """Return which of the supernet's heads `spec` uses: by bank and operation of its last block.

    Examples
    --------
    >>> from tinyml_course.core.arch import gesture_net
    >>> from tinyml_course.nas.space import DEFAULT_SPACE
    >>> head_number(DEFAULT_SPACE, gesture_net(10))  # bank 10, the third operation of three
    32
    """
    kinds, last = head_kinds(space), find_banks(spec)[-1]
    return banks(space).index(last) * len(kinds) + kinds.index(spec.layers[-1].op)


def find_path(space: SearchSpace, spec: ArchSpec) -> Path:
    """Return the way that `spec` takes through the supernet of `space`.

    Parameters
    ----------
    space : SearchSpace
        The supernet's.
    spec : ArchSpec
        A member, however it is written.

    Raises
    ------
    ValueError
        If `spec` is not in the space.
    """
    if not space.contains(spec):
        raise ValueError(f"{spec} is not in the supernet's space; draw it with space.sample()")
    blocks = np.zeros((space.max_depth, len(Column)), np.int32)
    for place in range(space.max_depth):
        blocks[place, Column.BRANCH] = len(branches(space, place))
    found = find_banks(spec)
    for place, block in enumerate(place_blocks(spec)):
        layer = block.layer
        blocks[place] = (
            branches(space, place).index((layer.op, layer.stride)),
            banks(space).index(found[place]),
            block.inner_shape[2],
            layer.kernel,
            layer.activation == "relu6",
            layer.skip,
            layer.pool > 1,
        )
    return Path(blocks, np.array([head_number(space, spec), spec.hidden], np.int32))
