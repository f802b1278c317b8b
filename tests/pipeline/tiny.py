"""Stages with trainings of a second, and a session of `tinyml optimize` with them."""

from __future__ import annotations

import sys

from tinyml_course import cli
from tinyml_course.pipeline import catalog
from tinyml_course.pipeline.compress_stages import Distill, PruneChannels
from tinyml_course.pipeline.stages import Convert, QuantizeAware, Search, Slim, Train

TINY = {
    stage.name: stage
    for stage in (
        Search(evaluations=2, epochs=1),
        Train(epochs=30, copies=1),
        Distill(epochs=30, copies=1),
        PruneChannels(steps=1, epochs=25, final_epochs=0, copies=1),
        QuantizeAware(epochs=2, copies=1),
        Convert(),
        Slim(),
    )
}

if __name__ == "__main__":
    catalog.QUICK = TINY
    sys.argv[0] = "tinyml"
    cli.main()
