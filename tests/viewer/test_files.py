"""Sources that are files: what is listed without reading rows, what is drawn, and what is wrong, FOV by FOV."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from builders.fovs import SITES, draw_points, write_tables
from locgraph.errors import DataError, LocgraphError
from locgraph.io.annotations.table import append_annotations
from locgraph.io.columns import ColumnMap, FileColumns
from locgraph.io.manifest import Manifest
from locgraph.run_folder import MANIFEST
from locgraph.viewer import files
from locgraph.viewer.levels import cache
from locgraph.viewer.levels.levels import POSITION, ROW
from locgraph.viewer.opened import NotThereError, OpeningSettings
from locgraph.viewer.opening import open_source

NM = ColumnMap({"x": "x", "y": "y", "frame": "frame", "loc_label": "loc_label"}, "nm")


def write_raw(path: Path, size=20, metadata=None, **columns):
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    table = pl.DataFrame({"x": rng.uniform(0, 100, size), "y": rng.uniform(0, 50, size), "frame": np.arange(size)})
    table.with_columns(**columns).write_parquet(path, metadata=metadata)
    return path


@pytest.fixture
def open_path(tmp_path):
    def open_path(path, columns=NM, **settings):
        return open_source(path, OpeningSettings(tmp_path / "cache", columns, **settings))

    return open_path


def test_a_raw_file_is_a_source_of_one_fov(tmp_path, open_path):
    path = write_raw(tmp_path / "a.parquet", metadata={"gt_label": "1", "gt_label_map": '{"0": "T", "1": "L"}'})
    source = open_path(path)
    assert (source.title, source.kind) == ("a.parquet", "file")
    assert source.fovs().to_dicts() == [{"fov_id": "a", "label": "L", "path": str(path), "problem": None}]
    assert source.fovs().columns == ["fov_id", "label", "path", "problem"]
    scene = source.scene(0)
    assert (scene.fov_id, scene.label, scene.classes) == ("a", "L", ("T", "L"))
    table = pl.read_parquet(path)
    rows = scene.levels.values[ROW]
    given = table.select("x", "y").to_numpy()[rows]
    assert np.abs(scene.levels.values[POSITION] + scene.levels.origin - given).max() < 1e-4


def test_refused_rows_are_counted_in_the_notes(tmp_path, open_path):
    path = write_raw(tmp_path / "a.parquet", y=pl.when(pl.col("frame") < 19).then(np.nan).otherwise("y"))
    with pytest.raises(DataError, match=r"^limits\.max_refused_fraction: .*expected at most 5\.00%"):
        open_path(path).scene(0)
    scene = open_path(path, max_refused_fraction=1.0).scene(0)
    assert len(scene.levels) == 1
    assert scene.notes == ("19 rows refused: y is missing or not a finite number",)


def test_classes_of_localisations_have_their_names(tmp_path, open_path):
    metadata = {"gt_label_scope": "loc", "gt_label_map": '{"3": "pore", "5": "rim"}'}
    path = write_raw(tmp_path / "a.parquet", metadata=metadata, loc_label=pl.Series([3, 5] * 10))
    scene = open_path(path).scene(0)
    assert scene.levels.column("loc_label").labels == ["pore", "rim"]
    assert scene.levels.column("loc_label").counts == [10, 10]
    assert scene.label is None


def test_clusters_that_the_file_names_have_outlines(tmp_path, open_path):
    corners = pl.DataFrame(
        {"x": [0.0, 0, 9, 9, 4, 50], "y": [0.0, 9, 0, 9, 4, 50], "source_cluster": [7, 7, 7, 7, 7, -1]}
    )
    corners.write_parquet(tmp_path / "a.parquet")
    columns = ColumnMap({name: name for name in corners.columns}, "nm")
    scene = open_path(tmp_path / "a.parquet", columns).scene(0)
    assert scene.clusters.ids.tolist() == [7]
    assert scene.clusters.values["count"].tolist() == [5]
    assert np.allclose(scene.clusters.centres, [[22 / 5, 22 / 5]])
    assert scene.outlines.starts.tolist() == [0, 4]
    assert (scene.outlines.vertices + scene.levels.origin).tolist() == [[0, 0], [9, 0], [9, 9], [0, 9]]


def test_other_columns_or_another_content_are_other_levels(tmp_path, open_path):
    path = write_raw(tmp_path / "a.parquet")
    one = open_path(path).scene(0).fingerprint
    assert open_path(path).scene(0).fingerprint == one
    in_um = ColumnMap(NM.names, "um")
    assert open_path(path, in_um).scene(0).fingerprint != one
    write_raw(path, 21)
    assert open_path(path).scene(0).fingerprint != one


def test_a_large_file_is_indexed_once(tmp_path, open_path, monkeypatch):
    monkeypatch.setattr(cache, "IN_MEMORY", 10)
    path = write_raw(tmp_path / "a.parquet", y=pl.col("y").replace(pl.col("y").first(), None))
    one = open_path(path).scene(0)
    monkeypatch.setattr(cache, "build_levels", None)  # never again
    other = open_path(path).scene(0)
    assert other.header() == one.header()
    assert other.notes == one.notes != ()


def test_annotations_among_raw_files_are_no_fov(tmp_path, open_path):
    write_raw(tmp_path / "raw" / "a.parquet")
    statement = {"fov_id": "a", "target": "fov", "label": "T", "annotator": "Ada", "tool": "key"}
    append_annotations(tmp_path / "raw" / "annotations.parquet", [statement])
    assert open_path(tmp_path / "raw").fovs()["fov_id"].to_list() == ["a"]


def test_a_folder_lists_all_files_and_reasons(tmp_path, open_path):
    write_raw(tmp_path / "raw" / "wt" / "a.parquet")
    write_raw(tmp_path / "raw" / "ko" / "b.parquet")
    (tmp_path / "raw" / "ko" / "c.parquet").write_bytes(b"PAR1 damaged")
    source = open_path(tmp_path / "raw")
    table = source.fovs()
    assert source.kind == "folder"
    assert table["fov_id"].to_list() == ["ko/b", "wt/a", "ko/c"]
    assert table["label"].to_list() == ["ko", "wt", None]
    assert source.scene(1).label == "wt"
    with pytest.raises(DataError, match=r"^ko/c: .*truncated or damaged"):
        source.scene(2)
    assert len(source.scene(0).levels) == 20


def test_files_side_by_side_have_no_class(tmp_path, open_path):
    write_raw(tmp_path / "raw" / "a.parquet")
    write_raw(tmp_path / "raw" / "b" / "c.parquet")
    assert "label" not in open_path(tmp_path / "raw").fovs().columns


def test_a_file_that_vanishes_is_one_clear_error(tmp_path, open_path):
    for name in "ab":
        write_raw(tmp_path / "raw" / f"{name}.parquet")
    source = open_path(tmp_path / "raw")
    (tmp_path / "raw" / "a.parquet").unlink()
    with pytest.raises(DataError, match=r"a\.parquet: expected a file; found none\. Check the path"):
        source.scene(0)
    assert source.is_quick(0)
    assert source.scene(1).fov_id == "b"


def test_rows_are_not_read_before_a_fov_is_asked_for(tmp_path, open_path, monkeypatch):
    write_raw(tmp_path / "raw" / "a.parquet")
    monkeypatch.setattr("locgraph.viewer.reading.read_rows", None)
    assert open_path(tmp_path / "raw").fovs().height == 1
    assert open_path(tmp_path / "raw" / "a.parquet").fovs().height == 1


@pytest.mark.parametrize("index", [-1, 1])
def test_there_is_no_such_fov(tmp_path, open_path, index):
    source = open_path(write_raw(tmp_path / "a.parquet"))
    with pytest.raises(NotThereError, match=f"expected a FOV from 0 to 0; found {index}"):
        source.scene(index)


def test_a_large_file_is_not_quick(tmp_path, open_path, monkeypatch):
    source = open_path(write_raw(tmp_path / "a.parquet"))
    assert source.is_quick(0)
    monkeypatch.setattr(files, "_QUICK_BYTES", 10)
    assert not source.is_quick(0)


@pytest.fixture
def tables(tmp_path):
    rng = np.random.default_rng(0)
    fovs = {name: draw_points(SITES["square"], rng, 100) for name in ("a", "b")}
    return write_tables(tmp_path / "data" / "tables-1", fovs)


def test_prepared_tables_show_clusters_with_features(tables, open_path):
    source = open_path(tables)
    assert (source.kind, source.fovs()["fov_id"].to_list()) == ("tables", ["a", "b"])
    scene = source.scene(0)
    header = scene.header()
    assert header["clusters"]["n"] == 10
    assert [(column["name"], column["unit"]) for column in header["clusters"]["columns"]] == [
        ("count", "1"),
        ("radius", "nm"),
    ]
    assert np.diff(scene.outlines.starts).min() >= 3
    given = pl.read_parquet(tables / "locs" / "a.parquet")
    assert np.array_equal(scene.levels.values["cluster_id"], given["cluster_id"].to_numpy()[scene.levels.values[ROW]])
    assert open_path(tables.parent).title == "data/tables-1"


def test_only_the_whole_fov_is_shown_not_its_further_views(tables, open_path):
    for kind in ("locs", "clusters"):
        path = tables / kind / "a.parquet"
        metadata = pl.read_parquet_metadata(path)
        table = pl.read_parquet(path)
        pl.concat([table, table.with_columns(view=pl.lit(1, pl.Int64))]).write_parquet(path, metadata=metadata)
    scene = open_path(tables).scene(0)
    assert (len(scene.levels), len(scene.clusters.ids)) == (100, 10)
    assert scene.table(np.arange(3)).height == 3


def test_fovs_that_failed_are_listed_with_the_manifest(tables, open_path):
    rows = [{"fov_id": "a", "label": "T", "n_localisations": 100}]
    table = pl.DataFrame(rows, schema_overrides={"label": pl.String})
    missing = ("path", "group", "dimensions", "n_clusters")
    Manifest(table.with_columns(pl.lit(None).alias(name) for name in missing), ("T",), {"b": "too few"}).write(
        tables / MANIFEST
    )
    source = open_path(tables)
    assert source.fovs().to_dicts() == [
        {"fov_id": "a", "label": "T", "n_localisations": 100, "problem": None},
        {"fov_id": "b", "label": None, "n_localisations": None, "problem": "too few"},
    ]
    with pytest.raises(DataError, match="b: too few"):
        source.scene(1)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent", "no such file or folder"),
        ("graph.pt", "only torch reads"),
        ("empty", "raw_dir: expected"),
    ],
)
def test_what_cannot_be_opened_is_named(tmp_path, open_path, name, message):
    (tmp_path / "graph.pt").touch()
    (tmp_path / "empty").mkdir()
    with pytest.raises(LocgraphError, match=message):
        open_path(tmp_path / name)


def test_several_tables_side_by_side_are_not_chosen_from(tmp_path, open_path):
    for name in ("tables-1", "tables-2"):
        (tmp_path / name).mkdir()
    with pytest.raises(DataError, match="expected one folder of prepared tables; found several"):
        open_path(tmp_path)


def test_tables_without_a_fov_are_refused(tmp_path, open_path):
    for name in ("locs", "clusters"):
        (tmp_path / name).mkdir()
    with pytest.raises(DataError, match="expected tables of FOVs in clusters; found none"):
        open_path(tmp_path)


NAMED = {
    "minflux_headerless.txt": ColumnMap({"source_cluster": 1, "x": 3, "y": 4, "z": 5}, "m"),
    "minflux_tid_t_xyz.csv": ColumnMap({"source_cluster": "tid", "x": "x", "y": "y", "z": "z"}, "nm"),
    "pixel_crlb_beside_nm.csv": ColumnMap({"x": "x_nm", "y": "y_nm", "frame": "frame", "photons": "photons"}, "nm"),
    "space_sep.txt": ColumnMap({"x": "x", "y": "y", "frame": "frame", "photons": "photons"}, "nm"),
    "space_separated_headerless.csv": ColumnMap({"x": 1, "y": 2, "precision": 3}, "nm"),
    "insight3_molecule_list.txt": FileColumns(pixel_size_nm=160),
}
"""Columns of real files that do not state them."""


@pytest.mark.parametrize("folder", ["formats", "cases"])
def test_every_file_of_real_data_opens(test_data, open_path, folder):
    paths = [path for path in sorted((test_data / folder).iterdir()) if path.suffix not in (".yaml", ".md")]
    assert len(paths) > 3
    for path in paths:
        scene = open_path(path, NAMED.get(path.name, FileColumns())).scene(0)
        header = json.dumps(scene.header(), allow_nan=False)
        assert f'"n": {len(scene.levels)}' in header
        table = scene.table(np.arange(len(scene.levels)))
        rows = scene.levels.values[ROW]
        for name in set(table.columns) & set(scene.levels.values) - {"density"}:
            column = scene.levels.column(name)
            values = scene.levels.values[name] + np.float64(column.first)
            np.testing.assert_allclose(values, table[name].to_numpy()[rows], rtol=1e-6, err_msg=f"{path.name} {name}")


def test_a_real_folder_opens_with_classes(test_data, open_path):
    columns = ColumnMap({"x": "x", "y": "y", "precision": "sigma", "channel": "channel"}, "px", pixel_size_nm=130)
    source = open_path(test_data / "digits_letters", columns)
    table = source.fovs()
    assert table["label"].value_counts().sort("label").rows() == [
        (label, 35) for label in ("L", "O", "T", "grid", "one", "three", "two")
    ]
    assert table["problem"].null_count() == 245
    scene = source.scene(7)
    assert scene.label == table["label"][7]
    assert scene.levels.column("precision").unit == "nm"
