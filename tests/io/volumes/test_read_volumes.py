"""Label volumes read as localisations: formats, units, choices and what is wrong with them."""

import json
import sys

import h5py
import numpy as np
import polars as pl
import pytest

from builders.volumes import FORMATS, VOXEL_NM, boxes, write_volume, write_zarr
from locgraph import schema
from locgraph.errors import ConfigError, DataError, MissingPackageError
from locgraph.io.catalogue import scan
from locgraph.io.groups import NoGroups
from locgraph.io.labels import NoLabels
from locgraph.io.read import open_columns, read_localisations
from locgraph.io.volumes import measure
from locgraph.io.volumes.columns import VolumeColumns

pytest.importorskip("skimage", reason="needs the extra volumes")
tifffile = pytest.importorskip("tifffile", reason="needs the extra volumes")
nrrd = pytest.importorskip("nrrd", reason="needs the extra volumes")
pytest.importorskip("zarr", reason="needs the extra volumes")

FEW = {"points_per_object": 40}


def read(path, **settings):
    return read_localisations(path, VolumeColumns(**FEW | settings), 0.0)


def by_object(locs):
    return locs.table.group_by(schema.SOURCE_CLUSTER).agg(pl.all().first(), n=pl.len()).sort(schema.SOURCE_CLUSTER)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_points_on_the_objects_in_nm(tmp_path, name):
    locs = read(write_volume(tmp_path / name, boxes()))

    assert locs.dimensions == 3
    assert by_object(locs)[schema.SOURCE_CLUSTER].to_list() == [3, 5, 9, 200]
    assert by_object(locs)["n"].to_list() == [40] * 4
    for label, low, high in ((3, 2, 8), (9, 18, 29)):
        own = locs.table.filter(pl.col(schema.SOURCE_CLUSTER) == label)
        for axis, first, last, size in (("z", 2, 9, 30), ("y", low, high, 10), ("x", low, high + 3, 20)):
            # the first voxel spans 0 to its size; corners are rounded
            assert own[axis].min() == pytest.approx(first * size, abs=size)
            assert own[axis].max() == pytest.approx(last * size, abs=size)
    volumes = np.pi / 6 * by_object(locs)[schema.OBJECT_DIAMETER].to_numpy() ** 3
    voxels = [7 * 6 * 9, 7 * 3 * 6, 7 * 11 * 14, 7 * 4 * 4]
    np.testing.assert_allclose(volumes, np.array(voxels) * np.prod(VOXEL_NM))


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_read_in_2d(tmp_path, name):
    locs = read(write_volume(tmp_path / name, boxes((40, 40)), (10.0, 20.0)))

    assert locs.dimensions == 2
    areas = np.pi / 4 * by_object(locs)[schema.OBJECT_DIAMETER].to_numpy() ** 2
    np.testing.assert_allclose(areas, np.array([6 * 9, 3 * 6, 11 * 14, 4 * 4]) * 200)
    assert by_object(locs)[schema.AXIS_LENGTHS[2]].to_list() == [0.0] * 4


def test_units_of_other_names_and_orders(tmp_path):
    values = boxes()
    paths = [tmp_path / name for name in ("directions.nrrd", "funlib.h5", "ilastik.h5", "angstrom.ome.tif")]
    directions = {"space directions": np.diag([20e-6, 10e-6, 30e-6]), "space dimension": 3, "space units": ["mm"] * 3}
    nrrd.write(str(paths[0]), values, directions, index_order="C")
    with h5py.File(paths[1], "w") as file:
        dataset = file.create_dataset("labels", data=values)
        dataset.attrs.update({"voxel_size": [30, 10, 20], "units": ["nm", "nm", "nm"], "axis_names": ["z", "y", "x"]})
    with h5py.File(paths[2], "w") as file:
        dataset = file.create_dataset("exported_data", data=values.transpose(2, 1, 0)[..., None])
        dataset.attrs["axistags"] = json.dumps({"axes": [{"key": key} for key in "xyzc"]})
        dataset.attrs["element_size_um"] = [0.03, 0.01, 0.02]
    units = {f"PhysicalSize{axis}Unit": "Å" for axis in "XYZ"}
    sizes = {"PhysicalSizeX": 200, "PhysicalSizeY": 100, "PhysicalSizeZ": 300}
    tifffile.imwrite(paths[3], values, ome=True, metadata={"axes": "ZYX"} | units | sizes)

    expected = read(write_volume(tmp_path / "imagej.tif", values)).table
    for path in paths:
        np.testing.assert_allclose(read(path).table.to_numpy(), expected.to_numpy(), rtol=1e-9)


@pytest.mark.parametrize(
    "write",
    [
        lambda path, values: tifffile.imwrite(path, values.astype(np.uint8), metadata=None, resolution=(72, 72)),
        lambda path, values: tifffile.imwrite(path, values, imagej=True, metadata={"axes": "ZYX", "unit": "pixel"}),
        lambda path, values: nrrd.write(str(path), values, {"spacings": [20.0, 10.0, 30.0]}, index_order="C"),
        lambda path, values: h5py.File(path, "w").create_dataset("labels", data=values).file.close(),
    ],
    ids=["plain.tif", "pixels.tif", "no_unit.nrrd", "bare.h5"],
)
def test_a_size_that_is_not_stated_is_never_guessed(tmp_path, write, request):
    path = tmp_path / request.node.callspec.id
    write(path, boxes())

    with pytest.raises(DataError, match=r"^columns\.voxel_nm: .*(\[z,y,x\]|\[300,100,100\])"):
        read(path)
    locs = read(path, voxel_nm=[30, 10, 20])
    np.testing.assert_allclose(
        locs.table.to_numpy(), read(write_volume(tmp_path / "known.tif", boxes())).table.to_numpy(), rtol=1e-9
    )


def test_a_size_that_is_given_wins_with_a_note(tmp_path):
    path = write_volume(tmp_path / "imagej.tif", boxes())
    locs = read(path, voxel_nm=[60, 20, 40])

    assert "the file states z 30, y 10, x 20 nm" in " ".join(locs.notes)
    assert read(path, voxel_nm=[30, 10, 20]).notes == ()
    np.testing.assert_allclose(locs.table["x"], 2 * read(path).table["x"], rtol=1e-9)
    with pytest.raises(DataError, match=r"^columns\.voxel_nm: .*along z, y, x; found 2 numbers"):
        read(path, voxel_nm=[10, 20])


@pytest.mark.parametrize("name", ["ome.ome.tif", "zarr3.zarr"])
def test_one_of_several_channels_and_times_is_chosen(tmp_path, name):
    values = np.zeros((2, 3, 12, 40, 40), np.uint16)
    values[1, 2] = boxes()
    path = tmp_path / name
    if path.suffix == ".zarr":
        write_zarr(path, values, [1, 1, *VOXEL_NM], "TCZYX", 3)
    else:
        values = values.transpose(0, 2, 1, 3, 4)
        write_volume(path, values, axes="TZCYX")

    with pytest.raises(DataError, match=r"^columns\.(timepoint|channel): .*expected one"):
        read(path)
    with pytest.raises(DataError, match=r"^columns\.channel: .*from 0 to 2, found 7"):
        read(path, timepoint=1, channel=7)
    with pytest.raises(DataError, match=r"background \(0\) alone"):
        read(path, timepoint=0, channel=2)
    expected = read(write_volume(tmp_path / "alone.tif", boxes())).table
    np.testing.assert_allclose(read(path, timepoint=1, channel=2).table.to_numpy(), expected.to_numpy(), rtol=1e-9)


def test_the_array_within_a_file_is_named(tmp_path):
    path = write_volume(tmp_path / "two.h5", boxes())
    with h5py.File(path, "a") as file:
        file["raw"] = np.ones((12, 40, 40), np.float32)
        file["table"] = np.ones(5)
    zarr = pytest.importorskip("zarr")
    folder = tmp_path / "image.zarr"
    write_zarr(folder, np.ones((12, 40, 40), np.uint16), VOXEL_NM, "ZYX", 3)
    write_zarr(folder / "labels" / "cells", boxes(), VOXEL_NM, "ZYX", 3)
    zarr.open_group(folder / "labels", mode="a").attrs["labels"] = ["cells"]

    with pytest.raises(DataError, match=r"^columns\.table: .*found /raw, /seg/labels"):
        read(path)
    with pytest.raises(DataError, match=r"^columns\.table: .*expected a dataset /other; found /raw, /seg/labels"):
        read(path, table="/other")
    assert len(by_object(read(path, table="/seg/labels"))) == 4
    assert len(by_object(read(folder))) == 4  # its only label image
    write_zarr(folder / "labels" / "nuclei", boxes(), VOXEL_NM, "ZYX", 3)
    with pytest.raises(DataError, match=r"^columns\.table: .*labels/cells, labels/nuclei"):
        read(folder)
    assert len(by_object(read(folder, table="labels/nuclei"))) == 4


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((4, 6, 6), np.uint8), r"background \(0\) alone"),
        (boxes((12, 40, 40), np.float32) / 2, "fractions or values that are not finite"),
        (np.full((4, 6, 6), np.nan, np.float32), "fractions or values that are not finite"),
        (-boxes((12, 40, 40), np.int16), "labels from 0, which is background; found -200"),
    ],
)
def test_arrays_that_are_no_labels_are_refused(tmp_path, values, message):
    with h5py.File(tmp_path / "bad.h5", "w") as file:
        file.create_dataset("labels", data=values).attrs["element_size_um"] = [0.03, 0.01, 0.02]
    with pytest.raises(DataError, match=message):
        read(tmp_path / "bad.h5")


def test_a_volume_that_memory_cannot_hold_is_refused_before_it_is_read(tmp_path):
    with h5py.File(tmp_path / "large.h5", "w") as file:  # no chunk of it is written
        dataset = file.create_dataset("labels", (3000, 3000, 3000), np.uint16, chunks=(10, 100, 100))
        dataset.attrs["element_size_um"] = [0.03, 0.01, 0.02]
    with pytest.raises(DataError, match=r"at most 8,589,934,592 voxels; found z=3000 y=3000 x=3000\. Cut it"):
        read(tmp_path / "large.h5")


@pytest.mark.parametrize("dtype", [np.float32, np.uint8, np.int64, ">u2"])
def test_labels_of_any_type_give_the_same(tmp_path, dtype):
    for name, values in (("one.h5", boxes()), ("other.h5", boxes().astype(dtype))):
        with h5py.File(tmp_path / name, "w") as file:
            file.create_dataset("labels", data=values).attrs["element_size_um"] = [0.03, 0.01, 0.02]
    assert read(tmp_path / "one.h5").table.equals(read(tmp_path / "other.h5").table)


def test_objects_at_the_border_are_closed_and_noted(tmp_path):
    values = np.zeros((8, 8, 8), np.uint8)
    values[:, :4] = 1
    values[3:5, 5:7, 3:5] = 2
    locs = read(write_volume(tmp_path / "cut.tif", values, (10.0, 10.0, 10.0)))

    assert locs.notes == ("1 of 2 objects touch the border of the volume: they are cut off, and closed there",)
    surfaces = np.pi * by_object(locs)[schema.SURFACE_DIAMETER].to_numpy() ** 2
    assert surfaces[0] == pytest.approx(2 * 80 * 80 + 4 * 80 * 40, rel=0.15)


def test_points_by_density_and_seed(tmp_path):
    path = write_volume(tmp_path / "imagej.tif", boxes())
    dense = by_object(read(path, points_per_object=None, density=1e-3))
    surfaces = np.pi * dense[schema.SURFACE_DIAMETER].to_numpy() ** 2

    np.testing.assert_array_equal(dense["n"], np.rint(surfaces * 1e-3))
    assert by_object(read(path, points_per_object=None, density=1e-12))["n"].to_list() == [1] * 4
    first, second = read(path).table, read(path, seed=1).table
    assert first.equals(read(path).table)
    assert (first["x"] != second["x"]).all()


def test_points_of_an_object_do_not_depend_on_the_others(tmp_path):
    values = boxes()
    all_objects = read(write_volume(tmp_path / "all.tif", values)).table
    alone = read(write_volume(tmp_path / "alone.tif", np.where(values == 9, values, 0).astype(np.uint16))).table

    np.testing.assert_allclose(
        alone.to_numpy(), all_objects.filter(pl.col(schema.SOURCE_CLUSTER) == 9).to_numpy(), rtol=1e-9
    )


def test_intensities_of_a_second_volume(tmp_path):
    values = boxes()
    path = write_volume(tmp_path / "masks" / "wt" / "a.tif", values)
    intensity = np.random.default_rng(0).normal(100, 5, values.shape).astype(np.float32)
    image = write_volume(tmp_path / "images" / "wt" / "a.h5", intensity)
    settings = {"intensity": str(tmp_path / "images")}
    rows = by_object(read(path, **settings))

    for index, label in enumerate((3, 5, 9, 200)):
        own = intensity[values == label].astype(np.float64)
        measured = rows.select(schema.INTENSITIES).row(index)
        assert measured == pytest.approx((own.mean(), own.std(), own.max()), rel=1e-6)
    columns = VolumeColumns(**settings)
    with open_columns(path, columns) as reader:
        before = reader.digests()
    write_volume(image, intensity + 1)
    with open_columns(path, columns) as reader:
        assert reader.digests() != before  # tables are made again

    write_volume(image, intensity[:5])
    with pytest.raises(
        DataError, match=r"^columns\.intensity: .*shape of its mask, \(12, 40, 40\); found \(5, 40, 40\)"
    ):
        read(path, **settings)
    write_volume(image, np.full(values.shape, np.nan, np.float32))
    with pytest.raises(DataError, match=r"^columns\.intensity: .*finite intensities"):
        read(path, **settings)
    write_volume(image.with_suffix(".tif"), intensity)
    with pytest.raises(DataError, match=r"^columns\.intensity: .*expected one intensity volume"):
        read(path, **settings)
    with pytest.raises(DataError, match=r"^columns\.intensity: .*called a below"):
        read(path, intensity=str(tmp_path / "none"))


@pytest.mark.parametrize("name", FORMATS)
def test_a_damaged_file_is_an_error_that_names_it(tmp_path, name):
    path = write_volume(tmp_path / name, boxes())
    for part in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if part.is_file():
            part.write_bytes(part.read_bytes()[: part.stat().st_size // 2])
    with pytest.raises(DataError, match=name):
        read(path)


def test_a_folder_of_volumes_goes_on_without_the_bad_ones(tmp_path):
    for name in FORMATS:
        write_volume(tmp_path / "wt" / name, boxes())
    tifffile.imwrite(tmp_path / "wt" / "plain.tif", boxes(), metadata=None)
    (tmp_path / "wt" / "notes.txt").write_text("no volume")
    (tmp_path / "wt" / "broken.nrrd").write_bytes(b"NRRD0004\n")
    catalogue = scan(tmp_path, VolumeColumns(), NoLabels(), NoGroups())

    names = [name.removesuffix(".tif").removesuffix(".zarr").removesuffix(".h5") for name in FORMATS]
    assert [source.fov_id for source in catalogue.sources] == sorted(
        f"wt/{name.removesuffix('.nrrd')}" for name in names
    )
    assert sorted(catalogue.failures) == ["wt/broken", "wt/plain"]
    assert list(catalogue.skipped) == ["wt/notes.txt"]


def test_other_files_and_absent_packages_are_named(tmp_path, monkeypatch):
    (tmp_path / "table.csv").write_text("x,y\n1,2\n")
    with pytest.raises(DataError, match=r"expected a label volume .*columns=auto"):
        read(tmp_path / "table.csv")
    with pytest.raises(DataError, match=r"found none\. Check the path"):
        read(tmp_path / "none.tif")
    path = write_volume(tmp_path / "imagej.tif", boxes())
    monkeypatch.setitem(sys.modules, "tifffile", None)
    with pytest.raises(
        MissingPackageError, match=r"tifffile, which is not installed: pip install 'locgraph\[volumes\]'"
    ):
        read(path)


def test_more_points_than_fit_memory_are_refused_before_they_are_drawn(tmp_path, monkeypatch):
    monkeypatch.setattr(measure, "MOST_POINTS", 100)
    path = write_volume(tmp_path / "imagej.tif", boxes())
    with pytest.raises(DataError, match=r"^columns\.points_per_object: .*at most 100 points .*found 160 .* 4 objects"):
        read(path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"voxel_nm": [10]}, "^voxel_nm: expected the size of a voxel"),
        ({"voxel_nm": [10, 0, 10]}, "^voxel_nm: expected a length above 0"),
        ({"voxel_nm": 10}, "^voxel_nm: expected the size of a voxel"),
        ({"density": 0.1}, "^density: expected either points_per_object or density"),
        ({"points_per_object": None}, "^density: expected either points_per_object or density"),
        ({"points_per_object": 0}, "^points_per_object: expected a whole number of at least 1"),
        ({"seed": -1}, "^seed: expected a whole number of at least 0"),
        ({"channel": -1}, "^channel: expected a whole number of at least 0"),
        ({"leave_out": ["x"]}, "^leave_out: expected some of source_cluster"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        VolumeColumns(**settings)
