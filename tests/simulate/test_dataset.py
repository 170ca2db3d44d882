import json

import numpy as np
import polars as pl
import pytest

from locgraph import schema
from locgraph.errors import ConfigError, DataError
from locgraph.io.catalogue import scan
from locgraph.io.columns import ColumnMap
from locgraph.io.groups import NoGroups
from locgraph.io.labels import NoLabels
from locgraph.run_folder import SIMULATION_RECORD as RECORD
from locgraph.run_folder import SIMULATION_TRUTH as TRUTH
from locgraph.simulate.dataset import simulate_dataset
from locgraph.simulate.origami import Origami
from locgraph.simulate.rings import Rings

CLASSES = {"T": "T", "grid": "grid"}


def bytes_of(paths):
    return [path.read_bytes() for path in paths]


def test_one_file_for_each_fov_named_after_its_class(tmp_path):
    paths = simulate_dataset(tmp_path, Origami(CLASSES), 2, seed=0)
    assert [path.name for path in paths] == ["T_000.parquet", "T_001.parquet", "grid_000.parquet", "grid_001.parquet"]
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([RECORD, *(path.name for path in paths)])


def test_numbers_grow_wider_than_three_digits(tmp_path):
    paths = simulate_dataset(tmp_path, Origami({"a": [[0, 0]]}), 1001, seed=0, format="csv")
    assert paths[0].name == "a_0000.csv"
    assert paths[-1].name == "a_1000.csv"


def test_parquet_says_what_it_is(tmp_path):
    origami = Origami({"one": {0: "ring"}, "two": {1: "cube"}}, dimensions=3, channels=["red", "green"])
    path = simulate_dataset(tmp_path, origami, 1, seed=0)[1]
    metadata = pl.read_parquet_metadata(path)
    assert metadata[schema.META_LABEL] == "1"
    assert json.loads(metadata[schema.META_LABEL_MAP]) == {"0": "one", "1": "two"}
    assert metadata[schema.META_DIMENSIONS] == "3"
    assert json.loads(metadata[schema.META_CHANNELS]) == [0, 1]
    assert json.loads(metadata[schema.META_CHANNEL_LABELS]) == {"0": "red", "1": "green"}
    units = json.loads(metadata[schema.META_UNITS])
    assert list(units) == pl.read_parquet(path).columns
    assert (units["z"], units["photons"], units["frame"], units["site"]) == ("nm", "photons", "frames", "1")


def test_csv_lies_in_one_folder_per_class_and_holds_the_same_numbers(tmp_path):
    parquet = simulate_dataset(tmp_path / "parquet", Origami(CLASSES), 2, seed=5)
    csv = simulate_dataset(tmp_path / "csv", Origami(CLASSES), 2, seed=5, format="csv")
    assert [path.relative_to(tmp_path).as_posix() for path in csv[1:3]] == ["csv/T/T_001.csv", "csv/grid/grid_000.csv"]
    for left, right in zip(parquet, csv, strict=True):
        assert pl.read_parquet(left).equals(pl.read_csv(right))


def test_each_fov_has_its_own_generator(tmp_path):
    few = simulate_dataset(tmp_path / "few", Origami(CLASSES), 2, seed=1)
    many = simulate_dataset(tmp_path / "many", Origami(CLASSES), 4, seed=1)
    other = simulate_dataset(tmp_path / "other", Origami(CLASSES), 2, seed=2)
    assert bytes_of(few) == bytes_of([many[0], many[1], many[4], many[5]])
    assert not set(bytes_of(few)) & set(bytes_of(other))
    assert len(set(bytes_of(many))) == 8


def test_a_folder_that_is_up_to_date_is_left_alone(tmp_path):
    paths = simulate_dataset(tmp_path, Origami(CLASSES), 2, seed=0)
    before = [path.stat().st_mtime_ns for path in [*paths, tmp_path / RECORD]]
    assert simulate_dataset(tmp_path, Origami(CLASSES, paint={"photons": 2000}), 2, seed=0) == paths
    assert [path.stat().st_mtime_ns for path in [*paths, tmp_path / RECORD]] == before


def test_an_interrupted_run_is_completed(tmp_path):
    paths = simulate_dataset(tmp_path, Origami(CLASSES), 3, seed=0)
    before = bytes_of(paths)
    times = [path.stat().st_mtime_ns for path in paths]
    paths[1].unlink()
    paths[5].unlink()
    assert bytes_of(simulate_dataset(tmp_path, Origami(CLASSES), 3, seed=0)) == before
    kept = [index for index in range(6) if index not in (1, 5)]
    assert [paths[index].stat().st_mtime_ns for index in kept] == [times[index] for index in kept]


def test_the_record_holds_all_settings(tmp_path):
    origami = Origami(CLASSES)
    simulate_dataset(tmp_path, origami, 1, seed=3)
    record = json.loads((tmp_path / RECORD).read_text(encoding="utf-8"))
    assert record["settings"]["origami"] == origami.settings()
    assert record["settings"]["seed"] == 3
    assert len(record["fingerprint"]) == 16
    assert "numpy" in record["versions"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 1}, "seed: 0 there, 1 asked for"),
        ({"fovs_per_class": 3}, "fovs_per_class: 2 there, 3 asked for"),
        ({"format": "csv"}, "format: 'parquet' there, 'csv' asked for"),
        (
            {"sample": Origami(CLASSES, paint={"photons": 500})},
            r"origami\.paint\.photons: 2000.0 there, 500.0 asked for",
        ),
        ({"sample": Origami({"grid": "grid", "T": "T"})}, r"origami\.class_names"),
    ],
)
def test_a_folder_made_with_other_settings_is_not_touched(tmp_path, change, message):
    arguments = {"sample": Origami(CLASSES), "fovs_per_class": 2, "seed": 0}
    paths = simulate_dataset(tmp_path, **arguments)
    before = bytes_of(paths)
    with pytest.raises(ConfigError, match=message + r".*choose another folder"):
        simulate_dataset(tmp_path, **{**arguments, **change})
    assert bytes_of(paths) == before


def test_a_folder_whose_files_are_gone_may_be_used_again(tmp_path):
    for path in simulate_dataset(tmp_path, Origami(CLASSES), 1, seed=0):
        path.unlink()
    assert all(path.is_file() for path in simulate_dataset(tmp_path, Origami(CLASSES), 1, seed=1))


def test_measured_data_are_not_mixed_with_simulated(tmp_path):
    (tmp_path / "patient").mkdir()
    (tmp_path / "patient" / "measured.csv").write_text("x,y\n1,2\n")
    with pytest.raises(DataError, match=r"folder: expected an empty folder; found .*measured\.csv"):
        simulate_dataset(tmp_path, Origami(CLASSES), 1, seed=0)
    assert not (tmp_path / RECORD).exists()


@pytest.mark.parametrize("text", ["{", "[]", b"\xff\xfe"])
def test_a_record_that_cannot_be_read_is_refused(tmp_path, text):
    (tmp_path / RECORD).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError, match=rf"{RECORD}.*delete its folder"):
        simulate_dataset(tmp_path, Origami(CLASSES), 1, seed=0)


def test_an_empty_fov_is_refused(tmp_path):
    origami = Origami({"a": [[0, 0]]}, paint={"events_per_site": 1e-6, "background_localisations": 0})
    with pytest.raises(DataError, match=r"a_000\.parquet would hold no localisation: raise paint\.events_per_site"):
        simulate_dataset(tmp_path, origami, 1, seed=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fovs_per_class": 0}, "fovs_per_class: expected a whole number of at least 1, found 0"),
        ({"seed": -1}, "seed: expected a whole number of at least 0, found -1"),
        ({"format": "hdf5"}, "format: expected one of parquet, csv; found 'hdf5'"),
        ({"sample": Origami({"a/b": "T"})}, r"origami\.classes: .*found 'a/b'"),
        ({"sample": Origami({".a": "T"})}, r"origami\.classes: .*found '\.a'"),
        ({"sample": Origami({"t": "T", "T": "T"})}, r"origami\.classes: .*found t, T"),
    ],
)
def test_arguments_that_cannot_work_are_refused(tmp_path, arguments, message):
    with pytest.raises(ConfigError, match=message):
        simulate_dataset(tmp_path, **{"sample": Origami(CLASSES), "fovs_per_class": 1, "seed": 0, **arguments})
    assert list(tmp_path.iterdir()) == []


def varied():
    return Rings({"a": {}, "b": {"corners": 7}}, diameter_nm=[60, 110])


@pytest.mark.parametrize(("format", "first"), [("parquet", "a_000"), ("csv", "a/a_000")])
def test_what_varies_is_written_beside_the_files(tmp_path, format, first):
    simulate_dataset(tmp_path, varied(), 2, seed=4, format=format)

    truth = pl.read_parquet(tmp_path / TRUTH)
    assert truth[schema.FOV_ID][0] == first
    assert truth[schema.LABEL].to_list() == ["a", "a", "b", "b"]
    assert set(truth.schema.dtypes()[2:]) == {pl.Float64}
    expected = varied().draw_factors("b", np.random.default_rng(np.random.SeedSequence([4, 1, 1])))
    assert truth.row(3, named=True) == {schema.FOV_ID: first.replace("a", "b")[:-1] + "1", schema.LABEL: "b"} | expected


def test_the_truth_is_no_raw_file_and_has_their_names(tmp_path):
    simulate_dataset(tmp_path, varied(), 2, seed=4)

    catalogue = scan(tmp_path, ColumnMap({"x": "x", "y": "y"}, unit="nm"), NoLabels(), NoGroups())
    assert [source.fov_id for source in catalogue.sources] == pl.read_parquet(tmp_path / TRUTH)[schema.FOV_ID].to_list()


def test_a_truth_of_other_settings_does_not_stay(tmp_path):
    for path in simulate_dataset(tmp_path, varied(), 2, seed=4):
        path.unlink()
    simulate_dataset(tmp_path, varied(), 2, seed=5)
    other = pl.read_parquet(tmp_path / TRUTH)
    for path in tmp_path.glob("?_*.parquet"):
        path.unlink()
    simulate_dataset(tmp_path, varied(), 2, seed=4)

    assert not pl.read_parquet(tmp_path / TRUTH).equals(other)
    simulate_dataset(tmp_path / "none", Origami(CLASSES), 1, seed=0)
    assert not (tmp_path / "none" / TRUTH).exists()
