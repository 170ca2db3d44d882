"""Takes the frame of Arrow IPC apart: its messages, how large they say they are, and the metadata of its schema.

After ``format/*.fbs`` and ``docs/source/format/Columnar.rst`` of apache/arrow. polars believes what a file says of its
sizes, and asks for the memory, or reads what was moved as other numbers; so they are checked here before.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from locgraph.io.readers.flat_buffer import FlatBuffer
from locgraph.io.readers.hdf5 import FREE_ROWS, check_rows

FILE_MAGIC: Final = b"ARROW1"
STREAM_MARK: Final = b"\xff\xff\xff\xff"
DAMAGE: Final = (OSError, ValueError, struct.error)
"""What is raised here where the bytes of a file do not fit together."""

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


def is_file(path: Path) -> bool:
    """Whether ``path`` starts as an Arrow file does, and not as a stream."""
    with path.open("rb") as handle:
        return handle.read(len(FILE_MAGIC)) == FILE_MAGIC


def check_messages(path: Path) -> None:
    """Refuses a file or stream whose messages do not fit into it, or say that they would grow beyond measure.

    Raises:
        ValueError: They do not; or a stream does not end as it has to, as when it was cut between two messages.
        struct.error: They do not.
    """
    with _content(path) as content:
        messages = _file_messages(content) if content[: len(FILE_MAGIC)] == FILE_MAGIC else _stream_messages(content)
        rows = sum(_check_batch(content, message, body, size) for message, body, size in messages)
    check_rows(rows, path, FREE_ROWS)


def schema_metadata(path: Path) -> dict[str, str]:
    """Metadata of the schema, which polars does not hand over.

    Raises:
        ValueError: The schema cannot be read.
        struct.error: The same.
    """
    with _content(path) as content:
        if content[: len(FILE_MAGIC)] == FILE_MAGIC:
            flat = _footer(content)[0]
            schema = flat.table(flat.root(), 1)
        else:
            flat = _description(content, 0)[0]
            if flat.byte(flat.root(), 1) != _SCHEMA:
                raise ValueError("no schema at the start of the stream")
            schema = flat.table(flat.root(), 2)
    return {flat.text(pair, 0): flat.text(pair, 1) for pair in flat.tables(schema, 2)}


@contextmanager
def _content(path: Path) -> Iterator[mmap.mmap]:
    with path.open("rb") as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as content:
        yield content


def _description(content: mmap.mmap, position: int) -> tuple[FlatBuffer, int]:
    """What describes the message at ``position``, and where its body starts."""
    mark, size = _HEAD.unpack_from(content, position)
    start = position + _HEAD.size
    if mark != STREAM_MARK or not 0 < size <= len(content) - start:
        raise ValueError(f"no message at {position}")
    return FlatBuffer(content[start : start + size]), start + size


def _stream_messages(content: mmap.mmap) -> Iterator[tuple[FlatBuffer, int, int]]:
    """Description, start and size of the body of each message."""
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
    """What stands at the end of a file, and where it starts."""
    end = len(content) - len(FILE_MAGIC) - 4
    (size,) = struct.unpack_from("<i", content, max(end, 0))
    if content[end + 4 :] != FILE_MAGIC or not 0 < size <= end:
        raise ValueError("no list of messages at the end")
    return FlatBuffer(content[end - size : end]), end - size


def _file_messages(content: mmap.mmap) -> Iterator[tuple[FlatBuffer, int, int]]:
    """As ``_stream_messages``; their places are written at the end of the file."""
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
    """Rows of a message, 0 of one without columns, once the sizes that it gives are found to be possible."""
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
