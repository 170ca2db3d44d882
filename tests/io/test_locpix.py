"""Folders of locpix-points, in nanometres and under their right names."""

import json

import numpy as np
import polars as pl
import pytest

from locgraph.errors import ConfigError, DataError
from locgraph.io import featextracted
from locgraph.io.locpix import is_locpix, list_fovs, read_fov

METADATA = {
    "name": "a",
    "dim": "2",
    "channels": "[0]",
    "channel_label": "{0: 'egfr'}",
    "gt_label_scope": "fov",
    "gt_label": "1",
    "gt_label_map": json.dumps({"1": "cancer", "0": "normal"}),
}
SQUARE = np.array([(-1.0, -1.0), (-1.0, 1.0), (1.0, -1.0), (1.0, 1.0)])  # side 2: radius of gyration sqrt(2)
LINE = np.array([(-4.0, 0.0), (4.0, 0.0), (0.0, 1.0), (0.0, -1.0)])


def features(points, number):
    """One row of clusters, by the formulas of locpix-points."""
    values = np.sqrt(np.linalg.eigvalsh(np.cov(points.T)))[::-1]
    length, area = 2.35 * values[0], 2.35**2 * values[0] * values[1]
    return {
        "clusterID": number,
        "count": len(points),
        "x_mean": points[:, 0].mean(),
        "y_mean": points[:, 1].mean(),
        "RGyration": ((points - points.mean(axis=0)) ** 2).sum() / len(points),
        "linearity": 1 - values[1] / values[0],
        "planarity": values[1] / values[0],
        "length_pca": length,
        "area_pca": area,
        "perimeter": 8.0,
        "area_convex_hull": 4.0,
        "length_convex_hull": 8**0.5,
        "density_convex_hull": len(points) / 4.0,
        "density_pca": len(points) / area,
    }


def tables():
    """Two clusters, with numbers that leave gaps, in mixed order, and a localisation outside."""
    points = np.vstack([LINE + 10, SQUARE + 100, [(0.0, 0.0)]])
    locs = pl.DataFrame(
        {
            "x": points[:, 0],
            "y": points[:, 1],
            "channel": [0] * 9,
            "frame": list(range(9)),
            "x_pixel": [0] * 9,
            "clusterID": [7] * 4 + [3] * 4 + [-1],
        }
    )
    return locs, pl.DataFrame([features(LINE + 10, 7), features(SQUARE + 100, 3)])


def write(root, locs, clusters, **changes):
    metadata = {key: value for key, value in (METADATA | changes).items() if value is not None}
    for kind, table in (("locs", locs), ("clusters", clusters)):
        (root / kind).mkdir(parents=True, exist_ok=True)
        table.write_parquet(root / kind / "a.parquet", metadata=metadata)
    return root


@pytest.fixture
def root(tmp_path):
    return write(tmp_path / "project" / "preprocessed" / "featextract", *tables())


def test_found_at_any_of_its_folders(root):
    for folder in (root, root.parent, root.parent.parent):
        assert is_locpix(folder)
        assert list_fovs(folder) == ["a"]
        assert read_fov(folder, "a", unit="nm").fov_id == "a"


def test_other_folders_are_none(tmp_path, root):
    featextracted.write_fov(tmp_path / "own", read_fov(root, "a", unit="nm"))

    assert not is_locpix(tmp_path)
    assert not is_locpix(tmp_path / "own")
    with pytest.raises(DataError, match="expected a folder of locpix-points"):
        list_fovs(tmp_path / "own")


def test_clusters_are_renumbered_in_both_tables(root):
    fov = read_fov(root, "a", unit="nm")

    assert fov.clusters["cluster_id"].to_list() == [0, 1]
    assert fov.clusters["x_mean"].to_list() == pytest.approx([100.0, 10.0])
    assert fov.locs["cluster_id"].to_list() == [0] * 4 + [1] * 4
    assert fov.locs.group_by("cluster_id", maintain_order=True).agg(pl.col("x").mean())["x"].to_list() == [100, 10]
    assert fov.locs["view"].unique().to_list() == [0]
    assert fov.counts == {"dimensions": 2, "localisations_unclustered": 1, "n_localisations": 8, "n_clusters": 2}


def test_names_and_definitions(root):
    fov = read_fov(root, "a", unit="nm")

    square = fov.clusters.row(0, named=True)
    assert square["radius_of_gyration"] == pytest.approx(2**0.5)
    assert square["perimeter_hull"] == 8.0
    assert square["area_hull"] == 4.0
    assert square["length_hull"] == pytest.approx(8**0.5)
    assert square["density_hull"] == 1.0
    assert "planarity" not in square
    assert fov.recipe["columns_left_out"] == {"locs": ["x_pixel"], "clusters": ["planarity"]}


@pytest.mark.parametrize(("unit", "pixel", "nm"), [("um", None, 1e3), ("px", 130.0, 130.0), ("m", None, 1e9)])
def test_units_by_their_power_of_length(root, unit, pixel, nm):
    plain = read_fov(root, "a", unit="nm")
    fov = read_fov(root, "a", unit=unit, pixel_size_nm=pixel)

    for name, power in {"x_mean": 1, "radius_of_gyration": 1, "length_pca": 1, "perimeter_hull": 1, "length_hull": 1,
                        "area_pca": 2, "area_hull": 2, "density_pca": -2, "density_hull": -2,
                        "count": 0, "linearity": 0}.items():  # fmt: skip
        expected = plain.clusters[name].to_numpy() * nm**power
        assert fov.clusters[name].to_numpy() == pytest.approx(expected, rel=1e-12), name
    assert fov.locs["y"].to_numpy() == pytest.approx(plain.locs["y"].to_numpy() * nm)
    assert fov.units["area_hull"] == "nm^2"
    assert fov.units["x"] == "nm"
    assert fov.fingerprint != plain.fingerprint


def test_label_and_classes(root):
    fov = read_fov(root, "a", unit="nm")

    assert fov.label == "cancer"
    assert fov.class_names == ("normal", "cancer")
    assert fov.group is None


def test_it_can_be_written_as_ours(tmp_path, root):
    given = read_fov(root, "a", unit="nm")
    featextracted.write_fov(tmp_path / "own", given)

    fov = featextracted.read_fov(tmp_path / "own", "a")

    assert fov.clusters.equals(given.clusters)
    assert fov.locs.equals(given.locs)
    assert fov.label == "cancer"


@pytest.mark.parametrize("changes", [{"dim": None, "dimensions": "2"}, {"dim": None}])
def test_either_name_for_the_dimension(tmp_path, changes):
    write(tmp_path, *tables(), **changes)

    assert read_fov(tmp_path, "a", unit="nm").dimensions == 2


@pytest.mark.parametrize("changes", [{"dim": "3"}, {"dim": None, "dimensions": "3"}])
def test_three_dimensions_are_refused(tmp_path, changes):
    write(tmp_path, *tables(), **changes)

    with pytest.raises(DataError, match="expected 2 dimensions; found 3"):
        read_fov(tmp_path, "a", unit="nm")


def test_z_of_a_flat_fov_is_left_out(tmp_path):
    locs, clusters = tables()
    write(tmp_path, locs.with_columns(z=pl.lit(0.0)), clusters)

    assert "z" not in read_fov(tmp_path, "a", unit="nm").locs.columns


def test_without_label(tmp_path):
    write(tmp_path, *tables(), gt_label_scope="None", gt_label="None", gt_label_map="null")

    fov = read_fov(tmp_path, "a", unit="nm")

    assert (fov.label, fov.class_names) == (None, ())


def test_label_outside_the_map(tmp_path):
    write(tmp_path, *tables(), gt_label="5")

    with pytest.raises(DataError, match="expected gt_label among the integers of gt_label_map; found '5'"):
        read_fov(tmp_path, "a", unit="nm")


def test_early_versions_wrote_variances(tmp_path):
    locs, clusters = tables()
    variances = (pl.col("length_pca") / 2.35) ** 2, (pl.col("area_pca") / pl.col("length_pca") / 2.35) ** 2
    clusters = clusters.with_columns(length_pca=6 * variances[0], area_pca=36 * variances[0] * variances[1])
    write(tmp_path, locs, clusters)

    with pytest.raises(DataError, match="found 6 variances, as early versions"):
        read_fov(tmp_path, "a", unit="nm")


@pytest.mark.parametrize(("unit", "pixel"), [(None, None), ("", None), ("px", None), ("mm", None), ("nm", 100.0)])
def test_unit_is_never_guessed(root, unit, pixel):
    with pytest.raises(ConfigError) as caught:
        read_fov(root, "a", unit=unit, pixel_size_nm=pixel)
    assert caught.value.setting == ("pixel_size_nm" if unit == "px" or pixel else "unit")


def test_tables_that_do_not_fit(tmp_path):
    locs, clusters = tables()
    write(tmp_path, locs, clusters[:1])

    with pytest.raises(DataError, match="a: expected one row of clusters for each clusterID"):
        read_fov(tmp_path, "a", unit="nm")


def test_missing_column_and_file(tmp_path):
    locs, clusters = tables()
    write(tmp_path, locs, clusters.drop("count"))

    with pytest.raises(DataError, match="expected the columns of locpix-points; count missing"):
        read_fov(tmp_path, "a", unit="nm")
    with pytest.raises(DataError, match="b: expected its locs at"):
        read_fov(tmp_path, "b", unit="nm")
