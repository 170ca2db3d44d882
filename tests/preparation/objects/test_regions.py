"""Regions as objects: edges, holes, pixels, what is left out, and files that change."""

import functools
import json
import struct

import numpy as np
import polars as pl
import pytest
from matplotlib.path import Path as Outline

from locgraph.errors import ConfigError, DataError, TooManyFailuresError
from locgraph.io.catalogue import scan
from locgraph.io.columns import ColumnMap
from locgraph.io.groups import NoGroups
from locgraph.io.labels import NoLabels
from locgraph.io.regions.points import Points
from locgraph.preparation.executors import Serial
from locgraph.preparation.objects.extract import read_objects
from locgraph.preparation.objects.regions import Regions
from locgraph.preparation.prepare import prepare

COLUMNS = ColumnMap({"x": "x", "y": "y"}, unit="nm", required=["x", "y"])


def square(x, y, side):
    return [[x, y], [x + side, y], [x + side, y + side], [x, y + side]]


def geojson(**regions):
    """Regions of one polygon each: outline, then holes."""
    return json.dumps(
        [
            {"type": "Feature", "properties": {"name": name}, "geometry": {"type": "Polygon", "coordinates": rings}}
            for name, rings in regions.items()
        ]
    )


@pytest.fixture
def find(tmp_path):
    """Returns the objects of points in the regions of a file."""

    def found(points, text, **settings):
        path = tmp_path / "regions.geojson"
        path.write_text(text)
        finder = Regions(path, **{"unit": "nm"} | settings)
        return finder(pl.DataFrame(np.asarray(points, float), schema=["x", "y"], orient="row"), 2, "cell")

    return found


def by_name(objects):
    return {name: rows.tolist() for name, rows in objects}


def test_neighbours_share_no_localisation_and_lose_none(find):
    grid = [(x, y) for x in range(21) for y in range(21)]
    objects = find(
        grid, geojson(a=[square(0, 0, 10)], b=[square(10, 0, 10)], c=[square(0, 10, 10)], d=[square(10, 10, 10)])
    )
    assert objects.sizes.tolist() == [100] * 4
    assert objects.counts == {"localisations in no object": 41}  # x or y of 20


def test_slanted_neighbours_share_no_localisation_and_lose_none():
    rng = np.random.default_rng(0)
    ends = rng.uniform(0, 100, (2, 2))
    low, high = [-500.0, -500.0], [600.0, 500.0]
    left = np.array([low, ends[0], ends[1], high, [-500.0, 500.0]])
    right = np.array([high, ends[1], ends[0], low, [600.0, -500.0]])
    on_edge = ends[0] + np.linspace(0, 1, 2001)[:, None] * (ends[1] - ends[0])
    points = Points(*np.vstack([on_edge, rng.uniform(-100, 200, (2000, 2))]).T)
    both = np.concatenate([points.inside(((left,),)), points.inside(((right,),))])
    assert np.array_equal(np.sort(both), np.arange(4001))


def test_points_in_polygons_agree_with_matplotlib():
    rng = np.random.default_rng(1)
    angles = np.sort(rng.uniform(0, 2 * np.pi, 40))
    star = np.column_stack([np.cos(angles), np.sin(angles)]) * rng.uniform(0.3, 1, (40, 1))
    points = rng.uniform(-1, 1, (3000, 2))
    expected = np.flatnonzero(Outline(star).contains_points(points))
    assert np.array_equal(Points(*points.T).inside(((star,),)), expected)
    closed = np.vstack([star, star[:1]])[::-1]
    assert np.array_equal(Points(*points.T).inside(((closed,),)), expected)


def test_holes_are_outside_and_several_polygons_one_region():
    points = Points(np.array([1.0, 5.0, 25.0, 15.0]), np.array([1.0, 5.0, 5.0, 5.0]))
    outline, hole, other = (np.array(square(*own), float) for own in ((0, 0, 10), (3, 3, 4), (20, 0, 10)))
    assert points.inside(((outline, hole), (other,))).tolist() == [0, 2]


def test_what_is_left_out_and_what_is_shared(find):
    objects = find(
        [(1, 1), (2, 2), (8, 8)],
        geojson(
            a=[square(0, 0, 5)],
            both=[square(0, 0, 9)],
            few=[square(7, 7, 5)],
            empty=[square(90, 0, 5)],
            line=[[[0, 0], [1, 1]]],
        ),
        min_localisations=2,
    )
    assert by_name(objects) == {"a": [0, 1], "both": [0, 1, 2]}
    assert objects.left_out == {
        "few": "fewer than 2 localisations",
        "empty": "no localisations",
        "line": "fewer than 3 different vertices",
    }
    assert objects.counts["localisations in several objects"] == 2


def test_pixels_have_a_size_and_an_origin(find):
    objects = find(
        [(40, 40), (160, 60), (60, 260)],
        geojson(a=[square(0, 0, 1)]),
        unit="px",
        pixel_size_nm=100,
        origin_nm=[50, -50],
    )
    assert objects.counts["localisations in no object"] == 3 - len(objects.rows)
    assert len(objects) == 0
    objects = find([(60, 40), (49, 0)], geojson(a=[square(0, 0, 1)]), unit="px", pixel_size_nm=100, origin_nm=[50, -50])
    assert by_name(objects) == {"a": [0]}
    assert by_name(find([(500, 1)], geojson(a=[square(0, 0, 1)]), unit="um")) == {"a": [0]}


def roi(left, top, side):
    """A rectangle of ImageJ."""
    return (b"Iout" + struct.pack(">hBx4h", 227, 1, top, left, top + side, left + side)).ljust(64, b"\0")


@pytest.fixture
def run(tmp_path, make_recipe):
    """Prepares a folder of FOVs whose regions are beside them, or in a table."""
    rng = np.random.default_rng(0)
    (tmp_path / "raw/wt").mkdir(parents=True)
    blobs = rng.normal(0, 3, (60, 2)) + np.repeat([[50, 50], [250, 50], [250, 250]], 20, axis=0)
    for name in ("a", "b"):
        pl.DataFrame(blobs, schema=["x", "y"]).write_csv(tmp_path / f"raw/wt/{name}.csv")

    @functools.cache  # the settings of the recipe of tests name the object
    def finder(path, **settings):
        return Regions(tmp_path / path, **settings)

    def prepared(limit=0.0, path="raw", unit="px", pixel_size_nm=100):
        objects = finder(path, unit=unit, pixel_size_nm=pixel_size_nm, origin_nm=(0, 0))
        recipe = make_recipe(columns=COLUMNS, objects=objects, min_clusters=1)
        catalogue = scan(tmp_path / "raw", COLUMNS, NoLabels(), NoGroups(), leave_out=objects.tables)
        return prepare(catalogue, recipe, tmp_path / "tables", Serial(), limit)

    return prepared


def test_rois_beside_raw_files_and_what_is_made_again(run, tmp_path, caplog):
    for name in ("a", "b", "c"):
        (tmp_path / f"raw/wt/{name}.roi").write_bytes(roi(0, 0, 1))
    manifest = run()
    assert manifest.table["fov_id"].to_list() == ["wt/a/a", "wt/b/b"]
    assert "regions of 1 FOVs that have no file that can be read, such as wt/c.roi" in caplog.text
    assert "skipped" not in caplog.text  # a ROI is no damaged FOV
    written = {name: (tmp_path / f"tables/objects/wt/{name}.parquet").stat().st_mtime_ns for name in "ab"}
    (tmp_path / "raw/wt/b.roi").write_bytes(roi(2, 0, 1))
    assert run().table["x"].to_list() == pytest.approx([50, 250], abs=3)
    again = {name: (tmp_path / f"tables/objects/wt/{name}.parquet").stat().st_mtime_ns for name in "ab"}
    assert (again["a"], again["b"] > written["b"]) == (written["a"], True)


def test_a_table_of_regions_in_the_raw_folder_is_no_fov(run, tmp_path, caplog):
    rows = [("wt/a.csv", "left", *own) for own in square(0, 0, 100)] + [("wt/x", "left", 0, 0)]
    rows += [("wt/b", 7, *own) for own in square(200, 0, 100)] + [("wt/b", "none", *own) for own in square(900, 0, 1)]
    text = "\n".join(",".join(map(str, row)) for row in [("fov_id", "region", "x", "y"), *rows])
    (tmp_path / "raw/regions.csv").write_text(text)
    manifest = run(path="raw/regions.csv", unit="nm", pixel_size_nm=None)
    assert manifest.table["fov_id"].to_list() == ["wt/a/left", "wt/b/7"]
    assert not manifest.failures
    assert "such as wt/x" in caplog.text
    reasons = dict(read_objects(tmp_path / "tables", "wt/b").table.select("object", "reason").iter_rows())
    assert reasons == {"7": None, "none": "no localisations"}


def test_fovs_without_regions_are_named(run, tmp_path):
    (tmp_path / "raw/wt/a.roi").write_bytes(roi(0, 0, 1))
    manifest = run(limit=0.5)
    assert manifest.table["fov_id"].to_list() == ["wt/a/a"]
    assert "expected regions of wt/b in" in manifest.failures["wt/b"]
    with pytest.raises(TooManyFailuresError, match="wt/b"):
        run()


def test_regions_that_name_no_fov_are_refused_for_several(run, tmp_path):
    (tmp_path / "all.roi").write_bytes(roi(0, 0, 1))
    with pytest.raises(DataError, match=r"objects\.path: .*expected regions that name their FOV"):
        run(path="all.roi")


def test_rois_are_in_pixels(run, tmp_path):
    (tmp_path / "raw/wt/a.roi").write_bytes(roi(0, 0, 1))
    with pytest.raises(TooManyFailuresError, match="ROIs of ImageJ are in pixels; found unit=nm"):
        run(unit="nm", pixel_size_nm=None)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"unit": "mm"}, "unit: expected one of nm, um, px, found 'mm'"),
        ({"unit": "px"}, "pixel_size_nm: expected a size in nm"),
        ({"unit": "nm", "pixel_size_nm": 100}, "pixel_size_nm: expected a size in nm where unit is px, and null"),
        ({"unit": "px", "pixel_size_nm": 100}, "origin_nm: expected x and y in nm of the corner of the first pixel"),
        ({"unit": "nm", "origin_nm": [1]}, "origin_nm: expected x and y in nm"),
        ({"unit": "nm", "origin_nm": "ab"}, "origin_nm: expected x and y in nm"),
    ],
)
def test_wrong_settings(tmp_path, settings, message):
    with pytest.raises(ConfigError, match=message):
        Regions(tmp_path, **settings)
