"""The frame of Arrow: messages that fit, whole streams, and sizes that cannot be."""

import struct

import polars as pl
import pytest

from locgraph.io.readers.arrow_messages import DAMAGE, check_messages, is_file, schema_metadata

TABLE = pl.DataFrame({"x": [1.5, 2.5] * 500, "name": ["a", "b"] * 500, "class": ["c", "d"] * 500})
TABLE = TABLE.with_columns(pl.col("class").cast(pl.Categorical))
END = b"\xff\xff\xff\xff\0\0\0\0"


@pytest.fixture
def file(tmp_path):
    TABLE.write_ipc(tmp_path / "a.arrow")
    return tmp_path / "a.arrow"


@pytest.fixture
def stream(tmp_path):
    TABLE.write_ipc_stream(tmp_path / "a.arrows")
    return tmp_path / "a.arrows"


def change(path, old, new, last=False):
    content = path.read_bytes()
    assert old in content
    place = content.rindex(old) if last else content.index(old)
    path.write_bytes(content[:place] + new + content[place + len(old) :])


def test_whole_ones(file, stream):
    assert is_file(file)
    assert not is_file(stream)
    for path in (file, stream):
        check_messages(path)
        assert schema_metadata(path) == {}


def test_no_columns_and_no_rows(tmp_path):
    for number, table in enumerate((TABLE.head(0), pl.DataFrame())):
        table.write_ipc(tmp_path / f"{number}.arrow")
        table.write_ipc_stream(tmp_path / f"{number}.arrows")
        check_messages(tmp_path / f"{number}.arrow")
        check_messages(tmp_path / f"{number}.arrows")


@pytest.mark.parametrize(("new", "message"), [(b"", "no mark of an end"), (END + b"\1234567", "bytes behind the last")])
def test_a_file_with_something_put_in_or_taken_out(file, new, message):
    change(file, END, new, last=True)

    with pytest.raises(ValueError, match=message):
        check_messages(file)


def test_a_file_that_was_moved(file):
    content = file.read_bytes()
    file.write_bytes(content[:2000] + bytes(64) + content[2000:])

    with pytest.raises(DAMAGE):
        check_messages(file)


def test_a_stream_without_its_end(stream):
    stream.write_bytes(stream.read_bytes()[:-8])

    with pytest.raises(ValueError, match="the mark at the end of a stream is not there"):
        check_messages(stream)


def test_something_behind_a_stream(stream):
    stream.write_bytes(stream.read_bytes() + bytes(8))

    with pytest.raises(ValueError, match=r"no message|mark at the end"):
        check_messages(stream)


@pytest.mark.parametrize("grown", [1 << 60, -2, (64 << 20) + 1])
def test_a_column_that_would_grow_beyond_measure(tmp_path, grown):
    path = tmp_path / "a.arrow"
    pl.DataFrame({"x": [1.5] * 1000}).write_ipc(path, compression="zstd")
    # before what is compressed stands how large it was
    change(path, struct.pack("<q", 8000) + b"\x28\xb5\x2f\xfd", struct.pack("<q", grown) + b"\x28\xb5\x2f\xfd")

    with pytest.raises(ValueError, match=f"bytes that would grow to {grown}"):
        check_messages(path)


def test_more_rows_than_there_can_be(tmp_path):
    pl.select(x=pl.repeat(1.0, 3_000_000)).write_ipc(tmp_path / "a.arrow", compression="zstd")

    with pytest.raises(ValueError, match="a table of 3000000 rows in a file of"):
        check_messages(tmp_path / "a.arrow")


@pytest.mark.parametrize("kind", ["file", "stream"])
def test_sizes_that_do_not_fit(kind, request):
    path = request.getfixturevalue(kind)
    content = path.read_bytes()
    refused = 0
    for place in range(0, len(content) - 8, 8):
        path.write_bytes(content[:place] + struct.pack("<q", 1 << 50) + content[place + 8 :])
        try:
            check_messages(path)
        except DAMAGE:
            refused += 1
    assert refused > 30
