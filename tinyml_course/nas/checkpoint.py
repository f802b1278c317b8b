"""A supernet in training as a file: plain arrays, read with suspicion."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyml_course.core.errors import InvalidData
from tinyml_course.nas.weight_sharing import Weights

PARTS = ("weights", "means", "squares")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """All that the rest of a training depends on.

    Attributes
    ----------
    weights, means, squares : mapping of str to float32 arrays
        Shared weights, and Adam's averages for each.
    step : int
        Steps done.
    losses : tuple of float
        Mean loss of each epoch done, in nats.
    """

    weights: Weights
    means: Weights
    squares: Weights
    step: int
    losses: tuple[float, ...]


def save_checkpoint(path: Path, state: Checkpoint, identity: Mapping[str, object]) -> None:
    """Write `state` to `path`; whoever reads it meets the old file or the new one, both whole.

    Parameters
    ----------
    path : Path
        File; its folder is made.
    state : Checkpoint
        What to keep.
    identity : mapping
        What the training is, as plain values; `load_checkpoint` compares it.
    """
    arrays: dict[str, NDArray[Any]] = {
        f"{part}:{name}": value for part in PARTS for name, value in getattr(state, part).items()
    }
    arrays |= {"losses": np.array(state.losses), "step": np.array(state.step)}
    arrays["identity"] = np.array(_text(identity))
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def load_checkpoint(path: Path, identity: Mapping[str, object]) -> Checkpoint:
    """Return what `save_checkpoint` wrote.

    Raises
    ------
    InvalidData
        If the file is damaged, or `identity` differs from that of the file; names the difference.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        kept = json.loads(str(arrays.pop("identity")))
        step, losses = int(arrays.pop("step")), tuple(map(float, arrays.pop("losses")))
        parts: dict[str, Weights] = {part: {} for part in PARTS}
        for key, value in arrays.items():
            part, _, name = key.partition(":")
            parts[part][name] = value
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as fault:
        raise InvalidData(
            f"{path} is no supernet's checkpoint ({fault}); delete it to train anew"
        ) from None
    _compare(path, kept, json.loads(_text(identity)))
    return Checkpoint(**parts, step=step, losses=losses)


def _text(identity: Mapping[str, object]) -> str:
    return json.dumps(dict(identity), sort_keys=True)


def _compare(path: Path, kept: Any, wanted: dict[str, Any]) -> None:
    if not isinstance(kept, dict):
        raise InvalidData(f"{path} does not say what it trains; delete it to train anew")
    for name in wanted:
        if kept.get(name) != wanted[name]:
            raise InvalidData(
                f"{path} belongs to another training: {name} is {kept.get(name)} there, "
                f"{wanted[name]} here; name another file, or delete it"
            )
