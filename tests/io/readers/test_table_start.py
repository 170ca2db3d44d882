"""Where a text table starts: header lines of all kinds and none, blanks as delimiters, units below names."""

import pytest

from locgraph.errors import ConfigError, DataError
from locgraph.io.columns import ColumnMap, FileColumns
from locgraph.io.read import read_localisations
from locgraph.io.readers.dialect import sniff


def start(text):
    return sniff(text.encode(), whole=True, where="a.txt")


@pytest.mark.parametrize(
    ("text", "names", "header_lines"),
    [
        ("1.5,2\n3,4\n", 2, 0),
        ("\n5;2;3\n4;5;6\n", 3, 1),
        ("1,5;2,5;3,5\n1;2;3\n", 3, 0),  # decimal commas
        ("47\t0.88\t-2.2E-6\n47\t0.89\t-2.3E-6\n", 3, 0),
        ("  1.0   2.0\n 10.0  20.0\n", 2, 0),
        ("1,5 2,5\n3,5 4,5\n", 2, 0),
        ("AF647,1.5,2.5\nAF555,3.5,4.5\n", 3, 0),  # text in one of the columns
        ("# written by a program\n1.5,2\n3,4\n", 2, 1),
        ("1,2\n3,4\n", 2, 0),
        ("Molecule export\r\n1\t2.5\t3.5\r\n1\t4.5\t5.5\r\n", 3, 1),  # Picasso for Chimera
    ],
)
def test_without_a_header_line(text, names, header_lines):
    described = start(text)

    assert described.names == tuple(f"column_{position}" for position in range(1, names + 1))
    assert described.header_lines == header_lines


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (",0,1,2\n0,1.5,2.5,3\n", ("column_1", "0", "1", "2")),  # a table of pandas without names
        ("1,2,3\n1.5,2.5,3\n", ("1", "2", "3")),
        ("x y frame\n1.5 2.5 3\n", ("x", "y", "frame")),
        ("  x    y\n 1.5  2\n", ("x", "y")),
        ("x [nm] y [nm] n\n1 2 3\n", ("x [nm]", "y [nm]", "n")),
        ("# x y\n1 2\n", ("x", "y")),
        ("# x, y\n1 2\n", ("x", "y")),  # numpy.savetxt with names separated otherwise than rows
        ("x,y\n1\t2\n", ("x", "y")),
        ("% x\ty\n1\t2\n", ("x", "y")),
        ("x,y,n\nnm,nm,\n1,2,3\n", ("x [nm]", "y [nm]", "n")),
        ("x\ty\tI\n[um]\t[um]\t[photons]\n1\t2\t3\n", ("x [um]", "y [um]", "I [photons]")),
        ("Width\tPixel(um)\n256\t0.16\nid\tX(px)\tY(px)\n1\t2\t3\n4\t5\t6\n", ("id", "X(px)", "Y(px)")),
        ("Quantile 0.5\tx\ty\n1\t2\t3\n", ("Quantile 0.5", "x", "y")),
        ("# a comment\nChannel 1 x,Channel 1 y\n1,2\n", ("Channel 1 x", "Channel 1 y")),
        ("Exported table\nx,y\n1,2\n3,4\n", ("x", "y")),
        ("x,y\nm,a\n1,2\n", ("x", "y")),  # no two lengths: a row
    ],
)
def test_names(text, names):
    assert start(text).names == names


@pytest.mark.parametrize(
    "text", ["x,y\n1,2,3\n4,5,6\n", "x,y\n1,2,3\na,b,c\n4,5,6\n", "x,y\n1,2,3\na,b\n4,5,6\n", "x y\n1 2 3\n"]
)
def test_a_header_that_fits_no_row(text):
    with pytest.raises(DataError, match="expected rows of 2 fields, as in the header; found 3 in the first row"):
        start(text)


@pytest.fixture
def read(tmp_path):
    """Read a text by a column map."""

    def read(text, columns, name="a.txt"):
        (tmp_path / name).write_bytes(text.encode())
        return read_localisations(tmp_path / name, columns, 0.0).table

    return read


BY_POSITION = ColumnMap({"source_cluster": 1, "x": 3, "y": 4, "precision": [5, 6]}, unit="m")


@pytest.mark.parametrize("blank", ["\t", " ", "   ", " \t "])
@pytest.mark.parametrize("end", ["\n", "\r\n", "  \r\n"])
def test_columns_by_position_from_1(read, blank, end):
    rows = [["47", "0.881", "-2E-6", "-1.5E-6", "3E-9", "4E-9"], ["48", "0.9", "1E-6", "2E-6", "3E-9", "4E-9"]]
    text = end.join(blank.join(row) for row in rows) + end

    table = read(text, BY_POSITION)

    assert table["x"].to_list() == pytest.approx([-2000.0, 1000.0])
    assert table["y"].to_list() == pytest.approx([-1500.0, 2000.0])
    assert table["precision"].to_list() == pytest.approx([12.5**0.5] * 2)
    assert table["source_cluster"].to_list() == [47, 48]
    assert "frame" not in table.columns


def test_positions_count_from_1_in_tables_with_names_too(read):
    assert read("n,x,y\n1,2,3\n", ColumnMap({"x": 2, "y": "y"}, unit="nm")).rows() == [(2.0, 3.0)]
    with pytest.raises(ConfigError, match="x is set to um, but its source column is called 'x \\[nm\\]'"):
        read("n,x [nm],y [nm]\n1,2,3\n", ColumnMap({"x": 2, "y": 3}, unit="um"))


def test_a_position_that_is_not_there(read):
    with pytest.raises(DataError, match="expected a column 7, counted from 1; found 3 columns: 'column_1'") as caught:
        read("1.5 2.5 3.5\n", ColumnMap({"x": 1, "y": 7}, unit="nm"))
    assert caught.value.setting == "columns.names"


def test_no_names_are_made_up(read):
    message = r"3 columns of numbers\. Choose them by position, from 1, and give their unit: columns=custom 'columns\.n"
    with pytest.raises(DataError, match=message) as caught:
        read("1.5 2.5 3.5\n", FileColumns())
    assert caught.value.setting == "columns.names"
    with pytest.raises(DataError, match=r"expected the column 'x' \(x\).*It has no header line: give positions"):
        read("1.5 2.5 3.5\n", ColumnMap({"x": "x", "y": "y"}, unit="nm"))


def test_blanks_do_not_lose_rows(read):
    rows = [f"{'  ' * (i % 3)}{i}.5{' ' * (1 + i % 4)}{i}{' ' * (i % 2)}" for i in range(500)]

    table = read("x y\n" + "\n".join(rows), ColumnMap({"x": "x", "y": "y"}, unit="nm"))

    assert table["x"].to_list() == [i + 0.5 for i in range(500)]
    assert table["y"].to_list() == list(range(500))


def test_units_below_the_names_are_taken(read):
    text = "x,y,frame\nnm,nm,\n1,2,3\n4,5,6\n"

    assert read(text, ColumnMap({"x": "x [nm]", "y": "y [nm]"}, unit="nm")).height == 2
    assert read(text.replace("nm,nm", "[nm],[nm]"), FileColumns()).rows() == [(1.0, 2.0, 0), (4.0, 5.0, 3)]


def test_files_from_public_reports(test_data):
    cases = test_data / "cases"

    def read(name, names, unit):
        return read_localisations(cases / name, ColumnMap(names, unit=unit), 0.0).table

    trace = read("minflux_headerless.txt", {"source_cluster": 1, "x": 3, "y": 4, "z": 5}, "m")
    assert trace.row(0, named=True) == pytest.approx(
        {"x": -2275.42, "y": -12877.3, "z": -73.9133, "source_cluster": 47}
    )
    assert trace.height == 201
    blanks = read("space_separated_headerless.csv", {"x": 1, "y": 2, "precision": 3}, "nm")
    assert (blanks.height, blanks.row(0)) == (60, (999.61, 1906.55, 54.24))
    named = read("space_sep.txt", {"x": "x", "y": "y", "frame": "frame", "photons": "photons"}, "nm")
    assert (named.height, named.row(0)) == (200, (4547.847, 3278.727, 0, 1000.0))
