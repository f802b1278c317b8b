"""Writing flatbuffers: read back with the format's own library, shared and aligned."""

from __future__ import annotations

import struct

import numpy as np
from flatbuffers import number_types
from flatbuffers.table import Table
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyml_course.device.pack import Field, Packer

SCALARS = st.sampled_from("bhiqBHIQ").flatmap(
    lambda code: st.binary(min_size=struct.calcsize(code), max_size=struct.calcsize(code))
)
VECTORS = st.tuples(st.sampled_from((1, 2, 4, 8, 16)), st.integers(0, 9)).flatmap(
    lambda kind: st.binary(min_size=kind[0] * kind[1], max_size=kind[0] * kind[1]).map(
        lambda data: (kind[0], data)
    )
)
FIELDS = st.dictionaries(st.integers(0, 12), st.one_of(SCALARS, VECTORS), max_size=6)


def pack(tables):
    """Return the file of a root with one vector of `tables`, each slot -> scalar or vector."""
    packer = Packer()
    blocks = []
    for fields in tables:
        blocks.append(
            packer.table(
                Field(slot, value)
                if isinstance(value, bytes)
                else Field(slot, block=packer.vector(value[1], len(value[1]) // value[0], value[0]))
                for slot, value in fields.items()
            )
        )
    root = packer.table([Field(0, block=packer.references(blocks))])
    return packer.finish(root, b"TEST")


def open_tables(file):
    """Return the tables of the root's vector."""
    root = Table(file, struct.unpack_from("<I", file)[0])
    start = root.Vector(root.Offset(4))
    return [
        Table(file, root.Indirect(start + 4 * i)) for i in range(root.VectorLen(root.Offset(4)))
    ]


@settings(max_examples=50)
@given(st.lists(FIELDS, min_size=1, max_size=8))
def test_what_is_packed_is_read_back_aligned(tables):
    """Every scalar and vector comes back, at an address that its size divides."""
    file = pack(tables)
    for table, fields in zip(open_tables(file), tables, strict=True):
        for slot, value in fields.items():
            offset = table.Offset(4 + 2 * slot)
            if isinstance(value, bytes):
                place = table.Pos + offset
                assert (value, 0) == (file[place : place + len(value)], place % len(value))
            else:
                align, data = value
                place = table.Vector(offset)
                assert (data, 0) == (file[place : place + len(data)], place % align)
                assert len(data) // align == table.VectorLen(offset)
        absent = set(range(13)) - set(fields)
        assert all(table.Offset(4 + 2 * slot) == 0 for slot in absent)


@settings(max_examples=25)
@given(st.lists(FIELDS, min_size=1, max_size=4))
def test_a_repeated_table_is_stored_once(tables):
    """An equal table is the same table at the same place."""
    found = open_tables(pack([*tables, tables[0]]))
    assert found[0].Pos == found[-1].Pos


def test_small_vectors_fill_the_gaps_before_aligned_ones():
    """Beside three short vectors, three aligned ones cost less padding than one of them alone."""
    blobs = [bytes([i]) * 16 for i in range(3)]
    small = [np.int32([i, i + 1]).tobytes() for i in range(3)]
    file = pack([{0: (16, blob)} for blob in blobs] + [{0: (4, data)} for data in small])
    header, root, offsets, vtable = 8, 4 + 4, 4 + 6 * 4, 6
    tables, vectors = 6 * (4 + 4), sum(4 + len(data) for data in blobs + small)
    used = header + root + offsets + vtable + tables + vectors
    assert 0 <= len(file) - used < 16


def test_blocks_out_of_reach_are_left_out():
    """A vector that no table refers to takes no room."""
    packer = Packer()
    packer.vector(bytes(1000), 1000, 16)
    file = packer.finish(packer.table([Field(0, b"\x07")]), b"TEST")
    assert len(file) < 40
    assert (
        Table(file, struct.unpack_from("<I", file)[0]).GetSlot(4, 0, number_types.Uint8Flags) == 7
    )
