"""Parquet by content, with its metadata, and damage told."""

import polars as pl
import pytest

from locgraph.errors import DataError
from locgraph.io.header import Header
from locgraph.io.readers.parquet import ParquetReader

TABLE = pl.DataFrame({"x": [1.0, 2.0] * 500, "y": [3.0, 4.0] * 500, "z": [0.0] * 1000})


@pytest.fixture
def path(tmp_path):
    TABLE.write_parquet(tmp_path / "a.parquet", metadata={"gt_label": "1"})
    return tmp_path / "a.parquet"


def test_header(path):
    assert ParquetReader().read_header(path) == Header(("x", "y", "z"), {"gt_label": "1"})


def test_table(path):
    table, metadata = ParquetReader().read_table(path)

    assert table.equals(TABLE)
    assert metadata == {"gt_label": "1"}


def test_some_columns(path):
    assert ParquetReader().read_table(path, ["y"])[0].columns == ["y"]


@pytest.mark.parametrize(
    ("content", "accepted"), [(b"PAR1....", True), (b"x,y\n1,2\n", False), (b"PA", False), (b"", False)]
)
def test_accepts_by_content(tmp_path, content, accepted):
    (tmp_path / "a.dat").write_bytes(content)

    assert ParquetReader().accepts(tmp_path / "a.dat") is accepted


@pytest.mark.parametrize("part", [0.01, 0.5, 0.99])
def test_truncated(path, part):
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])

    for read in (ParquetReader().read_header, ParquetReader().read_table):
        with pytest.raises(DataError, match=r"a\.parquet: expected a whole parquet file; found one that is truncated"):
            read(path)


def test_damaged_pages(path):
    content = bytearray(path.read_bytes())
    content[30:90] = b"\xff" * 60
    path.write_bytes(bytes(content))

    with pytest.raises(DataError, match="truncated or damaged"):
        ParquetReader().read_table(path)


def test_real_file(test_data):
    header = ParquetReader().read_header(test_data / "digits_letters" / "L_1.parquet")

    assert header.names == ("x", "y", "sigma", "channel")
    assert set(header.metadata) == {"gt_label", "gt_label_map"}


def test_a_panic_of_polars_is_a_damaged_file(tmp_path, monkeypatch):
    def panic(*_, **__):
        raise pl.exceptions.PanicException("index out of range")

    path = tmp_path / "a.parquet"
    pl.DataFrame({"x": [1.0]}).write_parquet(path)
    monkeypatch.setattr(pl, "read_parquet", panic)
    monkeypatch.setattr(pl, "scan_parquet", panic)
    with pytest.raises(DataError, match="index out of range"):
        ParquetReader().read_table(path)
    with pytest.raises(DataError, match="index out of range"):
        ParquetReader().read_header(path)


def test_a_bomb_is_not_read(tmp_path):
    pl.select(x=pl.repeat(1.0, 3_000_000), y=pl.repeat(1.0, 3_000_000)).write_parquet(tmp_path / "a.parquet")

    with pytest.raises(DataError, match=r"a\.parquet: .*a table of 3000000 rows in a file of \d+ bytes"):
        ParquetReader().read_table(tmp_path / "a.parquet")
