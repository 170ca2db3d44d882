"""Label volumes from the file to tables of clusters, and back to a mask with the numbers of groups."""

import numpy as np
import polars as pl
import pytest

import locgraph
from builders.volumes import boxes, write_volume
from locgraph import schema
from locgraph.io.featextracted import read_fov
from locgraph.io.read import open_columns
from locgraph.io.volumes.columns import VolumeColumns
from locgraph.io.volumes.reader import read_volume
from locgraph.io.writers.volumes import write_relabelled

pytest.importorskip("skimage", reason="needs the extra volumes")
pytest.importorskip("tifffile", reason="needs the extra volumes")

SETTINGS = (
    *("columns=volumes", "columns.points_per_object=20", "labels=folders", "features=[size,mask_shape,gap]"),
    *("executor=serial", "views=one"),
)


@pytest.fixture
def masks(tmp_path):
    for label, shift in (("wt", 0), ("ko", 4)):
        write_volume(tmp_path / "masks" / label / f"{label}.tif", np.roll(boxes(), shift, axis=2))
    return tmp_path / "masks"


def prepared(masks, *more):
    return locgraph.prepare(masks, *SETTINGS, f"paths.output_dir={masks.parent / 'out'}", *more)


def test_labels_become_clusters_and_groups_become_labels(masks):
    result = prepared(masks, "clustering=given")
    assert result.manifest.table[schema.N_CLUSTERS].to_list() == [4, 4]
    fov = read_fov(result.tables, "wt/wt")
    locs, clusters = (table.filter(pl.col(schema.VIEW) == 0) for table in (fov.locs, fov.clusters))
    pairs = locs.select(schema.CLUSTER_ID, schema.SOURCE_CLUSTER).unique()
    assert pairs.height == clusters.height == 4

    label_of = dict(pairs.iter_rows())
    sizes = clusters.select(schema.CLUSTER_ID, "object_volume").iter_rows()
    groups = {label_of[cluster]: 1 + (volume > 1e6) for cluster, volume in sizes}
    source = masks / "wt" / "wt.tif"
    target = write_relabelled(source, groups, masks.parent / "groups.tif")

    # 189 or more voxels of 6,000 nm^3 are large: the labels 3 and 9
    expected = np.select([np.isin(boxes(), (3, 9)), boxes() > 0], [2, 1], 0)
    with open_columns(target, VolumeColumns()) as reader:
        values = read_volume(reader.volume, reader.selection)
        np.testing.assert_array_equal(values, expected)
        assert (values.dtype, reader.selection.voxel_nm) == (np.uint16, (30.0, 10.0, 20.0))


def test_each_object_may_be_a_unit_of_its_own(masks):
    result = prepared(masks, "objects=traces", "clustering=one", "limits.min_clusters=1")

    assert result.manifest.table[schema.PARENT_FOV].to_list() == ["ko/ko"] * 4 + ["wt/wt"] * 4
    names = [f"{fov}/{label}" for fov in ("ko/ko", "wt/wt") for label in (200, 3, 5, 9)]
    assert result.manifest.table[schema.FOV_ID].to_list() == names
