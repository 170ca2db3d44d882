"""What `locgraph.annotate` opens: the file of annotations, predictions that are shown, orders, and wrong settings."""

import numpy as np
import polars as pl
import pytest

import locgraph
from locgraph.api.annotating import annotation_session
from locgraph.api.config import compose
from locgraph.errors import ConfigError, DataError
from locgraph.viewer.opened import NotThereError


def settings(source, tmp_path, *overrides, **values):
    chosen = compose("annotate", f"paths.output_dir={tmp_path}/outputs", *overrides)
    return chosen | {"source": str(source), "annotator": "Ada"} | values


def open_annotating(source, tmp_path, *overrides, **values):
    return annotation_session(settings(source, tmp_path, *overrides, **values)).annotating


@pytest.fixture
def tables(tmp_path, write_tables):
    return write_tables(tmp_path / "tables", {"a": 6, "b": 6})


@pytest.fixture
def sweep(tables, tmp_path, write_runs):
    return write_runs(tmp_path / "sweep", tables, 3, range(3))


def test_annotations_of_each_source_have_a_place_and_classes_are_those_of_the_source(tables, tmp_path):
    annotating = open_annotating(tables, tmp_path)
    assert annotating.path == tmp_path / "outputs" / "annotations" / "tables" / "annotations.parquet"
    assert annotating.classes == ("a", "b")
    assert annotating.progress()["total"] == 12
    named = open_annotating(tables, tmp_path, annotations=str(tmp_path / "mine.parquet"), classes=["x", "y"])
    assert (named.path, named.classes) == (tmp_path / "mine.parquet", ("x", "y"))


def test_predictions_of_a_sweep_are_those_of_networks_that_did_not_train_on_the_fov(tables, sweep, tmp_path):
    annotating = open_annotating(tables, tmp_path, suggestions=str(sweep), order="uncertainty")
    runs = pl.concat(
        [pl.read_parquet(path) for path in sorted(sweep.rglob("predictions.parquet"))], how="diagonal_relaxed"
    )
    test = runs.filter(pl.col("split") == "test")
    assert annotating.n_suggestions == test["fov_id"].n_unique() == 12
    for row in test.iter_rows(named=True):
        index = annotating.fov_ids.index(row["fov_id"])
        suggestion = annotating.state(index, None)["suggestion"]
        assert (suggestion["label"], suggestion["probabilities"]["a"]) == (row["prediction"], pytest.approx(row["p_a"]))
    assert sorted(annotating.order) == list(range(12))


def test_what_the_source_says_is_shown_on_request_alone(sweep, tmp_path):
    hidden = annotation_session(settings(sweep, tmp_path))
    assert set(hidden.source(0).fovs().columns) <= {"fov_id", "problem", "dimensions", "n_localisations", "n_clusters"}
    assert (hidden.scene(0, 0).header()["label"], hidden.source(0).offers) == (None, frozenset())
    assert hidden.annotating.classes == ("a", "b")

    shown = annotation_session(settings(sweep, tmp_path, reveal=True))
    assert {"label", "prediction"} <= set(shown.source(0).fovs().columns)
    assert shown.scene(0, 0).header()["label"] in ("a", "b")
    with pytest.raises(ConfigError, match="reveal: expected true or false"):
        annotation_session(settings(sweep, tmp_path, reveal="no"))


def test_classes_of_localisations_are_hidden_too_and_no_browser_keeps_them(tmp_path):
    path = tmp_path / "cell.parquet"
    pl.DataFrame({"x": [0.0, 1.0, 2.0], "y": 0.0, "loc_label": [0, 1, 1]}).write_parquet(path)
    columns = ("columns=nm", "classes=[a,b]")
    hidden, shown = (
        annotation_session(settings(path, tmp_path, *columns, reveal=reveal)).scene(0, 0) for reveal in (False, True)
    )
    names = [column["name"] for column in shown.header()["columns"]]
    assert "loc_label" in names
    assert [column["name"] for column in hidden.header()["columns"]] == [name for name in names if name != "loc_label"]
    with pytest.raises(NotThereError, match="found 'loc_label'"):
        hidden.levels.node(0, "loc_label")
    assert "loc_label" not in hidden.table(np.arange(3)).columns
    assert "loc_label" in shown.table(np.arange(3)).columns
    assert hidden.fingerprint != shown.fingerprint


def test_several_predictions_of_a_fov_are_averaged(tables, tmp_path):
    fov_ids = open_annotating(tables, tmp_path).fov_ids
    evaluation = tmp_path / "evaluation"
    evaluation.mkdir()
    rows = {
        "fov_id": [fov_ids[0], fov_ids[0], fov_ids[1], "elsewhere"],
        "prediction": ["a", "b", "b", "a"],
        "p_a": [0.6, 0.1, 0.3, 1.0],
        "p_b": [0.4, 0.9, 0.7, 0.0],
        "typicality": [0.0, 1.0, -2.0, -9.0],
    }
    pl.DataFrame(rows).write_parquet(evaluation / "predictions.parquet")
    annotating = open_annotating(tables, tmp_path, suggestions=str(evaluation), order="typicality")
    assert annotating.n_suggestions == 2
    suggestion = annotating.state(0, None)["suggestion"]
    assert (suggestion["label"], suggestion["probabilities"]) == (
        "b",
        {"a": pytest.approx(0.35), "b": pytest.approx(0.65)},
    )
    assert annotating.order[:3] == [1, 0, 2]


def test_a_model_predicts_raw_files_that_nobody_predicted_yet(trained, tmp_path):
    raw = trained.folder / "outputs" / "simulated" / "demo"
    few = tmp_path / "few"
    for place, path in enumerate(sorted(raw.rglob("*.parquet"))[:2]):
        few.mkdir(exist_ok=True)
        (few / f"new_{place}.parquet").write_bytes(path.read_bytes())
    checkpoint = trained.run_dir / "checkpoints" / "best.ckpt"
    annotating = open_annotating(few, tmp_path, suggestions=str(checkpoint), classes=["T", "L"])
    predicted = locgraph.load(checkpoint).predict(few)
    labels = [annotating.state(index, None)["suggestion"]["label"] for index in range(2)]
    assert dict(zip(annotating.fov_ids, labels, strict=True)) == dict(
        predicted.select("fov_id", "prediction").iter_rows()
    )


def test_what_cannot_work_is_said_before_the_server_starts(tables, sweep, tmp_path):
    cases = [
        ({"source": " "}, "source: expected a file, folder, run or sweep; found none. Call it as: locgraph annotate"),
        ({"annotator": None}, "annotator: expected your name, under which your labels are kept; found none. Call it"),
        ({"annotator": " "}, "annotator: expected your name"),
        ({"source": str(tmp_path / "none")}, "no such file or folder"),
        ({"order": "best"}, "order: expected one of given, random"),
        ({"order": "uncertainty"}, "order: order=uncertainty needs predictions: set suggestions"),
        ({"order": "disagreement", "suggestions": str(sweep)}, "order: order=disagreement needs several networks"),
        ({"port": 99_999}, "port: expected a port"),
        ({"blind": "no"}, "blind: expected true or false"),
    ]
    for values, message in cases:
        with pytest.raises((ConfigError, DataError), match=message):
            locgraph.annotate(**({"source": tables, "annotator": "Ada", "cache": str(tmp_path)} | values))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="suggestions: expected predictions of these FOVs by networks that were not"):
        open_annotating(tables, tmp_path, suggestions=str(tmp_path / "empty"))
    with pytest.raises(ConfigError, match=r"expected settings of annotate.yaml, .*; found clases"):
        locgraph.annotate(tables, "Ada", clases=["a"])


def test_a_running_viewer_comes_back(tables, tmp_path):
    with locgraph.annotate(tables, "Ada", annotations=str(tmp_path / "a.parquet"), cache=str(tmp_path)) as viewer:
        assert "127.0.0.1" in viewer.url
