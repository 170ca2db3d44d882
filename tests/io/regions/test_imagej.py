"""ROIs of ImageJ, made by the layout of its RoiDecoder: outlines, boxes, shapes, zips, and files that are none."""

import struct
import zipfile

import numpy as np
import pytest

from locgraph.errors import DataError
from locgraph.io.regions import imagej
from locgraph.io.regions.imagej import read_rois


def roi(kind, box=(0, 0, 0, 0), number=0, body=b"", version=227, options=0, subtype=0, first=b"", shape=0):
    """A header of 64 bytes (top, left, bottom, right in ``box``) and what follows."""
    head = b"Iout" + struct.pack(">hBx4hH", version, kind, *box, number) + first.ljust(18, b"\0")
    head += struct.pack(">i8xhh", shape, subtype, options)
    return head.ljust(64, b"\0") + body


SQUARE = struct.pack(">8h", 0, 10, 10, 0, 0, 0, 10, 10)
"""Vertices relative to the box: all x, then all y."""


def write(tmp_path, content, name="cell.roi"):
    path = tmp_path / name
    path.write_bytes(content)
    return path


def only(path):
    (region,) = read_rois(path)
    assert region.problem is None
    ((ring,),) = region.polygons
    return region.name, ring


@pytest.mark.parametrize("kind", [0, 7, 8])
def test_outlines(tmp_path, kind):
    name, ring = only(write(tmp_path, roi(kind, (20, 5, 30, 15), 4, SQUARE)))
    assert name == "cell"
    assert ring.tolist() == [[5, 20], [15, 20], [15, 30], [5, 30]]


def test_coordinates_beyond_15_bits(tmp_path):
    _, ring = only(write(tmp_path, roi(0, (0, 40_000 - 65_536, 10, 40_010 - 65_536), 4, SQUARE)))
    assert ring[:, 0].tolist() == [40_000, 40_010, 40_010, 40_000]


def test_outlines_between_pixels(tmp_path):
    exact = struct.pack(">6f", 1.25, 3.5, 2.0, 7.5, 8.0, 9.75)
    _, ring = only(write(tmp_path, roi(0, (7, 1, 10, 4), 3, bytes(12) + exact, options=128)))
    assert ring.tolist() == [[1.25, 7.5], [3.5, 8.0], [2.0, 9.75]]


def test_rectangles_and_ovals(tmp_path):
    assert only(write(tmp_path, roi(1, (2, 1, 6, 4))))[1].tolist() == [[1, 2], [4, 2], [4, 6], [1, 6]]
    exact = roi(1, (2, 1, 6, 4), options=128, first=struct.pack(">4f", 1.5, 2.5, 2, 4))
    assert only(write(tmp_path, exact))[1].tolist() == [[1.5, 2.5], [3.5, 2.5], [3.5, 6.5], [1.5, 6.5]]
    _, oval = only(write(tmp_path, roi(2, (0, 0, 20, 20))))
    assert np.hypot(*(oval - 10).T) == pytest.approx(10)


def test_a_shape_of_several_rings(tmp_path):
    rings = [(0, 0, 0), (1, 9, 0), (1, 9, 9), (4,), (0, 2, 1), (1, 4, 1), (1, 4, 3), (4,)]
    values = [value for segment in rings for value in segment]
    (region,) = read_rois(write(tmp_path, roi(1, shape=len(values), body=struct.pack(f">{len(values)}f", *values))))
    assert [len(polygon) for polygon in region.polygons] == [2]  # one crossing rule for all rings, as in ImageJ
    assert region.polygons[0][1].tolist() == [[2, 1], [4, 1], [4, 3]]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (roi(3), "line: it has no area"),
        (roi(10), "points: it has no area"),
        (roi(1, (0, 0, 9, 9), subtype=1), "text: it has no area"),
        (roi(0, (0, 0, 9, 9), 2, bytes(8)), "fewer than 3 different vertices"),
        (roi(0, (0, 0, 9, 9), 900, SQUARE), "a damaged ROI"),
        (roi(0, number=0, first=struct.pack(">i", -3)), "a damaged ROI"),
        (roi(1, shape=3, body=struct.pack(">3f", 2, 0, 0)), "a shape of curves"),
        (roi(77), "a ROI of unknown type 77"),
        (b"Iout", "no ROI of ImageJ"),
    ],
)
def test_what_cannot_be_used_has_its_problem(tmp_path, content, problem):
    (region,) = read_rois(write(tmp_path, content))
    assert problem in region.problem


def zipped(tmp_path, members):
    path = tmp_path / "cell_rois.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_a_zip_of_rois(tmp_path):
    square = roi(0, (20, 5, 30, 15), 4, SQUARE)
    members = {
        "0001-0002.roi": square,
        "../../up/b.roi": square,
        "__MACOSX/._b.roi": b"junk",
        "notes.txt": b"",
        "c.roi": b"",
    }
    regions = {region.name: region.problem for region in read_rois(zipped(tmp_path, members))}
    assert regions == {"0001-0002": None, "b": None, "c": "no ROI of ImageJ"}
    assert [path.name for path in tmp_path.iterdir()] == ["cell_rois.zip"]


def test_a_zip_that_is_too_large_when_unpacked(tmp_path, monkeypatch):
    bomb = zipped(tmp_path, {"a.roi": b"Iout" + bytes(1 << 25)})
    assert bomb.stat().st_size < 1 << 16
    with pytest.raises(DataError, match=r"expected ROIs of at most 16 MB, .* found more in a\.roi"):
        read_rois(bomb)
    monkeypatch.setattr(imagej, "_MAX_MEMBERS", 1)
    with pytest.raises(DataError, match="expected at most 1 ROIs, found 2"):
        read_rois(zipped(tmp_path, {"a.roi": b"", "b.roi": b""}))


@pytest.mark.parametrize("members", [None, {"a.txt": b""}])
def test_files_without_rois(tmp_path, members):
    path = write(tmp_path, b"PK\3\4 nothing") if members is None else zipped(tmp_path, members)
    with pytest.raises(DataError, match="expected ROIs"):
        read_rois(path)
