"""Arrow IPC files and streams, with the metadata of their schema."""

import base64
import zlib

import polars as pl
import pytest

from locgraph.errors import DataError
from locgraph.io.columns import ColumnMap
from locgraph.io.file_columns import FileColumns
from locgraph.io.header import Header
from locgraph.io.read import read_header, read_localisations
from locgraph.io.readers.arrow import ArrowReader

TABLE = pl.DataFrame({"x": [1.5, 2.5] * 500, "y": [3.0, -4.0] * 500, "name": ["a", "b"] * 500})
COLUMNS = ColumnMap({"x": "x", "y": "y"}, unit="um")

# of pyarrow 26.0.1: x 1.5, 2.5; y 3.0, -4.0; metadata gt_label 1, units {"x": "nm", "y": "nm"}
PYARROW = {
    "file": (
        b"c-rMtu}T9$5Pf$!FGpBpiy)TEk}^%Ykj4b;g)}xoPzWN#G+rP<{I8U$#SidP?Bd&*G3ufIfDdM8c6R2?&g|V}I=#3Y0DHn`fJZ_H"
        b"$0%`xiWZR-2fyQ5n7<Yq$SLP$zmTVA_6g-NuHz`g<$dgjxH0ny<OWvDyZV8;B5UHTp!HKOuY!S`0k`#RaeXsiz-o;x=9RS=*-ANG"
        b"^TBdAlxI25$=M}OiMHI{TQ8b-+Q?foF2$D6YH2Q8<4<txN+;ul4Xr{r0zS~;-W_IiWj*EiM1kMo8~QJQ-r&U#d&S$CRUWIZO#9tl"
        b"W~981U6#_B*WP&3A=loQHwl?$?u<EntMmW9k0G5C`G?*C6wFIR"
    ),
    "stream": (
        b"c-nnXu?oU45PjBKixkNq;#h*Ci>r$r{0u=9M1<;M1x5TXM`!T^{1mtNlAINa`rvYx%e{BGGsYNI0~9P;Xd^-cF(aZDmidHdDEY$0"
        b"KtP*Fe5X!d;x6r^4|<g9?M4q$eU$JFY6JW2y4cajRJEEhe1FU3S1@#Mz^a(#^TjfU^va~>!CtJaTTVxE5blw7bMFB)JJgBLbiY?J"
        b"i|6$!yaVfOZ3N$q66PZM773^Fn@OA+>Y>v}@kWdHq}<U|W(x2@h~H2Z|1Td@bn)fx@f=I%%==ipx*E45;00j&D~A"
    ),
    "feather": (
        b"c-rMtO-sW-5PeBw46^77MSAEVEJb?o(p&Lj3cZS@7mt2`s8D+`LW_9um-tgWig@toPw`gY&Q5F%;vaCrWF|9j-t0`0!FYUh+yfRA"
        b"8vzzxHn52lYslzPqU1YncuzE5iVwupq55y+>8QU$y>~OWpS$Ue+soZt-3O2xxSL*=x3n2qJ!gi{-`Dae=t&N^EKeq9=NA)buR<{&"
        b">_ue5*EBT-t({X}B_ETsNuCtza(b(?gt}I(ZbqEPrU>2qUS5>ni(y6Bj1e|860~VXSc+l9%0vNkMQtlbyn;*QTK4}<cGY%k@op_&"
        b"?Iy0_>d&_7?G9U~#p4#;Z4UnQd7$y)Z(LU8pMzb<jsxCs!c?ZVVK<zt&wFR(o#s)fdsqI^kJJ6X@2k(?K>oomb-ht?"
    ),
}
"""Whole files, compressed and as text."""


def write_file(path):
    TABLE.write_ipc(path)
    return path


def write_stream(path):
    TABLE.write_ipc_stream(path)
    return path


@pytest.fixture(params=[write_file, write_stream], ids=["file", "stream"])
def path(request, tmp_path):
    return request.param(tmp_path / "a.arrow")


def test_header(path):
    assert ArrowReader().read_header(path) == Header(("x", "y", "name"), {})


def test_table(path):
    assert ArrowReader().read_table(path)[0].equals(TABLE)
    assert ArrowReader().read_table(path, ["y"])[0].equals(TABLE.select("y"))


@pytest.mark.parametrize("compression", ["lz4", "zstd"])
def test_compressed(tmp_path, compression):
    TABLE.write_ipc(tmp_path / "a.feather", compression=compression)

    assert read_localisations(tmp_path / "a.feather", COLUMNS, 0).table["x"].to_list() == [1500.0, 2500.0] * 500


def test_a_column_map(path):
    assert read_localisations(path, COLUMNS, 0).table["y"].to_list() == [3000.0, -4000.0] * 500


def test_names_of_a_known_software(tmp_path):
    pl.DataFrame({"x [nm]": [1.0], "y [nm]": [2.0], "sigma [nm]": [3.0]}).write_ipc(tmp_path / "a.arrow")

    found = read_localisations(tmp_path / "a.arrow", FileColumns(), 0)

    assert found.table.row(0, named=True) == {"x": 1.0, "y": 2.0, "sigma": 3.0}


def test_columns_that_nobody_knows(path):
    with pytest.raises(DataError, match="expected columns of a known software, with their units; found the columns"):
        read_header(path, FileColumns())


@pytest.mark.parametrize("kind", PYARROW)
def test_metadata_as_another_library_writes_it(tmp_path, kind):
    (tmp_path / "a").write_bytes(zlib.decompress(base64.b85decode(PYARROW[kind])))

    found = read_localisations(tmp_path / "a", FileColumns(), 0)

    assert found.metadata == {"gt_label": "1", "units": '{"x": "nm", "y": "nm"}'}
    assert found.table.rows() == [(1.5, 3.0), (2.5, -4.0)]


@pytest.mark.parametrize("part", [0.05, 0.5, 0.9999])
def test_truncated(path, part):
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])

    with pytest.raises(DataError, match=r"a\.arrow: expected a whole Arrow file or stream; found one that is trunc"):
        read_localisations(path, COLUMNS, 0)


def test_a_stream_cut_between_two_batches(tmp_path):
    path = write_stream(tmp_path / "a.arrow")
    path.write_bytes(path.read_bytes()[:-8])

    with pytest.raises(DataError, match="the mark at the end of a stream is not there"):
        read_localisations(path, COLUMNS, 0)


@pytest.mark.parametrize("kind", ["file", "stream"])
def test_damaged_schema(tmp_path, kind):
    content = zlib.decompress(base64.b85decode(PYARROW[kind]))
    refused = 0
    for position in range(0, len(content) - 10, 2):
        (tmp_path / "a").write_bytes(content[:position] + b"\xff" + content[position + 1 :])
        try:
            found = read_localisations(tmp_path / "a", COLUMNS, 1.0)
        except DataError:
            refused += 1
        else:
            assert found.table.height <= 2
    assert refused > 50


def test_a_panic_of_polars_is_a_damaged_file(path, monkeypatch):
    def panic(*_, **__):
        raise pl.exceptions.PanicException("index out of range")

    for name in ("scan_ipc", "read_ipc", "read_ipc_stream"):
        monkeypatch.setattr(pl, name, panic)
    for read in (ArrowReader().read_table, ArrowReader().read_header):
        with pytest.raises(DataError, match="index out of range"):
            read(path)


@pytest.mark.parametrize(
    ("content", "accepted"),
    [
        (b"ARROW1\0\0", True),
        (b"\xff\xff\xff\xff\x08\0\0\0" + bytes(8), True),
        (b"\xff\xff\xff\xff\xff\xff\xff\x7f" + bytes(8), False),
        (b"\xff\xff\xff\xff", False),
        (b"x,y\n1,2\n", False),
        (b"", False),
    ],
)
def test_accepts_by_content(tmp_path, content, accepted):
    (tmp_path / "a.dat").write_bytes(content)

    assert ArrowReader().accepts(tmp_path / "a.dat") is accepted


def test_no_rows(tmp_path):
    TABLE.head(0).write_ipc(tmp_path / "a.arrow")

    with pytest.raises(DataError, match="a header without rows"):
        read_localisations(tmp_path / "a.arrow", COLUMNS, 0)
