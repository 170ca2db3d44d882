"""The featextracted folder gives back what was written, whole or not at all."""

import dataclasses

import polars as pl
import pytest

from locgraph.errors import DataError
from locgraph.io.featextracted import ExtractedFov, list_fovs, read_counts, read_fingerprint, read_fov, write_fov


@pytest.fixture
def fov():
    locs = pl.DataFrame(
        {
            "x": [1.0, 2.0, 3.0, 4.0, 5.0],
            "y": [0.1, 0.2, 0.3, 0.4, 0.5],
            "channel": [0, 0, 1, 0, 0],
            "view": [0, 0, 0, 1, 1],
            "cluster_id": [0, 0, 1, 0, 0],
        }
    )
    clusters = pl.DataFrame({"view": [0, 0, 1], "cluster_id": [0, 1, 0], "count": [2, 1, 2], "x_mean": [1.5, 3.0, 4.5]})
    return ExtractedFov(
        fov_id="batch/a.1",
        locs=locs,
        clusters=clusters,
        dimensions=2,
        label="O",
        class_names=("L", "O"),
        group="patient é",
        units={"x": "nm", "count": "1"},
        counts={"noise": 3},
        recipe={"clusterer": {"eps": 25.5}, "views": [1, 2], "none": None},
        fingerprint="0123456789abcdef",
    )


def assert_same(again, given):
    for field in dataclasses.fields(given):
        one, other = getattr(again, field.name), getattr(given, field.name)
        assert one.equals(other) if isinstance(other, pl.DataFrame) else one == other, field.name


def test_written_and_read(tmp_path, fov):
    write_fov(tmp_path, fov)

    assert (tmp_path / "locs" / "batch" / "a.1.parquet").is_file()
    assert_same(read_fov(tmp_path, fov.fov_id), fov)


def test_without_label_and_group(tmp_path, fov):
    given = dataclasses.replace(fov, label=None, group=None, class_names=())
    write_fov(tmp_path, given)

    assert_same(read_fov(tmp_path, fov.fov_id), given)


def test_metadata_that_others_may_read(tmp_path, fov):
    write_fov(tmp_path, fov)

    for kind in ("locs", "clusters"):
        again = pl.read_parquet_metadata(tmp_path / kind / "batch" / "a.1.parquet")
        assert again["gt_label"] == "1"
        assert again["gt_label_map"] == '{"0": "L", "1": "O"}'
        assert again["dimensions"] == "2"
        assert again["channels"] == "[0, 1]"
        assert again["fov_id"] == "batch/a.1"


def test_rows_are_sorted(tmp_path, fov):
    shuffled = dataclasses.replace(fov, locs=fov.locs[[4, 2, 0, 3, 1]], clusters=fov.clusters[[2, 1, 0]])
    write_fov(tmp_path, shuffled)

    again = read_fov(tmp_path, fov.fov_id)

    assert again.clusters.equals(fov.clusters)
    assert again.locs["x"].to_list() == [1.0, 2.0, 3.0, 5.0, 4.0]


def test_localisations_of_no_cluster_stand_first(tmp_path, fov):
    lonely = fov.locs[[0, 4]].with_columns(cluster_id=pl.lit(-1, pl.Int64), x=pl.lit(9.0))
    write_fov(tmp_path, dataclasses.replace(fov, locs=pl.concat([fov.locs, lonely])))

    again = read_fov(tmp_path, fov.fov_id).locs
    assert again.select("view", "cluster_id").rows() == [(0, -1), (0, 0), (0, 0), (0, 1), (1, -1), (1, 0), (1, 0)]
    assert again.filter(pl.col("cluster_id") >= 0).equals(fov.locs)


def test_no_cluster_at_all(tmp_path, fov):
    given = dataclasses.replace(fov, locs=fov.locs.clear(), clusters=fov.clusters.clear())
    write_fov(tmp_path, given)

    assert_same(read_fov(tmp_path, fov.fov_id), given)


def test_fingerprint(tmp_path, fov):
    assert read_fingerprint(tmp_path, fov.fov_id) is None
    write_fov(tmp_path, fov)
    assert read_fingerprint(tmp_path, fov.fov_id) == fov.fingerprint


def test_counts(tmp_path, fov):
    with pytest.raises(DataError, match="expected counts in its metadata"):
        read_counts(tmp_path, fov.fov_id)
    write_fov(tmp_path, fov)
    assert read_counts(tmp_path, fov.fov_id) == {"noise": 3}


@pytest.mark.parametrize("kind", ["locs", "clusters"])
@pytest.mark.parametrize("content", [None, b"", b"PAR1 cut", b"x,y\n"])
def test_fingerprint_of_an_incomplete_fov(tmp_path, fov, kind, content):
    write_fov(tmp_path, fov)
    path = tmp_path / kind / "batch" / "a.1.parquet"
    path.unlink()
    if content is not None:
        path.write_bytes(content)

    assert read_fingerprint(tmp_path, fov.fov_id) is None
    with pytest.raises(DataError, match=r"batch/a\.1|whole parquet file"):
        read_fov(tmp_path, fov.fov_id)


def test_halves_of_two_runs(tmp_path, fov):
    write_fov(tmp_path / "old", fov)
    write_fov(tmp_path, dataclasses.replace(fov, fingerprint="another"))
    (tmp_path / "old" / "clusters" / "batch" / "a.1.parquet").replace(tmp_path / "clusters" / "batch" / "a.1.parquet")

    assert read_fingerprint(tmp_path, fov.fov_id) is None
    with pytest.raises(DataError, match=r"batch/a\.1: expected one fingerprint .* an interrupted run"):
        read_fov(tmp_path, fov.fov_id)


def test_a_failed_write_leaves_the_old_file(tmp_path, fov, monkeypatch):
    write_fov(tmp_path, fov)

    def fail(*_, **__):
        raise OSError("disk full")

    monkeypatch.setattr(pl.DataFrame, "write_parquet", fail)
    with pytest.raises(OSError, match="disk full"):
        write_fov(tmp_path, dataclasses.replace(fov, fingerprint="another"))

    assert_same(read_fov(tmp_path, fov.fov_id), fov)
    assert len(list((tmp_path / "locs" / "batch").iterdir())) == 1


def test_list(tmp_path, fov):
    assert list_fovs(tmp_path) == []
    for name in ("b", "a/2", "a/1.5"):
        write_fov(tmp_path, dataclasses.replace(fov, fov_id=name))
    (tmp_path / "clusters" / ".b.parquet.x.part").touch()

    assert list_fovs(tmp_path) == ["a/1.5", "a/2", "b"]


def test_files_of_another_kind(tmp_path, fov):
    for kind in ("locs", "clusters"):
        (tmp_path / kind).mkdir()
        fov.locs.write_parquet(tmp_path / kind / "a.parquet", metadata={"fingerprint": "1", "name": "a"})

    with pytest.raises(DataError, match=r"a: expected locgraph's metadata .* found .*name"):
        read_fov(tmp_path, "a")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label": "grid"}, r"batch/a\.1: expected a label among L, O; found grid"),
        ({"clusters": pl.DataFrame({"view": [0], "cluster_id": [1]})}, "expected cluster_id 0, 1, 2"),
        ({"clusters": pl.DataFrame({"view": [0, 1], "cluster_id": [0, 0]})}, "localisations of every cluster"),
        ({"locs": pl.DataFrame({"view": [0], "x": [1.0]})}, "expected the columns .* in locs; cluster_id missing"),
    ],
)
def test_tables_that_do_not_fit(tmp_path, fov, changes, message):
    with pytest.raises(DataError, match=message):
        write_fov(tmp_path, dataclasses.replace(fov, **changes))
