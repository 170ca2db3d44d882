"""Runs and sweeps as a report reads them, and files that are absent or damaged."""

import pytest

from locgraph.errors import DataError
from locgraph.show.report.source import Absent, read_csv, read_parquet, read_yaml


def test_a_sweep(source):
    assert source.is_sweep
    assert [run.fold for run in source.runs] == [0, 1, 2]
    assert source.class_names == ("T", "L")
    assert source.predictions.height == 3 * 6
    assert sorted(source.tested()["fov_id"]) == sorted(source.manifest.table["fov_id"])
    assert source.completed[1].split["test"] == ("T_4", "L_5", "T_6", "L_7")
    assert source.manifest.failures == {"X_0": "no localisation is left"}
    assert not source.of_localisations


def test_no_predictions_at_all_are_one_clear_error(sweep):
    for fold in range(3):
        (sweep.folder / str(fold) / "predictions.parquet").unlink()

    with pytest.raises(DataError, match=r"^folder: .*expected predictions\.parquet .*found none .*repeat the run"):
        sweep.read()


def test_no_completed_run_is_one_clear_error(sweep):
    for fold in range(3):
        sweep.edit(fold, status="failed", reason="no such data")

    with pytest.raises(DataError, match=r"expected at least one completed run to report, found none .*no such data"):
        sweep.read()


def test_tables_that_are_gone_or_damaged_are_named(sweep, tmp_path):
    assert "not at" in sweep.read(tables=tmp_path / "gone").manifest.reason
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "manifest.parquet").write_bytes(b"no parquet")

    assert "expected a manifest" in sweep.read(tables=damaged).manifest.reason
    assert sweep.read(tables=Absent("unknown")).manifest == Absent("unknown")


@pytest.mark.parametrize(("read", "name"), [(read_parquet, "a.parquet"), (read_csv, "a.csv")])
def test_a_table_that_is_absent_or_damaged_is_named(read, name, tmp_path):
    assert read(tmp_path / name).reason == f"There is no {name} in {tmp_path}."
    (tmp_path / name).write_bytes(b"")

    table = read(tmp_path / name)

    assert isinstance(table, Absent)
    assert "cannot be read" in table.reason


@pytest.mark.parametrize("content", [None, ": {", "[1]", ""])
def test_a_configuration_that_cannot_be_read_is_empty(content, tmp_path):
    if content is not None:
        (tmp_path / "a").write_text(content)

    assert read_yaml(tmp_path / "a") == {}
