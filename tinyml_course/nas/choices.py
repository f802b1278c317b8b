"""What a differentiable search decides: an operation and a width at each place of a skeleton."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tinyml_course.core.arch import ArchSpec, LayerSpec, OpKind, Shape, place_blocks

if TYPE_CHECKING:
    from tinyml_course.nas.space import SearchSpace

Operation = tuple[OpKind, int]
"""Kind and kernel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """How likely each choice is, place by place and independently of each other.

    Attributes
    ----------
    operations : tuple of (O,) float64
        For each place, over `Skeleton.operations` there.
    widths : tuple of (W,) float64
        For each place, over `Skeleton.widths`; a depthwise block does without.
    """

    operations: tuple[NDArray[np.float64], ...]
    widths: tuple[NDArray[np.float64], ...]

    def log_probability(self, choice: Choice) -> float:
        """Return the natural logarithm of the probability of `choice`."""
        return sum(
            float(np.log(max(p[c], 1e-300)))
            for part, chosen in (
                (self.operations, choice.operations),
                (self.widths, choice.widths),
            )
            for p, c in zip(part, chosen, strict=True)
        )

    def draw(self, rng: np.random.Generator) -> Choice:
        """Return a random choice."""
        operations, widths = (
            tuple(int(rng.choice(len(p), p=p)) for p in part)
            for part in (self.operations, self.widths)
        )
        return Choice(operations, widths)

    def flatten(self, power: float) -> Distribution:
        """Return the distribution with all probabilities raised to `power` and scaled to sum 1."""
        operations, widths = (
            tuple(p**power / (p**power).sum() for p in part)
            for part in (self.operations, self.widths)
        )
        return Distribution(operations=operations, widths=widths)

    @property
    def best(self) -> Choice:
        """The most likely choice."""
        return Choice(
            tuple(int(p.argmax()) for p in self.operations),
            tuple(int(p.argmax()) for p in self.widths),
        )


@dataclass(frozen=True, slots=True)
class Choice:
    """Indices of one operation and one width for each place."""

    operations: tuple[int, ...]
    widths: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Skeleton:
    """A network whose operations, kernels and widths are open.

    Depth, downsampling, activations and the head are those of `spec`; skips are dropped, since
    whether one acts would depend on the widths.

    Attributes
    ----------
    space : SearchSpace
        Gives the choices.
    spec : ArchSpec
        A member of it.
    """

    space: SearchSpace
    spec: ArchSpec

    def __post_init__(self) -> None:
        if not self.space.contains(self.spec):
            raise ValueError(f"{self.spec} is not in the search space; draw it with sample()")
        if "depthwise" in self.space.stem:
            raise ValueError("a depthwise first block has no width to choose; leave it out of stem")

    @property
    def widths(self) -> tuple[int, ...]:
        """Output channels to choose from, rising."""
        return tuple(sorted(self.space.widths))

    def operations(self, place: int) -> tuple[Operation, ...]:
        """Return the operations to choose from at `place`."""
        kinds = self.space.operations if place else self.space.stem
        return tuple(product(kinds, self.space.kernels))

    @property
    def layers(self) -> tuple[LayerSpec, ...]:
        """The blocks of `spec` without skips."""
        return tuple(replace(layer, skip=False) for layer in self.spec.layers)

    @property
    def maps(self) -> tuple[Shape, ...]:
        """Shape of each block's input; height and width do not depend on the choices."""
        return tuple(block.input_shape for block in place_blocks(self.spec))

    def layer(self, place: int, operation: Operation, width: int) -> LayerSpec:
        """Return the block at `place` with an operation and a width."""
        kind, kernel = operation
        filters = 0 if kind == "depthwise" else width
        return replace(self.layers[place], op=kind, kernel=kernel, filters=filters)

    def network(self, choice: Choice) -> ArchSpec:
        """Return the network that `choice` makes of the skeleton."""
        layers: Sequence[LayerSpec] = [
            self.layer(place, self.operations(place)[operation], self.widths[width])
            for place, (operation, width) in enumerate(
                zip(choice.operations, choice.widths, strict=True)
            )
        ]
        return self.space.settle(tuple(layers), self.spec.hidden)

    @property
    def own(self) -> Choice:
        """The choice that gives `spec` itself, without its skips."""
        operations = [
            self.operations(place).index((layer.op, layer.kernel))
            for place, layer in enumerate(self.layers)
        ]
        widths = [self.widths.index(layer.filters) if layer.filters else 0 for layer in self.layers]
        return Choice(tuple(operations), tuple(widths))

    def uniform(self) -> Distribution:
        """Return the distribution that prefers nothing."""
        places = range(len(self.spec.layers))
        counts = [len(self.operations(place)) for place in places]
        return Distribution(
            operations=tuple(np.full(n, 1 / n) for n in counts),
            widths=tuple(np.full(len(self.widths), 1 / len(self.widths)) for _ in places),
        )
