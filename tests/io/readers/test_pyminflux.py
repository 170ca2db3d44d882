"""pyMINFLUX: a matrix of what its filters kept, with names of columns beside it, in all versions."""

import h5py
import numpy as np
import pytest

from builders.io import accepted_by, header_of, table_of
from locgraph.errors import DataError
from locgraph.io.columns import FileColumns
from locgraph.io.read import read_localisations
from locgraph.io.readers.pyminflux import PyMinfluxReader

NAMES = ["tid", "tim", "x", "y", "z", "efo", "fluo"]
VALUES = np.array(
    [
        (7.0, 13.25, 2610.5, 1891.0, 35.0, 1e4, 1.0),
        (7.0, 13.50, 2611.5, 1892.0, -35.0, 2e4, 1.0),
        (9.0, 14.75, 2700.0, 1800.0, 5.0, 3e4, 2.0),
    ]
)


def write(path, version="3.0", values=VALUES, names=NAMES, **options):
    with h5py.File(path, "w", **options) as file:
        file.attrs["file_version"] = version
        # what Imspector measured comes first, with an attribute of the same name
        raw = file.create_dataset("raw/df", data=np.zeros((5, 4)))
        raw.attrs["column_names"] = ["vld", "x", "y", "z"]
        table = file.create_dataset("paraview/dataframe", data=values, compression="gzip")
        if names is not None:
            table.attrs["column_names"] = names
    return path


@pytest.mark.parametrize("version", ["1.0", "2.0", "3.0"])
@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_all_versions(tmp_path, version, libver):
    locs = read_localisations(write(tmp_path / "a.pmx", version, libver=libver), FileColumns(), 0)

    assert locs.table.columns == ["x", "y", "z", "channel", "source_cluster"]
    assert locs.table.rows() == [
        (2610.5, 1891.0, 35.0, 1, 7),
        (2611.5, 1892.0, -35.0, 1, 7),
        (2700.0, 1800.0, 5.0, 2, 9),
    ]
    assert locs.metadata == {"file_version": version}


def test_names_of_a_fixed_length(tmp_path):
    path = write(tmp_path / "a.pmx", names=np.array(NAMES, "S8"))

    assert header_of(PyMinfluxReader, path).names == tuple(NAMES)
    assert table_of(PyMinfluxReader, path, ["tim"])[0].to_dict(as_series=False) == {"tim": [13.25, 13.5, 14.75]}


def test_in_two_dimensions(tmp_path):
    values = VALUES.copy()
    values[:, 4] = 2e-4

    locs = read_localisations(write(tmp_path / "a.pmx", values=values), FileColumns(), 0)

    assert locs.dimensions == 2


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"version": "4.0"}, r"expected a \.pmx file of version 1\.0, 2\.0, 3\.0; found '4\.0'"),
        ({"names": None}, "no list of texts in the attribute column_names"),
        ({"names": NAMES[:3]}, "3 names for 7 columns"),
        ({"names": ["x"] * 7}, "7 names for 7 columns"),
        ({"values": VALUES[0]}, "no matrix of numbers at /paraview/dataframe"),
    ],
)
def test_other_content(tmp_path, changed, message):
    with pytest.raises(DataError, match=rf"a\.pmx: .*{message}"):
        header_of(PyMinfluxReader, write(tmp_path / "a.pmx", **changed))


def test_accepts_by_content(tmp_path):
    with h5py.File(tmp_path / "b.pmx", "w") as file:
        file["paraview/dataframe"] = VALUES

    assert accepted_by(PyMinfluxReader, write(tmp_path / "a.dat"))
    assert not accepted_by(PyMinfluxReader, tmp_path / "b.pmx")


def test_real_file(test_data):
    path = test_data / "cases" / "pmx_format_v3.pmx"

    locs = read_localisations(path, FileColumns(), 0)

    with h5py.File(path) as file:
        values = file["paraview/dataframe"][:]
    assert locs.table.height == 404
    assert locs.dimensions == 2
    assert locs.table["x"].to_list() == values[:, 2].tolist()
    assert locs.table["source_cluster"].to_list() == values[:, 0].astype(int).tolist()
    assert locs.table["channel"].to_list() == values[:, 10].astype(int).tolist()
