"""The journal keeps what is finished and refuses what is not its own."""

from __future__ import annotations

import sqlite3

import pytest

from tests.nas.toy import network, toy_trial
from tinyml_course.nas.journal import InvalidJournal, Journal, read_trials

IDENTITY = {"space": "toy", "seed": 3, "strategy": {"strategy": "random", "seed": 3}}


def fill(path, *trials):
    """Write finished trials into a journal."""
    with Journal(path, IDENTITY) as journal:
        for number, trial in enumerate(trials, start=1):
            journal.start(trial)
            journal.finish(trial, spent_seconds=10.0 * number)


def test_finished_trials_come_back_equal(tmp_path):
    """Spec, cost, accuracy or fault, seconds, fidelity and seed survive the file."""
    trials = (
        toy_trial(network(3, 4), accuracy=0.875, seconds=1.5, fidelity=0.25, seed=7),
        toy_trial(network(5), accuracy=None, fault="MemoryError: none left", seconds=0.5),
    )
    fill(tmp_path / "j.sqlite3", *trials)
    assert trials == read_trials(tmp_path / "j.sqlite3")


def test_a_reopened_journal_knows_its_trials_and_time(tmp_path):
    """Trials are found by hash and fidelity, and no other fidelity."""
    trial = toy_trial(network(3), fidelity=0.5)
    fill(tmp_path / "j.sqlite3", trial)
    with Journal(tmp_path / "j.sqlite3", IDENTITY) as journal:
        assert trial == journal.find(trial.hash, 0.5)
        assert journal.find(trial.hash, 1.0) is None
        assert (10.0, 1) == (journal.spent_seconds, len(journal))


def test_a_started_trial_is_not_a_finished_one(tmp_path):
    """What was only started is unknown after reopening, and may start again."""
    trial = toy_trial(network(3))
    for _ in range(2):
        with Journal(tmp_path / "j.sqlite3", IDENTITY) as journal:
            assert journal.find(trial.hash, 1.0) is None
            journal.start(trial)
    assert () == read_trials(tmp_path / "j.sqlite3")


def test_an_outcome_can_t_be_overwritten(tmp_path):
    """Finishing twice, or what never started, is refused."""
    trial = toy_trial(network(3))
    fill(tmp_path / "j.sqlite3", trial)
    with Journal(tmp_path / "j.sqlite3", IDENTITY) as journal:
        for wrong in (trial, toy_trial(network(4))):
            with pytest.raises(ValueError, match="not started, or is finished"):
                journal.finish(wrong, spent_seconds=1.0)


def test_another_search_is_refused_with_each_difference(tmp_path):
    """The error names the fields that differ, nested ones too, with both values."""
    fill(tmp_path / "j.sqlite3")
    other = {**IDENTITY, "seed": 4, "strategy": {"strategy": "nsga2", "seed": 3}}
    with pytest.raises(InvalidJournal, match="another search") as caught:
        Journal(tmp_path / "j.sqlite3", other)
    assert "seed was 3, now 4" in str(caught.value)
    assert "strategy (strategy was random, now nsga2)" in str(caught.value)
    assert "space" not in str(caught.value)


def test_a_journal_in_use_is_refused(tmp_path):
    """Two searches can't write one journal."""
    with (
        Journal(tmp_path / "j.sqlite3", IDENTITY),
        pytest.raises(InvalidJournal, match="a running search holds it"),
    ):
        Journal(tmp_path / "j.sqlite3", IDENTITY)


def test_foreign_files_are_refused_and_left_alone(tmp_path):
    """A text file and another program's database are named and not changed."""
    text, base = tmp_path / "notes.txt", tmp_path / "other.sqlite3"
    text.write_text("not a database, but long enough to be read as one" * 9)
    with sqlite3.connect(base) as other:
        other.execute("CREATE TABLE theirs (x)")
    other.close()
    for path in (text, base):
        before = path.read_bytes()
        with pytest.raises(InvalidJournal, match="name another --journal"):
            Journal(path, IDENTITY)
        assert before == path.read_bytes()


def test_a_journal_of_a_newer_course_is_refused(tmp_path):
    """A higher schema version asks for an update."""
    fill(tmp_path / "j.sqlite3")
    with sqlite3.connect(tmp_path / "j.sqlite3") as base:
        base.execute("PRAGMA user_version = 99")
    base.close()
    with pytest.raises(InvalidJournal, match="update the course"):
        Journal(tmp_path / "j.sqlite3", IDENTITY)


def test_reading_what_is_not_there_makes_no_file(tmp_path):
    """A missing journal is an error that leaves nothing behind."""
    with pytest.raises(InvalidJournal, match="there is no journal"):
        read_trials(tmp_path / "none.sqlite3")
    assert [] == list(tmp_path.iterdir())
