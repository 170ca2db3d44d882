"""Runs and sweeps as sources of the viewer: the table of FOVs, maps, scores, explanations, and what is missing."""

import json
import shutil
import time

import numpy as np
import polars as pl
import pytest

from builders.attributions import scores_of
from locgraph.errors import ConfigError, DataError
from locgraph.io.manifest import Manifest
from locgraph.provenance import fingerprint
from locgraph.viewer import runs as module
from locgraph.viewer.graph_folders import find_graphs
from locgraph.viewer.opened import CONFUSION, EXPLANATIONS, LIVE, MAPS, METRICS, NotThereError, OpeningSettings
from locgraph.viewer.opening import open_source, open_sources
from locgraph.viewer.results.explanations import meaning

COUNTS = {"a": 9, "b": 9}


@pytest.fixture(scope="module")
def tables(write_tables, tmp_path_factory):
    return write_tables(tmp_path_factory.mktemp("tables") / "tables-1", COUNTS)


@pytest.fixture
def sweep(write_runs, tables, tmp_path):
    return write_runs(tmp_path / "sweep", tables, 3, range(3))


@pytest.fixture
def opened(tmp_path):
    """Opens a run or sweep: path, options."""

    def open_it(path, **options):
        source = open_source(path, OpeningSettings(tmp_path / "cache", **options))
        assert isinstance(source, module.OpenedRuns)
        return source

    return open_it


def test_a_sweep_shows_each_fov_once_with_its_test_prediction(opened, sweep):
    source = opened(sweep)
    fovs = source.fovs()
    assert (source.kind, source.title, source.notes) == ("sweep", "sweep", ())
    assert fovs["fov_id"].to_list() == sorted(f"{name}_{index}" for name in "ab" for index in range(9))
    assert fovs["split"].unique().to_list() == ["test"]
    expected = pl.concat(pl.read_parquet(sweep / str(fold) / "predictions.parquet") for fold in range(3))
    expected = expected.filter(pl.col("split") == "test").sort("fov_id")
    assert fovs["prediction"].to_list() == expected["prediction"].to_list()
    assert fovs["fold"].to_list() == expected["fold"].to_list()
    assert fovs["label"].to_list() == expected["truth"].to_list()
    assert fovs["correct"].to_list() == (expected["truth"] == expected["prediction"]).to_list()
    assert set(fovs["probability"]) == {0.9}
    assert fovs["n_localisations"].to_list() == [30] * 18
    assert "group" not in fovs.columns  # no FOV has one
    assert "problem" not in fovs.columns


def test_a_run_shows_validation_predictions_and_names_the_side_of_the_rest(opened, sweep):
    fovs = opened(sweep / "1").fovs()
    plan = json.loads((sweep / "1" / "folds.json").read_text())["folds"][1]
    for side in ("train", "val", "test"):
        assert fovs.filter(pl.col("split") == side)["fov_id"].to_list() == sorted(plan[side])
    assert fovs.filter(pl.col("split") == "train")["prediction"].null_count() == len(plan["train"])
    assert fovs.filter(pl.col("split") == "val")["prediction"].null_count() == 0


def test_lists_become_text_and_the_probability_is_that_of_the_predicted_class(opened, sweep):
    path = sweep / "0" / "predictions.parquet"
    table = pl.read_parquet(path).with_columns(
        prediction=pl.lit("b"),
        p_b=pl.lit(0.25),
        prediction_set=pl.lit(["a", "b"]),
        unlike=pl.lit(True),
        unlike_reasons=pl.lit(["extent 9 nm", "other <b>units</b>?"]),
    )
    table.write_parquet(path)
    row = opened(sweep / "0").fovs().filter(pl.col("split") == "test").row(0, named=True)
    assert row["probability"] == 0.25
    assert row["prediction_set"] == "a, b"
    assert row["unlike_reasons"] == "extent 9 nm, other <b>units</b>?"
    assert row["unlike"] is True


def test_predictions_of_localisations_leave_fovs_without_one(opened, sweep):
    for fold in range(3):
        (sweep / str(fold) / "predictions.parquet").unlink()
        path = sweep / str(fold) / "metrics.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"scored": "localisations"}))
    source = opened(sweep)
    assert "prediction" not in source.fovs().columns
    assert source.notes == ()
    found = source.confusion()
    assert (found["of"], found["classes"]) == ("localisations", ["a", "b"])
    assert found["counts"] == [[sum(each["counts"][0][0] for each in found["folds"]), 3], [0, 0]]


def test_failed_running_and_missing_folds_are_named_and_the_rest_is_shown(opened, sweep):
    (sweep / "0" / "metrics.json").write_text('{"status": "failed", "reason": "out of memory", "fold": 0}')
    (sweep / "0" / "predictions.parquet").unlink()
    (sweep / "1" / "predictions.parquet").write_bytes(b"PAR1 half")
    shutil.rmtree(sweep / "2")
    (sweep / "9").mkdir()
    (sweep / "9" / "failure.json").write_text('{"reason": "no such group"}')
    source = opened(sweep)
    fovs = source.fovs()
    assert fovs.height == 18
    assert "prediction" not in fovs.columns
    notes = "\n".join(source.notes)
    assert "Fold 0 has no test result: out of memory." in notes
    assert "Fold 1 has no predictions." in notes
    assert "predictions.parquet cannot be read" in notes
    assert "Fold 2 of 3: there is no run." in notes
    assert "Job 9 failed before it was a run: no such group." in notes
    assert len(source.metrics()["table"]) > 0
    assert CONFUSION not in source.offers


def test_a_run_without_any_result_shows_its_fovs(opened, sweep):
    run = sweep / "0"
    for path in run.iterdir():
        if path.name != "run.json":
            path.unlink()
    source = opened(run)
    assert source.fovs().height == 0
    assert source.offers == {METRICS, LIVE}
    assert source.metrics()["table"] == []
    assert "no metrics.json" in source.metrics()["reason"]
    assert source.confusion() == {"classes": [], "counts": [], "folds": [], "of": "FOVs", "unlabelled": 0}
    (run / "folds.json").write_text(json.dumps({"folds": [{"train": ["x"], "val": ["y"], "test": ["z"]}]}))
    source = opened(run)
    assert source.fovs().select("fov_id", "split").rows() == [("x", "train"), ("y", "val"), ("z", "test")]


def test_a_damaged_record_of_a_run_does_not_hide_the_others(opened, sweep):
    (sweep / "0" / "run.json").write_text("{half")
    source = opened(sweep)
    assert source.fovs().height == 18
    assert source.confusion()["folds"][0]["fold"] == 0


def test_tables_that_are_gone_leave_everything_else(opened, sweep, tmp_path, tables):
    moved = shutil.copytree(tables, tmp_path / "moved")
    for fold in range(3):
        path = sweep / str(fold) / "metrics.json"
        path.write_text(path.read_text().replace(str(tables), str(tmp_path / "gone")))
    source = opened(sweep)
    (note,) = source.notes
    assert note == (
        f"Localisations cannot be drawn: the prepared tables are not at {tmp_path / 'gone'} any more; give their "
        "folder with tables=FOLDER."
    )
    fovs = source.fovs()
    assert fovs["label"].null_count() == 0
    assert fovs["problem"].null_count() == 0
    with pytest.raises(DataError, match=r"tables: a_0 cannot be drawn.*give their folder with tables=FOLDER"):
        source.scene(0)
    given = opened(sweep, tables=moved)
    assert given.notes == ()
    assert "problem" not in given.fovs().columns
    with pytest.raises(DataError, match=r"tables: expected prepared tables, with the folder clusters; found none"):
        opened(sweep, tables=tmp_path)
    with pytest.raises(DataError, match=r"explanations: expected a folder; found none"):
        opened(sweep, explanations=(tmp_path / "none",))


def test_a_fov_whose_file_vanished_or_that_failed_is_named(opened, write_tables, write_runs, tmp_path):
    folder = write_tables(tmp_path / "tables-2", COUNTS)
    manifest = Manifest.read(folder / "manifest.parquet")
    broken = Manifest(
        manifest.table.filter(pl.col("fov_id") != "a_1"), ("a", "b"), {"a_1": "x is text"}, failed_labels={"a_1": "a"}
    )
    runs = write_runs(tmp_path / "runs", folder, 3, [0])
    broken.write(folder / "manifest.parquet")
    (folder / "clusters" / "b_2.parquet").unlink()
    source = opened(runs / "0")
    problems = dict(source.fovs().select("fov_id", "problem").drop_nulls().rows())
    assert problems == {"a_1": "x is text", "b_2": f"Its tables are not in {folder}: prepare it again."}
    with pytest.raises(DataError, match=r"a_1 cannot be drawn\. x is text"):
        source.scene(1)
    with pytest.raises(NotThereError, match="expected a FOV from 0 to 17; found 18"):
        source.scene(18)


def test_a_run_that_ends_while_it_is_shown_gets_its_predictions_and_keeps_its_rows(opened, sweep, monkeypatch):
    monkeypatch.setattr(module, "_LOOKS_S", 0.0)
    run = sweep / "0"
    kept = pl.read_parquet(run / "predictions.parquet")
    (run / "predictions.parquet").unlink()
    source = opened(run)
    before = source.fovs()
    assert "prediction" not in before.columns
    first = kept.with_columns(pl.col("fov_id").replace({"b_8": "B_new"}), split=pl.lit("test"))
    first.write_parquet(run / "predictions.parquet")
    after = source.fovs()
    assert after["fov_id"].to_list()[:18] == before["fov_id"].to_list()
    assert "prediction" in after.columns


def test_ten_thousand_fovs_are_joined_within_a_second_or_so(opened, sweep):
    run = sweep / "0"
    n = 10_000
    rng = np.random.default_rng(0)
    classes = rng.choice(["a", "b"], n)
    table = {"fov_id": [f"cell/{index:05d}" for index in range(n)], "fold": [0] * n, "split": ["test"] * n}
    table |= {"truth": classes, "prediction": classes, "p_a": rng.random(n), "p_b": rng.random(n)}
    pl.DataFrame(table).write_parquet(run / "predictions.parquet")
    source = opened(run)
    assert source.fovs().height == n + 18
    assert np.sum(source.confusion()["counts"]) == n


def test_groups_of_other_settings_are_sources_of_their_own(opened, sweep, tmp_path):
    record = sweep / "2" / "run.json"
    record.write_text(json.dumps({"family": "g", "n_folds": 3, "overrides": ["fold.index=2", "training.lr=0.1"]}))
    first, second = open_sources([sweep], OpeningSettings(tmp_path / "cache"))
    assert [run.fold for run in first.results.runs] == [0, 1]
    assert [run.fold for run in second.results.runs] == [2]
    assert second.title == "sweep: training.lr=0.1"
    with pytest.raises(DataError, match=r"sweep over 2 settings \(sweep.*training.lr=0.1\); give one of its runs"):
        opened(sweep)


def test_embeddings_are_shown_with_their_tables_and_map(opened, tables, tmp_path):
    folder = tmp_path / "embedded"
    folder.mkdir()
    rows = {"fov_id": [f"a_{index}" for index in range(9)], "label": ["a"] * 9}
    rows |= {f"v_{index}": np.random.default_rng(index).normal(size=9) for index in range(3)}
    pl.DataFrame(rows).write_parquet(folder / "embeddings.parquet")
    (folder / "embeddings.json").write_text(json.dumps({"tables": str(tables)}))
    source = opened(folder)
    assert (source.kind, source.offers, source.notes) == ("embeddings", {MAPS}, ())
    assert source.fovs().height == 18
    assert map_of(source, 0).fovs.tolist() == [*range(9)]
    assert source.scene(0).fov_id == "a_0"


def test_what_holds_no_run_is_left_to_others(tables, tmp_path):
    assert module.open_runs(tables, OpeningSettings(tmp_path)) == []
    assert module.open_runs(tables / "manifest.parquet", OpeningSettings(tmp_path)) == []


def test_the_confusion_matrix_counts_test_fovs_alone(opened, sweep):
    found = opened(sweep).confusion()
    predictions = pl.concat(pl.read_parquet(sweep / str(fold) / "predictions.parquet") for fold in range(3))
    tested = predictions.filter(pl.col("split") == "test")
    for row, truth in enumerate(found["classes"]):
        for column, predicted in enumerate(found["classes"]):
            expected = tested.filter(pl.col("truth") == truth, pl.col("prediction") == predicted).height
            assert found["counts"][row][column] == expected
    assert np.array_equal(np.sum([each["counts"] for each in found["folds"]], axis=0), found["counts"])


def test_a_class_that_no_run_predicts_has_a_row(opened, sweep):
    path = sweep / "0" / "predictions.parquet"
    table = pl.read_parquet(path)
    truths = ["zebra", None, *table["truth"][2:]]
    table.with_columns(pl.Series("truth", truths), split=pl.lit("test")).write_parquet(path)
    found = opened(sweep / "0").confusion()
    assert found["classes"] == ["a", "b", "zebra"]
    assert sum(found["counts"][2]) == 1
    assert found["unlabelled"] == 1


def test_metrics_hold_intervals_controls_and_settings(opened, sweep):
    (sweep / "0" / "metrics.json").write_text(
        json.dumps(
            json.loads((sweep / "0" / "metrics.json").read_text()) | {"calibration": {"temperature": float("nan")}}
        )
    )
    found = opened(sweep).metrics()
    assert [each["name"] for each in found["sources"]] == ["model", "count_alone"]
    row = next(row for row in found["table"] if (row["source"], row["metric"]) == ("model", "accuracy"))
    assert row["mean"] == pytest.approx(np.mean([each["value"] for each in row["folds"]]))
    assert row["low"] < row["mean"] < row["high"]
    assert [run["overrides"] for run in found["runs"]] == [[f"fold.index={fold}"] for fold in range(3)]
    assert found["calibration"] == [{"fold": 0, "temperature": None}]  # no number, which JSON cannot hold
    json.dumps(found, allow_nan=False)


def test_a_release_shows_the_scores_of_its_sweep(opened, sweep):
    row = {"source": "model", "metric": "accuracy", "mean": 0.9, "interval_low": 0.8, "interval_high": 1.0}
    row |= {"no_interval": None, "fold_0": 0.85, "fold_1": 0.95}
    about = {"status": "completed", "cross_validation": {"headline": "Accuracy 0.9.", "table": [row]}}
    (sweep / "0" / "metrics.json").write_text(json.dumps(about))
    found = opened(sweep / "0").metrics()
    assert found["headline"] == "Of the sweep that this release rests on: Accuracy 0.9."
    assert found["table"][0]["folds"] == [{"fold": 0, "value": 0.85}, {"fold": 1, "value": 0.95}]
    del row["mean"]
    (sweep / "0" / "metrics.json").write_text(json.dumps(about))
    assert "test=false" in opened(sweep / "0").metrics()["reason"]


def test_runs_that_do_not_fit_together_have_no_summary_but_a_reason(opened, sweep):
    path = sweep / "0" / "metrics.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"experiment": "another"}))
    found = opened(sweep).metrics()
    assert found["table"] == []
    assert "different experiments" in found["reason"]


def map_of(source, index, method="pca"):
    for _ in range(600):
        points = source.map(index, method)
        if points is not None:
            return points
        time.sleep(0.1)
    raise AssertionError("no map within a minute")


def test_each_fold_has_a_map_of_its_own(opened, sweep):
    source = opened(sweep)
    assert MAPS in source.offers
    assert [(each.name, each.unit, each.fold) for each in source.maps] == [
        (f"FOVs, fold {fold}", "fov", fold) for fold in range(3)
    ]
    assert "cannot be compared" in source.maps[0].note
    points = map_of(source, 1)
    vectors = pl.read_parquet(sweep / "1" / "fov_vectors.parquet")
    names = source.fovs()["fov_id"]
    assert [names[int(row)] for row in points.fovs] == vectors["fov_id"].to_list()
    assert points.clusters is None
    assert "of the variance" in points.axes[0]
    # the classes are far apart in the vectors
    sides = np.sign(points.x) == np.sign(points.x[0])
    labels = vectors["fov_id"].str.slice(0, 1).to_numpy()
    assert np.array_equal(sides, labels == labels[0])
    with pytest.raises(NotThereError, match="expected a map from 0 to 2; found 3"):
        source.map(3, "pca")
    with pytest.raises(ConfigError, match="method: expected pca or umap; found 'tsne'"):
        map_of(source, 0, "tsne")


def test_gaps_in_vectors_and_unknown_fovs_are_left_out_and_counted(opened, sweep):
    path = sweep / "0" / "fov_vectors.parquet"
    table = pl.read_parquet(path)
    values = table["v_0"].to_numpy().copy()
    values[0] = np.nan
    strange = table.head(2).with_columns(fov_id=pl.lit("<img src=x>"))
    pl.concat([table.with_columns(v_0=values), strange]).write_parquet(path)
    points = map_of(opened(sweep / "0"), 0)
    assert len(points.x) == table.height - 1
    assert "1 of" in points.notes[0]
    assert "no number" in points.notes[0]
    assert "2 of" in points.notes[1]
    assert "not in the list" in points.notes[1]


def test_clusters_have_a_map_where_their_vectors_are(opened, sweep):
    rng = np.random.default_rng(0)
    table = {
        "fov_id": ["a_0"] * 6 + ["b_1"] * 6,
        "fold": [0] * 12,
        "split": ["test"] * 12,
        "cluster_id": [*range(6)] * 2,
    }
    table |= {f"v_{index}": rng.normal(size=12) for index in range(3)}
    pl.DataFrame(table).write_parquet(sweep / "0" / "cluster_vectors.parquet")
    source = opened(sweep / "0")
    assert [each.unit for each in source.maps] == ["fov", "cluster"]
    points = map_of(source, 1)
    assert points.clusters.tolist() == [*range(6)] * 2
    assert points.fovs.tolist() == [0] * 6 + [10] * 6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: path.unlink(), "expected vectors; the file is gone"),
        (lambda path: pl.read_parquet(path).head(1).write_parquet(path), "needs at least 2 rows, found 1"),
        (lambda path: pl.read_parquet(path).drop("fov_id").write_parquet(path), r"expected fov_id and vectors"),
        (lambda path: path.write_bytes(b"PAR1"), "cannot be read, it may be damaged"),
    ],
)
def test_vectors_that_give_no_map_say_why(opened, sweep, change, message):
    source = opened(sweep / "0")
    assert source.maps
    change(sweep / "0" / "fov_vectors.parquet")
    with pytest.raises(DataError, match=message):
        map_of(source, 0)


@pytest.fixture
def explained(sweep):
    rows = [
        scores_of("a_0", "cluster", [0.5, -0.25, float("nan")], cluster_id=[0, 1, 2], in_subgraph=[True, False, None]),
        scores_of("a_0", "localisation", [1.0, -1.0, 3.0], row=[0, 29, 30]),
        scores_of("a_0", "edge", [0.1], cluster_id=[0], target_cluster=[1]),
        scores_of("a_0", "feature", [0.1, -0.9], feature=["count", "linearity"]),
        scores_of("a_0", "cluster", [0.2, 0.1], cluster_id=[0, 1]).with_columns(
            explainer=pl.lit("saliency"), explained_class=pl.lit("b against a")
        ),
    ]
    pl.concat(rows).write_parquet(sweep / "0" / "attributions.parquet")
    (sweep / "0" / "explanations.json").write_text('{"cautions": {"saliency": "near chance on planted motifs"}}')
    return sweep / "0"


def test_explanations_are_matched_to_clusters_and_rows(opened, explained):
    source = opened(explained)
    assert EXPLANATIONS in source.offers
    assert [(each["explainer"], each["class"], each["levels"]) for each in source.explanations(0)] == [
        ("occlusion", "a", ["cluster", "localisation", "edge", "feature"]),
        ("saliency", "b against a", ["cluster"]),
    ]
    assert source.explanations(1) == []
    assert source.fovs().filter(pl.col("explained"))["fov_id"].to_list() == ["a_0"]
    found = source.explanation(0, 0)
    assert found["cluster"] == {"ids": [0, 1], "scores": [0.5, -0.25], "inside": [True, False]}  # NaN says nothing
    assert found["localisation"] == {"rows": [0, 29], "scores": [1.0, -1.0]}  # row 30 is none of the FOV
    assert found["edge"] == {"sources": [0], "targets": [1], "scores": [0.1]}
    assert found["feature"] == {"names": ["linearity", "count"], "scores": [-0.9, 0.1]}
    assert found["meaning"] == "Positive scores speak for a, negative ones against a; the larger, the more they matter."
    other = source.explanation(0, 1)
    assert other["signed"] is False
    assert other["cluster"]["inside"] is None
    assert other["edge"] is None
    assert other["cautions"] == ["near chance on planted motifs"]
    with pytest.raises(NotThereError, match="expected a list of scores from 0 to 1; found 2"):
        source.explanation(0, 2)


def test_rows_of_localisations_skip_those_in_no_cluster(opened, explained, tables, tmp_path):
    moved = shutil.copytree(tables, tmp_path / "moved")
    path = moved / "locs" / "a_0.parquet"
    table = pl.read_parquet(path)
    noise = table.head(4).with_columns(cluster_id=pl.lit(-1, pl.Int64))
    pl.concat([noise, table]).write_parquet(path, metadata=pl.read_parquet_metadata(path))
    assert opened(explained, tables=moved).explanation(0, 0)["localisation"]["rows"] == [4, 33]


def test_a_contrast_names_both_classes():
    assert meaning("a against b", signed=True).startswith("Positive scores speak for a, negative ones for b;")
    assert meaning("a against b", signed=False).endswith("what the network says of a against b.")


def test_explanations_elsewhere_are_given_and_damaged_ones_named(opened, explained, sweep, tmp_path):
    other = tmp_path / "eval" / "deep"
    other.mkdir(parents=True)
    shutil.move(explained / "attributions.parquet", other / "attributions.parquet")
    assert EXPLANATIONS not in opened(explained).offers
    assert EXPLANATIONS in opened(explained, explanations=(tmp_path / "eval",)).offers
    (explained / "attributions.parquet").write_bytes(b"PAR1 half")
    pl.DataFrame({"fov_id": ["a_0"]}).write_parquet(sweep / "1" / "attributions.parquet")
    notes = "\n".join(opened(sweep).notes)
    assert f"{explained / 'attributions.parquet'} cannot be read" in notes
    assert "attributions.parquet has no column cluster_id, explained_class" in notes


def test_an_explanation_whose_file_vanished_says_so(opened, explained):
    source = opened(explained)
    assert source.explanations(0)
    (explained / "attributions.parquet").unlink()
    source._looked = time.monotonic() + 100  # as between two looks
    with pytest.raises(DataError, match=r"attributions.parquet: cannot be read.*explain again"):
        source.explanation(0, 0)


def test_a_fov_is_drawn_from_its_tables(opened, sweep):
    source = opened(sweep)
    row = source.fovs()["fov_id"].to_list().index("b_3")
    scene = source.scene(row)
    assert (scene.fov_id, scene.label, scene.header()["n"]) == ("b_3", "b", 30)
    assert scene.header()["clusters"]["n"] == 5


def test_graphs_of_a_run_are_those_of_its_tables_and_edges(tmp_path):
    run, tables = tmp_path / "run", tmp_path / "prepared" / "tables-1"
    run.mkdir()
    (run / "metrics.json").write_text(json.dumps({"tables": "before/tables-1"}))
    assert find_graphs(run, tables) is None
    recipes = [{"cluster_edges": {"k": 5}}, {"cluster_edges": {"k": 9}}, {"cluster_edges": {"k": 9}, "other": 1}]
    places = ["before/tables-1", str(tables), "elsewhere"]
    made = [
        tables.parent / f"graphs-{fingerprint(recipe, place)}" for recipe, place in zip(recipes, places, strict=True)
    ]
    for folder, recipe in zip(made, recipes, strict=True):
        folder.mkdir(parents=True)
        (folder / "recipe.json").write_text(json.dumps(recipe))
    for edges, expected in (({"k": 5}, made[0]), ({"k": 9}, made[1])):
        (run / "config.yaml").write_text(json.dumps({"graph": {"cluster_edges": edges}}))
        assert find_graphs(run, tables) == expected
