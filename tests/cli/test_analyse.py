"""The whole command, with the real configs, on small tables and runs."""

import json
import re
from pathlib import Path

import polars as pl
import pytest

from locgraph.cli import analyse
from locgraph.show.figures.analysis import FIGURES

FEW = ("analysis/classifiers=[logistic_regression,nearest_neighbours]", "analysis.importance_repeats=2")
FAST = (*FEW, "analysis.umap=null", "analysis.localisations=null", "analysis.k_means=[2]", "analysis.n_folds=3")


def read(folder: Path) -> dict:
    return json.loads((folder / "analysis.json").read_text())


def made(folder: Path, *suffixes: str) -> set[str]:
    return {path.stem for path in folder.iterdir() if path.suffix in suffixes}


def said(folder: Path) -> str:
    return " | ".join(read(folder)["warnings"])


@pytest.fixture
def undrawn(monkeypatch):
    """Draws no figures, which take their time."""
    monkeypatch.setattr(analyse, "draw", lambda *arguments: None)


@pytest.fixture
def small(tmp_path, write_tables):
    return write_tables(tmp_path / "tables", {"a": 10, "b": 12})


@pytest.mark.slow
def test_a_sweep_gives_every_table_and_figure(run, tmp_path, small, write_runs, capsys):
    sweep = write_runs(tmp_path / "sweep", small, 3, range(3))

    run(tmp_path, "analyse", f"folder={sweep}", *FEW, "analysis.umap.n_neighbors=6", "analysis.style=violin")

    folder = sweep / "analysis"
    assert made(folder, ".csv", ".parquet") == set(analyse.TABLES)
    assert made(folder, ".png") == made(folder, ".svg") == set(FIGURES)
    record = read(folder)
    assert (record["kind"], record["fovs"], record["classes"]) == ("sweep", 22, {"b": 12, "a": 10})
    assert record["folds"] == [0, 1, 2]
    assert set(record["figures"]) == set(FIGURES)
    table = pl.read_csv(folder / "classifiers.csv").filter(pl.col("metric") == "accuracy")
    rows = {(row["name"], row["features"]): row for row in table.to_dicts()}
    assert list(rows) == [
        ("network", "graph"),
        *((name, kind) for kind in ("hand_made", "learned") for name in ("logistic_regression", "nearest_neighbours")),
        ("count_alone", "localisations"),
    ]
    # widths of 5 and 12 nm are far apart, and so are the vectors; of each fold the network has one FOV wrong
    assert rows["logistic_regression", "hand_made"]["mean"] == 1.0
    assert rows["nearest_neighbours", "learned"]["mean"] == 1.0
    assert rows["network", "graph"]["pooled"] == pytest.approx(19 / 22)
    wrong = pl.read_csv(folder / "misclassified.csv")
    assert wrong["fold"].sort().to_list() == [0, 1, 2]
    assert wrong["classifiers_wrong"].to_list() == [0, 0, 0]
    assert "validation FOVs of each fold alone" in said(folder)
    printed = capsys.readouterr().out
    for words in ("logistic regression", "area hull", "count alone", str(folder)):
        assert words in printed


@pytest.mark.slow
def test_a_trained_sweep_is_found_with_its_tables(run, swept):
    run(swept.folder, "analyse", f"folder={swept.run_dir}", *FAST)

    record = read(swept.run_dir / "analysis")
    assert record["folds"] == [0, 1, 2]
    assert Path(record["tables"], "clusters").is_dir()
    table = pl.read_csv(swept.run_dir / "analysis" / "classifiers.csv")
    assert {"network", "classifier", "control"} == set(table["kind"])


@pytest.mark.usefixtures("undrawn")
def test_tables_alone_get_folds_and_controls(run, tmp_path, small):
    run(tmp_path, "analyse", f"folder={small}", *FAST, "output=here")

    record = read(tmp_path / "here")
    assert (record["kind"], record["folds"]) == ("tables", [0, 1, 2])
    table = pl.read_csv(tmp_path / "here" / "classifiers.csv")
    assert set(table["kind"]) == {"classifier", "control"}
    assert "majority_class" in set(table["name"])
    assert "tables alone have no learned vectors" in said(tmp_path / "here")


@pytest.mark.usefixtures("undrawn")
def test_the_order_of_rows_on_disk_changes_no_number(run, tmp_path, small):
    run(tmp_path, "analyse", f"folder={small}", *FAST, "analysis.controls=false", "output=one")
    path = small / "manifest.parquet"
    manifest = analyse.read_material(small, None)[0].manifest
    manifest.table = manifest.table.reverse()
    manifest.write(path)
    run(tmp_path, "analyse", f"folder={small}", *FAST, "analysis.controls=false", "output=other")

    for name in ("classifiers", "importance", "representatives", "feature_tests", "classifier_predictions"):
        assert (tmp_path / "one" / f"{name}.csv").read_text() == (tmp_path / "other" / f"{name}.csv").read_text()


@pytest.mark.usefixtures("undrawn")
def test_groups_are_never_torn_and_tested_as_groups(run, tmp_path, write_tables):
    tables = write_tables(tmp_path / "tables", {"a": 8, "b": 8}, grouped=True)
    run(tmp_path, "analyse", f"folder={tables}", *FAST, "analysis.controls=false")

    folder = tables / "analysis"
    tests = pl.read_csv(folder / "feature_tests.csv", infer_schema_length=None)
    assert tests["level"][0] == "group"
    assert "go by the rows with level group" in said(folder)
    predicted = pl.read_csv(folder / "classifier_predictions.csv")
    index = pl.col("fov_id").str.extract(r"_(\d+)").cast(pl.Int64) // 2
    grouped = predicted.with_columns(group=pl.col("fov_id").str.slice(0, 1) + index.cast(pl.String))
    assert grouped.group_by("group").agg(pl.col("fold").n_unique())["fold"].to_list() == [1] * 8


@pytest.mark.parametrize(
    ("counts", "message"), [({"a": 6}, "the FOVs have the class a alone"), ({None: 6}, "the FOVs have no classes")]
)
def test_without_classes_to_compare_maps_are_drawn(run, tmp_path, write_tables, counts, message):
    tables = write_tables(tmp_path / "tables", counts)
    run(tmp_path, "analyse", f"folder={tables}", *FAST, "analysis.controls=false")

    assert message in said(tables / "analysis")
    assert made(tables / "analysis", ".png") == {"pca_hand_made", "correlations"}
    assert {"feature_tests", "fov_features", "pca"} <= made(tables / "analysis", ".csv", ".parquet")


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({"a": 1, "b": 1}, "folds need two classes with at least two FOVs each, found"),
        ({"a": 2, "b": 7}, "2 folds instead of 3: a class has no more FOVs"),
        ({"a": 2, "b": 2}, "KNeighborsClassifier refuses 2 training FOVs"),
        ({"a": 6, "b": 6, "c": 1}, "the classes c have fewer than two FOVs and are not classified"),
    ],
)
def test_too_little_is_told_and_the_rest_is_done(run, tmp_path, write_tables, counts, message):
    tables = write_tables(tmp_path / "tables", counts)
    run(tmp_path, "analyse", f"folder={tables}", *FAST, "analysis.controls=false")

    assert message in said(tables / "analysis")
    assert {"feature_tests", "fov_features", "pca"} <= made(tables / "analysis", ".csv", ".parquet")


def test_umap_with_more_neighbours_than_fovs_is_told(run, tmp_path, write_tables):
    tables = write_tables(tmp_path / "tables", {"a": 3, "b": 4})
    run(tmp_path, "analyse", f"folder={tables}", *FAST[:2], "analysis.localisations=null", "analysis.controls=false")

    assert "n_neighbors lowered from 15 to 6" in said(tables / "analysis")
    assert (tables / "analysis" / "umap_hand_made.png").is_file()


@pytest.mark.usefixtures("undrawn")
def test_constant_features_are_named(run, tmp_path, small):
    run(tmp_path, "analyse", f"folder={small}", *FAST, "analysis.controls=false")

    # every cluster has six localisations, every FOV five clusters
    assert "the same value in all 22 rows: n_clusters, n_localisations, mean_count" in said(small / "analysis")


@pytest.mark.usefixtures("undrawn")
def test_a_missing_fold_missing_predictions_and_vectors_are_told(run, tmp_path, small, write_runs):
    sweep = write_runs(tmp_path / "sweep", small, 3, [0, 2])
    (sweep / "0" / "predictions.parquet").unlink()
    (sweep / "2" / "predictions.parquet").write_bytes(b"PAR1 no")
    for fold in (0, 2):
        (sweep / str(fold) / "fov_vectors.parquet").unlink()
    run(tmp_path, "analyse", f"folder={sweep}", *FAST)

    words = said(sweep / "analysis")
    assert "fold 1 is missing: no run of it was found" in words
    assert "fold 0 has no predictions.parquet" in words
    assert "fold 2: predictions.parquet cannot be read" in words
    assert "there is no list of those that the network calls wrongly" in words
    assert "no learned vectors are analysed: no run has fov_vectors.parquet" in words
    table = pl.read_csv(sweep / "analysis" / "classifiers.csv")
    assert [name for name in table.columns if name.startswith("fold_")] == ["fold_0", "fold_2"]


@pytest.mark.usefixtures("undrawn")
def test_all_folds_of_the_plan_are_used_where_this_is_asked_for(run, tmp_path, small, write_runs):
    folder = write_runs(tmp_path / "runs", small, 3, [1]) / "1"
    run(tmp_path, "analyse", f"folder={folder}", *FAST, "analysis.features=hand_made")
    assert read(folder / "analysis")["folds"] == [1]

    run(tmp_path, "analyse", f"folder={folder}", *FAST, "analysis.features=hand_made", "analysis.folds=all")
    assert read(folder / "analysis")["folds"] == [0, 1, 2]
    network = pl.read_csv(folder / "analysis" / "classifiers.csv").row(0, named=True)
    assert (network["name"], network["n_folds"]) == ("network", 1)


@pytest.mark.usefixtures("undrawn")
def test_what_an_earlier_analysis_left_is_removed(run, tmp_path, small):
    run(tmp_path, "analyse", f"folder={small}", *FAST, "analysis.controls=false")
    assert (small / "analysis" / "importance.csv").is_file()
    (small / "analysis" / "notes.txt").touch()

    run(tmp_path, "analyse", f"folder={small}", *FAST, "analysis.controls=false", "analysis.importance_repeats=0")

    assert not (small / "analysis" / "importance.csv").exists()
    assert (small / "analysis" / "notes.txt").exists()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("folder=nowhere",), "no such folder; expected that of a run, of a sweep, or of prepared tables"),
        (("folder=empty",), "expected the folder of a run or sweep .* found neither"),
        ((), "folder: expected that of a run, .*Call it as: locgraph analyse FOLDER"),
        (("folder=tables", "analysis.features=handmade"), "must be one of hand_made, .*did you mean hand_made"),
        (("folder=tables", "analysis.features=learned"), "tables alone have no learned vectors"),
        (("folder=tables", "analysis.inner_folds=1"), "analysis.inner_folds must be a whole number of at least 2"),
        (("folder=tables", "tables=tables"), "has no effect: folder=.*tables holds tables itself"),
        (("folder=tables", "+analysis.classifiers.mine._target_=sklearn.svm.SVR"), "expected _target_: .*Tuned"),
    ],
)
def test_what_cannot_work_is_one_message(fails, tmp_path, small, overrides, message):
    (tmp_path / "empty").mkdir()
    printed = fails(tmp_path, "analyse", *FAST[2:], *overrides)
    assert re.search(message, printed), printed
