"""The search space: which networks there are, how many, and how to draw one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, product
from typing import Literal, get_args

import numpy as np

from tinyml_course.core.arch import (
    Activation,
    ArchSpec,
    LayerSpec,
    OpKind,
    PlacedBlock,
    Shape,
    place_block,
    simplify,
)
from tinyml_course.core.arch_json import to_json
from tinyml_course.nas.moves import cross, perturb

Downsampling = Literal["none", "stride", "pool"]
"""How a block shrinks its map: not at all, by stride 2, or by max pooling of 2 x 2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSpace:
    """A set of networks, declared by the choices for each block.

    A member is written without what cannot act (`core.arch.simplify`), so each network is
    there once: a skip only where shapes match, no stride on a single pixel.

    Attributes
    ----------
    classes, input_shape
        As in `ArchSpec`; the same for all members.
    stem : tuple of OpKind
        Operations of the first block; on one input channel only a full convolution makes sense.
    operations : tuple of OpKind
        Operations of the other blocks.
    kernels : tuple of int
        Sides of the filters.
    widths : tuple of int
        Output channels; depthwise blocks keep those of their input.
    activations : tuple of Activation
        What follows a normalisation.
    skips : bool
        Whether a block may add its input to its output.
    downsampling : tuple of {'none', 'stride', 'pool'}
        How a block may shrink its map.
    min_depth, max_depth : int
        Blocks; input, average and dense layers do not count.
    hidden : tuple of int
        Units of the hidden dense layer; 0 for none.

    Examples
    --------
    >>> tiny = SearchSpace(classes=3, kernels=(3,), widths=(4, 8), max_depth=2)
    >>> tiny.size() == len(list(tiny.enumerate()))
    True
    """

    classes: int = 10
    input_shape: Shape = (32, 32, 1)
    stem: tuple[OpKind, ...] = ("conv",)
    operations: tuple[OpKind, ...] = get_args(OpKind)
    kernels: tuple[int, ...] = (3, 5)
    widths: tuple[int, ...] = (4, 8, 12, 16, 24, 32, 40, 56)
    activations: tuple[Activation, ...] = get_args(Activation)
    skips: bool = True
    downsampling: tuple[Downsampling, ...] = get_args(Downsampling)
    min_depth: int = 2
    max_depth: int = 5
    hidden: tuple[int, ...] = (0, 16, 32)

    def __post_init__(self) -> None:
        for name in ("stem", "operations", "kernels", "widths", "activations", "downsampling",
                     "hidden"):  # fmt: skip
            choices = getattr(self, name)
            if not choices or len(set(choices)) != len(choices):
                raise ValueError(f"{name} needs at least one choice, each once, got {choices}")
        if not 1 <= self.min_depth <= self.max_depth:
            raise ValueError(f"need 1 <= min_depth <= max_depth, got {self.depths}")
        if unknown := set(self.downsampling) - set(get_args(Downsampling)):
            raise ValueError(f"downsampling must be none, stride or pool, got {unknown}")
        if min(self.widths) < 1 or min(self.hidden) < 0:
            raise ValueError(f"widths and hidden must be positive, got {self.widths, self.hidden}")
        ArchSpec(  # raises where an operation, kernel, shape or number of classes is impossible
            layers=tuple(
                block.layer
                for first in (True, False)
                for block in self.choices(self.input_shape, first=first)
            ),
            classes=self.classes,
            input_shape=self.input_shape,
        )

    @property
    def depths(self) -> tuple[int, int]:
        """Fewest and most blocks."""
        return self.min_depth, self.max_depth

    def choices(self, shape: Shape, *, first: bool = False) -> tuple[PlacedBlock, ...]:
        """Return every block that may stand where activations have `shape`, each once."""
        return _choices(self, shape, first)

    def size(self) -> int:
        """Return the number of networks, exactly.

        Blocks are counted from the last one backwards: the number of ways to go on depends only
        on the shape that a block leaves behind, and there are few shapes.
        """
        return len(self.hidden) * sum(
            _completions(self, self.input_shape, depth, True)
            for depth in range(self.min_depth, self.max_depth + 1)
        )

    def enumerate(self) -> Iterator[ArchSpec]:
        """Yield every network once, shallow ones first; meant for tiny spaces."""
        for depth in range(self.min_depth, self.max_depth + 1):
            for layers in self._stacks(self.input_shape, depth):
                for hidden in self.hidden:
                    yield self.network(layers, hidden)

    def network(self, layers: tuple[LayerSpec, ...], hidden: int = 0) -> ArchSpec:
        """Return the specification of `layers` with the space's input and classes."""
        return ArchSpec(
            layers=layers, classes=self.classes, input_shape=self.input_shape, hidden=hidden
        )

    def contains(self, spec: ArchSpec) -> bool:
        """Whether `spec` describes a network of the space, however it is written."""
        if (spec.classes, spec.input_shape) != (self.classes, self.input_shape):
            return False
        if spec.hidden not in self.hidden or not self.min_depth <= len(spec.layers) <= (
            self.max_depth
        ):
            return False
        shape = spec.input_shape
        for number, layer in enumerate(spec.layers):
            block = place_block(layer, shape)
            if block.layer not in _layers(self, shape, number == 0):
                return False
            shape = block.output_shape
        return True

    def sample(self, rng: np.random.Generator) -> ArchSpec:
        """Return a random network: every depth is equally likely, and every network of a depth.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of randomness.
        """
        depth = int(rng.integers(self.min_depth, self.max_depth + 1))
        layers, shape = [], self.input_shape
        for left in reversed(range(depth)):
            blocks, shares = _shares(self, shape, left, left == depth - 1)
            block = blocks[min(int(np.searchsorted(shares, rng.random())), len(blocks) - 1)]
            layers.append(block.layer)
            shape = block.output_shape
        return self.network(tuple(layers), self.hidden[int(rng.integers(len(self.hidden)))])

    def mutate(self, spec: ArchSpec, rng: np.random.Generator) -> ArchSpec:
        """Return a neighbour of `spec`: one choice differs; `spec` itself if there is no other.

        Raises
        ------
        ValueError
            If `spec` is not in the space.
        """
        return perturb(self, self._member(spec), rng)

    def crossover(self, a: ArchSpec, b: ArchSpec, rng: np.random.Generator) -> ArchSpec:
        """Return a child with the first blocks of `a`, the last blocks of `b`, one's head.

        Raises
        ------
        ValueError
            If a parent is not in the space.
        """
        return cross(self, self._member(a), self._member(b), rng)

    def settle(self, layers: tuple[LayerSpec, ...], hidden: int) -> ArchSpec:
        """Return the network of `layers`, each adapted to its place.

        A block that no longer is a choice where it stands becomes the choice that agrees with it
        in most fields.
        """
        placed, shape = [], self.input_shape
        for number, layer in enumerate(layers):
            block = place_block(layer, shape)
            if block.layer not in _layers(self, shape, number == 0):
                options = self.choices(shape, first=number == 0)
                block = max(options, key=lambda option: _agreement(option.layer, layer))
            placed.append(block.layer)
            shape = block.output_shape
        return self.network(tuple(placed), hidden)

    def _member(self, spec: ArchSpec) -> ArchSpec:
        if not self.contains(spec):
            raise ValueError(f"{spec} is not in the search space; draw it with sample()")
        return simplify(spec)

    def _stacks(self, shape: Shape, depth: int, *, first: bool = True) -> Iterator[
        tuple[LayerSpec, ...]
    ]:  # fmt: skip
        if depth == 0:
            yield ()
            return
        for block in self.choices(shape, first=first):
            for rest in self._stacks(block.output_shape, depth - 1, first=False):
                yield (block.layer, *rest)


def canonical_hash(spec: ArchSpec) -> str:
    """Return 16 hexadecimal digits that all spellings of the same network share.

    Examples
    --------
    >>> from tinyml_course.core.arch import gesture_net
    >>> canonical_hash(gesture_net(3)) == canonical_hash(gesture_net(10))
    False
    """
    return hashlib.sha256(to_json(simplify(spec)).encode()).hexdigest()[:16]


@lru_cache(maxsize=4096)
def _choices(space: SearchSpace, shape: Shape, first: bool) -> tuple[PlacedBlock, ...]:
    operations = space.stem if first else space.operations
    wanted = [(op, f) for op in operations for f in ((0,) if op == "depthwise" else space.widths)]
    rest = (space.kernels, space.activations, space.downsampling, (False, True)[: 1 + space.skips])
    found: dict[LayerSpec, PlacedBlock] = {}
    for (op, filters), kernel, activation, down, skip in product(wanted, *rest):
        layer = LayerSpec(
            op=op, filters=filters, kernel=kernel, activation=activation, skip=skip,
            stride=2 if down == "stride" else 1, pool=2 if down == "pool" else 1,
        )  # fmt: skip
        block = place_block(layer, shape)
        found.setdefault(block.layer, block)
    return tuple(found.values())


@lru_cache(maxsize=4096)
def _layers(space: SearchSpace, shape: Shape, first: bool) -> frozenset[LayerSpec]:
    return frozenset(block.layer for block in _choices(space, shape, first))


@lru_cache(maxsize=65536)
def _completions(space: SearchSpace, shape: Shape, depth: int, first: bool = False) -> int:
    """Return in how many ways `depth` blocks can follow activations of `shape`."""
    if depth == 0:
        return 1
    return sum(
        _completions(space, block.output_shape, depth - 1)
        for block in _choices(space, shape, first)
    )


@lru_cache(maxsize=4096)
def _shares(
    space: SearchSpace, shape: Shape, left: int, first: bool
) -> tuple[tuple[PlacedBlock, ...], np.ndarray]:
    """Return the next blocks, and up to each the share of the networks that go on with it."""
    blocks = _choices(space, shape, first)
    counts = [_completions(space, block.output_shape, left) for block in blocks]
    total = sum(counts)
    return blocks, np.array([running / total for running in accumulate(counts)])


def _agreement(option: LayerSpec, wanted: LayerSpec) -> int:
    names = ("op", "filters", "kernel", "stride", "activation", "skip", "pool")
    return sum(getattr(option, name) == getattr(wanted, name) for name in names)


DEFAULT_SPACE = SearchSpace()
"""Gestures of 32 x 32 pixels in ten classes; `dataclasses.replace` makes it another task's."""
