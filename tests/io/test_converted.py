"""Converted files: their metadata, a summary and the record of imports."""

import dataclasses
import json

import polars as pl
import pytest

from locgraph import __version__
from locgraph.errors import DataError
from locgraph.io.converted import (
    Converted,
    converted_path,
    count_unused_labels,
    read_converted,
    read_import_record,
    summarise,
    write_converted,
    write_import_record,
)

TABLE = pl.DataFrame({"x": [0.1, 2.0], "y": [1.0, 2.0], "frame": [0, 7], "channel": [2, 0]})
ABOUT = Converted(
    fov_id="patient 1/a",
    dimensions=2,
    source={"path": "raw/a.csv", "digest": "00ff", "reader": "delimited", "software": None},
    counts={"rows_read": 5, "rows_refused": 3, "rows_refused: x is missing": 3, "n_localisations": 2},
    recipe={"names": {"x": ["X"]}, "units": {"x": "px"}, "pixel_size_nm": 117.0, "not_taken": ["ID"]},
    fingerprint="1234",
    label="L",
    class_names=("O", "L"),
    group="patient 1",
    channels={"0": "actin", "2": "µ-tubulin"},
    first_frame=-3,
    notes=("z is 0 everywhere: read in 2D",),
    source_metadata={"Camera": "\u00fc \n"},
)


@pytest.fixture
def path(tmp_path):
    path = converted_path(tmp_path, ABOUT.fov_id)
    write_converted(path, TABLE, ABOUT)
    return path


def test_what_was_written_is_read(path):
    assert read_converted(path) == ABOUT
    assert pl.read_parquet(path).equals(TABLE)


def test_little_may_be_known(tmp_path):
    about = Converted("a", 3, {"path": "a"}, {}, {}, "1")
    write_converted(tmp_path / "a.parquet", TABLE.drop("channel"), about)

    assert read_converted(tmp_path / "a.parquet") == about
    assert {"gt_label", "gt_label_map", "group", "first_frame", "channels"}.isdisjoint(
        pl.read_parquet_metadata(tmp_path / "a.parquet")
    )


def test_other_programs_can_read_the_metadata(path):
    written = pl.read_parquet_metadata(path)

    assert written["fov_id"] == "patient 1/a"
    assert written["dimensions"] == "2"
    assert json.loads(written["units"]) == {"x": "nm", "y": "nm", "frame": "frames", "channel": "1"}
    assert json.loads(written["channels"]) == [0, 2]
    assert json.loads(written["channel_labels"]) == {"0": "actin", "2": "µ-tubulin"}
    assert (written["gt_label"], json.loads(written["gt_label_map"])) == ("1", {"0": "O", "1": "L"})
    assert written["group"] == "patient 1"
    assert written["first_frame"] == "-3"
    assert written["locgraph_version"] == __version__
    assert json.loads(written["source"])["path"] == "raw/a.csv"


def test_the_name_of_a_fov_may_hold_points(tmp_path):
    assert converted_path(tmp_path, "b/a.b") == tmp_path / "b" / "a.b.parquet"


def test_a_label_that_is_no_class_is_refused(tmp_path):
    with pytest.raises(DataError, match="patient 1/a: expected a label among O, L; found T"):
        write_converted(tmp_path / "a.parquet", TABLE, dataclasses.replace(ABOUT, label="T"))
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_converted_file_says_nothing(tmp_path, path):
    assert read_converted(tmp_path / "absent.parquet") is None
    assert read_converted(tmp_path) is None
    (tmp_path / "text.parquet").write_text("x,y\n1,2\n")
    assert read_converted(tmp_path / "text.parquet") is None
    TABLE.write_parquet(tmp_path / "other.parquet", metadata={"fov_id": "a", "units": "{}"})
    assert read_converted(tmp_path / "other.parquet") is None
    (tmp_path / "cut.parquet").write_bytes(path.read_bytes()[:-20])
    assert read_converted(tmp_path / "cut.parquet") is None


@pytest.mark.parametrize(
    ("key", "text"), [("source", "raw"), ("counts", "[1]"), ("dimensions", "two"), ("gt_label", "7"), ("notes", "3")]
)
def test_metadata_that_cannot_be_read_say_nothing(tmp_path, path, key, text):
    TABLE.write_parquet(tmp_path / "a.parquet", metadata=pl.read_parquet_metadata(path) | {key: text})

    assert read_converted(tmp_path / "a.parquet") is None


def test_a_summary_of_an_import():
    other = dataclasses.replace(
        ABOUT,
        fov_id="other",
        source=ABOUT.source | {"software": "ThunderSTORM"},
        recipe={"names": {"x": ["x [nm]"], "loc_label": ["c"]}, "units": {"x": "nm"}, "pixel_size_nm": None}
        | {"not_taken": []},
        label=None,
        group=None,
        notes=(),
        source_metadata={"gt_label": "1"},
    )

    assert summarise([ABOUT, other], 1, 3) == [
        ("FOVs", "1 converted, 1 up to date, 3 failed"),
        ("localisations", "4 in 2D"),
        ("rows refused", "6 of 10 in 2 of 2 FOVs"),
        ("", "6: x is missing"),
        ("", "most: other (3 of 5), patient 1/a (3 of 5)"),
        ("columns taken", "other (1 FOV): x from X in px of 117 nm"),
        ("not taken", "other (1 FOV): ID"),
        ("columns taken", "ThunderSTORM (1 FOV): x from x [nm]; loc_label from c"),
        ("not taken", "ThunderSTORM (1 FOV): none, all were taken"),
        ("classes", "L 1"),
        ("groups", "1"),
        ("notes", "z is 0 everywhere: read in 2D (1 FOV)"),
    ]
    assert summarise([], 0, 1)[1] == ("localisations", "none")
    assert count_unused_labels([ABOUT, other]) == (1, 1)


def test_the_record_of_imports(tmp_path):
    assert read_import_record(tmp_path) == {}

    write_import_record(tmp_path, tmp_path / "raw", {"earlier": {}}, {"a": ABOUT}, {"b": "torn"}, {"columns": {}})

    record = read_import_record(tmp_path)
    assert set(record) == {"earlier", str(tmp_path / "raw")}
    imported = record[str(tmp_path / "raw")]
    assert imported["fovs"]["a"]["counts"] == ABOUT.counts
    assert (imported["failures"], imported["settings"]) == ({"b": "torn"}, {"columns": {}})
    (tmp_path / "import.json").write_text("{}")
    with pytest.raises(DataError, match=r"expected no import\.json but that of an earlier import") as caught:
        read_import_record(tmp_path)
    assert caught.value.setting == "target"
