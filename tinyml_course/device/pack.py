"""A flatbuffer of blocks, where equal blocks are stored once and gaps are filled.

The usual builder writes children before parents in the order in which it is called and pads each
to its alignment. Here the blocks are collected first; whoever is placed next is the one that
needs least padding, so small vectors fill the gaps before aligned weights.
"""

from __future__ import annotations

import struct
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

HEADER_BYTES = 8
OFFSET_BYTES = 4


class Field(NamedTuple):
    """One field of a table: its slot in the schema and either bytes or a block.

    Attributes
    ----------
    slot : int
        Position in the schema.
    value : bytes
        Little-endian scalar of 1, 2, 4 or 8 bytes; empty for a reference.
    block : int
        Block that the field refers to, -1 for a scalar.
    """

    slot: int
    value: bytes = b""
    block: int = -1

    @property
    def size_bytes(self) -> int:
        """Bytes within the table."""
        return len(self.value) or OFFSET_BYTES


class _Block(NamedTuple):
    """Bytes that stay together; the byte at `lead` has an address that is a multiple of `align`."""

    data: bytes
    align: int
    lead: int
    refs: tuple[tuple[int, int], ...] = ()
    vtable: int = -1


class Packer:
    """Collects the blocks of one flatbuffer; each method returns the block's number.

    References
    ----------
    .. [1] FlatBuffers, internals: offsets to children are unsigned, so parents come first;
       a table's offset to its vtable is signed, so vtables may lie anywhere.

    Examples
    --------
    >>> packer = Packer()
    >>> packer.vector(b"abc", 3, 1) == packer.vector(b"abc", 3, 1)
    True
    """

    def __init__(self) -> None:
        self._blocks: list[_Block] = []
        self._numbers: dict[_Block, int] = {}

    def vector(self, data: bytes, count: int, align: int) -> int:
        """Add a vector of `count` scalars stored in `data`, aligned to `align` bytes."""
        block = _Block(struct.pack("<I", count) + data, max(align, 4), OFFSET_BYTES)
        return self._add(block)

    def string(self, data: bytes) -> int:
        """Add a text; a zero follows it."""
        return self._add(_Block(struct.pack("<I", len(data)) + data + b"\0", 4, 0))

    def references(self, blocks: Sequence[int]) -> int:
        """Add a vector of tables or texts."""
        data = struct.pack("<I", len(blocks)) + bytes(OFFSET_BYTES * len(blocks))
        refs = tuple((OFFSET_BYTES * (1 + i), block) for i, block in enumerate(blocks))
        return self._add(_Block(data, 4, 0, refs))

    def table(self, fields: Iterable[Field]) -> int:
        """Add a table of the fields that are not at their default."""
        fields = sorted(fields, key=lambda field: (-field.size_bytes, field.slot))
        slots = [0] * (max((field.slot for field in fields), default=-1) + 1)
        data, refs = bytearray(OFFSET_BYTES), []
        for field in fields:
            slots[field.slot] = len(data)
            if field.block >= 0:
                refs.append((len(data), field.block))
            data += field.value or bytes(OFFSET_BYTES)
        sizes = (4 + 2 * len(slots), len(data))
        vtable = self._add(_Block(struct.pack(f"<{2 + len(slots)}H", *sizes, *slots), 2, 0))
        align = max((field.size_bytes for field in fields), default=4)
        return self._add(_Block(bytes(data), max(align, 4), OFFSET_BYTES, tuple(refs), vtable))

    def finish(self, root: int, identifier: bytes) -> bytes:
        """Return the file whose root table is `root`; blocks that it does not reach are left out.

        Parameters
        ----------
        root : int
            A table.
        identifier : bytes
            Four bytes that name the format.
        """
        places = self._place(root)
        end = max(place + len(self._blocks[number].data) for number, place in places.items())
        file = bytearray(end)
        file[:HEADER_BYTES] = struct.pack("<I4s", places[root], identifier)
        for number, place in places.items():
            block = self._blocks[number]
            file[place : place + len(block.data)] = block.data
            for within, child in block.refs:
                struct.pack_into("<I", file, place + within, places[child] - place - within)
            if block.vtable >= 0:
                struct.pack_into("<i", file, place, place - places[block.vtable])
        return bytes(file)

    def _add(self, block: _Block) -> int:
        number = self._numbers.setdefault(block, len(self._blocks))
        if number == len(self._blocks):
            self._blocks.append(block)
        return number

    def _place(self, root: int) -> dict[int, int]:
        """Return the address of each block that `root` reaches."""
        waiting = self._count_parents(root)
        ready: dict[tuple[int, int, bool], deque[int]] = defaultdict(deque)
        places: dict[int, int] = {}
        cursor, number = HEADER_BYTES, root
        while True:
            block = self._blocks[number]
            cursor += _padding(block.align, block.lead, cursor)
            places[number] = cursor
            cursor += len(block.data)
            for child in self._children(block):
                waiting[child] -= 1
                if waiting[child] == 0:
                    ready[self._kind(child)].append(child)
            kinds = [kind for kind, queue in ready.items() if queue]
            if not kinds:
                return places
            number = ready[min(kinds, key=lambda k: _cost(k, cursor))].popleft()

    def _kind(self, number: int) -> tuple[int, int, bool]:
        block = self._blocks[number]
        return block.align, block.lead, not block.refs

    def _children(self, block: _Block) -> set[int]:
        children = {child for _, child in block.refs}
        return children | {block.vtable} if block.vtable >= 0 else children

    def _count_parents(self, root: int) -> dict[int, int]:
        parents: dict[int, int] = defaultdict(int)
        stack, seen = [root], {root}
        while stack:
            for child in self._children(self._blocks[stack.pop()]):
                parents[child] += 1
                if child not in seen:
                    seen.add(child)
                    stack.append(child)
        return parents


def _padding(align: int, lead: int, cursor: int) -> int:
    return -(cursor + lead) % align


def _cost(kind: tuple[int, int, bool], cursor: int) -> tuple[int, int, bool, int]:
    """Return what to place first by: little padding, then large alignment, then parents."""
    align, lead, is_leaf = kind
    return _padding(align, lead, cursor), -align, is_leaf, lead
