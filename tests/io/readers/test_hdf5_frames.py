"""DataFrames in HDF5 as pandas writes them: in blocks, as a table of records, compressed in ways of PyTables."""

import h5py
import numpy as np
import pytest
import yaml

from locgraph.errors import DataError
from locgraph.io.columns import FileColumns
from locgraph.io.read import open_reader, read, read_localisations

FRAME = np.array([1, 5, 9], "u4")
FLOATS = np.array([[1.5, 2.5, 900.0], [2.0, 3.0, 800.0], [3.5, 4.0, 700.0]], "f4")
NAMES = ["x", "y", "photons"]


def write_fixed(file):
    group = file.create_group("locs")
    group.attrs["pandas_type"] = np.bytes_("frame")
    group["axis0"], group["axis1"] = np.array(["frame", *NAMES], "S"), np.arange(3)
    group["block0_items"], group["block0_values"] = np.array(["frame"], "S"), FRAME[:, None]
    group["block1_items"], group["block1_values"] = np.array(NAMES, "S"), FLOATS
    group["block2_items"], group["block2_values"] = np.array(["comment"], "S"), np.array([[b"text"]], "S")


def write_records(file, data_columns=False):
    """The names of each block are in an attribute, as protocol 0 of pickle writes a list."""
    group = file.create_group("locs")
    group.attrs["pandas_type"] = np.bytes_("frame_table")
    blocks = [(name, "<f4") for name in NAMES] if data_columns else [("values_block_1", "<f4", (3,))]
    records = np.zeros(3, [("index", "<i8"), ("values_block_0", "<u4", (1,)), *blocks])
    records["values_block_0"][:, 0] = FRAME
    for index, name in enumerate(NAMES):
        if data_columns:
            records[name] = FLOATS[:, index]
        else:
            records["values_block_1"][:, index] = FLOATS[:, index]
    table = group.create_dataset("table", data=records, chunks=(2,), compression="gzip", shuffle=True)
    table.attrs["values_block_0_kind"] = np.bytes_(b"(lp0\nVframe\np1\na.")
    table.attrs["values_block_1_kind"] = np.bytes_(b"(lp0\nVx\np1\naVy\np2\naVphotons\np3\na.")
    group["_i_table/index/sorted"] = np.zeros((0, 8))


def write_data_columns(file):
    write_records(file, data_columns=True)


@pytest.fixture(params=[write_fixed, write_records, write_data_columns])
def path(tmp_path, request):
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        request.param(file)
    (tmp_path / "a.yaml").write_text(yaml.dump({"Pixelsize": 100}))
    return tmp_path / "a.hdf5"


def test_tables_of_picasso_that_pandas_wrote(path):
    # https://github.com/jungmannlab/picasso/pull/698
    locs = read_localisations(path, FileColumns(), 0)

    assert locs.table["x"].to_list() == [150.0, 200.0, 350.0]
    assert locs.table["y"].to_list() == [250.0, 300.0, 400.0]
    assert locs.table["frame"].to_list() == [0, 4, 8]
    assert locs.table["photons"].to_list() == [900.0, 800.0, 700.0]


def test_any_frame_by_its_path(path):
    with open_reader(path, "/locs") as reader:
        assert set(reader.header.names) == {"frame", *NAMES}
    locs = read(path, names={"x": "x", "y": "y", "frame": "frame"}, unit="nm", table="/locs")
    assert locs.table["y"].to_list() == [2.5, 3.0, 4.0]
    locs = read(path, names={"x": "x", "y": "y"}, unit="nm", table="locs")
    assert locs.table["x"].to_list() == [1.5, 2.0, 3.5]


def test_names_that_do_not_fit(tmp_path):
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        write_records(file)
        file["locs/table"].attrs["values_block_1_kind"] = np.bytes_(b"(lp0\nVx\np1\na.")
    with h5py.File(tmp_path / "b.hdf5", "w") as file:
        write_fixed(file)
        del file["locs/block1_items"]
        file["locs/block1_items"] = np.array(["x"], "S")

    for name, message in (
        ("a", "1 names for the 3 columns of values_block_1"),
        ("b", "names for the columns of block1"),
    ):
        with (
            pytest.raises(DataError, match=rf"{name}\.hdf5: .*{message}"),
            open_reader(tmp_path / f"{name}.hdf5") as file,
        ):
            _ = file.header


def test_compressed_in_a_way_that_needs_a_plug_in(tmp_path):
    # https://github.com/saulpw/visidata/issues/121, https://github.com/h5py/h5py/issues/611
    records = np.zeros(2, [("x", "<f4"), ("y", "<f4")])
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        table = file.create_dataset(
            "locs", (2,), records.dtype, chunks=(2,), compression=32001, allow_unknown_filter=True
        )
        table.id.write_direct_chunk((0,), records.tobytes())

    message = r"a\.hdf5: expected /locs compressed by gzip, lzf or not at all; found .*plug-in.*h5repack -f GZIP=4"
    with pytest.raises(DataError, match=message):
        read_localisations(tmp_path / "a.hdf5", FileColumns(pixel_size_nm=100), 0)
