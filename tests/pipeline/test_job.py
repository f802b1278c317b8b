"""The main job, end to end on a small scale."""

import json

import numpy as np
import pytest

from tinyml_course.core.errors import InvalidData
from tinyml_course.data import draw_gestures, write_stroke_json
from tinyml_course.pipeline import job as jobs
from tinyml_course.pipeline.job import Job, Schedule, load_job_data, run_job

SHORT = Schedule(float_epochs=4, aware_epochs=1, copies=1)


def write_recording(path, class_names, *, seed):
    """Write generated strokes of `class_names` as one person's recording."""
    gestures = draw_gestures(class_names, samples_per_class=20, people=1, seed=seed)
    write_stroke_json(path, gestures.strokes)
    return str(path)


def test_an_unknown_board_stops_before_any_work(tmp_path):
    """A misspelt board is refused before data are read or a folder is made."""
    with pytest.raises(ValueError, match="choose one of esp32"):
        run_job(Job(data="nowhere", board="esp23"), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_place_of_the_folder_is_kept(tmp_path):
    """--out that names a file is refused, and the file stays."""
    (tmp_path / "out").write_text("mine")
    with pytest.raises(FileExistsError, match="is a file; name a folder"):
        run_job(Job(data="synthetic"), tmp_path / "out")
    assert (tmp_path / "out").read_text() == "mine"


def test_a_held_out_fifth_is_never_trained_on(tmp_path):
    """Without --test a fifth is held out, and no image is on both sides."""
    data = write_recording(tmp_path / "a.json", ("ring", "slope"), seed=1)
    train, test = load_job_data(Job(data=data))
    assert (len(train), len(test)) == (32, 8)
    seen = {image.tobytes() for image in train.images}
    assert [image for image in test.images if image.tobytes() in seen] == []


def test_another_recording_can_be_the_test_set(tmp_path):
    """With --test all of --data trains, and all of the other recording tests."""
    data = write_recording(tmp_path / "a.json", ("ring", "slope"), seed=1)
    other = write_recording(tmp_path / "b.json", ("slope", "ring"), seed=2)
    train, test = load_job_data(Job(data=data, test=other))
    assert (len(train), len(test), test.class_names) == (40, 40, train.class_names)


def test_recordings_of_different_gestures_are_refused(tmp_path):
    """A test recording without one of the classes names them and the remedy."""
    data = write_recording(tmp_path / "a.json", ("ring", "slope", "wing"), seed=1)
    other = write_recording(tmp_path / "b.json", ("ring", "slope"), seed=2)
    with pytest.raises(InvalidData, match="wing"):
        load_job_data(Job(data=data, test=other))


@pytest.mark.slow
def test_the_job_writes_a_model_and_its_reports(tmp_path, monkeypatch):
    """The three files agree with each other, and accuracies count whole samples."""
    monkeypatch.setattr(jobs, "QUICK", SHORT)
    data = write_recording(tmp_path / "a.json", ("ring", "slope"), seed=1)
    result = run_job(Job(data=data, quick=True, seed=3), tmp_path / "out")
    files = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    report = json.loads(files["report.json"])
    assert sorted(files) == ["model.tflite", "report.html", "report.json"]
    assert report["model_bytes"] == len(files["model.tflite"])
    assert (report["seed"], report["test_samples"], report["fits"]) == (3, 8, True)
    for name in ("accuracy_float", "accuracy_int8"):
        assert report[name] * 8 == pytest.approx(round(report[name] * 8))
    assert report["arena_bytes"] == result.report.plan.arena_bytes > 0
    page = files["report.html"].decode()
    assert 'alt="Memory map' in page
    assert f"{report['model_bytes']:,} B" in page


@pytest.mark.slow
def test_an_interrupted_training_leaves_nothing(tmp_path, monkeypatch):
    """Ctrl-C in the training leaves neither a folder nor a staging folder."""
    from tinyml_course.training import fit as fitting

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(fitting, "_run_epoch", interrupted)
    data = write_recording(tmp_path / "a.json", ("ring", "slope"), seed=1)
    with pytest.raises(KeyboardInterrupt):
        run_job(Job(data=data, quick=True), tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes(tmp_path):
    """Two runs with one seed make identical models; another seed makes another."""
    data = write_recording(tmp_path / "a.json", ("ring", "slope"), seed=1)
    train, _ = load_job_data(Job(data=data))
    made = [jobs.train_and_convert(train, seed=s, schedule=SHORT)[0].sha256 for s in (5, 5, 6)]
    assert made[0] == made[1] != made[2]
    assert np.isfinite(train.images).all()
