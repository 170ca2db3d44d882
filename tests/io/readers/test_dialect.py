"""How a text table is written, found from its start: encoding, lines, delimiter, decimal mark, header."""

import pytest

from locgraph.errors import DataError
from locgraph.io.readers.dialect import (
    decode,
    encoding_of,
    ends_with_returns,
    has_decimal_comma,
    may_be_grouped,
    sniff,
    split_lines,
    unique_names,
)


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


def test_decode_never_fails():
    assert decode("xµ".encode()[:2], "utf-8") == "x"  # a character that is cut
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


def test_lines_that_end_with_returns_alone():
    assert [ends_with_returns(text) for text in ("a\rb", "a\r\nb", "a")] == [True, False, False]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], False),
        (["1", "2.5", "abc"], False),
        (["1,5"], True),
        (["0,500"], True),
        (["1234,567"], True),
        (["1,5e3"], True),
        (["-,5"], True),
        (["1,500", "1500"], True),  # thousands are written without a mark elsewhere
        (["1,500", "0,25"], True),
        (["1,500", "2.5"], False),
        (["1,5", "2.5"], False),
        (["1,500", "1,234,567"], False),
        (["1,500", "1,234.5"], False),
        (["1,500"], None),
        (["1,500", "12,345", "-999,000", "7", "text"], None),
    ],
)
def test_meaning_of_a_comma_within_a_number(values, expected):
    assert has_decimal_comma(values) is expected
    assert has_decimal_comma(reversed(values)) is expected


def test_numbers_with_grouped_thousands():
    assert all(map(may_be_grouped, ["1,500", "-12,345", "1,234,567", "1,500.25", "+999,000."]))
    others = ["1,5", "0,500", "1500", "1234,567", "1,50,000", "1.500", "a,bcd", ""]
    assert not any(map(may_be_grouped, others))


def dialect(text, encoding="utf-8", whole=True):
    return sniff(text.encode(encoding), whole=whole, where="a.csv")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_delimiter(delimiter):
    described = dialect(f"x{delimiter}y [nm]{delimiter}n\n1{delimiter}2.5{delimiter}a\n")

    assert described.delimiter == delimiter
    assert described.names == ("x", "y [nm]", "n")
    assert described.numeric == {"x", "y [nm]"}


def test_delimiter_within_quotes():
    assert dialect('"x, nm";y\n1;2\n').names == ("x, nm", "y")


def test_decimal_comma():
    described = dialect("x;y;frame\n1,5;-2,25e3;1\n")

    assert (described.delimiter, described.decimal_comma) == (";", True)
    assert described.numeric == {"x", "y", "frame"}


def test_decimal_point_with_semicolons():
    assert dialect("x;y\n1.5;2\n").decimal_comma is False


def test_header_quoted_as_a_whole():
    described = dialect('"id,""frame"",""x [nm]"""\n1.0,2.0,3.0\n')

    assert described.names == ("id", "frame", "x [nm]")
    assert described.delimiter == ","


def test_blank_lines_around_the_header():
    texts = ("\n\nx,y\n1,2\n", "x,y\n\n1,2\n", "x,y\n")
    assert [dialect(text).header_lines for text in texts] == [3, 2, 1]


def test_names_are_stripped_filled_and_made_unique():
    assert dialect("x ,,y,x,x\n1,2,3,4,5\n").names == ("x", "column_2", "y", "x_duplicated_0", "x_duplicated_1")


def test_cut_last_line_is_left_out():
    # the third row is cut within its second field
    assert dialect("x,y\n1,2\n3,4\n5", whole=False).numeric == {"x", "y"}


def test_few_bad_values_leave_a_column_of_numbers():
    assert dialect("x,y\n1,a\n?,b\n3,c\n").numeric == {"x"}


@pytest.mark.parametrize("text", ["\n \n", "\ufeff"])
def test_nothing_there(text):
    with pytest.raises(DataError, match=r"a\.csv: expected a header line and rows; found an empty file"):
        dialect(text)


@pytest.mark.parametrize(("row", "fields"), [("1,5,2,5", 4), ("1", 1), ("a,1,2", 3)])
def test_row_that_does_not_fit_the_header(row, fields):
    with pytest.raises(DataError, match=rf"expected rows of 2 fields, as in the header; found {fields} in the first"):
        dialect(f"x,y\n{row}\n")


def test_a_delimiter_at_the_end_of_each_row():
    assert dialect("x\ty\n1\t2\t\n3\t4\t\n").names == ("x", "y", "column_3")
    with pytest.raises(DataError, match="found 3 in the first row"):
        dialect("x,y\n1,2,\n3,4\n")


@pytest.mark.parametrize(
    ("text", "names", "preamble", "header_lines"),
    [
        ("# a\n# b\n\nx,y\n1,2\n", ("x", "y"), "# a\n# b", 4),
        ("# made by z\n# x,y\n1,2\n", ("x", "y"), "# made by z", 2),
        ("#x,y,name\n1,2,a\n", ("x", "y", "name"), "", 1),
        ("# x,y\n", ("x", "y"), "", 1),
        ("a: 1\tb: \tc: d e\nx\ty\n1\t2\n", ("x", "y"), "a: 1\tb: \tc: d e", 2),
        ("a: 1\tb: 2\n1\t2\n", ("a: 1", "b: 2"), "", 1),
        ("sep=;\nx;y\n1;2\n", ("x", "y"), "sep=;", 2),
    ],
)
def test_lines_before_the_header(text, names, preamble, header_lines):
    described = dialect(text)

    assert described.names == names
    assert described.preamble == preamble
    assert described.header_lines == header_lines
    assert {"x", "y"} <= described.numeric or "# x,y\n" in text or "a: 1" in names


@pytest.mark.parametrize(
    ("text", "comma", "doubtful"),
    [
        ("x;y;n\n1,5;2,500;3\n", True, set()),
        ("x;y;n\n1,500;2,500;3\n", True, {"x", "y"}),
        ("x;y;n\n1,500;2.5;3\n", False, {"x"}),
        ('x,y,n\n"1,234,567",2,3\n', False, {"x"}),
        ("x;y;n\n1,500;2,500;1234\n", True, set()),
    ],
)
def test_grouped_thousands(text, comma, doubtful):
    described = dialect(text)

    assert described.decimal_comma is comma
    assert described.doubtful == doubtful


@pytest.mark.parametrize("text", ["x,y" + "a" * 100, "x,y\n1," + "2" * 100])
def test_a_line_without_end(text):
    with pytest.raises(DataError, match=rf"a\.csv: .*a line that has not ended after {len(text)} bytes"):
        dialect(text, whole=False)


def test_returns_alone():
    described = dialect("x,y\r1,2\r")

    assert described.returns
    assert described.names == ("x", "y")
    assert described.header_lines == 1


def test_a_return_within_a_line_ends_none():
    assert dialect("x,y\n1\r5,2\n").numeric == {"y"}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "latin-1"])
def test_encodings(encoding):
    described = dialect("x [µm],y\n1,2\n" if encoding != "utf-16-le" else "x [um],y\n1,2\n", encoding)

    assert described.encoding == encoding
    assert described.names == ("x [µm]" if encoding != "utf-16-le" else "x [um]", "y")


def test_unique_names():
    assert unique_names(["a", " a", "", "a"]) == ["a", "a_duplicated_0", "column_3", "a_duplicated_1"]
