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
    WIDTH = 1
    KERNEL = 2
    RELU6 = 3
    SKIP = 4
    POOL = 5


@dataclass(frozen=True, slots=True)
class Path:
    """One network of a space as integers.

    Attributes
    ----------
    blocks : (D, 6) int32
        A row for each of the D places of the deepest network; columns as in `Column`. BRANCH
        counts `branches`; the number after the last branch leaves the place out.
    hidden : int32
        Units of the hidden dense layer, 0 for none.
    """

    blocks: NDArray[np.int32]
    hidden: np.int32


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
    for place, block in enumerate(place_blocks(spec)):
        layer = block.layer
        blocks[place] = (
            branches(space, place).index((layer.op, layer.stride)),
            block.inner_shape[2],
            layer.kernel,
            layer.activation == "relu6",
            layer.skip,
            layer.pool > 1,
        )
    return Path(blocks, np.int32(spec.hidden))
