"""Reads what Arrow describes its content with: tables in tables, lists of them, texts and numbers.

After ``docs/source/internals.md`` of google/flatbuffers. Whatever points beyond the end is an error.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator


class FlatBuffer:
    """One buffer.

    Every method may raise:
        ValueError: The content does not fit together.
        struct.error: The same.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content

    def _read(self, form: str, position: int) -> int:
        if position < 0:
            raise ValueError(f"position {position} in a description")
        return int(struct.unpack_from(f"<{form}", self._content, position)[0])

    def root(self) -> int:
        """Position of the outermost table."""
        return self._read("I", 0)

    def _field(self, table: int, number: int) -> int | None:
        """Position of a field; None where the table has none."""
        index = table - self._read("i", table)
        entry = 4 + 2 * number
        offset = self._read("H", index + entry) if entry < self._read("H", index) else 0
        return table + offset if offset else None

    def _target(self, table: int, number: int) -> int | None:
        field = self._field(table, number)
        return None if field is None else field + self._read("I", field)

    def _list(self, table: int, number: int, size: int) -> tuple[int, int]:
        """Start and length of a field that lists entries of ``size`` bytes."""
        start = self._target(table, number)
        count = 0 if start is None else self._read("I", start)
        if size * count > len(self._content):
            raise ValueError(f"{count} entries in a description of {len(self._content)} bytes")
        return (start or 0) + 4, count

    def has(self, table: int, number: int) -> bool:
        """Whether a table has a field."""
        return self._field(table, number) is not None

    def byte(self, table: int, number: int) -> int:
        """A field of one byte; 0 where the table has none."""
        field = self._field(table, number)
        return 0 if field is None else self._read("B", field)

    def number(self, table: int, number: int) -> int:
        """A field of eight bytes; 0 where the table has none."""
        field = self._field(table, number)
        return 0 if field is None else self._read("q", field)

    def table(self, table: int, number: int) -> int:
        """Position of the table in a field.

        Raises:
            ValueError: There is none.
        """
        found = self._target(table, number)
        if found is None:
            raise ValueError(f"no table in field {number} of a description")
        return found

    def tables(self, table: int, number: int) -> Iterator[int]:
        """Positions of the tables in a field that lists them."""
        start, count = self._list(table, number, 4)
        for position in range(start, start + 4 * count, 4):
            yield position + self._read("I", position)

    def structs(self, table: int, number: int, form: struct.Struct) -> Iterator[tuple[int, ...]]:
        """Numbers of the structures in a field that lists them."""
        start, count = self._list(table, number, form.size)
        for position in range(start, start + form.size * count, form.size):
            yield form.unpack_from(self._content, position)

    def text(self, table: int, number: int) -> str:
        """The text in a field; empty where the table has none."""
        start = self._target(table, number)
        if start is None:
            return ""
        return self._content[start + 4 : start + 4 + self._read("I", start)].decode()
