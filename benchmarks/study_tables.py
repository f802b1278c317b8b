"""Tables of results: CSV under a comment that holds the command, and what they have already."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock


def read_rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a table; none where there is no file."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def append_row(path: Path, row: Mapping[str, Any], note: str) -> None:
    """Add a row to a table that other processes may write to as well, and print it.

    A new table begins with `note` as a comment, and with the names of the columns.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")), path.open("a", newline="") as file:
        writer = csv.DictWriter(file, list(row), lineterminator="\n")
        if file.tell() == 0:
            file.write(f"# {note}\n")
            writer.writeheader()
        writer.writerow(row)
    print(row, flush=True)


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]], note: str) -> None:
    """Write a table anew under a comment that says how it was made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        file.write(f"# {note}\n")
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
