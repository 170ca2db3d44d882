"""A whole analysis of prepared tables and small runs: sources, sets of features, classifiers, files and warnings."""

import json

import polars as pl
import pytest

from locgraph.analysis.results import Analysis, set_words
from locgraph.analysis.run import run_analysis
from locgraph.analysis.settings import read_settings
from locgraph.analysis.source import runs_source, tables_source
from locgraph.analysis.sweeps.runs import read_run
from locgraph.api.config import plain
from locgraph.errors import ConfigError, DataError

FAST = {"localisations": None, "umap": None, "importance_repeats": 1, "n_folds": 3, "representatives": 1}


@pytest.fixture
def settings(composed):
    group = plain(composed("analyse", "folder=.", "analysis/classifiers=[nearest_neighbours,decision_tree]").analysis)
    return lambda **changes: read_settings(group | FAST | {"k_means": [2]} | changes)


@pytest.fixture
def analyse(settings):
    """Analyses a source: source, changed settings."""
    return lambda source, **changes: run_analysis(source, settings(**changes))


@pytest.fixture
def tables(tmp_path, write_tables):
    return write_tables(tmp_path / "tables", {"a": 9, "b": 9, None: 1})


@pytest.fixture
def sweep(tmp_path, tables, write_runs):
    return write_runs(tmp_path / "sweep", tables, 3, range(3))


def source_of(sweep, folds=range(3), n_folds=3):
    tables = sweep.parent / "tables"
    return runs_source(sweep, "sweep", [read_run(sweep / str(fold)) for fold in folds], n_folds, tables)


def change_metrics(run, **changes):
    path = run / "metrics.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


# -- sources -----------------------------------------------------------------------------------------------------------


def test_runs_have_folds_results_predictions_and_vectors(sweep, tables):
    source = source_of(sweep)

    assert (source.kind, source.tables, source.warnings) == ("sweep", tables, ())
    assert list(source.plan) == list(source.results) == list(source.vectors) == [0, 1, 2]
    assert source.results[1].controls == {"count_alone": 0.5}
    assert source.predictions["fold"].unique().sort().to_list() == [0, 1, 2]
    one = source_of(sweep, [1], None)
    assert (list(one.results), list(one.plan), one.warnings) == ([1], [0, 1, 2], ())


def test_failed_and_absent_folds_are_in_the_warnings(sweep):
    change_metrics(sweep / "0", status="failed", reason="out of\nmemory")

    assert source_of(sweep, [0, 1]).warnings == (
        "fold 0 is missing: status 'failed': out of memory",
        "fold 2 is missing: no run of it was found",
    )


def test_absent_fovs_folds_predictions_and_vectors_are_in_the_warnings(sweep, tables):
    (sweep / "0" / "folds.json").unlink()
    (sweep / "0" / "predictions.parquet").unlink()
    (sweep / "1" / "fov_vectors.parquet").unlink()
    (sweep / "2" / "predictions.parquet").write_bytes(b"PAR1 no")
    (tables / "manifest.parquet").unlink()
    (tables / "clusters" / "a_0.parquet").unlink()

    warnings = source_of(sweep).warnings

    assert warnings[0].startswith("fold 0: its FOVs are not known")
    assert warnings[1] == "1 FOVs of the folds are not in the tables, such as a_0"
    assert warnings[2] == "fold 0 has no predictions.parquet: wrong FOVs of the network are not listed for it"
    assert "predictions.parquet: cannot be read" in warnings[3]
    assert warnings[4].startswith("fold 1 has no fov_vectors.parquet")


def test_runs_that_do_not_belong_together_are_refused(sweep):
    folds = json.loads((sweep / "1" / "folds.json").read_text())
    folds["folds"].reverse()
    (sweep / "1" / "folds.json").write_text(json.dumps(folds))
    with pytest.raises(DataError, match="expected runs with the same folds"):
        source_of(sweep)
    change_metrics(sweep / "2", fold=0)
    with pytest.raises(DataError, match="one completed run of fold 0"):
        source_of(sweep)
    for fold in range(3):
        change_metrics(sweep / str(fold), status="failed", reason="no data")
    with pytest.raises(DataError, match=r"expected at least one completed run, found none .*no data"):
        source_of(sweep)


# -- features ----------------------------------------------------------------------------------------------------------


def test_vectors_of_each_fold_are_a_set_of_their_own_with_test_fovs(analyse, sweep):
    analysis = analyse(source_of(sweep), classifiers=None)

    hand_made, *learned = analysis.feature_sets()
    assert (hand_made[0], hand_made[1], hand_made[2].table.height) == ("hand_made", None, 19)
    for (name, fold, features), (index, split) in zip(learned, analysis.source.plan.items(), strict=True):
        assert (name, fold) == ("learned", index)
        assert features.table["fov_id"].to_list() == sorted(split.test)
        assert set(analysis.learned[fold].table["fov_id"]) == {*split.val, *split.test}
    assert set_words("hand_made", None) == "hand-made features"
    assert set_words("learned", 2) == "learned vectors of fold 2"


def test_columns_that_no_file_has_are_in_one_warning(analyse, tables):
    analysis = analyse(tables_source(tables), localisations={"quantiles": [0.5]}, classifiers=None, controls=False)

    assert "q50_nearest_neighbour_distance" in analysis.localisations.columns
    expected = "localisations have no photons, precision, sigma, background, frame: these are not compared"
    assert expected in analysis.warnings


def test_wrong_and_absent_vectors_are_in_the_warnings(analyse, sweep):
    pl.DataFrame({"fov_id": ["a_0"], "v_0": [1.0]}).write_parquet(sweep / "0" / "fov_vectors.parquet")
    for fold in (1, 2):
        (sweep / str(fold) / "fov_vectors.parquet").unlink()

    warnings = analyse(source_of(sweep), classifiers=None).warnings

    assert any(text.startswith("fold 0: vectors: expected fov_id, fold and v_0") for text in warnings)
    assert any("no learned vectors are analysed: no run has fov_vectors" in text for text in warnings)
    with pytest.raises(ConfigError, match=r"^features: learned: .*expected a run or sweep of this version"):
        analyse(source_of(sweep), features="learned")


def test_folds_without_vectors_or_predictions_are_in_the_warnings(analyse, sweep):
    for fold in range(3):
        (sweep / str(fold) / "predictions.parquet").unlink()
    (sweep / "1" / "fov_vectors.parquet").unlink()

    warnings = analyse(source_of(sweep)).warnings

    assert "no classifiers of learned vectors for the folds [1]" in warnings
    assert any("there is no list of those that the network calls wrongly" in text for text in warnings)


# -- classifiers and controls ------------------------------------------------------------------------------------------


def test_classifiers_of_vectors_are_fitted_to_validation_fovs_alone(analyse, sweep):
    analysis = analyse(source_of(sweep))

    sizes = analysis.tables["classifier_folds"].select("features", "n_train", "n_test").unique().sort("features")
    assert sizes.rows() == [("hand_made", 12, 6), ("learned", 3, 6)]
    assert any("learn from the 3 validation FOVs of each fold alone" in text for text in analysis.warnings)
    assert analysis.best_classifier in ("nearest_neighbours", "decision_tree")
    assert analysis.chance == pytest.approx(0.5)


def test_controls_come_from_the_runs_or_are_trained(analyse, sweep, tables):
    def controls(analysis):
        return analysis.tables["classifiers"].filter(kind="control")["name"].unique().to_list()

    source = tables_source(tables)
    assert controls(analyse(source_of(sweep))) == ["count_alone"]
    assert len(controls(analyse(source, features="hand_made", n_folds=2))) == 7
    assert controls(analyse(source, features="hand_made", controls=False)) == []


def test_vectors_alone_are_compared_on_the_same_folds(analyse, sweep):
    analysis = analyse(source_of(sweep), features="learned")

    assert set(analysis.tables["classifiers"]["features"]) == {"graph", "learned", "localisations"}
    assert "importance" not in analysis.tables
    assert analysis.folds == (0, 1, 2)
    # the nearest and the farthest of each class in the space of each fold
    assert analysis.tables["representatives"].group_by("fold").len()["len"].to_list() == [4, 4, 4]


def test_without_a_classifier_the_other_tables_remain(analyse, sweep):
    analysis = analyse(source_of(sweep), classifiers=None)

    assert set(analysis.tables["classifiers"]["kind"]) == {"network", "control"}
    assert any("no classifier is chosen" in text for text in analysis.warnings)
    assert analysis.best_classifier is None
    assert analysis.tables["misclassified"]["fold"].sort().to_list() == [0, 1, 2]


def test_networks_of_localisations_are_not_compared(analyse, tmp_path, tables, write_runs):
    write_runs(tmp_path / "segmented", tables, 3, range(3), scored="localisations")
    analysis = analyse(source_of(tmp_path / "segmented"), features="hand_made", controls=False)

    assert "network" not in set(analysis.tables["classifiers"]["kind"])
    assert any("names classes of localisations" in text for text in analysis.warnings)


def test_all_folds_of_the_plan_can_be_used(analyse, sweep):
    source = source_of(sweep, [1], None)
    assert analyse(source, features="hand_made").folds == (1,)

    analysis = analyse(source, features="hand_made", folds="all")

    assert analysis.folds == (0, 1, 2)
    network = analysis.tables["classifiers"].row(0, named=True)
    assert (network["name"], network["n_folds"]) == ("network", 1)


def test_folds_keep_groups_whole_and_groups_are_tested(analyse, tmp_path, write_tables):
    grouped = write_tables(tmp_path / "grouped", {"a": 8, "b": 8}, grouped=True)
    analysis = analyse(tables_source(grouped), controls=False)

    assert analysis.tables["feature_tests"]["level"][0] == "group"
    assert any("go by the rows with level group" in text for text in analysis.warnings)
    index = pl.col("fov_id").str.extract(r"_(\d+)").cast(pl.Int64) // 2
    group = pl.col("fov_id").str.slice(0, 1) + index.cast(pl.String)
    folds = analysis.tables["classifier_predictions"].group_by(group).agg(pl.col("fold").n_unique())["fold"]
    assert folds.to_list() == [1] * 8


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({"a": 6}, "the FOVs have the class a alone"),
        ({None: 6}, "the FOVs have no classes"),
        ({"a": 1, "b": 1}, "folds need two classes with at least two FOVs each, found"),
        ({"a": 2, "b": 7}, "2 folds instead of 3: a class has no more FOVs"),
        ({"a": 2, "b": 2}, "KNeighborsClassifier refuses 2 training FOVs"),
        ({"a": 6, "b": 6, "c": 1}, "the classes c have fewer than two FOVs and are not classified"),
        # every cluster has six localisations, every FOV five clusters
        ({"a": 6, "b": 6}, "the same value in all 12 rows: n_clusters, n_localisations, mean_count"),
    ],
)
def test_parts_that_cannot_be_computed_stop_no_others(analyse, tmp_path, write_tables, counts, message):
    analysis = analyse(tables_source(write_tables(tmp_path / "few", counts)), controls=False)

    assert any(message in text for text in analysis.warnings)
    assert {"feature_tests", "fov_features", "pca"} <= analysis.tables.keys()


def test_the_order_of_rows_on_disk_changes_no_number(analyse, tables):
    source = tables_source(tables)
    one = analyse(source, controls=False)
    source.manifest.table = source.manifest.table.reverse()
    other = analyse(source, controls=False)

    for name in ("classifiers", "importance", "representatives", "feature_tests", "classifier_predictions"):
        assert one.tables[name].equals(other.tables[name])


# -- collecting and writing --------------------------------------------------------------------------------------------


@pytest.fixture
def empty(settings, tables):
    return lambda **values: Analysis(tables_source(tables), settings(), **values)


def test_an_error_of_the_user_becomes_one_warning(empty):
    def refuse():
        raise DataError("no\n  class")

    analysis = empty()
    assert analysis.attempt("maps", refuse) is analysis.attempt("maps", refuse) is None
    assert analysis.attempt("one", abs, -1) == 1
    assert analysis.warnings == ["maps: no class"]
    with pytest.raises(ZeroDivisionError):
        analysis.attempt("maps", lambda: 1 / 0)


def test_files_of_an_earlier_analysis_are_removed(empty, tmp_path):
    table, folder = pl.DataFrame({"x": [1]}), tmp_path / "analysis"
    empty(tables={"pca": table, "importance": table}).write(folder)
    (folder / "notes.txt").touch()
    assert json.loads((folder / "analysis.json").read_text())["files"] == ["pca.parquet", "importance.csv"]

    analysis = empty(tables={"importance": table})
    analysis.write(folder, ["importance"])

    assert sorted(path.name for path in folder.iterdir()) == ["analysis.json", "importance.csv", "notes.txt"]
    record = json.loads((folder / "analysis.json").read_text())
    assert (record["kind"], record["fovs"], record["classes"]) == ("tables", 19, {"a": 9, "b": 9})
    assert (record["figures"], record["top_features"]) == (["importance"], [])
    assert repr(analysis) == f"Analysis of tables {tmp_path / 'tables'}: 1 tables"
