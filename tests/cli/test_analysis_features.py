"""Which numbers are analysed, and of which FOVs."""

import polars as pl
import pytest

from locgraph.cli import assemble
from locgraph.cli.analysis_features import read_features
from locgraph.cli.analysis_findings import Findings
from locgraph.cli.analysis_settings import read_settings
from locgraph.cli.analysis_source import read_material
from locgraph.errors import ConfigError


@pytest.fixture
def settings(composed):
    group = assemble.plain(composed("analyse", "analysis/classifiers=[]").analysis)
    return lambda **changes: read_settings(group | {"localisations": None} | changes)


@pytest.fixture
def sweep(tmp_path, write_tables, write_runs):
    tables = write_tables(tmp_path / "tables", {"a": 8, "b": 8})
    return write_runs(tmp_path / "sweep", tables, 2, range(2))


def test_each_fold_is_a_space_of_its_own_with_its_test_fovs(tmp_path, sweep, settings):
    (material,) = read_material(sweep, None)
    sets = read_features(material, settings(), Findings(tmp_path))

    assert sets.hand_made.table.height == 16
    assert list(sets.learned) == [0, 1]
    for fold, split in material.plan.items():
        assert sets.tested(fold).table["fov_id"].to_list() == sorted(split.test)
        assert sets.learned[fold].columns == ("v_0", "v_1", "v_2", "v_3")
        assert set(sets.learned[fold].table["fov_id"]) == {*split.val, *split.test}


def test_only_what_is_asked_for_is_read(tmp_path, sweep, settings):
    (material,) = read_material(sweep, None)

    assert read_features(material, settings(features="hand_made"), Findings(tmp_path)).learned == {}
    assert read_features(material, settings(features="learned"), Findings(tmp_path)).hand_made is None


def test_columns_that_no_file_has_are_told_in_one_line(tmp_path, sweep, settings):
    (material,) = read_material(sweep, None)
    findings = Findings(tmp_path)
    sets = read_features(material, settings(localisations={"quantiles": [0.5]}), findings)

    assert "q50_nearest_neighbour_distance" in sets.localisations.columns
    expected = "localisations have no photons, precision, sigma, background, frame: these are not compared"
    assert findings.warnings == [expected]


def test_missing_and_damaged_vectors_are_told(tmp_path, sweep, settings):
    pl.DataFrame({"fov_id": ["a_0"], "v_0": [1.0]}).write_parquet(sweep / "0" / "fov_vectors.parquet")
    (sweep / "1" / "fov_vectors.parquet").unlink()
    (material,) = read_material(sweep, None)
    findings = Findings(tmp_path)

    assert read_features(material, settings(), findings).learned == {}
    assert findings.warnings[0].startswith("fold 0: vectors: expected fov_id, fold and v_0")
    assert "no learned vectors are analysed" in findings.warnings[-1]
    with pytest.raises(ConfigError, match=r"analysis\.features=learned: .*expected a run or sweep of this version"):
        read_features(material, settings(features="learned"), Findings(tmp_path))
