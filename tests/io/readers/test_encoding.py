"""Encodings by their marks, and what ends a line."""

import pytest

from locgraph.io.readers.encoding import decode, encoding_of, ends_with_returns, split_lines


@pytest.mark.parametrize(
    ("head", "encoding"),
    [
        ("x [µm]\n".encode(), "utf-8"),
        ("x [µm]\n".encode("utf-8-sig"), "utf-8"),
        ("x [µm]\n".encode("utf-16"), "utf-16"),
        (b"\xfe\xff" + "x [µm]\n".encode("utf-16-be"), "utf-16"),
        ("x,y\n1,2\n".encode("utf-16-le"), "utf-16-le"),
        ("x,y\n1,2\n".encode("utf-16-be"), "utf-16-be"),
        ("x [µm]\n".encode("latin-1"), "latin-1"),
        ("x [µm]\n".encode()[:4], "utf-8"),  # cut within a character
        (b"x,y\n\0\xff", "utf-8"),  # what follows a NUL is not looked at
        (b"", "utf-8"),
        (b"x", "utf-8"),
    ],
)
def test_encoding(head, encoding):
    assert encoding_of(head) == encoding


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1"])
def test_decode_gives_text_without_mark(encoding):
    content = "x [µm]\n".encode(encoding)

    assert decode(content, encoding_of(content) if encoding != "utf-16-le" else encoding) == "x [µm]\n"


def test_decode_leaves_out_a_character_that_is_cut():
    assert decode("xµ".encode()[:2], "utf-8") == "x"


def test_decode_never_fails():
    assert decode(b"x\xffy", "utf-8") == "x\ufffdy"
    assert decode(b"\xff\xfex\0\x00\xd8y", "utf-16").startswith("x")


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a\nb\n", ["a", "b", ""]),
        ("a\r\nb", ["a", "b"]),
        ("a\r\r\nb", ["a", "b"]),
        ("a\rb\r", ["a", "b", ""]),
        ("a\x85b\u2028c\x0bd\n", ["a\x85b\u2028c\x0bd", ""]),  # 85 is an ellipsis to Windows
        ("", [""]),
    ],
)
def test_lines(text, lines):
    assert split_lines(text) == lines


def test_returns_alone():
    assert ends_with_returns("a\rb")
    assert not ends_with_returns("a\r\nb")
    assert not ends_with_returns("a")
