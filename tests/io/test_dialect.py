"""How a text table is written, from its start."""

import pytest

from locgraph.errors import DataError
from locgraph.io.dialect import decode, encoding_of, sniff


def dialect(text, encoding="utf-8", whole=True):
    return sniff(text.encode(encoding), whole=whole, where="a.csv")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_delimiter(delimiter):
    found = dialect(f"x{delimiter}y [nm]{delimiter}n\n1{delimiter}2.5{delimiter}a\n")

    assert found.delimiter == delimiter
    assert found.names == ("x", "y [nm]", "n")
    assert found.numeric == {"x", "y [nm]"}


def test_delimiter_within_quotes():
    assert dialect('"x, nm";y\n1;2\n').names == ("x, nm", "y")


def test_decimal_comma():
    found = dialect("x;y;frame\n1,5;-2,25e3;1\n")

    assert (found.delimiter, found.decimal_comma) == (";", True)
    assert found.numeric == {"x", "y", "frame"}


def test_decimal_point_with_semicolons():
    assert dialect("x;y\n1.5;2\n").decimal_comma is False


def test_header_quoted_as_a_whole():
    found = dialect('"id,""frame"",""x [nm]"""\n1.0,2.0,3.0\n')

    assert found.names == ("id", "frame", "x [nm]")
    assert found.delimiter == ","


def test_blank_lines_before_the_header():
    assert dialect("\n\nx,y\n1,2\n").header_lines == 3


def test_blank_lines_after_the_header():
    assert dialect("x,y\n\n1,2\n").header_lines == 2
    assert dialect("x,y\n").header_lines == 1


def test_names_are_stripped_filled_and_made_unique():
    assert dialect("x ,,y,x,x\n1,2,3,4,5\n").names == ("x", "column_2", "y", "x_duplicated_0", "x_duplicated_1")


def test_cut_last_line_is_left_out():
    # the third row is cut within its second field
    assert dialect("x,y\n1,2\n3,4\n5", whole=False).numeric == {"x", "y"}


def test_few_bad_values_leave_a_column_of_numbers():
    assert dialect("x,y\n1,a\n?,b\n3,c\n").numeric == {"x"}


def test_utf16_and_marks():
    assert encoding_of("x".encode("utf-16")) == "utf-16"
    assert encoding_of("µ".encode()[:1]) == "utf-8"
    assert encoding_of("x [µm]".encode("latin-1")) == "latin-1"
    assert decode(b"\xef\xbb\xbfx", "utf-8") == "x"


@pytest.mark.parametrize("text", ["\n \n", "\ufeff"])
def test_nothing_there(text):
    with pytest.raises(DataError, match=r"a\.csv: expected a header line and rows; found an empty file"):
        dialect(text)


def test_no_header_line():
    with pytest.raises(DataError, match=r"a\.csv: expected a header line .* found numbers \(1\.5, 2\)"):
        dialect("1.5,2\n3,4\n")


def test_row_longer_than_header():
    with pytest.raises(DataError, match=r"expected rows of 2 fields, as in the header; found 4"):
        dialect("x,y\n1,5,2,5\n")
