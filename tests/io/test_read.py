"""From a file to localisations: what is read, refused and counted, what stops it, and how localisations are shown."""

import math
import re
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
import yaml

import locgraph
from locgraph.errors import ConfigError, DataError
from locgraph.io.columns import ColumnMap, FileColumns, MissingColumnsError
from locgraph.io.localisations import Localisations, refuse_rows
from locgraph.io.read import read, read_header, read_localisations

COLUMNS = ColumnMap({"x": "x", "y": "y", "photons": "photons"}, unit="um")
WITH_FRAMES = ColumnMap({"x": "x", "y": "y", "frame": "t"}, unit="nm")


def written(tmp_path, content, name="a.csv"):
    (tmp_path / name).write_bytes(content)
    return tmp_path / name


@pytest.fixture
def known(tmp_path):
    text = b'"frame","x [nm]","y [nm]","z [nm]","sigma [nm]"\n1,10,20,5,130\n2,30,40,6,-1\n'
    return written(tmp_path, text, "cell 1.csv")


@pytest.fixture
def plain(tmp_path):
    return written(tmp_path, b"x,y,z,ch\n1,2,3,red\n4,5,6,green\n", "plain.csv")


def test_a_text_table(tmp_path):
    locs = read_localisations(written(tmp_path, b"x,y,photons,n\n1,2,30,0\n-1,0.5,40,0\n"), COLUMNS, 0.0)

    assert locs.table.rows() == [(1000.0, 2000.0, 30.0), (-1000.0, 500.0, 40.0)]
    assert (locs.dimensions, locs.refused, locs.metadata) == (2, {}, {})
    assert read_header(tmp_path / "a.csv", COLUMNS).names == ("x", "y", "photons", "n")


def test_parquet_under_any_name_keeps_its_metadata(tmp_path):
    path = tmp_path / "a.csv"
    pl.DataFrame({"x": [1.0], "y": [2.0], "more": ["a"]}).write_parquet(path, metadata={"gt_label": "2"})

    locs = read_localisations(path, COLUMNS, 0.0)

    assert locs.table.columns == ["x", "y"]
    assert locs.metadata == {"gt_label": "2"}


def test_z_makes_three_dimensions(tmp_path):
    columns = ColumnMap({"x": "x", "y": "y", "z": "z"}, unit="nm")

    assert read_localisations(written(tmp_path, b"x,y,z\n1,2,3\n"), columns, 0.0).dimensions == 3
    assert read_localisations(written(tmp_path, b"x,y\n1,2\n"), columns, 0.0).dimensions == 2


def test_one_source_column_may_serve_twice(tmp_path):
    columns = ColumnMap({"x": "x", "y": "y", "precision": "s", "precision_z": "s"}, unit="nm")

    assert read_localisations(written(tmp_path, b"x,y,s\n1,2,3\n"), columns, 0.0).table.row(0) == (1.0, 2.0, 3.0, 3.0)


@pytest.mark.parametrize(("rows", "refused"), [(b"1,2,9\n3,4,7\n", 0.0), (b"nan,2,1\n3,4,9\n5,6,7\n", 0.5)])
def test_frames_start_at_0_with_the_first_that_is_kept(tmp_path, rows, refused):
    locs = read_localisations(written(tmp_path, b"x,y,t\n" + rows), WITH_FRAMES, refused)

    assert locs.table["frame"].to_list() == [2, 0]
    assert locs.first_frame == 7


def test_refused_rows_are_counted_up_to_a_limit(tmp_path):
    path = written(tmp_path, b"x,y,photons\n" + b"1,2,3\n" * 17 + b"nan,2,3\ninf,2,3\n1,2,-5\n")

    locs = read_localisations(path, COLUMNS, 0.15)

    assert locs.table.height == 17
    assert locs.refused == {"x is missing or not a finite number": 2, "photons is negative": 1}
    message = r"a\.csv: expected at most 14\.00% .* found 3 of 20 \(2 rows: x is .*; 1 rows: photons is negative\)"
    with pytest.raises(DataError, match=message) as caught:
        read_localisations(path, COLUMNS, 0.14)
    assert caught.value.setting == "max_refused_fraction"


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (b"", "a.csv", r"found an empty file \(0 bytes\)"),
        (b"x,y\n", "a.csv", "expected localisations; found a header without rows"),
        (b"x,y\n1,a\n2,b\n", "a.csv", r"expected localisations; found none among 2 rows \(2 rows: y is"),
        (b"x,Y\n1,2\n", "a.csv", r"expected the column 'y' \(y\); found the columns 'x', 'Y'"),
        (b"x,y\n1,2\n", "a.parquet", "expected parquet, as its name says"),
        (b"PAR1abcdefgh", "a.parquet", "expected a whole parquet file"),
        (b"\x89HDF\r\n\x1a\n\0", "a.csv", "expected a whole HDF5 file"),
        (b"\x00\x01\x02\n", "a.csv", "expected parquet or delimited text"),
        (b"1,2\n3,4\n", "a.csv", "It has no header line: give positions, from 1"),
    ],
)
def test_files_that_cannot_be_read(tmp_path, content, name, message):
    with pytest.raises(DataError, match=rf"{name}: .*{message}"):
        read_localisations(written(tmp_path, content, name), COLUMNS, 1.0)


def test_files_that_are_not_there(tmp_path, monkeypatch):
    with pytest.raises(DataError, match=r"b\.csv: expected a file; found none"):
        read_header(tmp_path / "b.csv", COLUMNS)
    with pytest.raises(DataError, match="expected a file; found a folder"):
        read_header(tmp_path, COLUMNS)
    with pytest.raises(MissingColumnsError):
        read_header(written(tmp_path, b"x,Y\n1,2\n"), COLUMNS)

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DataError, match=r"a\.csv: expected a file that can be read; found Permission denied"):
        read_header(tmp_path / "a.csv", COLUMNS)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_brackets_and_stars_in_a_path_are_no_pattern(tmp_path, suffix):
    path = tmp_path / "a[1]*" / f"b[2]{suffix}"
    path.parent.mkdir()
    table = pl.DataFrame({"x": [1.0], "y": [2.0], "photons": [3.0]})
    table.write_csv(path) if suffix == ".csv" else table.write_parquet(path)

    assert read_header(path, COLUMNS).names == ("x", "y", "photons")
    assert read_localisations(path, COLUMNS, 0.0).table.rows() == [(1000.0, 2000.0, 3.0)]


def test_a_column_map_of_the_documentation():
    text = (Path(__file__).parents[2] / "docs" / "read.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(.*?)```", text, flags=re.DOTALL)

    columns = ColumnMap(**yaml.safe_load(block)["columns"])

    assert [columns.nm_per_unit(name) for name in ("x", "z", "precision")] == [130.0, 1.0, 130.0]


def test_digits_and_letters(test_data):
    columns = ColumnMap({"x": "x", "y": "y", "precision": "sigma", "channel": "channel"}, unit="px", pixel_size_nm=130)
    path = test_data / "digits_letters" / "L_1.parquet"
    source = pl.read_parquet(path)

    locs = read_localisations(path, columns, 0.0)

    assert locs.table.height == source.height == 278
    assert locs.table["x"].to_list() == pytest.approx([130 * x for x in source["x"]])
    assert locs.metadata["gt_label"] == "5"


def test_good_rows_stay_as_they_are():
    good = pl.DataFrame({"x": [1.0, -2.0], "y": [3.0, -4.0], "z": [-1.0, 0.0], "photons": [0.0, 5.0]})
    good = good.with_columns(frame=pl.Series([0, 1]), background=pl.lit(-3.0))

    for table in (good, good.clear()):
        kept, refused = refuse_rows(table)
        assert kept.equals(table)
        assert refused == {}


def test_coordinates_must_be_finite_and_a_row_counts_once():
    x = [1.0, math.nan, math.inf, 2.0, 3.0, None, math.nan]
    y = [1.0, 1.0, 1.0, -math.inf, None, 1.0, math.nan]

    kept, refused = refuse_rows(pl.DataFrame({"x": x, "y": y, "photons": [1.0] * 6 + [-1.0]}, strict=False))

    assert kept.rows() == [(1.0, 1.0, 1.0)]
    assert refused == {"x is missing or not a finite number": 4, "y is missing or not a finite number": 2}


@pytest.mark.parametrize("name", ["photons", "precision", "precision_z", "sigma"])
def test_values_that_must_not_be_negative_or_missing(name):
    table = pl.DataFrame({"x": [1.0, 2.0, 3.0], "y": [1.0, 2.0, 3.0], name: [0.0, -1.0, None]})

    kept, refused = refuse_rows(table)

    assert kept["x"].to_list() == [1.0]
    assert refused == {f"{name} is missing or not a finite number": 1, f"{name} is negative": 1}


def test_read_takes_a_file_of_known_software(known):
    locs = locgraph.read(str(known), max_refused_fraction=0.5)

    assert locs.table.equals(read_localisations(known, FileColumns(), 0.5).table)
    assert locs.refused == {"sigma is negative": 1}
    assert read(known, leave_out=["sigma", "z"]).table.columns == ["x", "y", "frame"]


def test_read_takes_names_and_unit(plain):
    names = {"x": "x", "y": "y", "channel": "ch"}

    locs = read(plain, names=names, unit="px", pixel_size_nm=100, channels=["green", "red"])

    assert locs.table.rows() == [(100.0, 200.0, 1), (400.0, 500.0, 0)]
    with pytest.raises(ConfigError, match="never guessed") as caught:
        read(plain, names=names)
    assert caught.value.setting == "unit"


def test_read_takes_a_unit_alone_for_canonical_names(plain):
    assert read(plain, unit="um").table.rows() == [(1000.0, 2000.0, 3000.0), (4000.0, 5000.0, 6000.0)]
    assert read(plain, unit="um", leave_out=["z"]).dimensions == 2


def test_read_takes_a_column_map_in_place_of_keywords(plain):
    columns = ColumnMap({"x": "y", "y": "x"}, unit="nm")

    assert read(plain, columns).table.rows() == [(2.0, 1.0), (5.0, 4.0)]
    with pytest.raises(ConfigError) as caught:
        read(plain, columns, unit="nm")
    assert caught.value.setting == "columns"
    with pytest.raises(DataError, match=r"plain\.csv: expected columns of a known software"):
        read(plain)


def test_localisations_are_shown_on_one_line_and_as_a_table(known):
    locs = read(known, max_refused_fraction=0.5)

    assert repr(locs) == (
        f"Localisations of cell 1 ({known}): 1 in 3D; x [nm], y [nm], z [nm], frame [frames], sigma [nm]; "
        "1 rows refused"
    )
    assert (locs.fov_id, len(locs), locs.units["frame"]) == ("cell 1", 1, "frames")
    page = locs._repr_html_()
    assert page.startswith("<p>Localisations of cell 1 (")
    assert "<table" in page
    assert repr(Localisations(locs.table, 3, {}, {})).startswith("Localisations: 1 in 3D; x [nm]")


def test_readers_open_a_file_once(known, monkeypatch):
    opened = []
    original = Path.open
    monkeypatch.setattr(Path, "open", lambda path, *how, **more: opened.append(path) or original(path, *how, **more))

    read(known, max_refused_fraction=0.5)

    assert opened == [known]


def test_reading_needs_neither_torch_nor_hydra_and_hdf5_only_for_hdf5(known):
    code = (
        "import sys, locgraph; locgraph.read(sys.argv[1], max_refused_fraction=0.5); "
        "print(sorted({'torch', 'hydra', 'omegaconf', 'h5py', 'scipy', 'yaml'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code, known], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_mean_frames_of_merged_localisations(tmp_path):
    # as software that averages over frames writes them, in any format
    text = '"id","frame","x [nm]","y [nm]","detections"\n1,10.75,100,200,2\n2,12,150,250,1\n3,17.25,150,250,4\n'
    (tmp_path / "a.csv").write_text(text)

    locs = read_localisations(tmp_path / "a.csv", FileColumns(), 0)

    assert locs.table["frame"].to_list() == [0, 1, 6]
    assert locs.table["n_frames"].to_list() == [2, 1, 4]
    assert locs.refused == {}
    assert locs.notes[-1].startswith("frame is a fraction in 2 of 3 rows")
