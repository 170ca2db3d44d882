"""Rows of delimited text: never fewer than there are."""

import polars as pl
import pytest

from locgraph.errors import DataError
from locgraph.io.readers.dialect import Dialect
from locgraph.io.readers.rows import as_number, as_text, read_rows

NAMES = ("x", "y")


def dialect(**settings):
    return Dialect(
        **(
            {"encoding": "utf-8", "delimiter": ",", "decimal_comma": False, "names": NAMES, "header_lines": 1}
            | settings
        )
    )


def read(tmp_path, content, dialect=None, values=None, **settings):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    found = dialect or globals()["dialect"]()
    return read_rows(path, found, values or [as_number(name, found) for name in NAMES], **settings)


def test_numbers_and_text(tmp_path):
    table = read(tmp_path, b"x,y\n 1 , a b \n", values=[as_number("x", dialect()), as_text("y")])

    assert table.rows() == [(1.0, "a b")]
    assert table.schema == {"x": pl.Float64, "y": pl.String}


def test_decimal_comma(tmp_path):
    table = read(tmp_path, b"x;y\n1,5;2.5\n3;-0,25\n", dialect(delimiter=";", decimal_comma=True))

    assert table.rows() == [(1.5, None), (3.0, -0.25)]


def test_comments_between_rows(tmp_path):
    content = b"# header\n1 2\n# nothing in image 5\n3 4\n"

    assert read(tmp_path, content, dialect(delimiter=" ", comments=True, quotes=False)).rows() == [(1, 2), (3, 4)]


def test_quotes_may_be_none(tmp_path):
    table = read(tmp_path, b'x,y\n1,"\n2,3\n', dialect(quotes=False), [as_text("x"), as_text("y")])

    assert table.rows() == [("1", '"'), ("2", "3")]


@pytest.mark.parametrize("header_lines", [0, 1, 3])
def test_rows_begin_below_the_header(tmp_path, header_lines):
    content = b"a\n" * header_lines + b'1,2\n"3",4\n'

    assert read(tmp_path, content, dialect(header_lines=header_lines)).rows() == [(1, 2), (3, 4)]


def test_a_quote_in_the_header_does_no_harm(tmp_path):
    assert read(tmp_path, b'"x,""y""\n1,2\n').rows() == [(1.0, 2.0)]


def test_other_encodings(tmp_path):
    content = "x,y\n1,é\n".encode("latin-1")

    assert read(tmp_path, content, dialect(encoding="latin-1"), [as_text("y")]).rows() == [("é",)]
    assert read(tmp_path, content, None, [as_text("y")]).rows() == [("é",)]  # though it was taken for UTF-8


def test_table_that_ends_with_a_nul(tmp_path):
    for encoding in ("utf-8", "latin-1"):
        content = "x,y\n1,2\n\0µ 3\nSizeX : 5,6\n".encode(encoding)

        assert read(tmp_path, content, dialect(encoding=encoding), ends_at_nul=True).rows() == [(1.0, 2.0)]


@pytest.mark.parametrize("tail", [b"\0\n3,4\n", b"\0\0\0\n-3.5,4\n5,6\n", b"\0 text\n3,4\n"])
def test_rows_behind_a_nul(tmp_path, tail):
    with pytest.raises(DataError, match=r"a\.csv: expected text; found a NUL byte at position 8, and rows behind it"):
        read(tmp_path, b"x,y\n1,2\n" + tail, ends_at_nul=True)
    with pytest.raises(DataError, match=r"found a NUL byte at position 8\. The file is damaged"):
        read(tmp_path, b"x,y\n1,2\n" + tail)


def test_rows_that_are_too_long(tmp_path):
    with pytest.raises(DataError, match=r"a\.csv: expected rows of 2 fields separated by ','.*more fields") as error:
        read(tmp_path, b"x,y\n1,2\n3,4,5\n")
    assert "\n" not in str(error.value)


def test_rows_that_are_too_short_are_rows(tmp_path):
    assert read(tmp_path, b"x,y\n1,2\n3\n4,5\n").rows() == [(1.0, 2.0), (3.0, None), (4.0, 5.0)]


def test_what_polars_says_is_kept_short(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise pl.exceptions.ComputeError("line\n" * 10_000)

    monkeypatch.setattr(pl, "scan_csv", fail)
    with pytest.raises(DataError) as error:
        read(tmp_path, b"x,y\n1,2\n")
    assert len(str(error.value)) < 500


def test_a_panic_of_polars_is_told(tmp_path, monkeypatch):
    def panic(*_, **__):
        raise pl.exceptions.PanicException("index out of range")

    monkeypatch.setattr(pl, "scan_csv", panic)
    with pytest.raises(DataError, match="index out of range"):
        read(tmp_path, b"x,y\n1,2\n")


def test_rows_that_polars_would_lose(tmp_path, monkeypatch):
    scan = pl.scan_csv
    monkeypatch.setattr(pl, "scan_csv", lambda *a, **k: scan(*a, **k).head(1))

    with pytest.raises(DataError, match=r"a\.csv: expected a row on each of 2 lines; found 1 rows"):
        read(tmp_path, b'x,y\n"1",2\n\n,\n"3",4\n')
