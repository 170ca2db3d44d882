"""Regions of a FOV from tables, GeoJSON and folders: names, what cannot be used, and which FOV is meant."""

import json

import numpy as np
import polars as pl
import pytest

from locgraph.errors import DataError
from locgraph.io.regions.base import Region, digest, make_region, number_equal_names, safe_name
from locgraph.io.regions.read import is_named, read_region_file, strangers

TRIANGLE = [[0.0, 0.0], [4.0, 0.0], [0.0, 3.0]]


def test_a_table_has_a_row_for_each_vertex(tmp_path):
    path = tmp_path / "regions.csv"
    path.write_text(
        "fov_id,region,x,y\nwt/1,2,0,0\nwt/1,2,4,0\nwt/1,2,0,3\nwt/2,a/b,1,1\nwt/2,a/b,nan,1\nwt/2,a/b,2,x\n"
    )
    by_fov = read_region_file(path).by_fov
    (good,), (bad,) = by_fov["wt/1"], by_fov["wt/2"]
    assert (good.name, good.polygons[0][0].tolist()) == ("2", TRIANGLE)
    assert (bad.name, bad.problem) == ("a_b", "vertices that are not finite")
    table = pl.DataFrame({"fov_id": ["a"] * 3, "region": [1.0] * 3, "x": [0, 4, 0], "y": [0, 0, 3]})
    table.write_parquet(tmp_path / "regions.parquet")
    (region,) = read_region_file(tmp_path / "regions.parquet").by_fov["a"]
    assert (region.name, region.polygons[0][0].tolist()) == ("1", TRIANGLE)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fov,region,x,y\na,b,1,2\n", r"expected the columns fov_id, region, x, y, found fov, region, x, y"),
        ("fov_id,region,x,y\na,,1,2\n", "expected a FOV and a region in each row, found 1 rows without"),
        ("{nothing", "expected GeoJSON"),
        ('{"type": "Topology"}', "expected GeoJSON with features, found Topology"),
        ("[" * 100_000, "expected GeoJSON"),
        ("\0\1", "expected a table"),
    ],
)
def test_files_that_hold_no_regions(tmp_path, text, message):
    path = tmp_path / "regions"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_region_file(path)


def test_an_absent_file(tmp_path):
    with pytest.raises(DataError, match="expected a file of regions at"):
        read_region_file(tmp_path / "none.csv")


def feature(geometry, **properties):
    return {"type": "Feature", "id": "u1", "geometry": geometry, "properties": properties}


def test_geojson(tmp_path):
    hole = [[1.0, 0.5], [1.5, 0.5], [1.0, 1.0], [1.0, 0.5]]
    polygon = {"type": "Polygon", "coordinates": [TRIANGLE, hole]}
    several = {"type": "MultiPolygon", "coordinates": [[TRIANGLE], [[[9, 9], [8, 9], [9, 8]]]]}
    features = [
        feature(polygon, fov_id="a", name="nucleus"),
        feature(several, name="nucleus"),
        feature(polygon, name="nucleus"),
        feature({"type": "Point", "coordinates": [0, 0]}),
        feature(None, name=".hidden"),
        feature({"type": "Polygon", "coordinates": [["a", "b"]]}, name="text"),
        feature({"type": "Polygon", "coordinates": 3}, name="number"),
    ]
    path = tmp_path / "a.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    by_fov = read_region_file(path).by_fov
    (own,) = by_fov["a"]
    assert [ring.tolist() for ring in own.polygons[0]] == [TRIANGLE, hole]
    others = {region.name: region for region in by_fov[None]}
    assert len(others["nucleus"].polygons) == 2
    assert {name: region.problem for name, region in others.items()} == {
        "nucleus": None,
        "nucleus_2": None,
        "u1": "Point: it has no area",
        "_hidden": "no geometry: it has no area",
        "text": "vertices that are no pairs of numbers",
        "number": "vertices that are no pairs of numbers",
    }


@pytest.mark.parametrize("wrap", [lambda own: own, lambda own: own["geometry"], lambda own: [own]])
def test_geojson_of_one_feature(tmp_path, wrap):
    path = tmp_path / "a.geojson"
    path.write_text(json.dumps(wrap(feature({"type": "Polygon", "coordinates": [TRIANGLE]}))), encoding="utf-8-sig")
    ((region,),) = read_region_file(path).by_fov.values()
    assert region.polygons[0][0].tolist() == TRIANGLE


def test_a_changed_file_is_read_again(tmp_path):
    path = tmp_path / "regions.csv"
    path.write_text("fov_id,region,x,y\na,b,0,0\na,b,4,0\na,b,0,3\n")
    before = read_region_file(path).by_fov["a"]
    path.write_text("fov_id,region,x,y\na,b,0,0\na,b,4,0\na,b,0,3\na,b,-1,1\n")
    after = read_region_file(path).by_fov["a"]
    assert [len(own[0].polygons[0][0]) for own in (before, after)] == [3, 4]
    assert digest(before) != digest(after)
    assert digest(before) == digest([make_region("b", [[np.array(TRIANGLE)]])])


@pytest.mark.parametrize(
    ("name", "safe"), [("a/b\\c", "a_b_c"), ("..", "_."), (" ", "_"), ("µ-1", "µ-1"), ("a\n", "a")]
)
def test_names_that_can_be_those_of_files(name, safe):
    assert safe_name(name) == safe


def test_equal_names_are_numbered():
    names = [region.name for region in number_equal_names(map(Region, ["a", "a", "a_2", "a", "b"]))]
    assert names == ["a", "a_3", "a_2", "a_4", "b"]


def test_which_fov_is_meant(tmp_path):
    assert is_named("wt\\cell.1", "wt/cell.1")
    assert is_named("wt/cell.HDF5", "wt/cell")
    assert not is_named("wt/cell.1", "wt/cell")
    path = tmp_path / "regions.csv"
    path.write_text("fov_id,region,x,y\nwt/cell.csv,b,0,0\nwt/other,b,0,0\n")
    assert strangers(path, ["wt/cell"]) == ["wt/other"]
    (tmp_path / "wt").mkdir()
    for name in ("wt/cell.roi", "wt/other_rois.zip"):
        (tmp_path / name).write_bytes(b"")
    assert strangers(tmp_path, ["wt/cell"]) == ["wt/other_rois.zip"]
