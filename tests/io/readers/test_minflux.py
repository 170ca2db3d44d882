"""MINFLUX: metres, nested and flat iterations, in three containers; what is not valid is no localisation."""

import json

import numpy as np
import pytest
import scipy.io

from builders.io import accepted_by, header_of, table_of
from locgraph.errors import DataError
from locgraph.io.columns import ColumnMap, FileColumns
from locgraph.io.read import read_header, read_localisations
from locgraph.io.readers.minflux import MinfluxReader

# three localisations of two iterations: the second one is not valid
NESTED = np.zeros(
    3,
    [
        ("itr", [("itr", "<i4"), ("loc", "<f8", (3,)), ("eco", "<i4"), ("efo", "<f8"), ("cfr", "<f8")], (2,)),
        *(("sqi", "<u4"), ("tim", "<f8"), ("tid", "<i4"), ("vld", "?")),
    ],
)
NESTED["itr"]["itr"] = [0, 1]
NESTED["itr"]["loc"][:, 0] = 99e-9
NESTED["itr"]["loc"][:, 1] = [[1e-9, 2e-9, 3e-9], [7e-9, 7e-9, 7e-9], [-1.5e-6, 0.0, 5e-9]]
NESTED["itr"]["eco"] = [[10, 100], [20, 200], [30, 300]]
NESTED["tim"], NESTED["tid"], NESTED["vld"] = [0.1, 0.2, 0.3], [4, 4, 8], [True, False, True]

# a row for each iteration: the last one of the second trace is missing, one is not valid
FLAT = np.zeros(
    6,
    [
        *(("vld", "?"), ("fnl", "?"), ("bot", "?"), ("eot", "?"), ("sta", "u1"), ("tim", "<f8"), ("tid", "<u4")),
        *(("itr", "<i4"), ("loc", "<f8", (3,)), ("lnc", "<f8", (3,)), ("eco", "<u4"), ("efo", "<f4")),
        *(("cfr", "<f2"), ("dcr", "<f2", (2,)), ("fbg", "<f4")),
    ],
)
FLAT["itr"] = [0, 1, 1, 1, 0, 2]
FLAT["tid"] = [1, 1, 1, 1, 2, 2]
FLAT["vld"] = [True, True, False, True, True, False]
FLAT["loc"] = np.arange(18).reshape(6, 3) * 1e-9
FLAT["tim"], FLAT["eco"] = np.arange(6) / 10, np.arange(6) * 100


def write_npy(path, records):
    np.save(path.with_suffix(".npy"), records)
    return path.with_suffix(".npy")


def write_mat(path, records):
    fields = {name: records[name] for name in records.dtype.names}
    if records["itr"].dtype.names:
        fields["itr"] = {name: records["itr"][name] for name in records["itr"].dtype.names}
    scipy.io.savemat(path.with_suffix(".mat"), fields, do_compression=True)
    return path.with_suffix(".mat")


def plain(value):
    """A record as dictionaries and lists."""
    if isinstance(value, np.void):
        return {name: plain(value[name]) for name in value.dtype.names}
    if isinstance(value, np.ndarray):
        return [plain(part) for part in value]
    return value.item()


def write_json(path, records):
    path.with_suffix(".json").write_text(json.dumps([plain(record) for record in records]))
    return path.with_suffix(".json")


@pytest.fixture(params=[write_npy, write_mat, write_json], ids=["npy", "mat", "json"])
def write(request, tmp_path):
    return lambda records: request.param(tmp_path / "a", records)


def test_nested_iterations(write):
    locs = read_localisations(write(NESTED), FileColumns(), 0)

    assert locs.dimensions == 3
    assert locs.table.columns == ["x", "y", "z", "source_cluster"]
    assert locs.table["source_cluster"].to_list() == [4, 8]
    assert locs.table.drop("source_cluster").to_numpy() == pytest.approx(np.array([[1, 2, 3], [-1500, 0, 5]]))
    assert locs.refused == {}
    assert locs.notes == ("no localisations, left out: 1 rows not marked valid (vld)",)


def test_a_row_for_each_iteration(write):
    locs = read_localisations(write(FLAT), FileColumns(), 0)

    # the largest iteration of the valid rows is 1
    assert locs.table["x"].to_list() == pytest.approx([3.0, 9.0])
    assert locs.table["source_cluster"].to_list() == [1, 1]
    assert locs.notes == ("no localisations, left out: 2 rows not marked valid (vld), 2 rows earlier iterations",)


def test_header(write):
    header = read_header(write(NESTED), FileColumns())

    assert header.names == ("x", "y", "z", "tid", "tim", "eco", "efo", "cfr")
    assert header.layout.units == {"x": "m", "y": "m", "z": "m"}


@pytest.mark.parametrize(("records", "expected"), [(NESTED, [100.0, 300.0]), (FLAT, [100.0, 300.0])])
def test_other_columns_under_their_own_names(write, records, expected):
    columns = ColumnMap({"x": "x", "y": "y", "photons": "eco"}, unit="m")

    assert read_localisations(write(records), columns, 0).table["photons"].to_list() == expected


def test_measured_in_a_plane(write):
    records = NESTED.copy()
    records["itr"]["loc"][:, :, 2] = [[1e-12, -1e-13]] * 3

    locs = read_localisations(write(records), FileColumns(), 0)

    assert locs.dimensions == 2
    assert locs.table.columns == ["x", "y", "source_cluster"]


def test_nothing_left_out(write):
    locs = read_localisations(write(NESTED[[0, 2]]), FileColumns(), 0)

    assert locs.table.height == 2
    assert locs.notes == ()


def test_a_valid_row_without_position_is_refused(write):
    records = NESTED.copy()
    records["itr"]["loc"][2, 1] = np.nan

    assert read_localisations(write(records), FileColumns(), 0.5).refused == {"x is missing or not a finite number": 1}


def test_no_valid_row(write):
    records = FLAT.copy()
    records["vld"] = False

    with pytest.raises(DataError, match="a header without rows"):
        read_localisations(write(records), FileColumns(), 0)


def test_a_single_iteration_without_a_list(tmp_path):
    records = [plain(record) | {"itr": plain(record["itr"][1])} for record in NESTED]
    (tmp_path / "a.json").write_text(json.dumps(records))
    np.save(tmp_path / "b.npy", np.rec.fromarrays([NESTED["itr"][:, 1], NESTED["vld"]], names=["itr", "vld"]))

    for name in ("a.json", "b.npy"):
        assert read_localisations(tmp_path / name, FileColumns(), 0).table["y"].to_list() == pytest.approx([2.0, 0.0])


def test_marks_and_spaces_before_json(tmp_path):
    (tmp_path / "a.json").write_text("\ufeff\n[ " + json.dumps([plain(record) for record in NESTED])[1:], "utf-8")

    assert read_localisations(tmp_path / "a.json", FileColumns(), 0).table.height == 2


def test_the_header_of_json_needs_its_first_row_alone(tmp_path):
    path = write_json(tmp_path / "a", NESTED)
    path.write_text(path.read_text()[:400])

    assert header_of(MinfluxReader, path).names[:3] == ("x", "y", "z")
    with pytest.raises(DataError, match=r"a\.json: expected a whole export of MINFLUX localisations"):
        table_of(MinfluxReader, path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"loc": [1, 2, 3]}', "JSON that is not a list of objects"),
        ("[]", "expected a whole export"),
        ("[{}]", "expected MINFLUX localisations of Imspector, with their positions .* no arrays of numbers"),
        ('[{"loc": [1, 2, 3]}, 7]', "JSON that is not a list of objects"),
        ('[{"loc": [1, 2, 3]}, {"loc": [1]}]', "expected a whole export"),
        ('[{"loc": [1, 2, 3]}, {}]', "expected a whole export"),
        ('[{"loc": "abc"}]', "expected a whole export"),
        ('[{"itr": [], "loc": [1, 2, 3]}]', "expected a whole export"),
        ('[{"loc": [1, 2, 3, 4]}]', "expected MINFLUX localisations"),
        ('[{"loc":' + "[" * 100_000, "expected a whole export"),
    ],
)
def test_strange_json(tmp_path, content, message):
    (tmp_path / "a.json").write_text(content)

    with pytest.raises(DataError, match=rf"a\.json: .*{message}"):
        read_localisations(tmp_path / "a.json", FileColumns(), 0)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((3, 3)), r"found 3 columns of numbers\. Choose them by position"),
        (np.zeros((2, 2), [("loc", "f8", (3,))]), "not a table"),
        (np.zeros(2, [("x", "f8"), ("y", "f8")]), r"expected columns of a known software.*found the columns 'x', 'y'"),
        (np.zeros(2, [("loc", "U3", (3,))]), "expected MINFLUX localisations"),
    ],
)
def test_other_arrays(tmp_path, array, message):
    np.save(tmp_path / "a.npy", array)

    with pytest.raises(DataError, match=rf"a\.npy: .*{message}"):
        read_header(tmp_path / "a.npy", FileColumns())


@pytest.mark.parametrize("change", [b"(3,)", b"(2,)", b"(9,)", b"(3, "])
def test_a_header_that_does_not_fit_the_rows(tmp_path, change):
    path = write_npy(tmp_path / "a", NESTED)
    content = path.read_bytes()
    start = content.index(b"'shape': (3,)") + len("'shape': ")
    path.write_bytes(content[:start] + change + content[start + 4 :])

    if change == b"(3,)":
        assert read_localisations(path, FileColumns(), 0).table.height == 2
    else:
        with pytest.raises(DataError, match=r"a\.npy: expected a whole export"):
            read_localisations(path, FileColumns(), 0)


def test_accepts_by_content(write, tmp_path):
    (tmp_path / "b.npy").write_text("x,y\n1,2\n")

    assert accepted_by(MinfluxReader, write(NESTED).rename(tmp_path / "a.dat"))
    assert not accepted_by(MinfluxReader, tmp_path / "b.npy")


def test_a_header_longer_than_its_file(tmp_path):
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY\2\0\xff\xff\xff\xff{")

    with pytest.raises(DataError, match="a header of 4294967295 bytes"):
        read_header(tmp_path / "a.npy", FileColumns())
