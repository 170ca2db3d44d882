"""The frame of Arrow IPC: its messages, the sizes that they state, and the metadata of its schema.

After ``format/*.fbs`` and ``docs/source/format/Columnar.rst`` of apache/arrow, and ``docs/source/internals.md`` of
google/flatbuffers. polars panics on damaged metadata, asks for as much memory as a file states, and reads what was
moved as other numbers; so the sizes are checked here before.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from typing import Final

FILE_MAGIC: Final = b"ARROW1"
STREAM_MARK: Final = b"\xff\xff\xff\xff"
_END: Final = STREAM_MARK + bytes(4)
_HEAD: Final = struct.Struct("<4si")
"""What a message starts with: a mark, and the size of what describes it."""
_BLOCK: Final = struct.Struct("<qi4xq")
"""Where a message of a file starts, and the sizes of its description and of its body."""
_BUFFER: Final = struct.Struct("<qq")
_SCHEMA, _DICTIONARY, _BATCH = 1, 2, 3
"""Numbers of the kinds of messages."""
_FREE_BYTES: Final = 64 << 20
_ROW_BYTES: Final = 64
_MAX_RATIO: Final = 1000
"""A column may grow to the largest of these: in all, for each of its rows, and for each of its compressed bytes."""


class FlatBuffer:
    """One description of Arrow: tables in tables, lists of them, texts and numbers.

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
        """Return the position of the outermost table."""
        return self._read("I", 0)

    def _field(self, table: int, number: int) -> int | None:
        """Return the position of a field; None where the table has none."""
        index = table - self._read("i", table)
        entry = 4 + 2 * number
        offset = self._read("H", index + entry) if entry < self._read("H", index) else 0
        return table + offset if offset else None

    def _target(self, table: int, number: int) -> int | None:
        field = self._field(table, number)
        return None if field is None else field + self._read("I", field)

    def _list(self, table: int, number: int, size: int) -> tuple[int, int]:
        """Return the start and length of a field that lists entries of ``size`` bytes."""
        start = self._target(table, number)
        count = 0 if start is None else self._read("I", start)
        if size * count > len(self._content):
            raise ValueError(f"{count} entries in a description of {len(self._content)} bytes")
        return (start or 0) + 4, count

    def has(self, table: int, number: int) -> bool:
        """Return whether a table has a field."""
        return self._field(table, number) is not None

    def byte(self, table: int, number: int) -> int:
        """Return a field of one byte; 0 where the table has none."""
        field = self._field(table, number)
        return 0 if field is None else self._read("B", field)

    def number(self, table: int, number: int) -> int:
        """Return a field of eight bytes; 0 where the table has none."""
        field = self._field(table, number)
        return 0 if field is None else self._read("q", field)

    def table(self, table: int, number: int) -> int:
        """Return the position of the table in a field.

        Raises:
            ValueError: There is none.
        """
        target = self._target(table, number)
        if target is None:
            raise ValueError(f"no table in field {number} of a description")
        return target

    def tables(self, table: int, number: int) -> Iterator[int]:
        """Yield the positions of the tables in a field that lists them."""
        start, count = self._list(table, number, 4)
        for position in range(start, start + 4 * count, 4):
            yield position + self._read("I", position)

    def structs(self, table: int, number: int, form: struct.Struct) -> Iterator[tuple[int, ...]]:
        """Yield the numbers of the structures in a field that lists them."""
        start, count = self._list(table, number, form.size)
        for position in range(start, start + form.size * count, form.size):
            yield form.unpack_from(self._content, position)

    def text(self, table: int, number: int) -> str:
        """Return the text in a field; empty where the table has none."""
        start = self._target(table, number)
        if start is None:
            return ""
        return self._content[start + 4 : start + 4 + self._read("I", start)].decode()


def check_messages(content: mmap.mmap) -> int:
    """Refuse a file or stream whose messages do not fit into it, or state that they would grow beyond measure.

    Returns:
        Number of rows.

    Raises:
        ValueError: They do not; or a stream does not end as it has to, as when it was cut between two messages.
        struct.error: They do not.
    """
    messages = _file_messages(content) if content[: len(FILE_MAGIC)] == FILE_MAGIC else _stream_messages(content)
    return sum(_check_batch(content, message, body, size) for message, body, size in messages)


def schema_metadata(content: mmap.mmap) -> dict[str, str]:
    """Return the metadata of the schema, which polars does not hand over.

    Raises:
        ValueError: The schema cannot be read.
        struct.error: The same.
    """
    if content[: len(FILE_MAGIC)] == FILE_MAGIC:
        flat = _footer(content)[0]
        schema = flat.table(flat.root(), 1)
    else:
        flat = _description(content, 0)[0]
        if flat.byte(flat.root(), 1) != _SCHEMA:
            raise ValueError("no schema at the start of the stream")
        schema = flat.table(flat.root(), 2)
    return {flat.text(pair, 0): flat.text(pair, 1) for pair in flat.tables(schema, 2)}


def _description(content: mmap.mmap, position: int) -> tuple[FlatBuffer, int]:
    """Return what describes the message at ``position``, and where its body starts."""
    mark, size = _HEAD.unpack_from(content, position)
    start = position + _HEAD.size
    if mark != STREAM_MARK or not 0 < size <= len(content) - start:
        raise ValueError(f"no message at {position}")
    return FlatBuffer(content[start : start + size]), start + size


def _stream_messages(content: mmap.mmap) -> Iterator[tuple[FlatBuffer, int, int]]:
    """Yield the description, start and size of the body of each message."""
    position = 0
    while position + _HEAD.size < len(content):
        message, body = _description(content, position)
        size = message.number(message.root(), 3)
        if not 0 <= size <= len(content) - body:
            raise ValueError(f"a message of {size} bytes where {len(content) - body} are left")
        yield message, body, size
        position = body + size
    if content[position:] != _END:
        raise ValueError("the mark at the end of a stream is not there")


def _footer(content: mmap.mmap) -> tuple[FlatBuffer, int]:
    """Return what stands at the end of a file, and where it starts."""
    end = len(content) - len(FILE_MAGIC) - 4
    (size,) = struct.unpack_from("<i", content, max(end, 0))
    if content[end + 4 :] != FILE_MAGIC or not 0 < size <= end:
        raise ValueError("no list of messages at the end")
    return FlatBuffer(content[end - size : end]), end - size


def _file_messages(content: mmap.mmap) -> Iterator[tuple[FlatBuffer, int, int]]:
    """Do as ``_stream_messages``; their places are written at the end of the file."""
    footer, start = _footer(content)
    last = None
    for field in (2, 3):  # dictionaries, batches
        for block in footer.structs(footer.root(), field, _BLOCK):
            position, described, size = block
            message, body = _description(content, position) if position >= 0 else (None, 0)
            if message is None or body != position + described or size != message.number(message.root(), 3):
                raise ValueError(f"no message of {described} and {size} bytes at {position}")
            if not 0 <= size <= start - body:
                raise ValueError(f"a message of {size} bytes where {start - body} are left")
            yield message, body, size
            last = max(last or 0, body + size)
    # else something was put in or taken out, and all behind it moved
    if last is not None and content[last : last + len(_END)] != _END:
        raise ValueError(f"no mark of an end behind the last message at {last}")
    if last is not None and content[last + len(_END) : start].strip(b"\0"):
        raise ValueError(f"{start - last} bytes behind the last message")


def _check_batch(content: mmap.mmap, message: FlatBuffer, body: int, size: int) -> int:
    """Return the number of rows of a message, 0 of one without columns; refuse sizes that are not possible."""
    root = message.root()
    kind = message.byte(root, 1)
    if kind not in (_DICTIONARY, _BATCH):
        return 0
    batch = message.table(root, 2)
    if kind == _DICTIONARY:
        batch = message.table(batch, 1)
    rows = message.number(batch, 0)
    if rows < 0:
        raise ValueError(f"a message of {rows} rows")
    is_compressed = message.has(batch, 3)
    for offset, length in message.structs(batch, 2, _BUFFER):
        if min(offset, length) < 0 or offset + length > size:
            raise ValueError(f"a column at {offset} of {length} bytes in a message of {size}")
        if is_compressed and length:
            (grown,) = struct.unpack_from("<q", content, body + offset)
            if not -1 <= grown <= max(_FREE_BYTES, _ROW_BYTES * rows, _MAX_RATIO * length):
                raise ValueError(f"a column of {length} bytes that would grow to {grown}")
    return rows if kind == _BATCH else 0
