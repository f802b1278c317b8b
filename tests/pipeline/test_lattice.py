"""The lattice of all ways through the optional stages, on stages whose results are known."""

from __future__ import annotations

from dataclasses import asdict, fields

import pytest

from tests.pipeline.states import small_samples
from tests.pipeline.toy_stages import (
    WIDE,
    ToyConvert,
    ToyPrune,
    ToySlim,
    ToyTeach,
    ToyTrain,
    toy_measure,
)
from tinyml_course.core.errors import InvalidData
from tinyml_course.pipeline.lattice import Artefact, read_artefacts, select_files, walk_lattice
from tinyml_course.pipeline.requirements import Requirements
from tinyml_course.pipeline.stage import Context
from tinyml_course.pipeline.state import SpecState

STAGES = (ToyTrain(), ToyTeach(), ToyPrune(costs=0.02), ToyConvert(), ToySlim())


@pytest.fixture(scope="module")
def nodes():
    """All nodes of the toys' lattice."""
    context = Context(samples=small_samples(), requirements=Requirements(), seed=5)
    start = SpecState(spec=WIDE)
    return tuple(walk_lattice(start, STAGES, context, measured_by=toy_measure))


def test_every_selection_of_the_switches_is_walked_once(nodes):
    """Three switches: eight ways to the end, and their shared beginnings only once."""
    ways = [node.stages for node in nodes]
    assert len(ways) == len(set(ways))
    files = [way for way in ways if "convert" in way]
    assert 2**3 == len(files)
    assert {"train", "convert"} <= set.intersection(*map(set, files))
    assert 1 + 1 + 2 + 4 + 4 == len(ways)


def test_a_way_is_what_its_stages_make(nodes):
    """Provenance and figures are those of the way: pruned costs two points and is narrow."""
    for node in nodes:
        assert node.stages == tuple(record.name for record in node.state.provenance.stages)
        measured = node.measured.measurement
        pruned = "prune" in node.stages
        assert measured.accuracy == pytest.approx(0.96 if pruned else 0.98)
        assert measured.arena_bytes == (4000 if pruned else 9000)


def test_a_stage_has_the_same_seed_and_teacher_on_every_way(nodes):
    """Two ways differ by the stages they take, not by luck."""
    seeds = {}
    for node in nodes:
        for record in node.state.provenance.stages:
            seeds.setdefault(record.name, set()).add(record.seed)
    assert all(len(found) == 1 for found in seeds.values())
    assert len(STAGES) == len(set.union(*seeds.values()))
    taught = [node.state.weights["taught"] for node in nodes if node.stages[-1] == "distill"]
    assert [0.98] == [pytest.approx(float(array[0])) for array in taught]


ROW = Artefact(
    seed=1, stages="train convert", form="int8 file", accuracy=0.9, accuracy_test=0.8, parameters=3,
    macs=4, model_bytes=5, arena_bytes=6, latency_ms=7.5, seconds=8.0,
)  # fmt: skip


def write(path, *rows):
    """Write rows as the study does."""
    names = [field.name for field in fields(Artefact)]
    lines = ["# a command", ",".join(names)]
    lines += [",".join(str(asdict(row)[name]) for name in names) for row in rows]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_table_comes_back_as_it_was_written(tmp_path):
    """Every field, with its type; the figures for the gates are among them."""
    assert (ROW,) == read_artefacts(write(tmp_path / "a.csv", ROW))
    assert "convert" == ROW.stage
    assert (0.9, 5, 8.0) == (
        ROW.measurement.accuracy, ROW.measurement.model_bytes, ROW.measurement.seconds,
    )  # fmt: skip


def test_a_broken_table_names_file_row_and_remedy(tmp_path):
    """A word where a number belongs, or no row at all."""
    path = write(tmp_path / "a.csv", ROW)
    path.write_text(path.read_text().replace("0.9", "much"))
    with pytest.raises(InvalidData, match=r"a.csv, row 1: .*much.*study_lattice"):
        read_artefacts(path)
    with pytest.raises(InvalidData, match="has no rows"):
        read_artefacts(write(tmp_path / "b.csv"))


def test_only_files_of_one_seed_are_selected():
    """A float network can't be flashed as it is, and another seed has another split."""
    others = (
        Artefact(**{**asdict(ROW), "form": "float32"}), Artefact(**{**asdict(ROW), "seed": 2})
    )  # fmt: skip
    assert (ROW,) == select_files((*others, ROW), 1)
