"""How much a reader fetches for a page, and what its experiments add."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from tinyml_course.bookbuild.execute import WIDGET_STATE
from tinyml_course.widgets.experiment import MAX_STATES
from tinyml_course.widgets.state_table import measure_compressed_bytes, unpack_states
from tinyml_course.widgets.static import MAX_PAGE_BYTES

IMAGE = re.compile(r"<img\b[^>]*?\bsrc=\"([^\"]+)\"")
EXPERIMENT = re.compile(
    r"<section class=\"tx-experiment\" data-name=\"([^\"]+)\".*?</section>", re.S
)
BESIDE = ("_static", "_sources", "reports", "_modules")
STATES = re.compile(r"<script type=\"text/plain\" class=\"tx-states\">([^<]+)</script>")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentWeight:
    """An experiment as a page holds it.

    Attributes
    ----------
    name : str
        Its name.
    states : int
        Combinations of its controls that were drawn.
    compressed_bytes : int
        Its HTML after gzip.
    """

    name: str
    states: int
    compressed_bytes: int

    def __str__(self) -> str:
        return f"{self.name} ({self.states} states, {self.compressed_bytes:,} B)"


@dataclass(frozen=True, slots=True, kw_only=True)
class PageWeight:
    """A page of the site.

    Attributes
    ----------
    name : str
        Its path below the site.
    compressed_bytes : int
        Its HTML after gzip, and each of its images once. Style sheets and scripts that all pages
        share are not counted.
    experiments : tuple of ExperimentWeight
        In the order of the page.
    waits_for_kernel : bool
        Whether it holds the state of widgets, which nothing on the page can show.
    """

    name: str
    compressed_bytes: int
    experiments: tuple[ExperimentWeight, ...] = ()
    waits_for_kernel: bool = False

    def __str__(self) -> str:
        shown = "; ".join(str(experiment) for experiment in self.experiments)
        return f"{self.compressed_bytes:>9,} B  {self.name}" + (f"  {shown}" if shown else "")


def weigh_pages(site: Path) -> tuple[PageWeight, ...]:
    """Return the weight of every page of `site`, the heaviest first."""
    folders = ("_static", "_sources", "reports", "_modules")
    found = [
        path for path in site.rglob("*.html") if path.relative_to(site).parts[0] not in folders
    ]
    return tuple(sorted((weigh_page(path, site) for path in found), key=_heaviest_first))


def _heaviest_first(page: PageWeight) -> tuple[int, str]:
    return -page.compressed_bytes, page.name


def weigh_page(path: Path, site: Path) -> PageWeight:
    """Return the weight of the page at `path` in `site`."""
    page = path.read_text(encoding="utf-8")
    images = {path.parent / unquote(link) for link in IMAGE.findall(page) if ":" not in link}
    return PageWeight(
        name=path.relative_to(site).as_posix(),
        compressed_bytes=measure_compressed_bytes(page)
        + sum(_sent_bytes(image) for image in images if image.is_file()),
        experiments=tuple(_weigh_experiment(found) for found in EXPERIMENT.finditer(page)),
        waits_for_kernel=WIDGET_STATE in page,
    )


def _sent_bytes(image: Path) -> int:
    data = image.read_bytes()
    return min(len(data), len(gzip.compress(data, 9, mtime=0)))


def _weigh_experiment(found: re.Match[str]) -> ExperimentWeight:
    packed = STATES.search(found[0])
    return ExperimentWeight(
        name=found[1],
        states=len(unpack_states(packed[1])) if packed else 0,
        compressed_bytes=measure_compressed_bytes(found[0]),
    )


def page_faults(pages: Iterable[PageWeight]) -> tuple[str, ...]:
    """Return a sentence for each fault: page or experiment too large, or a widget left over."""
    faults = []
    for page in pages:
        if page.compressed_bytes > MAX_PAGE_BYTES:
            faults.append(f"{page.name} takes more than {MAX_PAGE_BYTES:,} B compressed: {page}")
        if page.waits_for_kernel:
            faults.append(f"{page.name} holds the state of widgets, which needs a kernel")
        faults += [
            f"{page.name}: experiment {experiment.name!r} has {experiment.states} states, "
            f"at most {MAX_STATES} are allowed"
            for experiment in page.experiments
            if experiment.states > MAX_STATES
        ]
    return tuple(faults)
