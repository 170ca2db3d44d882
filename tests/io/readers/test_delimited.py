"""Text tables as instruments write them: never fewer rows than there are, never other numbers."""

import numpy as np
import polars as pl
import pytest

from builders.io import accepted_by, header_of, table_of, text_of
from locgraph.errors import DataError
from locgraph.io.header import Header
from locgraph.io.readers.base import HEAD_BYTES, OpenFile
from locgraph.io.readers.delimited import DelimitedReader, as_number, as_text, read_rows
from locgraph.io.readers.dialect import Dialect

ROWS = [(1.5, -2.0), (3.0, 4e-3)]


def written(tmp_path, content, name="a.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


def read(path, columns=None):
    return table_of(DelimitedReader, path, columns)[0]


@pytest.mark.parametrize(
    "text",
    [
        "x,y\n1.5,-2\n3,4e-3\n",
        "x;y\n1.5;-2\n3;4e-3\n",
        "x\ty\n1.5\t-2\n3\t4e-3\n",
        "x;y\n1,5;-2\n3;4,0e-3\n",
        'x,y\n"1,5","-2"\n"3","0,004"\n',
        "x,y\r\n1.5,-2\r\n3,4e-3\r\n",
        "x, y\n 1.5, -2\n 3 ,4e-3",
        "\nx,y\n\n1.5,-2\n\n3,4e-3\n\n\n",
        '"x","y"\n1.5,-2\n3,0.004\n',
        '"x,""y"""\n1.5,-2\n3,0.004\n',
        "\ufeffx,y\n1.5,-2\n3,4e-3\n",
        "x,y\r1.5,-2\r3,4e-3\r",
        "x,y\r\r\n1.5,-2\r\r\n3,4e-3\r\r\n",
        "x,y\n1.5,-2\n,\n  \n3,4e-3\n",
        "# made by hand\nx,y\n1.5,-2\n3,4e-3\n",
        "# x,y\n1.5,-2\n3,4e-3\n",
        "sep=;\nx;y\n1,5;-2\n3;0,004\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_the_same_table_however_it_is_written(tmp_path, text, encoding):
    table = read(written(tmp_path, text.removeprefix("\ufeff") if encoding == "utf-16" else text, encoding=encoding))

    assert table.columns == ["x", "y"]
    assert table.to_numpy() == pytest.approx(np.array(ROWS))
    assert table.dtypes == [pl.Float64, pl.Float64]


def test_latin1(tmp_path):
    table = read(written(tmp_path, "x [µm]\tname\n1\té\n", encoding="latin-1"))

    assert table.rows() == [(1.0, "é")]
    assert table.columns == ["x [µm]", "name"]


def test_latin1_far_down(tmp_path):
    path = written(tmp_path, b"x,name\n" + b"1,a\n" * HEAD_BYTES + b"2,\xe9\n")

    assert read(path).row(-1) == (2.0, "é")
    assert read(path, ["x"]).height == HEAD_BYTES + 1


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark(tmp_path, encoding):
    assert read(written(tmp_path, "x,y\n1,2\n", encoding=encoding)).rows() == [(1.0, 2.0)]


def test_no_blanks_are_counted_as_rows_but_other_rows_are(tmp_path):
    table = read(written(tmp_path, "x,y\n1,2\n\n,\n  \n , \n3,4\n"))

    assert table.rows() == [(1.0, 2.0), (None, None), (3.0, 4.0)]


@pytest.mark.parametrize(
    "content",
    [
        b"x,y\n1\x002,3\n4,5\n",
        b"x,y\n1,2\n" + bytes(50) + b"\n3,4\n",
        b"x,y\n1,2\n\0settings\n",
        b"x,y\n1,2\n" * 20_000 + b"\0",
        "x,y\n1,2\n\0".encode("utf-16"),
    ],
)
def test_a_nul_byte_cuts_nothing_off_in_silence(tmp_path, content):
    with pytest.raises(
        DataError, match=r"a\.csv: expected text; found a NUL byte at position \d+\. The file is damaged"
    ):
        read(written(tmp_path, content))


@pytest.mark.parametrize(
    "content",
    [
        'x,y\n1,"2\n3,4\n5,6\n',
        'x,y\n1,"2\n3,4\n5,6"\n7,8\n',
        'x,y\n1,2\n"3,4\n5,6"\n7,8\n',
        'x,y\n1,5"\n3,4\n',
        "x,y\n" + "1,2\n" * 20_000 + '1,"2\n' + "3,4\n" * 20_000,
        'x,y\r1,2\r1,"2\r3,4\r',
    ],
)
def test_a_quote_swallows_no_rows(tmp_path, content):
    with pytest.raises(DataError, match=r"a\.csv: expected quotes that are closed on their line; found .* on line \d+"):
        read(written(tmp_path, content))


def test_quotes_within_quotes_and_delimiters_within_quotes(tmp_path):
    table = read(written(tmp_path, 'x,name\n1,"a ""b"" c"\n2,"d,e"\n'))

    assert table.rows() == [(1.0, 'a "b" c'), (2.0, "d,e")]


def test_text_may_go_on_in_the_next_line(tmp_path):
    table = text_of(DelimitedReader, written(tmp_path, 'fov_id,note\na,"one\ntwo"\nb,three\n'))

    assert table.rows() == [("a", "one\ntwo"), ("b", "three")]


@pytest.mark.parametrize("text", ["x;y\n1,500;2\n", "x;y\n1,500;2.5\n", 'x,y\n"1,234,567",2\n', 'x,y\n"1,500.5",2\n'])
def test_grouped_thousands_are_not_read_as_something_else(tmp_path, text):
    path = written(tmp_path, text)

    with pytest.raises(
        DataError, match=r"a\.csv: expected numbers that can be read in one way; found commas in x that"
    ):
        read(path)
    assert read(path, ["y"]).height == 1


def test_with_a_decimal_comma_a_point_is_none(tmp_path):
    table = read(written(tmp_path, "x;y\n" + "1,5;2\n" * 300 + "1.234;2\n1.234,5;2\n"))

    assert table["x"].to_list() == [1.5] * 300 + [None, None]


@pytest.mark.parametrize("value", ["0x1A", "1_000", "1d5", "\u22121", "\uff11", "--1", "1e", "12 34", "NA", "true"])
def test_what_looks_like_a_number_and_is_none(tmp_path, value):
    assert read(written(tmp_path, f'x,y\n1,2\n"{value}",2\n3,4\n'), ["x"])["x"].to_list() == [1.0, None, 3.0]


def test_large_and_small_numbers(tmp_path):
    table = read(written(tmp_path, "x\n1e400\n1e-400\n-1E+05\n+.5\n5.\n0.1\n123456789.123456789\n"))

    assert table["x"].to_list() == [float("inf"), 0.0, -1e5, 0.5, 5.0, 0.1, 123456789.123456789]


def test_what_stands_before_the_header_is_kept(tmp_path):
    path = written(tmp_path, "# one\n# two\nx,y\n1,2\n")

    assert header_of(DelimitedReader, path).metadata == {"preamble": "# one\n# two"}
    assert table_of(DelimitedReader, path)[1] == {"preamble": "# one\n# two"}


@pytest.mark.parametrize("content", [b"x,y," + b"a" * 10**7, b"x,y," + b"a," * 10**7, b"x,y\n1," + b"2" * 10**7])
def test_a_huge_first_line_is_not_read_whole(tmp_path, content):
    path = written(tmp_path, content)

    assert accepted_by(DelimitedReader, path)
    for read_part in (header_of, table_of):
        with pytest.raises(DataError, match=r"a\.csv: .*found a line that has not ended after 65536 bytes"):
            read_part(DelimitedReader, path)


def test_integers_first_and_fractions_later(tmp_path):
    lines = ["x,y"] + ["1,2"] * (HEAD_BYTES // 2) + ["1.5,2"]

    table = read(written(tmp_path, "\n".join(lines)))

    assert table.height == HEAD_BYTES // 2 + 1
    assert table["x"][-1] == 1.5


def test_what_is_no_number_is_null(tmp_path):
    table = read(written(tmp_path, "x,y\n1,2\nabc,4\n5\n6,inf\n"))

    assert table["x"].to_list() == [1.0, None, 5.0, 6.0]
    assert table["y"].to_list() == [2.0, 4.0, None, float("inf")]


def test_header_only(tmp_path):
    path = written(tmp_path, "x,y\n")

    assert header_of(DelimitedReader, path) == Header(("x", "y"))
    assert read(path).is_empty()


def test_text_stays_text(tmp_path):
    table = text_of(DelimitedReader, written(tmp_path, "fov_id,label\n007,1.0\n 1e3 ,b\n"))

    assert table.rows() == [("007", "1.0"), ("1e3", "b")]


def test_rows_longer_than_the_header_further_down(tmp_path):
    lines = ["x,y"] + ["1,2"] * 1000 + ["1,2,3"]

    with pytest.raises(DataError, match=r"a\.csv: expected rows of 2 fields separated by ','"):
        read(written(tmp_path, "\n".join(lines)))


@pytest.mark.parametrize(
    ("content", "name", "accepted"),
    [
        (b"x,y\n1,2\n", "a.csv", True),
        (b"x,y\n1,2\n", "a.dat", True),
        (b"x,y\n1,2\n", "a.parquet", False),
        (b"PAR1abc", "a.csv", False),
        (b"\x89HDF\r\n", "a.csv", False),
        (b"\x01\x02\x03\n", "a.csv", False),
        (b"\x1f\x8b\x08rest", "a.csv", False),
        (b'{"x": [1, 2]}', "a.csv", False),
        (b"<html>x,y</html>", "a.csv", False),
        (b"x\0,y\n", "a.csv", False),
        (b"x\xa0[nm],y\n", "a.csv", True),
        (b"", "a.csv", False),
    ],
)
def test_accepts_by_content(tmp_path, content, name, accepted):
    assert accepted_by(DelimitedReader, written(tmp_path, content, name)) is accepted


def test_wrongly_quoted_thunderstorm_file(test_data):
    path = test_data / "formats" / "thunderstorm_dstorm.csv"

    table = read(path)

    assert table.columns[:5] == ["id", "frame", "x [nm]", "y [nm]", "sigma [nm]"]
    assert table.columns[5:7] == ["intensity [photon]", "offset [photon]"]
    assert table.columns[7:] == ["bkgstd [photon]", "chi2", "uncertainty [nm]"]
    assert table.height == 19
    assert table.row(0)[:4] == (73897.0, 2001.0, 1320.109670647555, 26344.7124618434)
    assert table.null_count().row(0) == (0,) * 10


NAMES = ("x", "y")


def described(**settings):
    defaults = {"encoding": "utf-8", "delimiter": ",", "decimal_comma": False, "names": NAMES, "header_lines": 1}
    return Dialect(**(defaults | settings))


def read_described(tmp_path, content, dialect=None, values=None, **settings):
    path = written(tmp_path, content)
    dialect = dialect or described()
    with OpenFile(path) as file:
        return read_rows(file, dialect, values or [as_number(name, dialect) for name in NAMES], **settings)


def test_numbers_and_text(tmp_path):
    table = read_described(tmp_path, b"x,y\n 1 , a b \n", values=[as_number("x", described()), as_text("y")])

    assert table.rows() == [(1.0, "a b")]
    assert table.schema == {"x": pl.Float64, "y": pl.String}


def test_decimal_comma(tmp_path):
    table = read_described(tmp_path, b"x;y\n1,5;2.5\n3;-0,25\n", described(delimiter=";", decimal_comma=True))

    assert table.rows() == [(1.5, None), (3.0, -0.25)]


def test_comments_between_rows(tmp_path):
    content = b"# header\n1 2\n# nothing in image 5\n3 4\n"

    assert read_described(tmp_path, content, described(delimiter=" ", comments=True, quotes=False)).rows() == [
        (1, 2),
        (3, 4),
    ]


def test_quotes_may_be_none(tmp_path):
    table = read_described(tmp_path, b'x,y\n1,"\n2,3\n', described(quotes=False), [as_text("x"), as_text("y")])

    assert table.rows() == [("1", '"'), ("2", "3")]


@pytest.mark.parametrize("header_lines", [0, 1, 3])
def test_rows_begin_below_the_header(tmp_path, header_lines):
    content = b"a\n" * header_lines + b'1,2\n"3",4\n'

    assert read_described(tmp_path, content, described(header_lines=header_lines)).rows() == [(1, 2), (3, 4)]


def test_a_quote_in_the_header_does_no_harm(tmp_path):
    assert read_described(tmp_path, b'"x,""y""\n1,2\n').rows() == [(1.0, 2.0)]


def test_other_encodings(tmp_path):
    content = "x,y\n1,é\n".encode("latin-1")

    assert read_described(tmp_path, content, described(encoding="latin-1"), [as_text("y")]).rows() == [("é",)]
    assert read_described(tmp_path, content, None, [as_text("y")]).rows() == [("é",)]  # though it was taken for UTF-8


def test_table_that_ends_with_a_nul(tmp_path):
    for encoding in ("utf-8", "latin-1"):
        content = "x,y\n1,2\n\0µ 3\nSizeX : 5,6\n".encode(encoding)

        assert read_described(tmp_path, content, described(encoding=encoding), ends_at_nul=True).rows() == [(1.0, 2.0)]


@pytest.mark.parametrize("tail", [b"\0\n3,4\n", b"\0\0\0\n-3.5,4\n5,6\n", b"\0 text\n3,4\n"])
def test_rows_behind_a_nul(tmp_path, tail):
    with pytest.raises(DataError, match=r"a\.csv: expected text; found a NUL byte at position 8, and rows behind it"):
        read_described(tmp_path, b"x,y\n1,2\n" + tail, ends_at_nul=True)
    with pytest.raises(DataError, match=r"found a NUL byte at position 8\. The file is damaged"):
        read_described(tmp_path, b"x,y\n1,2\n" + tail)


def test_rows_that_are_too_long(tmp_path):
    with pytest.raises(DataError, match=r"a\.csv: expected rows of 2 fields separated by ','.*more fields") as error:
        read_described(tmp_path, b"x,y\n1,2\n3,4,5\n")
    assert "\n" not in str(error.value)


def test_rows_that_are_too_short_are_rows(tmp_path):
    assert read_described(tmp_path, b"x,y\n1,2\n3\n4,5\n").rows() == [(1.0, 2.0), (3.0, None), (4.0, 5.0)]


def test_what_polars_says_is_kept_short(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise pl.exceptions.ComputeError("line\n" * 10_000)

    monkeypatch.setattr(pl, "scan_csv", fail)
    with pytest.raises(DataError) as error:
        read_described(tmp_path, b"x,y\n1,2\n")
    assert len(str(error.value)) < 500


def test_a_panic_of_polars_is_told(tmp_path, monkeypatch):
    def panic(*_, **__):
        raise pl.exceptions.PanicException("index out of range")

    monkeypatch.setattr(pl, "scan_csv", panic)
    with pytest.raises(DataError, match="index out of range"):
        read_described(tmp_path, b"x,y\n1,2\n")


def test_rows_that_polars_would_lose(tmp_path, monkeypatch):
    scan = pl.scan_csv
    monkeypatch.setattr(pl, "scan_csv", lambda *a, **k: scan(*a, **k).head(1))

    with pytest.raises(DataError, match=r"a\.csv: expected a row on each of 2 lines; found 1 rows"):
        read_described(tmp_path, b'x,y\n"1",2\n\n,\n"3",4\n')
