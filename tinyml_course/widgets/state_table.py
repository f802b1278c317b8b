"""Many pictures that share most of their lines, packed so that a page can hold them."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from collections.abc import Sequence


def pack_states(figures: Sequence[str], descriptions: Sequence[str]) -> str:
    r"""Return the states of an experiment as base64 of a zlib stream of JSON.

    Neighbouring states differ in a few lines of SVG, so each distinct line is kept once
    (``lines``) and a state is the list of its lines' numbers (``states``). A browser unpacks
    it with ``DecompressionStream("deflate")``.

    Parameters
    ----------
    figures : sequence of str
        One SVG element a state.
    descriptions : sequence of str
        One alt text a state.

    Raises
    ------
    ValueError
        If the two differ in length, or an alt text is empty.

    Examples
    --------
    >>> unpack_states(pack_states(["<svg>\n</svg>"], ["nothing"]))
    [('<svg>\n</svg>', 'nothing')]
    """
    if len(figures) != len(descriptions):
        raise ValueError(
            f"need one alt text a figure, got {len(descriptions)} for {len(figures)} figures"
        )
    if not all(text.strip() for text in descriptions):
        raise ValueError("every state needs alt text that says what it shows, got an empty one")
    numbers: dict[str, int] = {}
    states = [[numbers.setdefault(x, len(numbers)) for x in svg.split("\n")] for svg in figures]
    table = {"lines": list(numbers), "states": states, "alts": list(descriptions)}
    text = json.dumps(table, ensure_ascii=False, separators=(",", ":"))
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def unpack_states(packed: str) -> list[tuple[str, str]]:
    """Return each state's SVG and alt text: the inverse of `pack_states`, in Python."""
    table = json.loads(zlib.decompress(base64.b64decode(packed)))
    figures = ["\n".join(table["lines"][number] for number in state) for state in table["states"]]
    return list(zip(figures, table["alts"], strict=True))


def measure_compressed_bytes(page: str) -> int:
    """Return what a web server sends for `page`: the bytes of its gzip, level 9."""
    return len(gzip.compress(page.encode(), 9, mtime=0))
