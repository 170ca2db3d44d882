"""How text is encoded, and where its lines end."""

from __future__ import annotations

import codecs
from typing import Final

UTF_8: Final = "utf-8"
LATIN_1: Final = "latin-1"
_UTF_16: Final = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_LOOKED_AT: Final = 64


def encoding_of(head: bytes) -> str:
    """Encoding of a text that starts with ``head``: UTF-16 by its mark or its zeros, else UTF-8, else Latin-1."""
    marked = _UTF_16.get(head[:2])
    if marked is not None:
        return marked
    start = head[:_LOOKED_AT]
    for encoding, zeros, letters in (("utf-16-le", start[1::2], start[::2]), ("utf-16-be", start[::2], start[1::2])):
        if len(zeros) > 1 and not any(zeros) and all(letters):
            return encoding
    try:
        # not final: the head may end within a character
        codecs.getincrementaldecoder(UTF_8)().decode(head.split(b"\0", 1)[0], final=False)
    except UnicodeDecodeError:
        return LATIN_1
    return UTF_8


def decode(content: bytes, encoding: str) -> str:
    """Text of ``content`` without a byte-order mark; a character cut at the end is left out."""
    text = codecs.getincrementaldecoder(encoding)(errors="replace").decode(content, final=False)
    return text.removeprefix("\ufeff")


def ends_with_returns(text: str) -> bool:
    """Whether lines end with a carriage return alone, as on the Macintosh of old."""
    return "\n" not in text and "\r" in text


def split_lines(text: str) -> list[str]:
    r"""Lines of ``text``, which end with ``\n``, maybe behind ``\r``, or all with ``\r``; nothing else ends a line."""
    if ends_with_returns(text):
        return text.split("\r")
    return [line.rstrip("\r") for line in text.split("\n")]
