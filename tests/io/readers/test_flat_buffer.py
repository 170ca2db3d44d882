"""Descriptions made by hand: tables, lists, texts and numbers; and what points beyond the end."""

import struct

import pytest

from locgraph.io.readers.flat_buffer import FlatBuffer

PAIR = struct.Struct("<qq")
# at 4 an index of 7 fields (the last is not there), at 24 its table, which the first four bytes point to
INDEX = struct.pack("<9H", 18, 32, 4, 8, 16, 20, 24, 28, 0)
TABLE = struct.pack("<iiqIIII", 20, 5, -7, 0, 0, 0, 0) + bytes(4)


def content():
    texts = struct.pack("<I2s2x", 2, b"ab")
    found = bytearray(struct.pack("<I", 24) + INDEX + bytes(2) + TABLE + bytes(100))
    for field, target in ((40, 64), (44, 72), (48, 84)):  # a text, a list of tables, one of pairs
        struct.pack_into("<I", found, field, target - field)
    found[64:72] = texts
    struct.pack_into("<III", found, 72, 2, 1000, 0)
    struct.pack_into("<Iqqqq", found, 84, 2, 1, 2, 3, -4)
    return bytes(found)


def test_all_kinds_of_fields():
    flat = FlatBuffer(content())
    root = flat.root()

    assert root == 24
    assert flat.byte(root, 0) == 5
    assert flat.number(root, 1) == -7
    assert flat.text(root, 2) == "ab"
    assert list(flat.tables(root, 3)) == [1076, 80]
    assert list(flat.structs(root, 4, PAIR)) == [(1, 2), (3, -4)]
    assert [flat.has(root, number) for number in (0, 6, 7, 99)] == [True, False, False, False]


def test_fields_that_are_not_there():
    flat = FlatBuffer(content())

    assert (flat.byte(24, 6), flat.number(24, 6), flat.text(24, 6)) == (0, 0, "")
    assert list(flat.tables(24, 6)) == list(flat.structs(24, 6, PAIR)) == []
    with pytest.raises(ValueError, match="no table in field 6"):
        flat.table(24, 6)


def test_a_list_longer_than_all():
    found = bytearray(content())
    struct.pack_into("<I", found, 84, 1 << 30)

    with pytest.raises(ValueError, match="1073741824 entries in a description of 160 bytes"):
        list(FlatBuffer(bytes(found)).structs(24, 4, PAIR))


def test_every_place_that_is_no_place_is_an_error():
    found = FlatBuffer(content()[:60])

    with pytest.raises(struct.error):
        found.text(24, 2)
    with pytest.raises(ValueError, match="position"):
        FlatBuffer(struct.pack("<Ii", 4, 100)).byte(4, 0)
