"""Check whether this machine is ready for the course: `tinyml doctor`."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal

from tinyml_course.core.errors import InvalidData

Status = Literal["ok", "note", "fault"]
NEEDED_DISK_GB = 2.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: what was found, and what to do where it is no good.

    Attributes
    ----------
    name : str
        What was looked at.
    status : {'ok', 'note', 'fault'}
        A note is worth knowing; a fault keeps the course from working.
    found : str
        Version, size or state.
    remedy : str
        What to do; empty where all is well.
    """

    name: str
    status: Status
    found: str
    remedy: str = ""


def examine() -> tuple[Finding, ...]:
    """Return the findings about this machine, in the order of the table."""
    return (
        check_python(sys.version_info[:3]),
        *check_packages(),
        check_disk(shutil.disk_usage(Path.cwd()).free),
        check_cores(os.cpu_count() or 1),
        check_kernel(),
        check_device_runtime(),
        check_data(),
        *check_optional(),
    )


def check_python(found: tuple[int, ...]) -> Finding:
    """Judge the running Python's version."""
    text = ".".join(map(str, found))
    if (3, 11) <= found[:2] < (3, 14):
        return Finding("Python", "ok", text)
    return Finding("Python", "fault", text, "make clean learn PYTHON=python3.12 (3.11 to 3.13)")


def check_packages() -> list[Finding]:
    """Compare installed packages with the versions that the course asks for."""
    from packaging.requirements import Requirement

    findings = []
    for line in sorted(set(requires("tinyml-course") or ())):
        needed = Requirement(line)
        extras = ("", "learn")
        if needed.marker and not any(needed.marker.evaluate({"extra": e}) for e in extras):
            continue
        findings.append(_check_package(needed.name, needed.specifier))
    return findings


def _check_package(name: str, wanted: object) -> Finding:
    from packaging.specifiers import SpecifierSet

    try:
        found = version(name)
    except PackageNotFoundError:
        return Finding(name, "fault", "not installed", "make learn")
    assert isinstance(wanted, SpecifierSet)
    if wanted.contains(found, prereleases=True):
        return Finding(name, "ok", found)
    return Finding(name, "fault", f"{found}, needed {wanted}", "make learn")


def check_disk(free_bytes: int) -> Finding:
    """Judge the free space beside the course."""
    free_gb = free_bytes / 1e9
    if free_gb >= NEEDED_DISK_GB:
        return Finding("disk", "ok", f"{free_gb:.0f} GB free")
    return Finding("disk", "note", f"{free_gb:.1f} GB free", f"free up to {NEEDED_DISK_GB:.0f} GB")


def check_cores(cores: int) -> Finding:
    """Judge the number of processor cores."""
    if cores >= 2:
        return Finding("cores", "ok", str(cores))
    return Finding("cores", "note", "1", "training takes about twice the times that the book gives")


def check_kernel() -> Finding:
    """Look for the notebooks' kernel where this JupyterLab would."""
    if importlib.util.find_spec("jupyter_client") is None:
        return Finding("kernel", "fault", "jupyter_client is not installed", "make learn")
    from jupyter_client.kernelspec import KernelSpecManager

    specs = KernelSpecManager().find_kernel_specs()
    if "tinyml-course" in specs:
        return Finding("kernel", "ok", "tinyml-course")
    return Finding("kernel", "fault", "tinyml-course is not registered", "make learn")


def check_device_runtime() -> Finding:
    """Tell which runtime will execute models."""
    if importlib.util.find_spec("tflite_micro"):
        return Finding("device runtime", "ok", f"TFLM {version('tflite-micro')}")
    return Finding(
        "device runtime", "note", "LiteRT reference kernels",
        "outputs may differ from the chip's by one step; TFLM's wheels are for x86-64 Linux",
    )  # fmt: skip


def check_data() -> Finding:
    """Look for the real gestures."""
    from tinyml_course.data.magic_wand import find_recordings

    try:
        folder = find_recordings()
    except InvalidData as fault:
        return Finding("gesture data", "fault", str(fault), "correct or unset TINYML_COURSE_DATA")
    if folder is not None:
        return Finding("gesture data", "ok", f"{len(list(folder.glob('*.json')))} files")
    return Finding(
        "gesture data", "note", "not downloaded",
        "fetched by the first use of --data magic-wand; --data synthetic needs no files",
    )  # fmt: skip


def check_optional() -> list[Finding]:
    """Look for the parts that some tasks want."""
    parts = {
        "jupyter_book": ("book", "make book installs it; only publishers need it"),
        "pytest": ("tests", "make test installs them"),
    }
    findings = []
    for module, (name, remedy) in parts.items():
        if importlib.util.find_spec(module):
            findings.append(Finding(f"{name} (optional)", "ok", "installed"))
        else:
            findings.append(Finding(f"{name} (optional)", "note", "not installed", remedy))
    return findings


def print_findings(findings: tuple[Finding, ...]) -> None:
    """Print the findings as a table, then the verdict."""
    from rich.console import Console
    from rich.table import Table

    colours = {"ok": "green", "note": "yellow", "fault": "red"}
    table = Table("", "what", "found", "remedy", box=None)
    for f in findings:
        table.add_row(f"[{colours[f.status]}]{f.status}[/]", f.name, f.found, f.remedy)
    console = Console()
    console.print(table)
    faults = sum(f.status == "fault" for f in findings)
    verdict = f"Not ready: {faults} to mend, remedies beside them."
    console.print(verdict if faults else "Ready: nothing keeps the course from working.")
