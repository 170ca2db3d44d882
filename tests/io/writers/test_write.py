"""Localisations written for other software: the published rules of each format, nothing lost, the same nm read back."""

import json

import h5py
import numpy as np
import polars as pl
import pytest
import yaml

import locgraph
from locgraph import schema
from locgraph.errors import ConfigError, DataError
from locgraph.io.converted import Converted, write_converted
from locgraph.io.localisations import Localisations
from locgraph.io.writers.groups import ObjectGroups, groups_of
from locgraph.io.writers.source import Source, source_of
from locgraph.io.writers.write import write_localisations

N = 12
PIXEL = 130.0


def table(*, dimensions=2, n=N):
    rng = np.random.default_rng(3)
    columns = {
        schema.X: rng.uniform(0, 4000, n),
        schema.Y: rng.uniform(0, 3000, n),
        schema.Z: rng.uniform(-300, 300, n),
        schema.FRAME: rng.permutation(n),
        schema.PHOTONS: rng.uniform(100, 9000, n),
        schema.PRECISION: rng.uniform(3, 12, n),
        schema.PRECISION_Z: rng.uniform(10, 30, n),
        schema.SIGMA: rng.uniform(90, 150, n),
        schema.BACKGROUND: rng.uniform(1, 50, n),
        schema.SOURCE_CLUSTER: rng.integers(0, 3, n),
    }
    if dimensions == 2:
        del columns[schema.Z], columns[schema.PRECISION_Z]
    return pl.DataFrame(columns)


def objects(*, scores=None):
    """Three objects of rows 0-2, 3-4 and 2, 5: row 2 is in two of them, rows 6 and above in none."""
    rows = np.array([0, 1, 2, 3, 4, 5, 2])
    offsets = np.array([0, 3, 5, 7])
    probabilities = np.array([0.9, np.nan, 0.6])
    return ObjectGroups(("1", "2", "3"), ("T", None, "one"), probabilities, rows, offsets, ("one", "T"), scores)


def picasso_reads(path):
    """Return rows and documents after the rules of Picasso 0.10 (``io.load_locs``, ``lib.ensure_sanity``)."""
    with h5py.File(path) as hdf5:
        locs = hdf5["locs"][:]
    documents = list(yaml.safe_load_all(path.with_suffix(".yaml").read_text(encoding="utf-8")))

    def value(key):
        return next((part[key] for part in reversed(documents) if part.get(key)), None)

    assert all(value(key) is not None for key in ("Width", "Height", "Frames", "Pixelsize"))
    kept = np.ones(len(locs), dtype=bool)
    for name in locs.dtype.names:
        kept &= np.isfinite(locs[name])
    kept &= (locs["x"] < value("Width")) & (locs["y"] < value("Height"))
    for name in {"x", "y", "lpx", "lpy", "lpz", "photons", "sx", "sy"} & set(locs.dtype.names):
        kept &= locs[name] >= 0
    return locs, kept, documents, value


@pytest.mark.parametrize("dimensions", [2, 3])
def test_picasso_keeps_every_row_and_our_reader_the_same_nm(tmp_path, dimensions):
    locs = table(dimensions=dimensions)
    written = write_localisations(tmp_path / "fov", locs, objects(), Source(), pixel_size_nm=PIXEL)
    path = written.files[None]
    rows, kept, documents, value = picasso_reads(path)
    assert path == tmp_path / "fov.hdf5"
    assert len(rows) == written.counts["written"] == N + 1
    assert kept.all()
    types = {name: rows.dtype[name].str for name in rows.dtype.names}
    assert {name: types[name] for name in ("frame", "group", "object", "group_input")} == {
        "frame": "<u4",
        "group": "<i4",
        "object": "<i4",
        "group_input": "<i4",
    }
    assert all(types[name] == "<f4" for name in ("x", "y", "lpx", "lpy", "sx", "sy", "photons", "bg", "probability"))
    assert (np.diff(rows["frame"].astype(int)) >= 0).all()
    assert value("Frames") == N
    assert (value("Width"), value("Height")) == (locs["x"].max() // PIXEL + 1, locs["y"].max() // PIXEL + 1)
    assert documents[-1]["Classes"] == {0: "one", 1: "T"}
    assert "Width, Height, Frames, Pixelsize: not stated" in documents[-1]["Computed"]
    again = locgraph.read(path).table
    expected = pl.concat([locs, locs[[2]]]).sort(schema.FRAME)
    for name in set(locs.columns) - {schema.SOURCE_CLUSTER}:
        np.testing.assert_allclose(again[name], expected[name], rtol=2e-7)


@pytest.mark.parametrize("group_by", ["class", "object"])
def test_groups_are_classes_or_objects(tmp_path, group_by):
    locs = table().with_columns(pl.int_range(N).alias(schema.FRAME))
    groups = objects(scores=np.arange(7.0))
    path = write_localisations(tmp_path / "fov", locs, groups, Source(), pixel_size_nm=PIXEL, group_by=group_by).files[
        None
    ]
    rows, kept, _, _ = picasso_reads(path)
    none = [-1] * (N - 6)
    assert rows["frame"].tolist() == [0, 1, 2, 2, 3, 4, *range(5, N)]
    assert rows["object"].tolist() == [0, 0, 0, 2, 1, 1, 2, *none]
    assert rows["predicted_class"].tolist() == [1, 1, 1, 0, -1, -1, 0, *none]
    assert rows["group"].tolist() == rows["predicted_class" if group_by == "class" else "object"].tolist()
    np.testing.assert_allclose(rows["probability"], [0.9, 0.9, 0.9, 0.6, 0, 0, 0.6, *[0] * (N - 6)], rtol=1e-6)
    assert rows["score"].tolist() == [0, 1, 2, 6, 3, 4, 5, *[0] * (N - 6)]
    assert kept.all()


def test_counts_state_what_is_outside_and_what_is_there_twice(tmp_path):
    inside = write_localisations(tmp_path / "fov", table(), objects(), Source(), format="parquet", keep_outside=False)
    assert inside.counts == {
        "objects": 3,
        "objects_without_class": 1,
        "localisations": N,
        "in_no_object": N - 6,
        "in_several_objects": 1,
        "repeated": 1,
        "written": 7,
    }
    assert inside.notes == (
        "localisations in several objects, written once for each: 1, which makes 1 further rows",
        "localisations in no object, left out: 6",
        "objects without a class, whose class is -1: 1",
    )
    back = pl.read_parquet(inside.files[None])
    assert back[schema.ROW].to_list() == [0, 1, 2, 2, 3, 4, 5]
    assert back[schema.OBJECT].to_list() == ["1", "1", "1", "3", "2", "2", "3"]


def test_one_file_for_each_class(tmp_path):
    written = write_localisations(
        tmp_path / "fov", table(), objects(), Source(), pixel_size_nm=PIXEL, one_file_per_class=True
    )
    assert {name: path.name for name, path in written.files.items()} == {
        "one": "fov_one.hdf5",
        "T": "fov_T.hdf5",
        None: "fov_without_class.hdf5",
    }
    read = {name: picasso_reads(path) for name, path in written.files.items()}
    assert {name: len(rows) for name, (rows, *_) in read.items()} == {"one": 2, "T": 3, None: N - 4}
    assert len({(value("Width"), value("Height"), value("Frames")) for *_, value in read.values()}) == 1


def test_classes_whose_files_would_be_the_same_are_refused(tmp_path):
    groups = ObjectGroups((), (), np.empty(0), np.empty(0, dtype=int), np.zeros(1, dtype=int), ("a/b", "a b"))
    with pytest.raises(DataError, match="names differ"):
        write_localisations(tmp_path / "fov", table(), groups, Source(), format="parquet", one_file_per_class=True)


def test_yaml_of_picasso_is_kept_and_one_document_appended(tmp_path):
    first = write_localisations(tmp_path / "first", table(), None, Source(), pixel_size_nm=PIXEL).files[None]
    text = "Width: 64\nHeight: 48\nFrames: 900\nOdd: !!python/tuple [1, 2]\n---\nPixelsize: 130\n"
    first.with_suffix(".yaml").write_text(text, encoding="utf-8")
    with h5py.File(first, "a") as hdf5:  # the movie begins with frames without localisations
        rows = hdf5["locs"][:]
        rows["frame"] += 20
        hdf5["locs"][:] = rows
    locs = locgraph.read(first)
    source = source_of(locs)
    assert (source.software, source.pixel_size_nm, source.first_frame) == ("Picasso", PIXEL, 20)
    second = write_localisations(tmp_path / "second", locs.table, objects(), source, provenance={"Model": "m"}).files[
        None
    ]
    kept = second.with_suffix(".yaml").read_text(encoding="utf-8")
    assert kept.startswith(text + "---\n")
    own = yaml.safe_load(kept.removeprefix(text + "---\n"))
    assert own["Generated by"].startswith("locgraph ")
    assert own["Model"] == "m"
    assert own["Source"] == "first.hdf5"
    assert not {"Width", "Height", "Frames", "Pixelsize"} & own.keys()
    with h5py.File(second) as hdf5:
        assert np.unique(hdf5["locs"]["frame"]).tolist() == list(range(20, 20 + N))
        x = np.sort(np.unique(hdf5["locs"]["x"]))
    np.testing.assert_array_equal(x, np.sort(rows["x"]))


def test_metadata_within_a_file_of_picasso_becomes_documents(tmp_path):
    first = write_localisations(tmp_path / "first", table(), None, Source(), pixel_size_nm=PIXEL).files[None]
    first.with_suffix(".yaml").unlink()
    entries = [{"Width": 64, "Height": 48, "Frames": 900}, {"Pixelsize": 130, "Box": [1, 2]}]
    with h5py.File(first, "a") as hdf5:
        hdf5["metadata"] = json.dumps(entries)
    locs = locgraph.read(first)
    second = write_localisations(tmp_path / "second", locs.table, None, source_of(locs)).files[None]
    _, kept, documents, value = picasso_reads(second)
    assert documents[:-1] == entries
    assert (value("Width"), value("Frames"), value("Pixelsize")) == (64, 900, 130)
    assert kept.all()


def test_width_grows_where_rows_lie_outside(tmp_path):
    source = Source(
        documents="Width: 4\nPixelsize: 130\n", metadata={"Width": "4", "Pixelsize": "130"}, pixel_size_nm=PIXEL
    )
    path = write_localisations(tmp_path / "fov", table(), objects(), source).files[None]
    rows, kept, _, value = picasso_reads(path)
    assert value("Width") > 4
    assert kept.sum() == len(rows)


def test_positions_below_0_are_moved_by_whole_pixels_unless_the_source_is_of_picasso(tmp_path):
    locs = table().with_columns(pl.col(schema.X) - 1000.0)
    written = write_localisations(tmp_path / "fov", locs, None, Source(), pixel_size_nm=PIXEL)
    rows, kept, documents, _ = picasso_reads(written.files[None])
    assert kept.all()
    shift_x, shift_y = documents[-1]["Shift (pixels)"]
    order = locs[schema.FRAME].arg_sort()
    np.testing.assert_allclose((rows["x"] - shift_x) * PIXEL, locs[schema.X][order], atol=1e-3)
    assert shift_x == np.ceil(-locs[schema.X].min() / PIXEL)
    assert shift_y == 0
    assert "moved by" in written.notes[-1]
    source = Source(documents="Width: 40\nPixelsize: 130\n", metadata={"Width": "40"}, pixel_size_nm=PIXEL)
    below = (locs[schema.X] < 0).sum()
    assert f"reads the file: {below}" in write_localisations(tmp_path / "fov", locs, None, source).notes[-1]


def test_a_position_that_float32_rounds_up_stays_inside(tmp_path):
    locs = table().with_columns(pl.lit(PIXEL * (32 - 1e-9)).alias(schema.X))
    _, kept, _, value = picasso_reads(
        write_localisations(tmp_path / "fov", locs, None, Source(), pixel_size_nm=PIXEL).files[None]
    )
    assert value("Width") == 33
    assert kept.all()


@pytest.mark.parametrize("dimensions", [2, 3])
def test_thunderstorm_has_a_quoted_header_with_units_and_frames_from_1(tmp_path, dimensions):
    locs = table(dimensions=dimensions)
    path = write_localisations(tmp_path / "fov", locs, objects(), Source(), format="thunderstorm").files[None]
    header, first = path.read_text(encoding="utf-8").splitlines()[:2]
    widths = ["sigma [nm]"] if dimensions == 2 else ["sigma1 [nm]", "sigma2 [nm]"]
    axes = ["x [nm]", "y [nm]", "z [nm]"][:dimensions]
    names = [name.strip('"') for name in header.split(",")]
    assert header == ",".join(f'"{name}"' for name in names)
    assert names[: 2 + dimensions + len(widths)] == ["id", "frame", *axes, *widths]
    assert first.startswith(f"1,{locs[schema.FRAME][0] + 1},")
    back = locgraph.read(path)
    assert back.first_frame == 1
    expected = pl.concat([locs[:3], locs[[2]], locs[3:]])
    for name in set(locs.columns) - {schema.SOURCE_CLUSTER}:
        np.testing.assert_allclose(back.table[name], expected[name], rtol=1e-12)
    assert source_of(back).first_frame == 0
    beside = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert beside["Classes"] == ["one", "T"]
    assert beside["Objects"] == ["1", "2", "3"]


def test_parquet_holds_names_and_is_read_back_as_it_is(tmp_path):
    locs = table(dimensions=3)
    path = write_localisations(
        tmp_path / "fov", locs, objects(), Source(first_frame=4), format="parquet", provenance={"Model": "m"}
    ).files[None]
    back = locgraph.read(path)
    assert back.table.equals(pl.concat([locs[:3], locs[[2]], locs[3:]]).select(back.table.columns))
    classes = pl.read_parquet(path)[schema.PREDICTED_CLASS].to_list()
    assert classes == ["T", "T", "T", "one", None, None, "one", *[None] * (N - 6)]
    metadata = pl.read_parquet_metadata(path)
    assert json.loads(metadata[schema.META_RECIPE])["Model"] == "m"


@pytest.mark.parametrize(
    ("settings", "setting"),
    [
        ({}, "pixel_size_nm"),
        ({"pixel_size_nm": -1.0}, "pixel_size_nm"),
        ({"format": "xyz"}, "format"),
        ({"group_by": "colour", "pixel_size_nm": 1.0}, "group_by"),
    ],
)
def test_wrong_settings_name_themselves(tmp_path, settings, setting):
    with pytest.raises(ConfigError) as caught:
        write_localisations(tmp_path / "fov", table(), None, Source(), **settings)
    assert caught.value.setting == setting
    assert not list(tmp_path.iterdir())


def test_another_pixel_size_than_that_of_the_source_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="130 nm; found 100"):
        write_localisations(tmp_path / "fov", table(), None, Source(pixel_size_nm=PIXEL), pixel_size_nm=100.0)


def test_what_picasso_needs_and_the_source_lacks_is_given_and_stated(tmp_path):
    locs = table().drop(schema.PRECISION, schema.FRAME)
    with pytest.raises(ConfigError, match="which picasso needs") as caught:
        write_localisations(tmp_path / "fov", locs, None, Source(), pixel_size_nm=PIXEL)
    assert caught.value.setting == "precision_nm"
    written = write_localisations(tmp_path / "fov", locs, None, Source(), pixel_size_nm=PIXEL, precision_nm=6.5)
    rows, kept, documents, value = picasso_reads(written.files[None])
    assert kept.all()
    assert value("Frames") == 1
    np.testing.assert_allclose(rows["lpx"], 6.5 / PIXEL, rtol=1e-6)
    assert [note for note in documents[-1]["Notes"] if "6.5 nm" in note or "no frames" in note] == list(
        written.notes[:2]
    )


@pytest.mark.parametrize("format", ["picasso", "thunderstorm", "parquet"])
def test_every_column_is_written(tmp_path, format):
    others = (schema.VIEW, schema.CLUSTER_ID)
    names = [name for name in schema.LOCALISATION_COLUMNS if name not in others]
    dtypes = {name: schema.LOCALISATION_COLUMNS[name].dtype for name in names}
    locs = pl.DataFrame({name: [place + 1, place + 2] for place, name in enumerate(names)}).cast(dtypes)
    path = write_localisations(tmp_path / "fov", locs, None, Source(), format=format, pixel_size_nm=1.0).files[None]
    if format == "picasso":
        with h5py.File(path) as hdf5:
            written = {name: hdf5["locs"][name].tolist() for name in hdf5["locs"].dtype.names}
    else:
        written = (pl.read_csv(path) if path.suffix == ".csv" else pl.read_parquet(path)).to_dict(as_series=False)
    values = [list(values) for values in written.values()]
    missing = {name for name in names if locs[name].to_list() not in values}
    assert missing <= {schema.FRAME}  # counted from 1 by ThunderSTORM


def test_a_missing_value_is_refused(tmp_path):
    locs = table().with_columns(
        pl.when(pl.col(schema.FRAME) == 3).then(None).otherwise(pl.col("photons")).alias("photons")
    )
    with pytest.raises(DataError, match="column photons, found 1 of 12"):
        write_localisations(tmp_path / "fov", locs, None, Source(), format="parquet")


def test_numbers_that_picasso_cannot_hold_are_refused(tmp_path):
    locs = table().with_columns(pl.lit(2**31).alias(schema.PICK))
    with pytest.raises(DataError, match="column pick, found 2147483648"):
        write_localisations(tmp_path / "fov", locs, None, Source(), pixel_size_nm=PIXEL)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": np.array([0, 1, 2, 3, 4, 5, 99])}, "among 0 to 11"),
        ({"rows": np.array([0, 1, 1, 3, 4, 5, 2])}, "at most once"),
        ({"offsets": np.array([0, 3, 5, 6])}, "rise from 0 to 7"),
        ({"names": ("1", "2", "2")}, "different names"),
        ({"predictions": ("T", None, "X")}, "among"),
        ({"probabilities": np.zeros(2)}, "3, 2 and 3"),
        ({"scores": np.zeros(3)}, "score for each of 7"),
    ],
)
def test_objects_that_do_not_fit_are_refused(tmp_path, change, message):
    given = objects()
    fields = {name: getattr(given, name) for name in given.__dataclass_fields__} | change
    with pytest.raises(DataError, match=message):
        write_localisations(tmp_path / "fov", table(), ObjectGroups(**fields), Source(), format="parquet")


def test_groups_of_the_record_of_a_fov():
    record = pl.DataFrame(
        {
            "object": ["1", "2", "3", "4"],
            "rows": [[0, 1, 2], [3, 4], [5, 2], []],
            "predicted_class": ["T", None, "one", None],
            "probability": [0.9, None, 0.6, None],
        }
    )
    made, expected = groups_of(record, ["one", "T"]), objects()
    for name in expected.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(made, name), getattr(expected, name))
    assert len(groups_of(record[3:], ["one"])) == 0


def test_picks_of_the_source_are_the_input_group(tmp_path):
    locs = table().with_columns(pl.int_range(N).alias(schema.PICK), pl.int_range(N).alias(schema.FRAME))
    path = write_localisations(tmp_path / "fov", locs, objects(), Source(), pixel_size_nm=PIXEL).files[None]
    rows, *_ = picasso_reads(path)
    assert rows["group_input"].tolist() == [0, 1, 2, 2, *range(3, N)]
    assert rows["source_cluster"].tolist() == locs[schema.SOURCE_CLUSTER].gather([0, 1, 2, 2, *range(3, N)]).to_list()


def test_a_fov_without_objects_keeps_all(tmp_path):
    written = write_localisations(tmp_path / "fov", table(), None, Source(), format="parquet")
    assert written.counts["written"] == written.counts["in_no_object"] == N


def test_source_of_a_table_states_nothing():
    assert source_of(Localisations(table(), 2, {}, {"a": "b"})) == Source(metadata={"a": "b"})


def test_source_of_a_table_within_a_file_that_is_only_read_by_naming_it(tmp_path):
    path = write_localisations(tmp_path / "fov", table(), None, Source(first_frame=7), pixel_size_nm=PIXEL).files[None]
    path.with_suffix(".yaml").write_text("[", encoding="utf-8")
    names = {name: name for name in ("x", "y", "frame")}
    locs = locgraph.read(path, names=names, unit="px", pixel_size_nm=PIXEL, table="locs")
    assert source_of(locs) == Source(path, first_frame=7, metadata=locs.metadata)


def test_source_of_an_imported_file_is_that_of_the_original(tmp_path):
    about = Converted(
        *("fov", 2, {"software": "ThunderSTORM"}, {}, {"pixel_size_nm": 117.0}, "0"),
        first_frame=5,
        source_metadata={"a": "b"},
    )
    write_converted(tmp_path / "fov.parquet", table().drop(schema.SOURCE_CLUSTER), about)
    source = source_of(locgraph.read(tmp_path / "fov.parquet"))
    assert (source.software, source.pixel_size_nm, source.first_frame) == ("ThunderSTORM", 117.0, 4)
    assert source.metadata == {"a": "b"}


def test_real_file_of_picasso(test_data, tmp_path):
    locs = locgraph.read(test_data / "formats" / "picasso_locs.hdf5")
    source = source_of(locs)
    assert (source.pixel_size_nm, source.first_frame) == (130, 11)
    groups = ObjectGroups(("1",), ("one",), np.ones(1), np.arange(500), np.array([0, 500]), ("one",))
    path = write_localisations(tmp_path / "again", locs.table, groups, source).files[None]
    rows, kept, documents, value = picasso_reads(path)
    assert kept.all()
    assert len(documents) == 3
    assert value("Width") == 32
    with h5py.File(test_data / "formats" / "picasso_locs.hdf5") as hdf5:
        original = hdf5["locs"][:]
    for name in ("x", "y", "frame", "photons", "bg"):
        np.testing.assert_array_equal(rows[name], original[name])
