"""Text tables as instruments write them."""

import numpy as np
import polars as pl
import pytest

from locgraph.errors import DataError
from locgraph.io.delimited import HEAD_BYTES, DelimitedReader

ROWS = [(1.5, -2.0), (3.0, 4e-3)]


def written(tmp_path, content, name="a.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


def read(path, columns=None):
    return DelimitedReader().read_table(path, columns)[0]


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
        "x,y\n1.5,-2\n3,4e-3\n\0\nsettings of the instrument, one, two, three\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_the_same_table_however_it_is_written(tmp_path, text, encoding):
    table = read(written(tmp_path, text.removeprefix("\ufeff") if encoding == "utf-16" else text, encoding=encoding))

    assert table.columns == ["x", "y"]
    assert table.to_numpy() == pytest.approx(np.array(ROWS))
    assert table.dtypes == [pl.Float64, pl.Float64]


def test_latin1_header_and_tail(tmp_path):
    table = read(written(tmp_path, "x [µm]\tname\n1\té\n\0tail ü", encoding="latin-1"))

    assert table.rows() == [(1.0, "é")]
    assert table.columns == ["x [µm]", "name"]


def test_integers_first_and_fractions_later(tmp_path):
    lines = ["x,y"] + ["1,2"] * (HEAD_BYTES // 2) + ["1.5,2"]

    table = read(written(tmp_path, "\n".join(lines)))

    assert table.height == HEAD_BYTES // 2 + 1
    assert table["x"][-1] == 1.5


def test_what_is_no_number_is_null(tmp_path):
    table = read(written(tmp_path, "x,y\n1,2\nabc,4\n5\n6,inf\n"))

    assert table["x"].to_list() == [1.0, None, 5.0, 6.0]
    assert table["y"].to_list() == [2.0, 4.0, None, float("inf")]


def test_some_columns(tmp_path):
    assert read(written(tmp_path, "x,y,n\n1,2,a\n"), ["n", "x"]).rows() == [(1.0, "a")]


def test_header_only(tmp_path):
    path = written(tmp_path, "x,y\n")

    assert DelimitedReader().read_header(path) == (["x", "y"], {})
    assert read(path).is_empty()


def test_text_stays_text(tmp_path):
    table = DelimitedReader().read_text(written(tmp_path, "fov_id,label\n007,1.0\n 1e3 ,b\n"))

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
        (b"", "a.csv", False),
    ],
)
def test_accepts_by_content(tmp_path, content, name, accepted):
    assert DelimitedReader().accepts(written(tmp_path, content, name)) is accepted


def test_wrongly_quoted_thunderstorm_file(test_data):
    path = test_data / "formats" / "thunderstorm_dstorm.csv"

    table = read(path)

    assert table.columns[:5] == ["id", "frame", "x [nm]", "y [nm]", "sigma [nm]"]
    assert table.columns[5:7] == ["intensity [photon]", "offset [photon]"]
    assert table.columns[7:] == ["bkgstd [photon]", "chi2", "uncertainty [nm]"]
    assert table.height == 19
    assert table.row(0)[:4] == (73897.0, 2001.0, 1320.109670647555, 26344.7124618434)
    assert table.null_count().row(0) == (0,) * 10


def test_nanoimager_file(test_data):
    table = read(test_data / "formats" / "oni_nanoimager_dstorm.csv")

    assert table.columns == ["Channel", "Frame", "X (nm)", "Y (nm)", "Z (nm)", "Photons", "Background"]
    assert table.row(0) == (0.0, 1548.0, 40918.949219, 56104.691406, 0.0, 139.828232, 0.8485)
