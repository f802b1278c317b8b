"""The stages that every pipeline needs: search, train, quantize, convert, slim."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import ClassVar

from tinyml_course.core.arch import simplify
from tinyml_course.pipeline.stage import Context, Stage
from tinyml_course.pipeline.state import AwareState, FlashState, FloatState, SpecState, State

FILE_MARGIN = 0.02
"""By how much a slimmed file may exceed its prediction; stages aim this much lower."""


def _table(entries: dict[type, type]) -> Mapping[type, type]:
    return MappingProxyType(entries)


def _reasons(entries: dict[type, str]) -> Mapping[type, str]:
    return MappingProxyType(entries)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search(Stage):
    """Choose another network: the most accurate that a search finds within the limits.

    Attributes
    ----------
    strategy : str
        A name in `nas.catalog.STRATEGIES`.
    evaluations : int
        Networks trained.
    epochs : int
        Of each training.
    """

    name: ClassVar[str] = "search"
    accepts: ClassVar[Mapping[type, type]] = _table({SpecState: SpecState})
    refusals: ClassVar[Mapping[type, str]] = _reasons(
        dict.fromkeys(
            (FloatState, AwareState, FlashState),
            "another network would throw away what was trained; search first",
        )
    )

    strategy: str = "nsga2"
    evaluations: int = 48
    epochs: int = 20

    def apply(self, state: SpecState, context: Context) -> SpecState:
        """Return the state of the network that was found.

        Raises
        ------
        NoFeasibleNetwork
            If hardly any network meets the limits.
        CourseError
            If every evaluation failed.
        """
        from tinyml_course.pipeline.search_stage import find_network

        return replace(state, spec=simplify(find_network(self, context)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Train(Stage):
    """Train the network in float32.

    Attributes
    ----------
    epochs, copies, learning_rate, batch_size
        As in `training.fit.fit`.
    """

    name: ClassVar[str] = "train"
    accepts: ClassVar[Mapping[type, type]] = _table({SpecState: FloatState})
    refusals: ClassVar[Mapping[type, str]] = _reasons(
        dict.fromkeys(
            (FloatState, AwareState, FlashState),
            "it starts from new weights, and the state has trained ones; train once, first",
        )
    )

    epochs: int = 80
    copies: int = 2
    learning_rate: float = 4e-3
    batch_size: int = 32

    def apply(self, state: SpecState, context: Context) -> FloatState:
        """Return the trained network."""
        from tinyml_course.pipeline.keras_state import capture, start_afresh
        from tinyml_course.training.build import build
        from tinyml_course.training.fit import fit

        start_afresh(context.seed)
        spec = simplify(state.spec)
        model = build(spec)
        fit(
            model, context.samples.train, epochs=self.epochs, seed=context.seed,
            copies=self.copies, learning_rate=self.learning_rate, batch_size=self.batch_size,
            progress=context.progress, description="train",
        )  # fmt: skip
        return FloatState(spec=spec, weights=capture(model), provenance=state.provenance)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizeAware(Stage):
    """Train on with int8 arithmetic simulated; ranges of activations are observed.

    Attributes
    ----------
    epochs, copies, learning_rate, batch_size
        As in `training.fit.fit`.
    """

    name: ClassVar[str] = "quantize"
    accepts: ClassVar[Mapping[type, type]] = _table({FloatState: AwareState})
    refusals: ClassVar[Mapping[type, str]] = _reasons(
        {
            SpecState: "ranges of an untrained network mean nothing; train first, then quantize",
            AwareState: "it simulates integers already; quantize once",
            FlashState: "its weights are integers already; quantize before convert",
        }
    )

    epochs: int = 50
    copies: int = 2
    learning_rate: float = 1e-3
    batch_size: int = 32

    def apply(self, state: FloatState, context: Context) -> AwareState:
        """Return the quantization-aware network."""
        from tinyml_course.pipeline.keras_state import capture, restore, start_afresh
        from tinyml_course.quantization.qat import quantize_aware
        from tinyml_course.training.fit import fit

        start_afresh(context.seed)
        train = context.samples.train
        aware = quantize_aware(restore(state), calibration=train.images)
        fit(
            aware, train, epochs=self.epochs, seed=context.seed, copies=self.copies,
            learning_rate=self.learning_rate, batch_size=self.batch_size,
            progress=context.progress, description="quantize",
        )  # fmt: skip
        return AwareState(spec=state.spec, weights=capture(aware), provenance=state.provenance)


@dataclass(frozen=True, slots=True, kw_only=True)
class Convert(Stage):
    """Write the full-integer .tflite; a float network is calibrated on the training samples."""

    name: ClassVar[str] = "convert"
    accepts: ClassVar[Mapping[type, type]] = _table(
        {FloatState: FlashState, AwareState: FlashState}
    )
    refusals: ClassVar[Mapping[type, str]] = _reasons(
        {
            SpecState: "the network is not trained; train first",
            FlashState: "it is a file already; convert once",
        }
    )

    def apply(self, state: FloatState | AwareState, context: Context) -> FlashState:
        """Return the file."""
        from tinyml_course.device.convert import convert_int8
        from tinyml_course.pipeline.keras_state import restore, start_afresh

        start_afresh(context.seed)
        train = context.samples.train
        artifact = convert_int8(
            restore(state), train.images, class_names=train.class_names,
            seed=state.provenance.seed, data_fingerprint=train.fingerprint,
        )  # fmt: skip
        return FlashState(spec=state.spec, artifact=artifact, provenance=state.provenance)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slim(Stage):
    """Drop from the file what no runtime reads; every output stays equal, bit for bit."""

    name: ClassVar[str] = "slim"
    accepts: ClassVar[Mapping[type, type]] = _table({FlashState: FlashState})
    refusals: ClassVar[Mapping[type, str]] = _reasons(
        dict.fromkeys(
            (SpecState, FloatState, AwareState), "only a .tflite can be slimmed; convert first"
        )
    )
    optional: ClassVar[bool] = True

    def apply(self, state: FlashState, context: Context) -> State:  # noqa: ARG002
        """Return the smaller file."""
        from tinyml_course.device.slim import slim

        smaller = replace(state.artifact, tflite=slim(state.artifact.tflite))
        return replace(state, artifact=smaller)
