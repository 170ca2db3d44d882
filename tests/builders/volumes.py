"""Label volumes written with the library of each format."""

import h5py
import numpy as np

VOXEL_NM = (30.0, 10.0, 20.0)
FORMATS = ("imagej.tif", "ome.ome.tif", "zarr2.zarr", "zarr3.zarr", "hdf5.h5", "nrrd.nrrd")


def boxes(shape=(12, 40, 40), dtype=np.uint16):
    """Return boxes of different sizes with the labels 3, 5, 9 and 200."""
    values = np.zeros(shape, dtype)
    for label, low, high in ((3, 2, 8), (5, 12, 15), (9, 18, 29)):
        values[..., low:high, low : high + 3] = label
    values[..., 32:36, 5:9] = 200
    if values.ndim == 3:
        values[:2] = values[9:] = 0
    return values


def write_volume(path, values, voxel_nm=VOXEL_NM, axes=None):
    """Write an array in the format that the name of a file ends with, the size of a voxel in its metadata."""
    axes = axes or "ZYX"[-values.ndim :]
    sizes = dict(zip("ZYX"[-len(voxel_nm) :], voxel_nm, strict=True))
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.name.endswith(".ome.tif"):
        import tifffile

        metadata = {"axes": axes} | {f"PhysicalSize{axis}": size / 1e3 for axis, size in sizes.items()}
        tifffile.imwrite(path, values, ome=True, metadata=metadata, compression="zlib")
    elif path.suffix == ".tif":
        import tifffile

        metadata = {"axes": axes, "unit": "um"} | ({"spacing": sizes["Z"] / 1e3} if "Z" in sizes else {})
        resolution = (1e3 / sizes["X"], 1e3 / sizes["Y"])
        tifffile.imwrite(path, values, imagej=True, resolution=resolution, metadata=metadata)
    elif path.suffix == ".zarr":
        write_zarr(path, values, [sizes.get(axis, 1.0) for axis in axes], axes, 2 if "2" in path.stem else 3)
    elif path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            dataset = file.create_dataset("seg/labels", data=values, compression="gzip")
            dataset.attrs["element_size_um"] = [size / 1e3 for size in voxel_nm]
    else:
        import nrrd

        header = {"spacings": list(voxel_nm)[::-1], "units": ["nm"] * len(voxel_nm)}
        nrrd.write(str(path), values, header, index_order="C")
    return path


def write_zarr(path, values, scale, axes, version):
    """Write OME-Zarr 0.4 or 0.5 with two levels."""
    import zarr

    group = zarr.open_group(path, mode="w", zarr_format=version)
    kinds = {"T": "time", "C": "channel"}
    names = [
        {"name": axis.lower(), "type": kinds.get(axis, "space")} | ({} if axis in kinds else {"unit": "nanometer"})
        for axis in axes
    ]
    levels = []
    for level, part in enumerate((values, values[..., ::2, ::2])):
        group.create_array(str(level), data=part, chunks=part.shape)
        step = [*scale[:-2], scale[-2] * 2**level, scale[-1] * 2**level]
        levels.append({"path": str(level), "coordinateTransformations": [{"type": "scale", "scale": step}]})
    images = [{"axes": names, "datasets": levels, "name": "labels"}]
    group.attrs.update({"multiscales": images} if version == 2 else {"ome": {"version": "0.5", "multiscales": images}})
