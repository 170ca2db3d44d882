"""Measures of the objects of label volumes, as features of their clusters."""

import numpy as np
import polars as pl
import pytest

from builders.volumes import write_volume
from locgraph import schema
from locgraph.errors import DataError
from locgraph.io.read import read_localisations
from locgraph.io.volumes.columns import VolumeColumns
from locgraph.preparation.clustering.simple import Given
from locgraph.preparation.features.masks import MaskIntensity, MaskShape, MaskSkeleton
from locgraph.preparation.features.table import FeatureSet

pytest.importorskip("skimage", reason="needs the extra volumes")
pytest.importorskip("tifffile", reason="needs the extra volumes")

FEATURES = {"shape": MaskShape(), "skeleton": MaskSkeleton()}


def measured(path, features=FEATURES, **settings):
    """Return the clusters of a label volume with their features, and the localisations."""
    locs = read_localisations(path, VolumeColumns(points_per_object=20, **settings), 0.0)
    points = locs.table.select(schema.position_columns(locs.dimensions)).to_numpy()
    labels = Given()(points, 0, source_cluster=locs.table[schema.SOURCE_CLUSTER].to_numpy())
    return FeatureSet(features).compute(locs.table, labels, locs.dimensions), locs


def ellipsoids(voxel_nm, *half_axes):
    """Return ellipsoids (ellipses) side by side along the first axis."""
    grids = [
        np.meshgrid(
            *[
                np.arange(-np.ceil(max(half_axes[0]) / size) - 1, np.ceil(max(half_axes[0]) / size) + 2) * size
                for size in voxel_nm
            ],
            indexing="ij",
        )
        for _ in half_axes
    ]
    parts = [
        (number + 1) * (sum((axis / half) ** 2 for axis, half in zip(grid, own, strict=True)) <= 1)
        for number, (grid, own) in enumerate(zip(grids, half_axes, strict=True))
    ]
    return np.concatenate(parts).astype(np.uint8)


def test_a_ball_and_a_prolate_spheroid_at_anisotropic_voxels(tmp_path):
    voxel_nm = (20.0, 10.0, 10.0)
    path = write_volume(tmp_path / "a.tif", ellipsoids(voxel_nm, (200, 200, 200), (200, 100, 100)), voxel_nm)
    table, locs = measured(path)

    eccentricity = np.sqrt(1 - 0.25)
    prolate = 2 * np.pi * 100**2 * (1 + 2 / eccentricity * np.arcsin(eccentricity))
    volumes = 4 / 3 * np.pi * np.array([200**3, 200 * 100**2])
    surfaces = np.array([4 * np.pi * 200**2, prolate])
    np.testing.assert_allclose(table["object_volume"], volumes, rtol=0.02)
    np.testing.assert_allclose(table["object_surface"], surfaces, rtol=0.04)
    np.testing.assert_allclose(table["object_sphericity"], np.cbrt(36 * np.pi * volumes**2) / surfaces, rtol=0.04)
    np.testing.assert_allclose(
        table.select(f"object_{name}" for name in schema.AXIS_LENGTHS), [[400] * 3, [400, 200, 200]], rtol=0.03
    )
    first = locs.table.unique(schema.SOURCE_CLUSTER, keep="first", maintain_order=True)
    assert table["object_skeleton_length"].to_list() == first["skeleton_length"].to_list()


def test_a_disc_and_an_ellipse(tmp_path):
    path = write_volume(tmp_path / "a.tif", ellipsoids((10.0, 10.0), (300, 300), (300, 150)), (10.0, 10.0))
    table = measured(path)[0]

    np.testing.assert_allclose(table["object_area"], np.pi * np.array([300**2, 300 * 150]), rtol=0.01)
    np.testing.assert_allclose(table["object_perimeter"], [2 * np.pi * 300, 1453.27], rtol=0.01)
    np.testing.assert_allclose(table["object_circularity"], [1, 4 * np.pi**2 * 300 * 150 / 1453.27**2], atol=0.02)
    np.testing.assert_allclose(
        table.select(f"object_{name}" for name in schema.AXIS_LENGTHS[:2]), [[600, 600], [600, 300]], rtol=0.01
    )
    assert f"object_{schema.AXIS_LENGTHS[2]}" not in table.columns


def test_small_objects_are_never_rounder_than_a_ball(tmp_path):
    values = np.zeros((4, 30, 60), np.uint8)
    for number in range(12):
        values[1, 2 + 4 * (number // 6) : 3 + 4 * (number // 6) + number % 3, 2 + 8 * (number % 6) :][
            :, : 1 + number // 4
        ] = number + 1
    table = measured(write_volume(tmp_path / "a.tif", values, (30.0, 10.0, 10.0)))[0]

    assert table.height == 12
    assert table["object_sphericity"].is_between(0.2, 1).all()
    np.testing.assert_allclose(table["object_volume"], np.bincount(values.ravel())[1:] * 3000)


def test_intensities_need_a_volume_and_skeletons_their_column(tmp_path):
    values = ellipsoids((10.0, 10.0), (300, 300), (300, 150))
    path = write_volume(tmp_path / "masks" / "a.tif", values, (10.0, 10.0))
    write_volume(tmp_path / "images" / "a.tif", (values * 3).astype(np.float32), (10.0, 10.0))

    table = measured(path, {"intensity": MaskIntensity()}, intensity=str(tmp_path / "images"))[0]
    assert table.drop(schema.CLUSTER_ID).rows() == [(3, 0, 3), (6, 0, 6)]
    with pytest.raises(DataError, match=r"expected the columns.*intensity_mean"):
        measured(path, {"intensity": MaskIntensity()})
    with pytest.raises(DataError, match=r"expected the columns.*skeleton_length"):
        measured(path, leave_out=["skeleton_length"])


def test_clusters_of_several_objects_are_refused(tmp_path):
    locs = measured(write_volume(tmp_path / "a.tif", ellipsoids((10.0, 10.0), (300, 300), (300, 150)), (10.0, 10.0)))[1]
    with pytest.raises(DataError, match="each cluster in one object, found one with points of several"):
        FeatureSet(FEATURES).compute(locs.table, np.zeros(locs.table.height, np.int64), 2)
    part = locs.table.filter(pl.col(schema.SOURCE_CLUSTER) == 1)[:5]
    assert FeatureSet(FEATURES).compute(part, np.zeros(5, np.int64), 2)["object_area"][0] == pytest.approx(
        np.pi * 300**2, rel=0.01
    )
