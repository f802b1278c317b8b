"""What the result must keep to: limits of the chip, and the accuracy that is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tinyml_course.core.boards import Board, find_board
from tinyml_course.nas.costs import Constraints
from tinyml_course.pipeline.state import Measurement

Limit = Literal["flash", "arena", "latency", "accuracy"]

PERCENT_A_POINT = 10.0
"""What a percentage point of accuracy is worth: ten per cent of file, arena or latency."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """One requirement that is not met.

    Attributes
    ----------
    limit : {'flash', 'arena', 'latency', 'accuracy'}
        Which one.
    value, bound : float
        What there is, and what was asked for; bytes, milliseconds, or a share.
    """

    limit: Limit
    value: float
    bound: float

    @property
    def excess(self) -> float:
        """How far it is missed: a share of the limit, or of ten points where it is accuracy."""
        if self.limit == "accuracy":
            return PERCENT_A_POINT * (self.bound - self.value)
        return self.value / self.bound - 1

    def __str__(self) -> str:
        if self.limit == "accuracy":
            short = f"{100 * (self.bound - self.value):.1f} points short"
            return f"accuracy: {self.value:.1%}, {self.bound:.1%} asked for: {short}"
        unit, form = ("ms", ".2f") if self.limit == "latency" else ("B", ",.0f")
        return (
            f"{self.limit}: {self.value:{form}} {unit}, the limit is {self.bound:{form}} {unit}: "
            f"{self.value - self.bound:{form}} {unit} ({self.excess:.0%}) too much"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """Hard limits and the least accuracy; None asks for nothing.

    Attributes
    ----------
    max_flash, max_arena : int or None
        Bytes of the .tflite and of the arena.
    max_latency : float or None
        Milliseconds of one inference.
    min_accuracy : float or None
        Share of samples classified right, in [0, 1].

    Examples
    --------
    >>> str(Requirements(max_flash=6144).misses(0.9, model_bytes=9216)[0])
    'flash: 9,216 B, the limit is 6,144 B: 3,072 B (50%) too much'
    """

    max_flash: int | None = None
    max_arena: int | None = None
    max_latency: float | None = None
    min_accuracy: float | None = None

    def __post_init__(self) -> None:
        self.constraints()
        share = self.min_accuracy
        if share is not None and not 0 <= share <= 1:
            raise ValueError(f"min_accuracy must be a share in 0..1, as 0.95, got {share:g}")

    def constraints(self) -> Constraints:
        """Return the chip's limits alone.

        Raises
        ------
        ValueError
            If one is not positive.
        """
        return Constraints(
            max_arena=self.max_arena, max_flash=self.max_flash, max_latency=self.max_latency
        )

    def misses(
        self, accuracy: float, *, model_bytes: int = 0, arena_bytes: int = 0, latency_ms: float = 0
    ) -> tuple[Miss, ...]:
        """Return each requirement that these figures do not meet."""
        found: list[Miss] = []
        sizes: tuple[tuple[Limit, float, float | None], ...] = (
            ("flash", model_bytes, self.max_flash),
            ("arena", arena_bytes, self.max_arena),
            ("latency", latency_ms, self.max_latency),
        )
        for limit, value, bound in sizes:
            if bound is not None and value > bound:
                found.append(Miss(limit=limit, value=value, bound=bound))
        if self.min_accuracy is not None and accuracy < self.min_accuracy:
            found.append(Miss(limit="accuracy", value=accuracy, bound=self.min_accuracy))
        return tuple(found)

    def misses_of(self, measured: Measurement) -> tuple[Miss, ...]:
        """Return each requirement that a measured state does not meet."""
        return self.misses(
            measured.accuracy,
            model_bytes=measured.model_bytes,
            arena_bytes=measured.arena_bytes,
            latency_ms=measured.latency_ms,
        )

    def check_board(self, board: str) -> Board:
        """Return the board, once it is sure that it has what the limits allow.

        Raises
        ------
        ValueError
            If the board is unknown, or has less flash or arena than a limit.
        """
        found = find_board(board)
        for name, asked, most in (
            ("arena", self.max_arena, found.arena_limit_bytes),
            ("flash", self.max_flash, found.flash_bytes),
        ):
            if asked is not None and asked > most:
                raise ValueError(
                    f"--max-{name} is {asked:,} B, {found.title} gives {most:,} B; ask for no more"
                )
        return found
