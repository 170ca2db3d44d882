"""Classifiers beside the network: who learns from what."""

import pytest

from locgraph.cli import assemble
from locgraph.cli.analysis_classifiers import add_classifiers
from locgraph.cli.analysis_features import read_features
from locgraph.cli.analysis_findings import Findings
from locgraph.cli.analysis_settings import read_settings
from locgraph.cli.analysis_source import read_material


@pytest.fixture
def classify(composed, tmp_path):
    """Classifies a folder: folder, changed settings; gives the findings and what was done."""
    group = assemble.plain(composed("analyse", "analysis/classifiers=[nearest_neighbours,decision_tree]").analysis)
    group |= {"localisations": None, "umap": None, "importance_repeats": 1, "n_folds": 3, "representatives": 1}

    def run(folder, **changes):
        findings = Findings(tmp_path / "analysis")
        settings = read_settings(group | changes)
        (material,) = read_material(folder, None)
        sets = read_features(material, settings, findings)
        return findings, add_classifiers(material, sets, settings, {}, findings)

    return run


@pytest.fixture
def tables(tmp_path, write_tables):
    return write_tables(tmp_path / "tables", {"a": 9, "b": 9})


@pytest.fixture
def sweep(tmp_path, tables, write_runs):
    return write_runs(tmp_path / "sweep", tables, 3, range(3))


def test_hand_made_features_learn_from_training_and_validation_learned_ones_from_validation(classify, sweep):
    findings, done = classify(sweep)

    sizes = findings.tables["classifier_folds"].select("features", "n_train", "n_test").unique().sort("features")
    assert sizes.rows() == [("hand_made", 12, 6), ("learned", 3, 6)]
    assert any("learn from the 3 validation FOVs of each fold alone" in text for text in findings.warnings)
    assert done.best in ("nearest_neighbours", "decision_tree")
    assert done.chance == pytest.approx(0.5)


def test_controls_of_the_runs_are_taken_and_made_where_there_are_none(classify, sweep, tables):
    def controls(findings):
        return findings.tables["classifiers"].filter(kind="control")["name"].unique().to_list()

    assert controls(classify(sweep)[0]) == ["count_alone"]
    assert len(controls(classify(tables, features="hand_made", n_folds=2)[0])) == 6
    assert controls(classify(tables, features="hand_made", controls=False)[0]) == []


def test_vectors_alone_are_compared_on_the_same_folds(classify, sweep):
    findings, done = classify(sweep, features="learned")

    assert set(findings.tables["classifiers"]["features"]) == {"graph", "learned", "localisations"}
    assert "importance" not in findings.tables
    assert done.folds == (0, 1, 2)
    found = findings.tables["representatives"]
    # the nearest and the farthest of each class in the space of each fold
    assert found.group_by("fold").len()["len"].to_list() == [4, 4, 4]


def test_without_a_classifier_the_rest_is_there(classify, sweep):
    findings, done = classify(sweep, classifiers=None)

    assert set(findings.tables["classifiers"]["kind"]) == {"network", "control"}
    assert any("no classifier is chosen" in text for text in findings.warnings)
    assert done.best is None


def test_networks_of_localisations_are_not_compared(classify, tmp_path, tables, write_runs):
    sweep = write_runs(tmp_path / "segmented", tables, 3, range(3), scored="localisations")
    findings, _ = classify(sweep, features="hand_made", controls=False)

    assert "network" not in set(findings.tables["classifiers"]["kind"])
    assert any("names classes of localisations" in text for text in findings.warnings)
