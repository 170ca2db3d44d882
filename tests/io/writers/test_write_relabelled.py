"""Label volumes with the numbers of groups: the same format, size of a voxel and type, background 0."""

import h5py
import numpy as np
import pytest

from builders.volumes import FORMATS, VOXEL_NM, boxes, write_volume, write_zarr
from locgraph.errors import DataError
from locgraph.io.read import open_columns
from locgraph.io.volumes.columns import VolumeColumns
from locgraph.io.volumes.reader import read_volume
from locgraph.io.writers.volumes import write_relabelled

pytest.importorskip("skimage", reason="needs the extra volumes")
tifffile = pytest.importorskip("tifffile", reason="needs the extra volumes")
nrrd = pytest.importorskip("nrrd", reason="needs the extra volumes")
zarr = pytest.importorskip("zarr", reason="needs the extra volumes")

GROUPS = {3: 2, 5: 1, 200: 2}


def opened(path, **settings):
    """Return the volume, the size of a voxel and the metadata of a file."""
    with open_columns(path, VolumeColumns(**settings)) as reader:
        return read_volume(reader.volume, reader.selection), reader.selection.voxel_nm, dict(reader.header.metadata)


def expected(values=None):
    values = boxes() if values is None else values
    return np.select([np.isin(values, (3, 200)), values == 5], [2, 1], 0)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("shape", [(12, 40, 40), (40, 40)], ids=["3D", "2D"])
def test_groups_in_place_of_labels_in_every_format(tmp_path, name, shape):
    source = write_volume(tmp_path / name, boxes(shape), VOXEL_NM[-len(shape) :])
    target = write_relabelled(source, GROUPS, tmp_path / "out" / name)

    values, voxel_nm, metadata = opened(target)
    before, *same = opened(source)
    np.testing.assert_array_equal(values, expected(boxes(shape)))
    assert [voxel_nm, metadata] == same
    assert values.dtype == before.dtype
    assert list((tmp_path / "out").iterdir()) == [target]  # nothing is left over
    write_relabelled(source, {9: 1}, target)  # takes its place
    np.testing.assert_array_equal(opened(target)[0], boxes(shape) == 9)


def test_libraries_of_the_formats_read_what_is_written(tmp_path):
    for name in FORMATS:
        write_relabelled(write_volume(tmp_path / name, boxes()), GROUPS, tmp_path / "out" / name)
    out = tmp_path / "out"

    for name in ("imagej.tif", "ome.ome.tif"):
        np.testing.assert_array_equal(tifffile.imread(out / name), expected())
    with tifffile.TiffFile(out / "imagej.tif") as tiff:
        assert (tiff.imagej_metadata["unit"], tiff.imagej_metadata["spacing"]) == ("um", 0.03)
    with h5py.File(out / "hdf5.h5") as file:
        np.testing.assert_array_equal(file["seg/labels"][()], expected())
        np.testing.assert_allclose(file["seg/labels"].attrs["element_size_um"], [0.03, 0.01, 0.02])
    values, header = nrrd.read(str(out / "nrrd.nrrd"), index_order="C")
    np.testing.assert_array_equal(values, expected())
    np.testing.assert_allclose(header["spacings"], [20, 10, 30])
    for name, version in (("zarr2.zarr", 2), ("zarr3.zarr", 3)):
        group, before = zarr.open_group(out / name, mode="r"), zarr.open_group(tmp_path / name, mode="r")
        assert group.metadata.zarr_format == version
        assert dict(group.attrs) == dict(before.attrs)
        np.testing.assert_array_equal(group["0"][...], expected())
        np.testing.assert_array_equal(group["1"][...], expected()[..., ::2, ::2])  # the pyramid follows


@pytest.mark.parametrize(("dtype", "wide"), [("uint8", "uint16"), ("int16", "int32"), ("float32", "float32")])
def test_the_type_grows_within_its_kind_where_a_number_does_not_fit(tmp_path, dtype, wide):
    path = tmp_path / "labels.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("a", data=boxes().astype(dtype)).attrs["element_size_um"] = [0.03, 0.01, 0.02]

    assert opened(write_relabelled(path, {3: 5}, tmp_path / "same.h5"))[0].dtype == dtype
    values = opened(write_relabelled(path, {3: 40_000}, tmp_path / "wide.h5"))[0]
    assert values.dtype == wide
    np.testing.assert_array_equal(values, np.where(boxes() == 3, 40_000, 0))


def test_a_type_that_imagej_does_not_have_is_written_as_ome(tmp_path):
    source = write_volume(tmp_path / "imagej.tif", boxes())
    values, voxel_nm, metadata = opened(write_relabelled(source, {3: 70_000}, tmp_path / "out.tif"))

    assert (values.dtype, values.max(), metadata["format"]) == (np.uint32, 70_000, "OME-TIFF")
    assert voxel_nm == pytest.approx(VOXEL_NM)


def test_the_chosen_time_and_label_image_are_written(tmp_path):
    several = np.stack([boxes(), np.roll(boxes(), 1, axis=2)])
    source = write_volume(tmp_path / "times.ome.tif", several, axes="TZYX")
    target = write_relabelled(source, GROUPS, tmp_path / "out.ome.tif", VolumeColumns(timepoint=1))
    np.testing.assert_array_equal(tifffile.imread(target), [0 * expected(), expected(several[1])])

    write_zarr(tmp_path / "image.zarr", np.ones((12, 40, 40), np.uint16), VOXEL_NM, "ZYX", 3)
    write_zarr(tmp_path / "image.zarr" / "labels" / "cells", boxes(), VOXEL_NM, "ZYX", 3)
    settings = VolumeColumns(table="labels/cells")
    target = write_relabelled(tmp_path / "image.zarr", GROUPS, tmp_path / "cells.zarr", settings)
    np.testing.assert_array_equal(opened(target)[0], expected())


def test_what_cannot_be_written_is_refused(tmp_path):
    source = write_volume(tmp_path / "imagej.tif", boxes())
    with pytest.raises(DataError, match="groups numbered from 1, as 0 is background; found -1, 0"):
        write_relabelled(source, {3: 0, 5: -1, 9: 2}, tmp_path / "out.tif")
    with pytest.raises(DataError, match="another file than the source"):
        write_relabelled(source, GROUPS, source)
    source.write_bytes(source.read_bytes()[:3000])
    with pytest.raises(DataError, match=r"imagej.tif: .*truncated or damaged"):
        write_relabelled(source, GROUPS, tmp_path / "out.tif")
    assert not (tmp_path / "out.tif").exists()
