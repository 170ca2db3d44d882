"""What a folder is, and what is missing in it."""

import json

import pytest

from locgraph import schema
from locgraph.cli.analysis_source import read_material
from locgraph.errors import ConfigError, DataError


@pytest.fixture
def tables(tmp_path, write_tables):
    return write_tables(tmp_path / "tables", {"a": 6, "b": 6, None: 1})


@pytest.fixture
def sweep(tmp_path, tables, write_runs):
    return write_runs(tmp_path / "sweep", tables, 3, range(3))


def changed(run, **changes):
    path = run / "metrics.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_tables_are_read_with_or_without_their_manifest(tables):
    (one,) = read_material(tables, None)
    (tables / "manifest.parquet").unlink()
    (two,) = read_material(tables, None)

    assert (one.kind, one.class_names, one.plan, one.results) == ("tables", ("a", "b"), {}, {})
    assert one.manifest.table[schema.FOV_ID].equals(two.manifest.table[schema.FOV_ID])
    assert one.manifest.table.height == 13


def test_a_sweep_brings_folds_results_predictions_and_vectors(sweep, tables):
    (found,) = read_material(sweep, None)

    assert (found.kind, found.tables, found.warnings) == ("sweep", tables, ())
    assert list(found.plan) == list(found.results) == list(found.vectors) == [0, 1, 2]
    assert found.results[1].controls == {"count_alone": 0.5}
    assert found.predictions["fold"].unique().sort().to_list() == [0, 1, 2]


def test_a_run_brings_the_whole_plan(sweep):
    (found,) = read_material(sweep / "1", None)

    assert (found.kind, list(found.results), list(found.plan), found.warnings) == ("run", [1], [0, 1, 2], ())


def test_failed_and_absent_folds_are_named(sweep):
    changed(sweep / "0", status="failed", reason="out of\nmemory")
    (sweep / "2" / "run.json").unlink()

    (found,) = read_material(sweep, None)

    assert found.warnings == (
        "fold 0 is missing: status 'failed': out of memory",
        "fold 2 is missing: no run of it was found",
    )


def test_sweeps_of_other_settings_are_kept_apart(sweep):
    for fold in (1, 2):
        path = sweep / str(fold) / "run.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"family": "g", "overrides": [f"model=m{fold}"]}))

    found = read_material(sweep, None)

    assert len(found) == 2
    assert {material.folder.parent for material in found} == {sweep / "summaries"}


def test_fovs_that_are_no_more_in_the_tables_are_told(sweep, tables):
    (tables / "manifest.parquet").unlink()
    (tables / "clusters" / "a_0.parquet").unlink()

    (found,) = read_material(sweep, None)

    assert found.warnings == ("1 FOVs of the folds are not in the tables, such as a_0",)


def test_runs_without_their_folds_keep_what_they_have(sweep):
    for fold in range(3):
        (sweep / str(fold) / "folds.json").unlink()

    (found,) = read_material(sweep, None)

    assert found.plan == {}
    assert [text[:30] for text in found.warnings] == [f"fold {fold}: its FOVs are not known" for fold in range(3)]


def test_what_is_neither_is_told_with_what_may_be_meant(tmp_path, sweep, tables):
    with pytest.raises(DataError, match="no such folder; expected that of a run"):
        read_material(tmp_path / "nowhere", None)
    (tmp_path / "prepared" / "tables-1").mkdir(parents=True)
    with pytest.raises(DataError, match=r"did you mean .*tables-1\?"):
        read_material(tmp_path / "prepared", None)
    (tmp_path / "eval").mkdir()
    (tmp_path / "eval" / "metrics.json").write_text("{}")
    with pytest.raises(DataError, match="looks like one of eval: analyse the run"):
        read_material(tmp_path / "eval", None)
    with pytest.raises(ConfigError, match="holds tables itself"):
        read_material(tables, tables)


def test_runs_that_do_not_belong_together_are_refused(sweep):
    folds = json.loads((sweep / "1" / "folds.json").read_text())
    folds["folds"].reverse()
    (sweep / "1" / "folds.json").write_text(json.dumps(folds))
    with pytest.raises(DataError, match="expected runs with the same folds"):
        read_material(sweep, None)
    changed(sweep / "2", fold=0)
    with pytest.raises(DataError, match="one completed run of fold 0"):
        read_material(sweep, None)
    for fold in range(3):
        changed(sweep / str(fold), status="failed", reason="no data")
    with pytest.raises(DataError, match=r"expected at least one completed run, found none .*no data"):
        read_material(sweep, None)
