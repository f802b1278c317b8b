"""The stages by name, with the lengths of a full and of a quick run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from tinyml_course.core.arch import ArchSpec, LayerSpec
from tinyml_course.core.errors import InvalidData
from tinyml_course.pipeline.compress_stages import Distill, PruneChannels
from tinyml_course.pipeline.stage import Stage
from tinyml_course.pipeline.stages import Convert, QuantizeAware, Search, Slim, Train

Stages = Mapping[str, Stage]

DEFAULT_STAGES = ("train", "distill", "prune", "quantize", "convert", "slim")

FULL: Stages = MappingProxyType(
    {
        stage.name: stage
        for stage in (
            Search(), Train(), Distill(), PruneChannels(), QuantizeAware(), Convert(), Slim()
        )
    }
)  # fmt: skip
QUICK: Stages = MappingProxyType(
    {
        stage.name: stage
        for stage in (
            Search(evaluations=8, epochs=4),
            Train(epochs=12),
            Distill(epochs=12),
            PruneChannels(steps=2, epochs=4, final_epochs=6),
            QuantizeAware(epochs=4),
            Convert(),
            Slim(),
        )
    }
)


def parse_stages(text: str) -> tuple[str, ...]:
    """Return the names in `text`, separated by commas.

    Raises
    ------
    InvalidData
        If there is none, or one is unknown.

    Examples
    --------
    >>> parse_stages("train, quantize,convert")
    ('train', 'quantize', 'convert')
    """
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    unknown = [name for name in names if name not in FULL]
    if unknown or not names:
        raise InvalidData(
            f"no stage {unknown[0] if unknown else text!r}; choose from {', '.join(FULL)}, "
            f"separated by commas, as in --stages {','.join(DEFAULT_STAGES)}"
        )
    return names


def make_stages(names: Sequence[str], settings: Stages) -> tuple[Stage, ...]:
    """Return the stages called `names`."""
    return tuple(settings[name] for name in names)


def baseline_net(classes: int) -> ArchSpec:
    """Return the network that a pipeline begins with: three strided convolutions of 3 x 3.

    In the style of the published magic wand: 16, 32 and 64 channels, each halving the image, and
    the average over what is left. With ten classes 100 KB in float32 and 30 KB in int8.

    Examples
    --------
    >>> [layer.filters for layer in baseline_net(10).layers]
    [16, 32, 64]
    """
    blocks = (
        LayerSpec(op="conv", filters=filters, stride=2, activation="relu")
        for filters in (16, 32, 64)
    )
    return ArchSpec(layers=tuple(blocks), classes=classes)
