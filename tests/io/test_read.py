"""From a file to localisations, and what stops it."""

import re
from pathlib import Path

import polars as pl
import pytest
from omegaconf import OmegaConf

from locgraph.errors import DataError
from locgraph.io.columns import ColumnMap, MissingColumnsError
from locgraph.io.read import read_header, read_localisations

COLUMNS = ColumnMap({"x": "x", "y": "y", "photons": "photons"}, unit="um")


def written(tmp_path, content, name="a.csv"):
    (tmp_path / name).write_bytes(content)
    return tmp_path / name


def test_delimited(tmp_path):
    found = read_localisations(written(tmp_path, b"x,y,photons\n1,2,30\n-1,0.5,40\n"), COLUMNS, 0.0)

    assert found.table.rows() == [(1000.0, 2000.0, 30.0), (-1000.0, 500.0, 40.0)]
    assert found.dimensions == 2
    assert found.refused == {}
    assert found.metadata == {}


def test_parquet_keeps_its_metadata(tmp_path):
    path = tmp_path / "a.parquet"
    pl.DataFrame({"x": [1.0], "y": [2.0], "more": ["a"]}).write_parquet(path, metadata={"gt_label": "2"})

    found = read_localisations(path, COLUMNS, 0.0)

    assert found.table.columns == ["x", "y"]
    assert found.metadata == {"gt_label": "2"}


def test_parquet_under_another_name(tmp_path):
    path = tmp_path / "a.csv"
    pl.DataFrame({"x": [1.0], "y": [2.0]}).write_parquet(path)

    assert read_localisations(path, COLUMNS, 0.0).table.height == 1


def test_z_makes_three_dimensions(tmp_path):
    columns = ColumnMap({"x": "x", "y": "y", "z": "z"}, unit="nm")

    assert read_localisations(written(tmp_path, b"x,y,z\n1,2,3\n"), columns, 0.0).dimensions == 3
    assert read_localisations(written(tmp_path, b"x,y\n1,2\n"), columns, 0.0).dimensions == 2


def test_one_source_column_may_serve_twice(tmp_path):
    columns = ColumnMap({"x": "x", "y": "y", "precision": "s", "precision_z": "s"}, unit="nm")

    assert read_localisations(written(tmp_path, b"x,y,s\n1,2,3\n"), columns, 0.0).table.row(0) == (1.0, 2.0, 3.0, 3.0)


def test_refused_rows_within_the_limit_are_counted(tmp_path):
    path = written(tmp_path, b"x,y,photons\n" + b"1,2,3\n" * 17 + b"nan,2,3\ninf,2,3\n1,2,-5\n")

    found = read_localisations(path, COLUMNS, 0.15)

    assert found.table.height == 17
    assert found.refused == {"x is missing or not a finite number": 2, "photons is negative": 1}


def test_too_many_refused_rows(tmp_path):
    path = written(tmp_path, b"x,y,photons\n" + b"1,2,3\n" * 17 + b"nan,2,3\ninf,2,3\n1,2,-5\n")

    with pytest.raises(
        DataError,
        match=r"max_refused_fraction: .*a\.csv: expected at most 14\.00% .* found 3 of 20 "
        r"\(2 rows: x is .*; 1 rows: photons is negative\)",
    ):
        read_localisations(path, COLUMNS, 0.14)


def test_no_row_left(tmp_path):
    with pytest.raises(DataError, match=r"expected localisations; found none among 2 rows \(2 rows: y is"):
        read_localisations(written(tmp_path, b"x,y\n1,a\n2,b\n"), COLUMNS, 1.0)


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (b"", "a.csv", r"a\.csv: .*found an empty file \(0 bytes\)"),
        (b"", "a.parquet", r"a\.parquet: .*found an empty file \(0 bytes\)"),
        (b"x,y\n", "a.csv", r"a\.csv: expected localisations; found a header without rows"),
        (b"x,y\n1,2\n", "a.parquet", r"a\.parquet: expected parquet, as its name says"),
        (b"PAR1abcdefgh", "a.parquet", r"a\.parquet: expected a whole parquet file"),
        (b"\x89HDF\r\n\x1a\n\0", "a.csv", r"a\.csv: expected a whole HDF5 file"),
        (b"\x00\x01\x02\n", "a.csv", r"a\.csv: expected parquet or delimited text"),
        (b"1,2\n3,4\n", "a.csv", r"a\.csv: expected a header line"),
    ],
)
def test_files_that_cannot_be_read(tmp_path, content, name, message):
    with pytest.raises(DataError, match=message):
        read_localisations(written(tmp_path, content, name), COLUMNS, 1.0)


def test_parquet_without_rows(tmp_path):
    pl.DataFrame(schema={"x": pl.Float64, "y": pl.Float64}).write_parquet(tmp_path / "a.parquet")

    with pytest.raises(DataError, match="a header without rows"):
        read_localisations(tmp_path / "a.parquet", COLUMNS, 1.0)


def test_no_file(tmp_path):
    with pytest.raises(DataError, match=r"b\.csv: expected a file; found none"):
        read_localisations(tmp_path / "b.csv", COLUMNS, 1.0)


@pytest.mark.parametrize("read", [read_header, lambda path, columns: read_localisations(path, columns, 1.0)])
def test_renamed_column(tmp_path, read):
    with pytest.raises(MissingColumnsError, match=r"expected the column 'y' \(y\); found the columns 'x', 'Y'"):
        read(written(tmp_path, b"x,Y\n1,2\n"), COLUMNS)


def test_header(tmp_path):
    assert read_header(written(tmp_path, b"x,y,n\n1,2,3\n"), COLUMNS).names == ("x", "y", "n")


def test_thunderstorm(test_data):
    columns = ColumnMap(
        {
            "x": "x [nm]",
            "y": "y [nm]",
            "frame": "frame",
            "photons": "intensity [photon]",
            "precision": "uncertainty [nm]",
        },
        unit="nm",
    )

    found = read_localisations(test_data / "formats" / "thunderstorm_dstorm.csv", columns, 0.0)

    assert found.table.height == 19
    assert found.table["frame"].min() == 0
    assert found.table["precision"][0] == 22.93255128689051


@pytest.mark.parametrize(
    ("index", "name", "rows"), [(0, "thunderstorm_dstorm.csv", 19), (1, "oni_nanoimager_dstorm.csv", 14)]
)
def test_column_maps_of_the_documentation(test_data, index, name, rows):
    found = read_localisations(test_data / "formats" / name, documented_maps()[index], 0.0)

    assert found.table.height == rows
    assert found.dimensions == 2
    assert set(found.table.columns) == set(documented_maps()[index].names)


def test_mixed_units_of_the_documentation():
    columns = documented_maps()[2]

    assert [columns.nm_per_unit(name) for name in ("x", "z", "precision")] == [130.0, 1.0, 130.0]


def documented_maps():
    text = (Path(__file__).parents[2] / "docs" / "read.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", text, flags=re.DOTALL)
    return [ColumnMap(**OmegaConf.create(block)["columns"]) for block in blocks]


def test_digits_and_letters(test_data):
    columns = ColumnMap({"x": "x", "y": "y", "precision": "sigma", "channel": "channel"}, unit="px", pixel_size_nm=130)
    path = test_data / "digits_letters" / "L_1.parquet"
    source = pl.read_parquet(path)

    found = read_localisations(path, columns, 0.0)

    assert found.table.height == source.height == 278
    assert found.table["x"].to_list() == pytest.approx([130 * x for x in source["x"]])
    assert found.metadata["gt_label"] == "5"


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_brackets_and_stars_in_a_path_are_no_pattern(tmp_path, suffix):
    path = tmp_path / "a[1]*" / f"b[2]{suffix}"
    path.parent.mkdir()
    table = pl.DataFrame({"x": [1.0], "y": [2.0], "photons": [3.0]})
    table.write_csv(path) if suffix == ".csv" else table.write_parquet(path)
    assert read_header(path, COLUMNS).names == ("x", "y", "photons")
    assert read_localisations(path, COLUMNS, 0.0).table.rows() == [(1000.0, 2000.0, 3.0)]


def test_frames_start_at_0_and_their_first_is_known(tmp_path):
    columns = ColumnMap({"x": "x", "y": "y", "frame": "t"}, unit="nm")

    found = read_localisations(written(tmp_path, b"x,y,t\n1,2,9\n3,4,7\n"), columns, 0.0)

    assert found.table["frame"].to_list() == [2, 0]
    assert found.first_frame == 7


def test_the_first_frame_is_that_of_the_first_row_that_was_not_refused(tmp_path):
    columns = ColumnMap({"x": "x", "y": "y", "frame": "t"}, unit="nm")

    found = read_localisations(written(tmp_path, b"x,y,t\nnan,2,1\n3,4,7\n5,6,8\n"), columns, 0.5)

    assert found.table["frame"].to_list() == [0, 1]
    assert found.first_frame == 7


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch):
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)

    with pytest.raises(DataError, match=r"a\.csv: expected a file that can be read; found Permission denied"):
        read_header(tmp_path / "a.csv", COLUMNS)
