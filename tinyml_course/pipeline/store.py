"""Checkpoints: a folder a stage, there as a whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyml_course.core.errors import InvalidData
from tinyml_course.pipeline.measure import Measured
from tinyml_course.pipeline.stage import Stage
from tinyml_course.pipeline.state import State
from tinyml_course.pipeline.state_files import (
    MODEL,
    measurement_file,
    read_measurement,
    read_state,
    state_files,
)

RUN = "run.json"
"""What the run depends on; a folder with this file belongs to a pipeline."""

STAGING = ".tinyml-staging-"
"""What unfinished folders are called; a killed run may leave one, the next removes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A stage that is done: its state and what that is worth.

    Attributes
    ----------
    state : State
        What the stage made.
    measured : Measured or None
        None for an untrained network.
    """

    state: State
    measured: Measured | None


class Store:
    """The folder that keeps every stage's state, measurement and .tflite.

    Parameters
    ----------
    folder : Path
        Made by `open`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open(self, run: Mapping[str, Any], *, resume: bool) -> None:
        """Prepare the folder for a run.

        Parameters
        ----------
        run : mapping
            Plain values that the outcome depends on.
        resume : bool
            Keep what an earlier session of the same run has finished; else begin anew.

        Raises
        ------
        InvalidData
            If another run is to be resumed; names what differs. If the folder holds other files.
        """
        self._check_owner()
        found = self._read_run() if resume else None
        if found is None:
            _remove(self.folder)
            _write_folder(self.folder, {RUN: (json.dumps(run, indent=1) + "\n").encode()})
        elif found != json.loads(json.dumps(run)):
            raise InvalidData(
                f"{self.folder} belongs to another run: {_difference(found, run)}; resume with the "
                "same options, or begin anew without --resume or with another --out"
            )
        for folder in (self.folder, self.folder.parent):
            for staging in folder.glob(f"{STAGING}*"):
                shutil.rmtree(staging, ignore_errors=True)

    def place(self, number: int, stage: Stage, state: State, seed: int) -> Path:
        """Return the folder of a stage: its name depends on all that the outcome depends on."""
        told = json.dumps([state.fingerprint, repr(stage.record(seed))]).encode()
        return self.folder / f"{number:02d}-{stage.name}-{hashlib.sha256(told).hexdigest()[:8]}"

    def load(self, place: Path) -> Finished | None:
        """Return what a finished stage made; None where it is not finished, or damaged."""
        if not place.is_dir():
            return None
        files = {path.name: path.read_bytes() for path in place.iterdir() if path.is_file()}
        try:
            state = read_state(files)
            if "measured.json" not in files:
                return Finished(state=state, measured=None)
            measured = Measured(measurement=read_measurement(files), tflite=files[MODEL])
            return Finished(state=state, measured=measured)
        except (InvalidData, KeyError):
            _remove(place)
            return None

    def save(self, place: Path, finished: Finished) -> None:
        """Write a stage's folder; it appears under its name when it is complete."""
        files = state_files(finished.state)
        if finished.measured is not None:
            files |= measurement_file(finished.measured.measurement)
            files[MODEL] = finished.measured.tflite
        _write_folder(place, files)

    def _check_owner(self) -> None:
        if not self.folder.exists():
            return
        if not self.folder.is_dir() or (any(self.folder.iterdir()) and self._read_run() is None):
            raise InvalidData(
                f"{self.folder} is there and holds no pipeline's stages; name another --out"
            )

    def _read_run(self) -> dict[str, Any] | None:
        """Return what the folder's run depends on; None where it holds no run."""
        try:
            found = json.loads((self.folder / RUN).read_bytes())
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None


def _write_folder(place: Path, files: Mapping[str, bytes]) -> None:
    """Write a new folder beside its place, and rename it."""
    place.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=STAGING, dir=place.parent))
    try:
        for name, content in files.items():
            with (staging / name).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        staging.chmod(0o755)
        os.replace(staging, place)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _remove(folder: Path) -> None:
    """Remove a folder so that its name never stands for a part of it."""
    if folder.exists():
        gone = Path(tempfile.mkdtemp(prefix=STAGING, dir=folder.parent))
        os.replace(folder, gone / folder.name)
        shutil.rmtree(gone, ignore_errors=True)


def _difference(found: Mapping[str, Any], run: Mapping[str, Any]) -> str:
    """Return the first thing that differs, with both values."""
    plain = json.loads(json.dumps(run))
    for name in (*plain, *found):
        old, new = found.get(name), plain.get(name)
        if old != new:
            return f"{name} was {_brief(old)}, now {_brief(new)}"
    return "nothing that is known"


def _brief(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 120 else f"{text[:117]}..."
