"""Parquet and Arrow: files and streams by content, metadata of their schema, and damage that polars does not see."""

import base64
import struct
import zlib
from functools import partial

import polars as pl
import pytest

from builders.io import accepted_by, header_of, table_of
from locgraph.errors import DataError
from locgraph.io.columns import ColumnMap, FileColumns
from locgraph.io.header import Header
from locgraph.io.read import read_localisations
from locgraph.io.readers.arrow_messages import FlatBuffer, check_messages, schema_metadata
from locgraph.io.readers.base import FREE_ROWS, OpenFile, check_rows
from locgraph.io.readers.columnar import (
    ArrowReader,
    ParquetReader,
    is_parquet,
    read_metadata,
    read_names,
    read_parquet,
)

PLAIN = pl.DataFrame({"x": [1.0, 2.0] * 500, "y": [3.0, 4.0] * 500, "z": [0.0] * 1000})


@pytest.fixture
def parquet(tmp_path):
    PLAIN.write_parquet(tmp_path / "a.parquet", metadata={"gt_label": "1"})
    return tmp_path / "a.parquet"


def test_parquet(parquet):
    table, metadata = table_of(ParquetReader, parquet)

    assert header_of(ParquetReader, parquet) == Header(("x", "y", "z"), {"gt_label": "1"})
    assert table.equals(PLAIN)
    assert metadata == read_metadata(parquet) == {"gt_label": "1"}
    assert table_of(ParquetReader, parquet, ["y"])[0].columns == ["y"]
    assert is_parquet(parquet)
    assert read_parquet(parquet)[0].equals(PLAIN)
    assert read_names(parquet) == ("x", "y", "z")


@pytest.mark.parametrize(
    ("content", "accepted"), [(b"PAR1....", True), (b"x,y\n1,2\n", False), (b"PA", False), (b"", False)]
)
def test_parquet_is_accepted_by_content(tmp_path, content, accepted):
    (tmp_path / "a.dat").write_bytes(content)

    assert accepted_by(ParquetReader, tmp_path / "a.dat") is accepted


@pytest.mark.parametrize("part", [0.01, 0.5, 0.99])
def test_truncated_parquet(parquet, part):
    content = parquet.read_bytes()
    parquet.write_bytes(content[: int(part * len(content))])

    reads = (
        partial(header_of, ParquetReader),
        partial(table_of, ParquetReader),
        read_names,
        read_metadata,
        read_parquet,
    )
    for read in reads:
        with pytest.raises(DataError, match=r"a\.parquet: expected a whole parquet file; found one that is truncated"):
            read(parquet)


def test_parquet_with_labels(test_data):
    header = header_of(ParquetReader, test_data / "digits_letters" / "L_1.parquet")

    assert header.names == ("x", "y", "sigma", "channel")
    assert set(header.metadata) == {"gt_label", "gt_label_map"}


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


def test_header_of_arrow(path):
    assert header_of(ArrowReader, path) == Header(("x", "y", "name"), {})


def test_table_of_arrow(path):
    assert table_of(ArrowReader, path)[0].equals(TABLE)
    assert table_of(ArrowReader, path, ["y"])[0].equals(TABLE.select("y"))


@pytest.mark.parametrize("compression", ["lz4", "zstd"])
def test_compressed_arrow(tmp_path, compression):
    TABLE.write_ipc(tmp_path / "a.feather", compression=compression)

    assert read_localisations(tmp_path / "a.feather", COLUMNS, 0).table["x"].to_list() == [1500.0, 2500.0] * 500


@pytest.mark.parametrize("kind", PYARROW)
def test_metadata_as_another_library_writes_it(tmp_path, kind):
    (tmp_path / "a").write_bytes(zlib.decompress(base64.b85decode(PYARROW[kind])))

    locs = read_localisations(tmp_path / "a", FileColumns(), 0)

    assert locs.metadata == {"gt_label": "1", "units": '{"x": "nm", "y": "nm"}'}
    assert locs.table.rows() == [(1.5, 3.0), (2.5, -4.0)]


@pytest.mark.parametrize("kind", ["file", "stream"])
def test_damaged_schema_of_arrow(tmp_path, kind):
    content = zlib.decompress(base64.b85decode(PYARROW[kind]))
    refused = 0
    for position in range(0, len(content) - 10, 2):
        (tmp_path / "a").write_bytes(content[:position] + b"\xff" + content[position + 1 :])
        try:
            locs = read_localisations(tmp_path / "a", COLUMNS, 1.0)
        except DataError:
            refused += 1
        else:
            assert locs.table.height <= 2
    assert refused > 50


def test_a_panic_of_polars_is_a_damaged_file(path, parquet, monkeypatch):
    def panic(*_, **__):
        raise pl.exceptions.PanicException("index out of range")

    for name in ("scan_ipc", "read_ipc", "read_ipc_stream", "scan_parquet", "read_parquet"):
        monkeypatch.setattr(pl, name, panic)
    for reader, file in ((ArrowReader, path), (ParquetReader, parquet)):
        for read in (table_of, header_of):
            with pytest.raises(DataError, match="index out of range"):
                read(reader, file)


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
def test_arrow_is_accepted_by_content(tmp_path, content, accepted):
    (tmp_path / "a.dat").write_bytes(content)

    assert accepted_by(ArrowReader, tmp_path / "a.dat") is accepted


MIXED = pl.DataFrame({"x": [1.5, 2.5] * 500, "name": ["a", "b"] * 500, "class": ["c", "d"] * 500})
MIXED = MIXED.with_columns(pl.col("class").cast(pl.Categorical))
END = b"\xff\xff\xff\xff\0\0\0\0"


@pytest.fixture
def file(tmp_path):
    MIXED.write_ipc(tmp_path / "a.arrow")
    return tmp_path / "a.arrow"


@pytest.fixture
def stream(tmp_path):
    MIXED.write_ipc_stream(tmp_path / "a.arrows")
    return tmp_path / "a.arrows"


def change(path, old, new, last=False):
    content = path.read_bytes()
    assert old in content
    place = content.rindex(old) if last else content.index(old)
    path.write_bytes(content[:place] + new + content[place + len(old) :])


def check(path):
    """Refuse a file whose messages do not fit; return its metadata."""
    with OpenFile(path) as file:
        check_rows(check_messages(file.content), file.size, FREE_ROWS)
        return schema_metadata(file.content)


def test_whole_messages(file, stream):
    assert check(file) == check(stream) == {}


def test_no_columns_and_no_rows(tmp_path):
    for number, table in enumerate((MIXED.head(0), pl.DataFrame())):
        table.write_ipc(tmp_path / f"{number}.arrow")
        table.write_ipc_stream(tmp_path / f"{number}.arrows")
        check(tmp_path / f"{number}.arrow")
        check(tmp_path / f"{number}.arrows")


@pytest.mark.parametrize(("new", "message"), [(b"", "no mark of an end"), (END + b"\1234567", "bytes behind the last")])
def test_a_file_with_something_put_in_or_taken_out(file, new, message):
    change(file, END, new, last=True)

    with pytest.raises(ValueError, match=message):
        check(file)


def test_a_file_that_was_moved(file):
    content = file.read_bytes()
    file.write_bytes(content[:2000] + bytes(64) + content[2000:])

    with pytest.raises((ValueError, struct.error)):
        check(file)


def test_a_stream_without_its_end(stream):
    stream.write_bytes(stream.read_bytes()[:-8])

    with pytest.raises(ValueError, match="the mark at the end of a stream is not there"):
        check(stream)


def test_something_behind_a_stream(stream):
    stream.write_bytes(stream.read_bytes() + bytes(8))

    with pytest.raises(ValueError, match=r"no message|mark at the end"):
        check(stream)


@pytest.mark.parametrize("grown", [1 << 60, -2, (64 << 20) + 1])
def test_a_column_that_would_grow_beyond_measure(tmp_path, grown):
    path = tmp_path / "a.arrow"
    pl.DataFrame({"x": [1.5] * 1000}).write_ipc(path, compression="zstd")
    # before what is compressed stands how large it was
    change(path, struct.pack("<q", 8000) + b"\x28\xb5\x2f\xfd", struct.pack("<q", grown) + b"\x28\xb5\x2f\xfd")

    with pytest.raises(ValueError, match=f"bytes that would grow to {grown}"):
        check(path)


@pytest.mark.parametrize("kind", ["file", "stream"])
def test_sizes_that_do_not_fit(kind, request):
    path = request.getfixturevalue(kind)
    content = path.read_bytes()
    refused = 0
    for place in range(0, len(content) - 8, 8):
        path.write_bytes(content[:place] + struct.pack("<q", 1 << 50) + content[place + 8 :])
        try:
            check(path)
        except (ValueError, struct.error):
            refused += 1
    assert refused > 30


PAIR = struct.Struct("<qq")
# at 4 an index of 7 fields (the last is not there), at 24 its table, which the first four bytes point to
INDEX = struct.pack("<9H", 18, 32, 4, 8, 16, 20, 24, 28, 0)
FLAT_TABLE = struct.pack("<iiqIIII", 20, 5, -7, 0, 0, 0, 0) + bytes(4)


def description():
    texts = struct.pack("<I2s2x", 2, b"ab")
    raw = bytearray(struct.pack("<I", 24) + INDEX + bytes(2) + FLAT_TABLE + bytes(100))
    for field, target in ((40, 64), (44, 72), (48, 84)):  # a text, a list of tables, one of pairs
        struct.pack_into("<I", raw, field, target - field)
    raw[64:72] = texts
    struct.pack_into("<III", raw, 72, 2, 1000, 0)
    struct.pack_into("<Iqqqq", raw, 84, 2, 1, 2, 3, -4)
    return bytes(raw)


def test_all_kinds_of_fields():
    flat = FlatBuffer(description())
    root = flat.root()

    assert root == 24
    assert flat.byte(root, 0) == 5
    assert flat.number(root, 1) == -7
    assert flat.text(root, 2) == "ab"
    assert list(flat.tables(root, 3)) == [1076, 80]
    assert list(flat.structs(root, 4, PAIR)) == [(1, 2), (3, -4)]
    assert [flat.has(root, number) for number in (0, 6, 7, 99)] == [True, False, False, False]


def test_fields_that_are_not_there():
    flat = FlatBuffer(description())

    assert (flat.byte(24, 6), flat.number(24, 6), flat.text(24, 6)) == (0, 0, "")
    assert list(flat.tables(24, 6)) == list(flat.structs(24, 6, PAIR)) == []
    with pytest.raises(ValueError, match="no table in field 6"):
        flat.table(24, 6)


def test_a_list_longer_than_all():
    raw = bytearray(description())
    struct.pack_into("<I", raw, 84, 1 << 30)

    with pytest.raises(ValueError, match="1073741824 entries in a description of 160 bytes"):
        list(FlatBuffer(bytes(raw)).structs(24, 4, PAIR))


def test_every_place_that_is_no_place_is_an_error():
    locs = FlatBuffer(description()[:60])

    with pytest.raises(struct.error):
        locs.text(24, 2)
    with pytest.raises(ValueError, match="position"):
        FlatBuffer(struct.pack("<Ii", 4, 100)).byte(4, 0)
