"""What does each optional stage do, with and without the others? On the real digits.

Run from the repository's root, with the recorded digits (fetched once) or a copy of them named
by TINYML_COURSE_DATA:

    python benchmarks/study_lattice.py --seeds 0 1 2

Each seed draws a split and walks every way through train, distill, prune, quantize, convert and
slim that takes or leaves distill, prune, quantize and slim, for the limits of the pipeline's study
(6 KB of flash and of arena). Trainings are about a third as long as those of `tinyml optimize`;
what two ways begin with is computed once. Nothing is skipped or taken back here: gates can be
tried on the table. Accuracies are of the validation strokes, and of test strokes.

Appends to `chapters/03_pipeline/data/lattice.csv` one row an artefact, a seed at a time; a seed
that it holds is not run again. About five minutes a seed on one core.
"""

from __future__ import annotations

import argparse
import csv
from dataclasses import asdict, fields
from pathlib import Path

from tinyml_course.core.types import GestureSet
from tinyml_course.data import load_gestures, split
from tinyml_course.nas.catalog import split_samples
from tinyml_course.pipeline.catalog import baseline_net
from tinyml_course.pipeline.compress_stages import Distill, PruneChannels
from tinyml_course.pipeline.lattice import COMMAND, Artefact, Node, read_artefacts, walk_lattice
from tinyml_course.pipeline.measure import file_accuracy, network_accuracy
from tinyml_course.pipeline.requirements import Requirements
from tinyml_course.pipeline.stage import Context
from tinyml_course.pipeline.stages import Convert, QuantizeAware, Slim, Train
from tinyml_course.pipeline.state import FlashState, Provenance, SpecState

OUT = Path(__file__).parents[1] / "chapters" / "03_pipeline" / "data" / "lattice.csv"
LIMIT = 6 * 1024
STAGES = (
    Train(epochs=30),
    Distill(epochs=30),
    PruneChannels(steps=3, epochs=5, final_epochs=25),
    QuantizeAware(epochs=15),
    Convert(),
    Slim(),
)


def describe(node: Node, seed: int, test: GestureSet) -> Artefact:
    """Return the row of a measured node."""
    assert node.measured is not None
    figures, state = asdict(node.measured.measurement), node.state
    if isinstance(state, FlashState):
        accuracy = file_accuracy(state.artifact.tflite, test, "esp32")
    else:
        accuracy = network_accuracy(state, test)
    for name, digits in (("accuracy", 4), ("latency_ms", 3), ("seconds", 1)):
        figures[name] = round(figures[name], digits)
    return Artefact(
        seed=seed, stages=" ".join(node.stages), form=state.kind,
        accuracy_test=round(accuracy, 4), **figures,
    )  # fmt: skip


def walk(source: str, seed: int) -> list[Artefact]:
    """Return the rows of one seed."""
    gestures = load_gestures(source, seed=seed)
    rest, test = split(gestures, test_fraction=0.2, seed=seed)
    samples = split_samples(rest, seed=seed)
    origin = Provenance(seed=seed, data_fingerprint=samples.train.fingerprint)
    start = SpecState(spec=baseline_net(len(gestures.class_names)), provenance=origin)
    asked = Requirements(max_flash=LIMIT, max_arena=LIMIT)
    context = Context(samples=samples, requirements=asked, seed=seed, progress=False)
    rows = []
    for node in walk_lattice(start, STAGES, context):
        rows.append(describe(node, seed, test))
        print(rows[-1], flush=True)
    return rows


def append(path: Path, rows: list[Artefact]) -> None:
    """Add one seed's rows to the table."""
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [f.name for f in fields(Artefact)], lineterminator="\n")
        if file.tell() == 0:
            file.write(f"# {COMMAND}\n")
            writer.writeheader()
        writer.writerows(asdict(row) for row in rows)


def main() -> None:
    """Run the seeds that the table lacks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--data", default="magic-wand")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    known = {row.seed for row in read_artefacts(options.out)} if options.out.exists() else set()
    for seed in options.seeds:
        if seed not in known:
            append(options.out, walk(options.data, seed))


if __name__ == "__main__":
    main()
