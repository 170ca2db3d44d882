"""rapidSTORM: names and units in the XML of the first line."""

import pytest

from builders.io import accepted_by, header_of, table_of
from locgraph.errors import DataError
from locgraph.io.columns import FileColumns
from locgraph.io.read import read_localisations
from locgraph.io.readers.rapidstorm import RapidStormReader

PLACES = {"x": "Position-0-0", "y": "Position-1-0", "z": "Position-2-0", "frame": "ImageNumber-0-0"}


def field(identifier, unit="nanometer", semantic=None):
    said = f'identifier="{identifier}" ' if semantic is None else f'semantic="{semantic}" '
    return f'<field {said}syntax="floating point with . for decimals" unit="{unit}" min="0 m" />'


def header(*fields, start="# "):
    return f'{start}<localizations insequence="true" repetitions="variable">{"".join(fields)}</localizations>\n'


XYF = (field("Position-0-0"), field("Position-1-0"), field("ImageNumber-0-0", "frame"))


def written(tmp_path, text):
    (tmp_path / "a.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
    return tmp_path / "a.txt"


def read(tmp_path, text, **settings):
    return read_localisations(written(tmp_path, text), FileColumns(**settings), 0.5)


def test_a_row(tmp_path):
    first = header(
        field("Position-0-0"), field("Position-0-0-uncertainty"), field("Position-1-0", "micrometer"),
        field("Position-1-0-uncertainty"), field("Position-2-0", "meter"), field("Position-2-0-uncertainty"),
        field("ImageNumber-0-0", "frame"), field("Amplitude-0-0", "A/D count"), field("PSFWidth-0-0"),
        field("Fluorophore-0-0", "dimensionless"), field("LocalBackground-0-0", "A/D count"),
    )  # fmt: skip

    locs = read(tmp_path, first + "100.5 6 2e-1 8 1e-7 20 7 5000 300 1 12\n")

    assert locs.table.row(0, named=True) == {
        "x": 100.5,
        "y": 200.0,
        "z": pytest.approx(100.0),
        "frame": 0,
        "precision": pytest.approx(((6**2 + 8**2) / 2) ** 0.5),
        "precision_z": 20.0,
        "channel": 1,
    }


def test_comments_between_rows_are_no_rows(tmp_path):
    locs = read(tmp_path, header(*XYF) + "1 2 0\n# No localizations in image 1\n\n3 4 2\n")

    assert locs.table["frame"].to_list() == [0, 2]
    assert locs.refused == {}


def test_old_files_without_identifiers(tmp_path):
    fields = [field("", semantic=f"{axis}-position") for axis in "xyz"] + [field("", "frame", "frame number")]

    locs = read(tmp_path, header(*fields, start="#") + "1 2 3 9\n")

    assert locs.table.row(0, named=True) == {"x": 1.0, "y": 2.0, "z": 3.0, "frame": 0}


def test_pixels(tmp_path):
    first = header(field("Position-0-0", "camera pixel"), field("Position-1-0", "pixel"))

    assert read(tmp_path, first + "1 2\n", pixel_size_nm=100).table.row(0) == (100.0, 200.0)
    with pytest.raises(DataError, match="rapidSTORM gives x, y in camera pixels"):
        read(tmp_path, first + "1 2\n")


@pytest.mark.parametrize(("unit", "said"), [("picometer", "'picometer' for x"), ("", "'' for x")])
def test_units_that_are_not_known(tmp_path, unit, said):
    with pytest.raises(DataError, match=rf"a\.txt: expected lengths in nm, um, m, px; found {said}"):
        read(tmp_path, header(field("Position-0-0", unit), field("Position-1-0")) + "1 2\n")


def test_axes_with_different_units(tmp_path):
    uncertainties = (field("Position-0-0-uncertainty"), field("Position-1-0-uncertainty", "meter"))

    with pytest.raises(DataError, match="found 'm and nm' for precision"):
        read(tmp_path, header(*XYF, *uncertainties) + "1 2 0 3 4\n")


def test_windows_and_old_line_ends(tmp_path):
    for end in ("\r\n", "\r"):
        locs = read(tmp_path, (header(*XYF) + "1 2 0\n3 4 1\n").replace("\n", end))
        assert locs.table["x"].to_list() == [1.0, 3.0]


def test_rows_that_hold_no_numbers_are_counted(tmp_path):
    locs = read(tmp_path, header(*XYF) + "1 2 0\nnan 4 1\n5 abc 1\n7 8 1\n")

    assert locs.table.height == 2
    assert locs.refused == {"x is missing or not a finite number": 1, "y is missing or not a finite number": 1}


def test_some_columns(tmp_path):
    path = written(tmp_path, header(*XYF) + "1 2 0\n")

    table, metadata = table_of(RapidStormReader, path, ["ImageNumber-0-0", "Position-0-0"])

    assert table.rows(named=True) == [{"Position-0-0": 1.0, "ImageNumber-0-0": 0.0}]
    assert metadata == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            header(*XYF)[:-20] + "\n1 2 0\n",
            r"a\.txt: expected the XML of rapidSTORM in the first line; found otherwise",
        ),
        (header(*XYF).replace(" />", " >", 1) + "1 2 0\n", "expected the XML of rapidSTORM"),
        (header() + "1 2\n", "expected the XML of rapidSTORM to name columns; found none"),
        (header(*XYF, '<localizations><field identifier="a" /></localizations>') + "1 2 0 1 5\n", "found tracks of"),
        (header(field("Position-0-0")) + "1\n", "expected columns of a known software.*'Position-0-0'"),
        (header(*XYF), "found a header without rows"),
        (header(*XYF) + "1 2\n3 4\n", r"expected rows of 3 fields separated by ' '"),
        (header(*XYF) + "1 2 0 \n3 4 1 \n", r"expected rows of 3 fields separated by ' '"),
        (header(*XYF) + "1 2 0\n3\0 4 1\n", "found a NUL byte"),
        (header(*XYF, *XYF) + "1 2 0 1 2 0\n", "expected the column 'ImageNumber-0-0', 'Position-0-0', .*once"),
        (f"# <localizations {'a' * 10**7}", "expected the XML of rapidSTORM"),
    ],
)
def test_files_that_cannot_be_read(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read(tmp_path, text)


def test_an_entity_bomb_is_no_rapidstorm_file(tmp_path):
    path = written(tmp_path, '# <!DOCTYPE l [<!ENTITY a "aaaa">]><localizations>&a;</localizations>\n1 2\n')

    assert not accepted_by(RapidStormReader, path)


@pytest.mark.parametrize(
    ("text", "accepted"), [("# <localizations", True), ("#<localizations", True), ("# x y", False)]
)
def test_accepts_by_content(tmp_path, text, accepted):
    assert accepted_by(RapidStormReader, written(tmp_path, text)) is accepted


def test_real_file(test_data):
    path = test_data / "formats" / "rapidstorm_dstorm.txt"

    header = header_of(RapidStormReader, path)
    locs = read_localisations(path, FileColumns(), 0.0)

    assert header.names[3:] == ("Amplitude-0-0", "FitResidues-0-0", "LocalBackground-0-0")
    assert header.layout.names == {"x": "Position-0-0", "y": "Position-1-0", "frame": "ImageNumber-0-0"}
    assert locs.table.height == 14
    assert locs.table.row(0) == (9657.4, 24533.5, 0)
    assert locs.table.row(-1) == (10665.5, 19638.0, 0)
