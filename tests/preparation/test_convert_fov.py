"""One FOV to canonical parquet and back."""

import shutil
from pathlib import Path

import numpy as np
import polars as pl
import polars.selectors as cs
import pytest

from locgraph.errors import DataError
from locgraph.io.catalogue import FovSource
from locgraph.io.columns import ColumnMap
from locgraph.io.converted import read_converted
from locgraph.io.file_columns import FileColumns
from locgraph.io.labels import LocalisationLabels
from locgraph.io.rawfile import RawFile
from locgraph.io.read import read_localisations
from locgraph.preparation.convert import ConvertRecipe, ConvertTask, convert_fingerprint, convert_fov

CSV = """id,"frame","x [nm]","y [nm]","sigma [nm]","intensity [photon]","uncertainty [nm]"
1,5,100.25,200.5,130.0,1000,5
2,3,0.1,-7.000000001,131.0,900,6
3,2,nan,5,131.0,900,6
4,9,3,4,131.0,-1,6
"""


@pytest.fixture
def converted(tmp_path):
    """Converts a file and gives where to, and what it says of itself."""

    def convert(path, columns=None, limit=1.0, label=None, class_names=(), group=None, digest="00", loc_labels=False):
        settings = {"columns": "auto", "max_refused_fraction": limit}
        recipe = ConvertRecipe(columns or FileColumns(), limit, settings)
        source = FovSource("a", path, label, group, loc_labels)
        wanted = convert_fingerprint(source, class_names, recipe, digest)
        target = tmp_path / "target" / "a.parquet"
        convert_fov(ConvertTask(source, class_names, recipe, target, digest, wanted))
        return target, read_converted(target)

    return convert


@pytest.fixture
def csv(tmp_path) -> Path:
    path = tmp_path / "a.csv"
    path.write_text(CSV)
    return path


def test_lengths_are_nm_and_frames_start_at_0(converted, csv):
    target, about = converted(csv)

    table = pl.read_parquet(target)
    assert table.to_dict(as_series=False) == {
        "x": [100.25, 0.1],
        "y": [200.5, -7.000000001],
        "frame": [2, 0],
        "photons": [1000.0, 900.0],
        "precision": [5.0, 6.0],
        "sigma": [130.0, 131.0],
    }
    assert about.first_frame == 3, "the row of frame 2 was refused"
    assert about.counts == {
        "rows_read": 4,
        "rows_refused": 2,
        "n_localisations": 2,
        "rows_refused: x is missing or not a finite number": 1,
        "rows_refused: photons is negative": 1,
    }


def test_it_says_where_it_comes_from_and_how_it_was_read(converted, csv):
    _, about = converted(csv, label="L", class_names=("O", "L"), group="g", digest="77")

    assert (about.label, about.class_names, about.group) == ("L", ("O", "L"), "g")
    assert about.source == {"path": str(csv), "digest": "77", "reader": "delimited", "software": "ThunderSTORM"}
    assert about.recipe["columns"] == "auto"
    assert about.recipe["names"]["precision"] == ["uncertainty [nm]"]
    assert about.recipe["units"] == {"x": "nm", "y": "nm", "precision": "nm", "sigma": "nm"}
    assert about.recipe["not_taken"] == ["id"]


def assert_same_again(target):
    """Read by ``columns=auto``, and converted again, a converted file gives the same numbers, to the last bit."""
    table = pl.read_parquet(target)
    found = read_localisations(target, FileColumns(), 0.0)
    assert found.table.schema == table.schema
    assert found.table.equals(table)
    for name in table.select(cs.numeric()).columns:
        assert found.table[name].to_numpy().tobytes() == table[name].to_numpy().tobytes(), name
    assert found.refused == {}


def test_read_again_the_numbers_are_the_same_to_the_last_bit(converted, tmp_path):
    rng = np.random.default_rng(0)
    n = 2000
    source = pl.DataFrame(
        {
            "X": rng.uniform(0, 512, n),
            "Y": rng.uniform(0, 512, n).astype(np.float32),
            "Z": rng.normal(0, 300, n),
            "T": rng.integers(17, 9000, n),
            "N": rng.exponential(1000, n),
            "lpx": rng.uniform(0.01, 0.2, n),
            "lpy": rng.uniform(0.01, 0.2, n),
            "C": rng.integers(0, 3, n),
            "G": rng.integers(-1, 9, n),
        }
    )
    source.write_parquet(tmp_path / "a.parquet", metadata={"gt_label": "3", "Camera": "\u00fc"})
    columns = ColumnMap(
        {
            "x": "X",
            "y": "Y",
            "z": "Z",
            "frame": "T",
            "photons": "N",
            "precision": ("lpx", "lpy"),
            "channel": "C",
            "source_cluster": "G",
        },
        unit="px",
        units={"z": "nm"},
        pixel_size_nm=107.3,
    )

    target, about = converted(tmp_path / "a.parquet", columns)

    assert_same_again(target)
    assert about.dimensions == 3
    assert about.first_frame == source["T"].min()
    assert about.recipe["pixel_size_nm"] == 107.3
    assert about.recipe["units"] == {"x": "px", "y": "px", "z": "nm", "precision": "px"}
    assert about.source_metadata == {"gt_label": "3", "Camera": "\u00fc"}
    np.testing.assert_array_equal(pl.read_parquet(target)["x"], source["X"].to_numpy() * 107.3)


def test_frames_stay_the_same_where_the_first_was_refused(converted, csv):
    assert_same_again(converted(csv)[0])


def test_a_flat_z_is_left_out_with_a_note(converted, tmp_path):
    (tmp_path / "a.csv").write_text("x,y,z\n1,2,0\n3,4,0\n")

    target, about = converted(tmp_path / "a.csv", ColumnMap({"x": "x", "y": "y", "z": "z"}, unit="nm"))

    assert pl.read_parquet(target).columns == ["x", "y"]
    assert (about.dimensions, about.notes) == (2, ("z is 0 everywhere: read in 2D",))
    assert about.first_frame is None
    assert_same_again(target)


def test_names_of_channels_are_kept(converted, tmp_path):
    (tmp_path / "a.csv").write_text("x,y,c\n1,2,actin\n3,4,tubulin\n")
    columns = ColumnMap({"x": "x", "y": "y", "channel": "c"}, unit="nm", channels=("tubulin", "actin"))

    target, about = converted(tmp_path / "a.csv", columns)

    assert pl.read_parquet(target)["channel"].to_list() == [1, 0]
    assert about.channels == {"0": "tubulin", "1": "actin"}
    assert_same_again(target)


def test_the_first_frame_survives_a_second_conversion(converted, csv, tmp_path):
    first, _ = converted(csv)
    again = first.rename(tmp_path / "again.parquet")

    _, about = converted(again)

    assert about.first_frame == 3
    assert about.source["software"] == "locgraph"


def test_too_many_refused_rows_leave_no_file(converted, csv, tmp_path):
    with pytest.raises(DataError, match=r"expected at most 10.00% of the rows to be refused; found 2 of 4"):
        converted(csv, limit=0.1)
    assert not (tmp_path / "target").exists()


def test_the_fingerprint_changes_with_all_that_could_change_the_file(csv, tmp_path):
    def fingerprint(digest="0", label=None, classes=(), group=None, path=csv, **settings):
        recipe = ConvertRecipe(settings.pop("columns", FileColumns()), 0.1, settings)
        return convert_fingerprint(FovSource("a", path, label, group), classes, recipe, digest)

    other = tmp_path / "b.csv"
    other.write_text(CSV)
    found = [
        fingerprint(),
        fingerprint(digest="1"),
        fingerprint(label="L", classes=("L",)),
        fingerprint(label="L", classes=("L", "O")),
        fingerprint(group="g"),
        fingerprint(limit=0.2),
        fingerprint(columns=FileColumns(leave_out=["sigma"])),
    ]
    assert len(set(found)) == len(found)
    assert fingerprint() == found[0]
    assert fingerprint(path=other) == found[0], "the same file elsewhere is the same file"


def test_what_stands_beside_a_file_counts_too(test_data, tmp_path):
    for suffix in (".hdf5", ".yaml"):
        shutil.copyfile(test_data / "formats" / f"picasso_locs{suffix}", tmp_path / f"a{suffix}")
    path, recipe = tmp_path / "a.hdf5", ConvertRecipe(FileColumns(), 0.1, {})
    before = convert_fingerprint(FovSource("a", path, None, None), (), recipe, "0")
    assert convert_fingerprint(FovSource("a", path, None, None), (), recipe, "0") == before
    sidecar = path.with_suffix(".yaml")
    sidecar.write_text(sidecar.read_text().replace("Pixelsize: 130", "Pixelsize: 131"))

    assert convert_fingerprint(FovSource("a", path, None, None), (), recipe, "0") != before


def test_classes_of_localisations_become_indices(converted, tmp_path):
    (tmp_path / "a.csv").write_text("x,y,c\n1,2,free\n3,4,bound\n5,6,\n")
    columns = ColumnMap({"x": "x", "y": "y", "loc_label": "c"}, unit="nm")

    target, about = converted(tmp_path / "a.csv", columns, class_names=("bound", "free"), loc_labels=True)

    assert pl.read_parquet(target)["loc_label"].to_list() == [1, 0, -1]
    assert (about.loc_labels, about.label, about.class_names) == (True, None, ("bound", "free"))
    assert_same_again(target)
    file = RawFile("a", target, (), pl.read_parquet_metadata(target))
    assert LocalisationLabels().labels([file]).class_names == ("bound", "free")


def test_classes_of_localisations_that_nobody_asked_for_stay_as_they_are(converted, tmp_path):
    (tmp_path / "a.csv").write_text("x,y,c\n1,2,free\n3,4,bound\n5,6,\n")

    target, about = converted(tmp_path / "a.csv", ColumnMap({"x": "x", "y": "y", "loc_label": "c"}, unit="nm"))

    assert pl.read_parquet(target)["loc_label"].to_list() == ["free", "bound", ""]
    assert not about.loc_labels
    assert_same_again(target)


@pytest.mark.parametrize(
    ("name", "rows", "software", "first_frame"),
    [
        ("thunderstorm_dstorm.csv", 19, "ThunderSTORM", 2001),
        ("picasso_locs.hdf5", 564, "Picasso", 11),
        ("rapidstorm_dstorm.txt", 14, "rapidSTORM", 0),
        ("oni_nanoimager_dstorm.csv", 14, "ONI Nanoimager", 0),
    ],
)
def test_real_files(converted, test_data, name, rows, software, first_frame):
    path = test_data / "formats" / name

    target, about = converted(path)

    direct = read_localisations(path, FileColumns(), 0.0)
    assert pl.read_parquet(target).equals(direct.table)
    assert about.counts["n_localisations"] == rows
    assert about.source["software"] == software
    assert about.first_frame == first_frame
    assert_same_again(target)
