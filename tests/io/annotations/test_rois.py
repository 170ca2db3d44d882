"""Statements from ROIs of ImageJ, GeoJSON and tables of vertices."""

import json
import struct
import zipfile

import numpy as np
import pytest

from locgraph.errors import ConfigError, DataError
from locgraph.io.annotations.imported import EarlierRows, ImportedRows
from locgraph.io.annotations.regions import regions_to_rows
from locgraph.io.annotations.rois import RoiSettings, read_rois, roi_files
from locgraph.io.annotations.table import read_annotations
from locgraph.io.regions.placement import Placement

PIXELS = Placement("px", 100.0, [1000.0, 0.0])
NM = Placement("nm")


def roi(kind, vertices, options=0):
    """A ROI of ImageJ: a header of 64 bytes, then vertices as whole pixels relative to its box, or as floats."""
    low = np.min(vertices, axis=0).astype(int)
    head = b"Iout" + struct.pack(">hBx4hH", 227, kind, low[1], low[0], 0, 0, len(vertices))
    head = (head.ljust(50, b"\0") + struct.pack(">h", options)).ljust(64, b"\0")
    columns = np.transpose(vertices)
    whole = (columns - low[:, None]).astype(">i2").tobytes()
    return head + whole + (columns.astype(">f4").tobytes() if options else b"")


SQUARE = [[10, 20], [14, 20], [14, 24], [10, 24]]


def take(tmp_path, path, placement=PIXELS, **given):
    settings = RoiSettings(annotator="Ann", placement=placement, **given)
    into = ImportedRows(EarlierRows(tmp_path / "annotations.parquet"))
    read_rois(path, into, settings)
    return into.write(), into.left_out


def rows(tmp_path):
    return read_annotations(tmp_path / "annotations.parquet")


def archive(path, members):
    with zipfile.ZipFile(path, "w") as handle:
        for name, content in members.items():
            handle.writestr(name, content)
    return path


def collection(path, *features):
    path.write_text(json.dumps({"type": "FeatureCollection", "features": list(features)}), encoding="utf-8")
    return path


def feature(geometry, coordinates, **properties):
    return {
        "type": "Feature",
        "geometry": {"type": geometry, "coordinates": coordinates},
        "properties": {"fov_id": "f"} | properties,
    }


def test_a_set_of_rois(tmp_path):
    members = {
        "pore.roi": roi(0, SQUARE),
        "pore-1.roi": roi(7, SQUARE[1:]),
        "type_1.roi": roi(8, SQUARE),
        "0001-0012-0022.roi": roi(0, SQUARE),
        "line.roi": roi(5, SQUARE),
    }
    merged, left_out = take(tmp_path, archive(tmp_path / "RoiSet.zip", members), fov_id="wt/1")
    assert merged.added == 3
    about = rows(tmp_path).select("fov_id", "target", "annotator", "tool").unique().rows()
    assert about == [("wt/1", "region", "Ann", "import")]
    assert rows(tmp_path)["label"].to_list() == ["pore", "pore", "type_1"]
    assert (rows(tmp_path)["x"][0].to_list(), rows(tmp_path)["y"][0].to_list()) == (
        [2000, 2400, 2400, 2000],
        [2000, 2000, 2400, 2400],
    )
    assert left_out.reasons == {
        "a region without a class: name it, or set label to the class of all": ["wt/1: 0001-0012-0022"],
        "polyline: it has no area": ["wt/1: line"],
    }


def test_points_are_the_middle_of_whole_pixels(tmp_path):
    members = {"a.roi": roi(10, [[3, 4], [7, 9]]), "b.roi": roi(10, [[3.25, 4.5]], options=128)}
    take(tmp_path, archive(tmp_path / "set.zip", members), fov_id="f", point_radius_nm=50.0)
    table = rows(tmp_path)
    assert table["target"].unique().to_list() == ["point"]
    assert table.select("x", "y").rows() == [([1350], [450]), ([1750], [950]), ([1325], [450])]
    assert table["radius"].unique().to_list() == [50]


def test_one_class_for_all(tmp_path):
    path = tmp_path / "0001-0002.roi"
    path.write_bytes(roi(0, SQUARE))
    assert take(tmp_path, path, fov_id="f", label="bud")[0].added == 1
    assert rows(tmp_path)["label"].to_list() == ["bud"]


def test_geojson_of_qupath(tmp_path):
    ring = [[0, 0], [100, 0], [100, 100], [0, 100], [0, 0]]
    hole = [[40, 40], [60, 40], [60, 60], [40, 60], [40, 40]]
    path = collection(
        tmp_path / "cells.geojson",
        feature("Polygon", [ring, hole], classification={"name": "cell", "color": [1, 2, 3]}, name="7"),
        feature("MultiPolygon", [[ring], [[[200, 0], [210, 0], [205, 9]]]], label="bud", fov_id="g"),
        feature("Point", [5, 6], classification={"names": ["pore", "open"]}),
        feature("MultiPoint", [[1, 2], [3, 4]], classification="pore"),
        feature("LineString", [[1, 2], [3, 4]], label="x"),
    )
    merged, left_out = take(tmp_path, path, NM)
    assert merged.added == 6
    assert left_out.reasons == {"LineString: it has no area": ["f: 5"]}
    table = rows(tmp_path)
    assert table.group_by("fov_id", "label", "target").len().sort("fov_id", "label").rows() == [
        ("f", "cell", "region", 1),
        ("f", "pore", "point", 2),
        ("f", "pore: open", "point", 1),
        ("g", "bud", "region", 2),
    ]
    cell = table.filter(label="cell").row(0, named=True)
    spots = np.array([[20.0, 20], [50, 50], [70, 50], [150, 50]])
    inside = regions_to_rows(spots, cell["x"], cell["y"], cell["radius"], cell["tool"])
    assert inside.tolist() == [True, False, True, False]


def test_the_same_file_again_adds_nothing(tmp_path):
    path = collection(tmp_path / "a.geojson", feature("Point", [5, 6], label="pore"))
    assert take(tmp_path, path, NM)[0].added == 1
    merged, _ = take(tmp_path, path, NM)
    assert (merged.added, merged.unchanged) == (0, 1)
    merged, _ = take(tmp_path, collection(tmp_path / "b.geojson", feature("Point", [7, 6], label="pore")), NM)
    assert (merged.added, merged.alone) == (1, 0)  # a file of regions need not hold all of them


def test_vertices_of_a_table(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("fov_id,region,x,y\n" + "".join(f"f,bud,{x},{y}\n" for x, y in SQUARE), encoding="utf-8")
    take(tmp_path, path, NM)
    assert rows(tmp_path).select("fov_id", "label").rows() == [("f", "bud")]


def test_files_that_do_not_name_their_fov(tmp_path):
    path = tmp_path / "a.roi"
    path.write_bytes(roi(0, SQUARE))
    with pytest.raises(ConfigError, match="expected regions that name their FOV") as caught:
        take(tmp_path, path)
    assert caught.value.setting == "fov_id"
    with pytest.raises(DataError, match="ROIs of ImageJ are in pixels; found unit=nm"):
        take(tmp_path, path, NM, fov_id="f")


def test_points_that_are_none(tmp_path):
    bad = [feature("Point", ["a", 1], label="x"), feature("Point", [], label="x"), feature("Point", [1], label="x")]
    merged, left_out = take(tmp_path, collection(tmp_path / "a.geojson", *bad), NM)
    assert merged.added == 0
    assert left_out.reasons == {"points that are no pairs of numbers": ["f: 1", "f: 2", "f: 3"]}


def test_a_folder_of_files_by_fov(tmp_path):
    (tmp_path / "wt").mkdir()
    for name in ("wt/1.roi", "wt/1_rois.zip", "wt/2.GeoJSON", "wt/notes.txt"):
        (tmp_path / name).write_bytes(b"")
    found = {fov: [path.name for path in paths] for fov, paths in roi_files(tmp_path).items()}
    assert found == {"wt/1": ["1.roi", "1_rois.zip"], "wt/2": ["2.GeoJSON"]}
    with pytest.raises(DataError, match=r"expected files named <fov_id>\.roi, <fov_id>_rois.zip"):
        roi_files(tmp_path / "wt" / "none")
