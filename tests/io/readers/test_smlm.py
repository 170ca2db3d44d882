"""``.smlm``: a manifest, packed rows, offsets and units; and archives that would grow beyond measure."""

import json
import struct
import zipfile
from functools import partial

import numpy as np
import pytest

from builders.io import accepted_by, header_of, table_of
from locgraph.errors import DataError
from locgraph.io.columns import ColumnMap, FileColumns
from locgraph.io.read import read_header, read_localisations
from locgraph.io.readers.smlm import SmlmReader

FRAMES = [3, 4, 9]
X, Y, Z = [1.5, 2.5, 3.5], [10.0, 20.0, 30.0], [-100.0, 0.0, 100.0]
PHOTONS = [900.0, 800.0, 700.0]
HEADERS = ["frame", "x", "y", "z", "intensity", "x_precision", "y_precision", "_own"]
TYPES = ["uint32", "float32", "float32", "float32", "float64", "float32", "float32", "uint8"]
UNITS = ["frame", "nm", "nm", "nm", "photon", "nm", "nm", ""]
ROWS = b"".join(
    struct.pack("<IfffdffB", *row, 3.0, 4.0, number)
    for number, row in enumerate(zip(FRAMES, X, Y, Z, PHOTONS, strict=True))
)
FORMAT = {
    "name": "smlm-table(binary)",
    "type": "table",
    "mode": "binary",
    "extension": ".bin",
    "columns": len(HEADERS),
    "headers": HEADERS,
    "dtype": TYPES,
    "shape": [1] * len(HEADERS),
    "units": UNITS,
}
TABLE = {
    "name": "table-0.bin",
    "type": "table",
    "format": "smlm-table(binary)",
    "channel": "alexa647",
    "rows": 3,
    "offset": {},
}


def manifest(layout=None, files=None, **more):
    return {
        "format_version": "0.2",
        "formats": {"smlm-table(binary)": FORMAT | (layout or {})},
        "files": [TABLE] if files is None else files,
        "name": "cells",
    } | more


def write(path, content=None, compression=zipfile.ZIP_DEFLATED, **entries):
    with zipfile.ZipFile(path, "w", compression) as archive:
        text = content if isinstance(content, bytes | str) else json.dumps(manifest() if content is None else content)
        archive.writestr("manifest.json", text)
        for name, rows in ({"table-0": ROWS} | entries).items():
            archive.writestr(f"{name}.bin", rows)
    return path


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_nanometres(tmp_path, compression):
    locs = read_localisations(write(tmp_path / "a.smlm", compression=compression), FileColumns(), 0)

    assert locs.table.columns == ["x", "y", "z", "frame", "photons", "precision"]
    assert locs.table.drop("precision").rows() == [
        (1.5, 10.0, -100.0, 0, 900.0),
        (2.5, 20.0, 0.0, 1, 800.0),
        (3.5, 30.0, 100.0, 6, 700.0),
    ]
    assert locs.table["precision"].to_list() == pytest.approx([np.sqrt(12.5)] * 3)
    assert locs.metadata == {"name": "cells"}
    assert locs.notes == ()


def test_header(tmp_path):
    header = read_header(write(tmp_path / "a.smlm"), FileColumns())

    assert header.names == ("frame", "x", "y", "z", "intensity", "x_precision", "y_precision", "own")


@pytest.mark.parametrize(
    ("units", "expected"),
    [
        (["frame", "um", "µm", "um", "photon", "nm", "nm", ""], (1500.0, 10_000.0, -100_000.0)),
        (["frame", "pixel", "px", "nm", "photon", "nm", "nm", ""], (150.0, 1000.0, -100.0)),
        ([""] * 8, (1.5, 10.0, -100.0)),
        (None, (1.5, 10.0, -100.0)),
    ],
)
def test_units(tmp_path, units, expected):
    path = write(tmp_path / "a.smlm", manifest({"units": units}))

    locs = read_localisations(path, FileColumns(pixel_size_nm=100), 0).table

    assert locs.row(0)[:3] == pytest.approx(expected)


@pytest.mark.parametrize("unit", ["a.u.", "", "count"])
def test_counts_that_are_no_photons_are_not_taken_for_them(tmp_path, unit):
    path = write(tmp_path / "a.smlm", manifest({"units": [*UNITS[:4], unit, *UNITS[5:]]}))

    assert "photons" not in read_localisations(path, FileColumns(), 0).table.columns


def test_pixels_without_a_size(tmp_path):
    path = write(tmp_path / "a.smlm", manifest({"units": ["frame", "px", "px", *UNITS[3:]]}))

    with pytest.raises(DataError, match=r"the \.smlm archive gives x, y in camera pixels; .* its manifest\.json"):
        read_header(path, FileColumns())


def test_offsets_are_added(tmp_path):
    files = [TABLE | {"offset": {"x": 14, "frame": -2.0, "own": 0}}]

    locs = read_localisations(write(tmp_path / "a.smlm", manifest(files=files)), FileColumns(), 0).table

    assert locs["x"].to_list() == [15.5, 16.5, 17.5]
    assert locs["frame"].to_list() == [0, 1, 6]
    table, _ = table_of(SmlmReader, tmp_path / "a.smlm", ["frame"])
    assert table["frame"].to_list() == [1.0, 2.0, 7.0]


def test_patches_are_passed_over(tmp_path):
    layout = {
        "headers": ["x", "patch", "y"],
        "dtype": ["float64", "uint16", "uint8"],
        "shape": [1, [2, 3], [1, 1]],
        "units": ["nm", "photon", "nm"],
    }
    rows = b"".join(struct.pack("<d6HB", number, *range(6), number + 1) for number in range(3))
    path = write(tmp_path / "a.smlm", manifest(layout), **{"table-0": rows})

    locs = read_localisations(path, FileColumns(), 0).table

    assert read_header(path, FileColumns()).names == ("x", "y")
    assert locs.rows() == [(0.0, 1.0), (1.0, 2.0), (2.0, 3.0)]


def test_in_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr("locgraph.io.readers.smlm._BLOCK_BYTES", 40)

    assert read_localisations(write(tmp_path / "a.smlm"), FileColumns(), 0).table["x"].to_list() == X


def test_the_first_of_several_tables(tmp_path):
    files = [
        {"name": "wide.png", "type": "image", "format": "png"},
        TABLE | {"name": "table-1.bin", "rows": 1},
        TABLE,
    ]
    path = write(tmp_path / "a.smlm", manifest(files=files), **{"table-1": ROWS[: len(ROWS) // 3]})

    locs = read_localisations(path, FileColumns(), 0)

    assert locs.table["x"].to_list() == [1.5]
    assert locs.notes == ("of 2 tables the first is read, table-1.bin; not read: table-0.bin",)


def test_a_column_map(tmp_path):
    columns = ColumnMap({"x": "own", "y": "y"}, unit="nm")

    assert read_localisations(write(tmp_path / "a.smlm"), columns, 0).table["x"].to_list() == [0.0, 1.0, 2.0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "expected a whole .smlm archive"),
        ("[1]", "expected a whole .smlm archive"),
        ("[" * 100_000, "expected a whole .smlm archive"),
        (b"\xff\xfe", "expected a whole .smlm archive"),
        (manifest(format_version="1"), "expected a manifest of version 0.2; found '1'"),
        (manifest(files=[]), "expected a table of localisations in its manifest.json; found none"),
        (manifest({"mode": "text"}), "expected a binary table; found one of the mode 'text'"),
        (manifest({"dtype": [*TYPES[:-1], "object"]}), "columns of the type object"),
        (manifest({"headers": ["x"] * 8}), "expected a whole .smlm archive"),
        (manifest({"headers": HEADERS[:3]}), "expected a whole .smlm archive"),
        (manifest({"shape": [*[1] * 7, [1 << 40]]}), "values of the shape"),
        (manifest({"shape": [*[1] * 7, 0]}), "values of the shape"),
        (manifest(files=[TABLE | {"name": "no.bin"}]), "There is no item named 'no.bin' in the archive"),
        (manifest(files=[TABLE | {"format": "other"}]), "'other'"),
        (manifest(files=[TABLE | {"rows": -1}]), "a table of -1 rows"),
        (manifest(files=[TABLE | {"rows": 2}]), "table-0.bin has 99 bytes, its rows have 66"),
        (manifest(files=[TABLE | {"rows": 10**12}]), "a table of 1000000000000 rows in a file of"),
        (manifest(files=[TABLE | {"offset": {"x": "nan"}}]), "offsets"),
        (manifest(files=["table"]), "expected a whole .smlm archive"),
    ],
)
def test_strange_manifests(tmp_path, content, message):
    path = write(tmp_path / "a.smlm", content)

    for read in (partial(header_of, SmlmReader), partial(table_of, SmlmReader)):
        with pytest.raises(DataError, match=rf"a\.smlm: .*{message}"):
            read(path)


def test_other_archives(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.smlm", "w") as archive:
        archive.writestr("xl/workbook.xml", "<x/>")

    with pytest.raises(DataError, match=r"a\.smlm: .*There is no item named 'manifest\.json'"):
        read_header(tmp_path / "a.smlm", FileColumns())


def test_accepts_by_content(tmp_path):
    (tmp_path / "b.smlm").write_text("x,y\n")

    assert accepted_by(SmlmReader, write(tmp_path / "a.dat"))
    assert not accepted_by(SmlmReader, tmp_path / "b.smlm")


def test_a_huge_manifest_and_a_flipped_bit(tmp_path, monkeypatch):
    path = write(tmp_path / "a.smlm", compression=zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    content[content.index(ROWS) + 5] ^= 1
    path.write_bytes(bytes(content))

    with pytest.raises(DataError, match=r"a\.smlm: .*Bad CRC-32"):
        read_localisations(path, FileColumns(), 0)
    monkeypatch.setattr("locgraph.io.readers.smlm.MAX_MANIFEST_BYTES", 100)
    with pytest.raises(DataError, match=r"a manifest of \d+ bytes"):
        read_header(path, FileColumns())
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(DataError, match=r"a\.smlm: expected a whole \.smlm archive"):
        read_header(path, FileColumns())


def test_a_compression_that_no_software_uses(tmp_path):
    with pytest.raises(DataError, match="compressed in the way 14 of ZIP"):
        read_header(write(tmp_path / "a.smlm", compression=zipfile.ZIP_LZMA), FileColumns())


LOCAN = {
    "headers": ["frame", "position_x", "position_y", "time", "intensity", "uncertainty", "psf_sigma", "original_index"],
    "units": [""] * 8,
}


def locan(stated, **layout):
    entries = [{"property": name, "unit": unit} for name, unit in stated.items()]
    return manifest(LOCAN | layout, locdata_meta={"identifier": "1", "unit": entries})


def test_units_of_locan(tmp_path):
    units = {"position_x": "nm", "position_y": "um", "uncertainty": "nm"}

    locs = read_localisations(write(tmp_path / "a.smlm", locan(units)), FileColumns(), 0).table

    # the unit of psf_sigma and of the intensity is not stated, so that they are left out
    assert locs.columns == ["x", "y", "frame", "precision"]
    assert locs["x"].to_list() == X
    assert locs["y"].to_list() == [1000 * y for y in Y]
    assert locs["precision"].to_list() == [3.0, 3.0, 3.0]


def test_the_units_of_the_table_come_first(tmp_path):
    units = ["", "um", "nm", "", "photons", "", "", ""]

    path = write(tmp_path / "a.smlm", locan({"position_x": "nm", "position_y": "um"}, units=units))

    locs = read_localisations(path, FileColumns(), 0).table
    assert (locs["x"].to_list(), locs["y"].to_list()) == ([1500.0, 2500.0, 3500.0], Y)
    assert "photons" in locs.columns


@pytest.mark.parametrize("units", [{}, {"position_x": "nm"}, {"position_x": "", "position_y": ""}])
def test_no_unit_is_guessed_for_names_of_others(tmp_path, units):
    path = write(tmp_path / "a.smlm", locan(units))

    with pytest.raises(DataError, match=r"a\.smlm: expected the unit of .*y in its manifest\.json; found none"):
        read_header(path, FileColumns())
    named = ColumnMap({"x": "position_x", "y": "position_y"}, unit="nm")
    assert read_localisations(path, named, 0).table["x"].to_list() == X


def test_strange_units_of_locan(tmp_path):
    path = write(tmp_path / "a.smlm", manifest(LOCAN, locdata_meta={"unit": "nm"}))

    with pytest.raises(DataError, match=r"expected a whole \.smlm archive"):
        read_header(path, FileColumns())


def test_real_file_of_locan(test_data):
    locs = read_localisations(test_data / "cases" / "locan_SMLM_dstorm_data.smlm", FileColumns(), 0)

    assert locs.table.height == 10
    assert locs.refused == {}
    assert locs.table["x"].min() == pytest.approx(1653.34)
    assert locs.table["x"].max() == pytest.approx(14215.5)
    assert locs.table["y"].min() == pytest.approx(5597.88)
    assert locs.table.columns == ["x", "y", "frame"]


@pytest.mark.parametrize(
    "name", ["../secret.bin", "/etc/hostname", "..\\secret.bin", "a/../../secret.bin", "C:\\secret"]
)
def test_names_that_lead_out_of_the_archive(tmp_path, name):
    (tmp_path / "in").mkdir()
    (tmp_path / "secret.bin").write_bytes(ROWS)

    # a manifest that names what is outside: only members of the archive are read
    path = write(tmp_path / "in" / "a.smlm", manifest(files=[TABLE | {"name": name}]))
    with pytest.raises(DataError, match=r"a\.smlm: expected a whole \.smlm archive.*There is no item named"):
        read_localisations(path, FileColumns(), 0)

    # a member of such a name is read from the archive, and never written out
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("manifest.json", json.dumps(manifest(files=[TABLE | {"name": name}])))
        archive.writestr(zipfile.ZipInfo(name), ROWS[::-1])
    before = sorted(tmp_path.rglob("*"))
    table, _ = table_of(SmlmReader, path, ["own"])
    assert table["own"].to_list() == [ROWS[::-1][32], ROWS[::-1][65], ROWS[::-1][98]]
    assert sorted(tmp_path.rglob("*")) == before
