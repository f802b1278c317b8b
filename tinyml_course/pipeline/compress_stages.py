"""The stages that make a network smaller: distillation and structured pruning."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, ClassVar

from tinyml_course.compression.byte_limits import ByteLimits
from tinyml_course.compression.channel_choice import group_widths, resize
from tinyml_course.core.arch import ArchSpec
from tinyml_course.core.boards import find_board
from tinyml_course.nas.costs import Constraints, measure_cost
from tinyml_course.pipeline.stage import Context, Stage
from tinyml_course.pipeline.stages import FILE_MARGIN
from tinyml_course.pipeline.state import AwareState, FlashState, FloatState, SpecState
from tinyml_course.pipeline.widths import loosen, widest_within

NO_LIMIT_SHARE = 0.5
"""Share of channels that pruning removes where no limit says how far to go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Distill(Stage):
    """Learn from a strong network's softened answers.

    The teacher is the float network that the run trained first. Where the state is the teacher,
    the student is a new and evenly narrower network, whose costs are `headroom` times the limits;
    where the state is smaller already, or aware of quantization, it trains on itself.

    Attributes
    ----------
    epochs, copies, learning_rate, batch_size
        As in `training.fit.fit`; the rate is that of a new student.
    on_learning_rate : float
        Of a student that trains on.
    temperature, hard_weight : float
        As in `compression.distillation.DistillationLoss`.
    headroom : float
        What a new student may cost, in limits; pruning then chooses what else goes.
    """

    name: ClassVar[str] = "distill"
    accepts: ClassVar[Mapping[type, type]] = MappingProxyType(
        {FloatState: FloatState, AwareState: AwareState}
    )
    refusals: ClassVar[Mapping[type, str]] = MappingProxyType(
        {
            SpecState: "there is no teacher yet; train first, then distill",
            FlashState: "a file can't be trained; distill before convert",
        }
    )
    optional: ClassVar[bool] = True

    epochs: int = 80
    copies: int = 2
    learning_rate: float = 4e-3
    on_learning_rate: float = 1e-3
    batch_size: int = 32
    temperature: float = 4.0
    hard_weight: float = 0.1
    headroom: float = 2.0

    def apply(self, state: FloatState | AwareState, context: Context) -> FloatState | AwareState:
        """Return the student."""
        from tinyml_course.compression.distillation import distill
        from tinyml_course.pipeline.keras_state import capture, restore, start_afresh
        from tinyml_course.training.build import build

        start_afresh(context.seed)
        teacher = context.teacher or state
        if not isinstance(teacher, FloatState):
            raise ValueError("distillation needs a trained float network as the teacher")
        new = teacher.spec == state.spec and isinstance(state, FloatState)
        spec = self.student(state.spec, context) if new else state.spec
        student = build(spec) if new else restore(state)
        distill(
            student, restore(teacher), context.samples.train, epochs=self.epochs,
            temperature=self.temperature, hard_weight=self.hard_weight, seed=context.seed,
            learning_rate=self.learning_rate if new else self.on_learning_rate,
            copies=self.copies, batch_size=self.batch_size, progress=context.progress,
        )  # fmt: skip
        return replace(state, spec=spec, weights=capture(student))

    def student(self, spec: ArchSpec, context: Context) -> ArchSpec:
        """Return the network of a new student."""
        limits = loosen(context.requirements.constraints(), self.headroom)
        return widest_within(spec, limits, board=context.board, form=context.form)


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneChannels(Stage):
    """Remove the channels that matter least for what they cost, in steps, with training between.

    The limits say how far: of flash and arena in bytes, and of latency by way of the bytes that
    an evenly narrower network of that latency has. Limits out of reach are approached as far as
    `at_least` allows. Without limits, half of the channels go.

    Attributes
    ----------
    criterion : {'taylor', 'bn-scale', 'l1'}
        How channels are scored.
    steps : int
        How often channels are removed.
    epochs : int
        Of the training after each step.
    final_epochs : int
        Of another training at the end; 0 for none.
    copies, learning_rate, batch_size
        As in `training.fit.fit`.
    soft_targets : bool
        Train on the teacher's answers too, with `temperature` and `hard_weight`.
    at_least : int
        Channels that every layer keeps.
    """

    name: ClassVar[str] = "prune"
    accepts: ClassVar[Mapping[type, type]] = MappingProxyType({FloatState: FloatState})
    refusals: ClassVar[Mapping[type, str]] = MappingProxyType(
        {
            SpecState: "untrained channels are all alike; train first, then prune",
            AwareState: "the activation ranges were observed before channels were removed: "
            "prune first, then quantize",
            FlashState: "channels of a file can't be removed and trained again; prune before "
            "convert",
        }
    )
    optional: ClassVar[bool] = True

    criterion: str = "taylor"
    steps: int = 4
    epochs: int = 12
    final_epochs: int = 80
    copies: int = 2
    learning_rate: float = 2e-3
    batch_size: int = 32
    soft_targets: bool = True
    temperature: float = 4.0
    hard_weight: float = 0.1
    at_least: int = 2

    def apply(self, state: FloatState, context: Context) -> FloatState:
        """Return the pruned network."""
        from tinyml_course.compression.iterative import prune_iteratively
        from tinyml_course.pipeline.keras_state import capture, restore, start_afresh

        start_afresh(context.seed)
        train = self._trainer(state, context)
        run = prune_iteratively(
            restore(state), context.samples.train, target=self.target(state.spec, context),
            spec=state.spec, steps=self.steps, criterion=self.criterion, epochs=self.epochs,
            seed=context.seed, at_least=self.at_least, progress=context.progress,
            tune=lambda model, seed: train(model, self.epochs, seed),
        )  # fmt: skip
        if self.final_epochs:
            train(run.model, self.final_epochs, context.seed + self.steps)
        return replace(state, spec=run.spec, weights=capture(run.model))

    def target(self, spec: ArchSpec, context: Context) -> float | ByteLimits:
        """Return how far to go: a share of the channels, or bytes that can be reached."""
        limits = context.requirements.constraints()
        if limits == Constraints():
            return NO_LIMIT_SHARE
        flash, arena = self._bytes(spec, context)
        if flash is None and arena is None:
            return 0.0
        within = ByteLimits(
            max_flash=flash, max_arena=arena, form=context.form,
            kernels=find_board(context.board).kernels,
        )  # fmt: skip
        narrowest = resize(spec, dict.fromkeys(group_widths(spec), self.at_least))
        least = within.costs(narrowest)
        return replace(
            within,
            max_flash=flash and max(flash, least[0]),
            max_arena=arena and max(arena, least[1]),
        )

    def _bytes(self, spec: ArchSpec, context: Context) -> tuple[int | None, int | None]:
        """Return the limits of flash and arena, tightened where latency asks for more."""
        limits = context.requirements.constraints()
        flash = limits.max_flash and int(limits.max_flash / (1 + FILE_MARGIN))
        arena = limits.max_arena
        if limits.max_latency is None:
            return flash, arena
        aim = replace(limits, max_flash=flash)
        even = widest_within(
            spec, aim, board=context.board, form=context.form, at_least=self.at_least
        )
        cost = measure_cost(even, context.board, form=context.form)
        if measure_cost(spec, context.board, form=context.form).latency_ms <= limits.max_latency:
            return flash, arena
        return min(flash or cost.model_bytes, cost.model_bytes), arena

    def _trainer(self, state: FloatState, context: Context) -> Callable[[Any, int, int], object]:
        """Return a function that trains a model in place for some epochs from a seed."""
        from tinyml_course.compression.distillation import distill
        from tinyml_course.pipeline.keras_state import restore
        from tinyml_course.training.fit import fit

        common: dict[str, Any] = {
            "learning_rate": self.learning_rate, "copies": self.copies,
            "batch_size": self.batch_size, "progress": False,
        }  # fmt: skip
        train = context.samples.train
        if not self.soft_targets:
            return lambda model, epochs, seed: fit(model, train, epochs=epochs, seed=seed, **common)
        teacher = restore(context.teacher or state)
        return lambda model, epochs, seed: distill(
            model, teacher, train, epochs=epochs, seed=seed, temperature=self.temperature,
            hard_weight=self.hard_weight, **common,
        )  # fmt: skip
