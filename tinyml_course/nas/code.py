"""Networks in one short line, for tables: ``c8k3/2 s16k3+ dk5p2u h16``."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING

from tinyml_course.core.arch import ArchSpec, LayerSpec, OpKind, Shape
from tinyml_course.core.errors import InvalidData

if TYPE_CHECKING:
    from collections.abc import Mapping

LETTERS: Mapping[OpKind, str] = MappingProxyType({"conv": "c", "depthwise": "d", "separable": "s"})

_BLOCK = re.compile(r"([cds])(\d{0,4})k(\d{1,2})(?:/(\d{1,2}))?(?:p(\d{1,2}))?(u?)(\+?)")
_HIDDEN = re.compile(r"h(\d{1,5})")


def to_code(spec: ArchSpec) -> str:
    """Return the blocks and the hidden layer of `spec` as one line.

    A block is its operation's letter (c, d, s), filters, ``k`` kernel; then, where they are not
    the plain choice, ``/`` stride, ``p`` pooling, ``u`` for ReLU without a ceiling, ``+`` for a
    skip. Classes and input shape are not in it.

    Examples
    --------
    >>> from tinyml_course.core.arch import gesture_net
    >>> to_code(gesture_net(3))
    'c8k3/2 s16k3/2 s32k3 s56k3/2'
    """
    words = [_block_code(layer) for layer in spec.layers]
    return " ".join(words + ([f"h{spec.hidden}"] if spec.hidden else []))


def from_code(text: str, *, classes: int, input_shape: Shape = (32, 32, 1)) -> ArchSpec:
    """Return the network that `to_code` wrote.

    Raises
    ------
    InvalidData
        If the line is not of that form; names the word.

    Examples
    --------
    >>> from_code("c8k3/2 h16", classes=3).hidden
    16
    """
    words, hidden = text.split(), 0
    if words and (found := _HIDDEN.fullmatch(words[-1])):
        hidden = int(found[1])
        words = words[:-1]
    try:
        layers = tuple(_read_block(word) for word in words)
        return ArchSpec(layers=layers, classes=classes, input_shape=input_shape, hidden=hidden)
    except ValueError as fault:
        raise InvalidData(f"no network: {text[:80]!r} ({fault})") from None


def _block_code(layer: LayerSpec) -> str:
    code = f"{LETTERS[layer.op]}{layer.filters or ''}k{layer.kernel}"
    code += f"/{layer.stride}" if layer.stride > 1 else ""
    code += f"p{layer.pool}" if layer.pool > 1 else ""
    return code + "u" * (layer.activation == "relu") + "+" * layer.skip


def _read_block(word: str) -> LayerSpec:
    found = _BLOCK.fullmatch(word)
    if found is None:
        raise ValueError(f"{word[:40]!r} is no block")
    letter, filters, kernel, stride, pool, unbounded, skip = found.groups()
    return LayerSpec(
        op=next(op for op, known in LETTERS.items() if known == letter),
        filters=int(filters or 0), kernel=int(kernel), stride=int(stride or 1),
        pool=int(pool or 1), activation="relu" if unbounded else "relu6", skip=bool(skip),
    )  # fmt: skip
