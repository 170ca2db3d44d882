"""Starting from tables: locgraph's own and those of locpix-points, and what they disagree on."""

import json

import polars as pl
import pytest

from locgraph import schema
from locgraph.errors import ConfigError, DataError
from locgraph.io.featextracted import ExtractedFov, fov_path, read_fov, write_fov
from locgraph.preparation.executors import Serial
from locgraph.preparation.featextracted import convert_locpix, manifest_of
from locgraph.preparation.prepare import prepare
from locgraph.preparation.views import Views
from locgraph.run_folder import CLUSTERS, LOCS

NOT_KNOWN = (schema.PARENT_FOV, schema.N_LABELLED, schema.SHARES, schema.X, schema.Y, schema.Z)
EXTENT = pytest.approx((134 / 9) ** 0.5)  # of 0, 2 and 9 nm


def write_own(folder, fov_id, label="a", names=("a", "b"), views=1, group=None):
    """Two clusters with 2 and 1 localisations in each view."""
    locs = pl.DataFrame({"x": [0.0, 2.0, 9.0], "y": [0.0, 0.0, 0.0], "cluster_id": [0, 0, 1]})
    clusters = pl.DataFrame({"cluster_id": [0, 1], "count": [2, 1], "x_mean": [1.0, 9.0], "y_mean": [0.0, 0.0]})
    tables = [
        pl.concat([table.with_columns(pl.lit(view, pl.Int64).alias("view")) for view in range(views)])
        for table in (locs, clusters)
    ]
    write_fov(folder, ExtractedFov(fov_id, *tables, 2, label, names, group))


def write_locpix(folder, fov_id, label="0", names=None, noise=1):
    """Two clusters of 2 and 1 localisations 1 px apart, and noise."""
    metadata = {"dim": "2", "gt_label": label, "gt_label_map": json.dumps(names or {"0": "a", "1": "b"})}
    ids = [4, 4, 7] + [-1] * noise
    locs = pl.DataFrame(
        {"x": [0.0, 1.0, 5.0] + [50.0] * noise, "y": [0.0, 0.0, 3.0] + [50.0] * noise, "clusterID": ids}
    )
    clusters = pl.DataFrame(
        {
            "clusterID": [4, 7],
            "count": [2, 1],
            "x_mean": [0.5, 5.0],
            "y_mean": [0.0, 3.0],
            "area_convex_hull": [2.0, 0.0],
        }
    )
    for kind, table in ((LOCS, locs), (CLUSTERS, clusters)):
        path = fov_path(folder, kind, fov_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        table.write_parquet(path, metadata=metadata)


def stamps(folder):
    return {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in folder.rglob("*.parquet")}


def test_own_tables(tmp_path):
    write_own(tmp_path, "p/1", views=3, group="p")
    write_own(tmp_path, "p/2", label="b")
    write_own(tmp_path, "q", label=None)

    manifest = manifest_of(tmp_path)

    assert manifest.table.drop(
        schema.PARENT_FOV, schema.N_LABELLED, schema.SHARES, schema.X, schema.Y, schema.Z
    ).rows() == [
        ("p/1", None, "a", "p", 2, 3, 2, EXTENT, None),
        ("p/2", None, "b", None, 2, 3, 2, EXTENT, None),
        ("q", None, None, None, 2, 3, 2, EXTENT, None),
    ]
    assert manifest.class_names == ("a", "b")
    assert manifest.failures == {}


@pytest.mark.parametrize("keep_unclustered", [False, True])
def test_the_tables_of_a_prepared_folder_give_its_manifest(
    tmp_path, make_raw, make_recipe, catalogue_of, keep_unclustered
):
    recipe = make_recipe(views=Views(count=3), keep_unclustered=keep_unclustered)
    prepared = prepare(catalogue_of(make_raw(4)), recipe, tmp_path / "tables", Serial(), 0.0)

    manifest = manifest_of(tmp_path / "tables")

    assert manifest.table.drop("path").equals(prepared.table.drop("path"))
    assert manifest.class_names == prepared.class_names


def test_tables_whose_raw_files_are_gone_are_left_out(tmp_path, make_raw, make_recipe, catalogue_of, caplog):
    raw = make_raw()
    folder = tmp_path / "tables"
    before = prepare(catalogue_of(raw), make_recipe(), folder, Serial(), 0.0)
    gone = before.table["fov_id"][0]
    next(raw.rglob(f"{gone}.*")).unlink()
    after = prepare(catalogue_of(raw), make_recipe(), folder, Serial(), 0.0)
    assert fov_path(folder, CLUSTERS, gone).is_file()

    result = manifest_of(folder)

    assert sorted(result.table["fov_id"]) == sorted(after.table["fov_id"])
    assert gone not in list(result.table["fov_id"])
    assert gone in caplog.text


def test_a_bad_fov_is_named_and_the_others_go_on(tmp_path):
    for fov_id in ("a", "b", "c"):
        write_own(tmp_path, fov_id)
    fov_path(tmp_path, LOCS, "a").unlink()
    path = fov_path(tmp_path, CLUSTERS, "b")
    path.write_bytes(path.read_bytes()[:-40])

    manifest = manifest_of(tmp_path)

    assert manifest.table["fov_id"].to_list() == ["c"]
    assert set(manifest.failures) == {"a", "b"}
    assert "found no file" in manifest.failures["a"]
    assert "truncated or damaged" in manifest.failures["b"]


@pytest.mark.parametrize("folders", [[], ["locs"], ["clusters"]])
def test_another_folder(tmp_path, folders):
    for name in folders:
        (tmp_path / name).mkdir()

    with pytest.raises(DataError, match="expected the folders `locs` and `clusters`"):
        manifest_of(tmp_path)


def test_no_fov_can_be_read(tmp_path):
    write_own(tmp_path, "a")
    fov_path(tmp_path, LOCS, "a").write_bytes(b"nothing")

    with pytest.raises(DataError, match=r"expected FOVs that can be read, found none: .*'a': "):
        manifest_of(tmp_path)


def test_label_maps_that_disagree(tmp_path):
    write_own(tmp_path, "1", names=("b", "a"))
    for fov_id in ("2", "3"):
        write_own(tmp_path, fov_id, names=("a", "b"))
    write_own(tmp_path, "4", names=("a", "b", "c"))

    manifest = manifest_of(tmp_path)

    assert manifest.class_names == ("a", "b")
    assert manifest.table["fov_id"].to_list() == ["2", "3"]
    assert set(manifest.failures) == {"1", "4"}
    assert "label map ['b', 'a'] disagrees with ['a', 'b'] of most FOVs" in manifest.failures["1"]


@pytest.mark.parametrize("below", [".", "featextract", "preprocessed/featextract"])
def test_locpix_tables(tmp_path, below):
    for fov_id, label in (("1", "0"), ("2", "1"), ("10", "1")):
        write_locpix(tmp_path / "project" / below, fov_id, label)

    manifest = convert_locpix(tmp_path / "project", tmp_path / "tables", "px", 100.0)

    extent = pytest.approx((200000 / 3) ** 0.5)  # of (0, 0), (100, 0) and (500, 300) nm
    assert manifest.table.drop(
        schema.PARENT_FOV, schema.N_LABELLED, schema.SHARES, schema.X, schema.Y, schema.Z
    ).rows() == [
        ("1", None, "a", None, 2, 3, 2, extent, None),
        ("10", None, "b", None, 2, 3, 2, extent, None),
        ("2", None, "b", None, 2, 3, 2, extent, None),
    ]
    fov = read_fov(tmp_path / "tables", "10")
    assert fov.locs.select("view", "cluster_id", "x", "y").rows() == [
        (0, 0, 0.0, 0.0),
        (0, 0, 100.0, 0.0),
        (0, 1, 500.0, 300.0),
    ]
    assert fov.clusters["area_hull"].to_list() == [20000.0, 0.0]
    assert fov.counts["localisations_unclustered"] == 1
    assert manifest_of(tmp_path / "tables").table.equals(manifest.table)


def test_locpix_tables_are_written_once(tmp_path):
    for fov_id in ("1", "2"):
        write_locpix(tmp_path / "project", fov_id)
    first = convert_locpix(tmp_path / "project", tmp_path / "tables", "nm", None)
    before = stamps(tmp_path / "tables")

    again = convert_locpix(tmp_path / "project", tmp_path / "tables", "nm", None)
    assert again.table.equals(first.table)
    assert stamps(tmp_path / "tables") == before

    write_locpix(tmp_path / "project", "2", noise=5)
    convert_locpix(tmp_path / "project", tmp_path / "tables", "nm", None)
    after = stamps(tmp_path / "tables")
    assert {path.stem for path in after if after[path] != before[path]} == {"2"}
    assert read_fov(tmp_path / "tables", "2").counts["localisations_unclustered"] == 5


def test_locpix_tables_in_another_unit_are_written_again(tmp_path):
    write_locpix(tmp_path / "project", "1")
    convert_locpix(tmp_path / "project", tmp_path / "tables", "px", 100.0)

    convert_locpix(tmp_path / "project", tmp_path / "tables", "px", 200.0)

    assert read_fov(tmp_path / "tables", "1").locs["x"].to_list() == [0.0, 200.0, 1000.0]


def test_bad_locpix_fovs_are_named_and_the_others_go_on(tmp_path):
    for fov_id in ("1", "2", "3", "4"):
        write_locpix(tmp_path / "project", fov_id)
    fov_path(tmp_path / "project", LOCS, "2").unlink()
    write_locpix(tmp_path / "project", "3", label="9")
    write_locpix(tmp_path / "project", "4", names={"0": "b", "1": "a"})

    manifest = convert_locpix(tmp_path / "project", tmp_path / "tables", "nm", None)

    assert manifest.table["fov_id"].to_list() == ["1"]
    assert set(manifest.failures) == {"2", "3", "4"}
    assert "disagrees" in manifest.failures["4"]


def test_the_unit_of_locpix_tables_is_asked_for(tmp_path):
    write_locpix(tmp_path / "project", "1")

    with pytest.raises(ConfigError, match=r"^unit: "):
        convert_locpix(tmp_path / "project", tmp_path / "tables", None, None)
    with pytest.raises(ConfigError, match=r"^pixel_size_nm: "):
        convert_locpix(tmp_path / "project", tmp_path / "tables", "px", None)
    assert not (tmp_path / "tables").exists()
