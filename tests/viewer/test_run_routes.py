"""What the server answers about runs and sweeps."""

import json
import shutil
import time

import polars as pl
import pytest

from builders.attributions import scores_of
from builders.named_source import Named


@pytest.fixture(scope="module")
def sweep(write_tables, write_runs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    tables = write_tables(folder / "tables-1", {"a": 9, "<b>": 9})
    runs = write_runs(folder / "<i>sweep", tables, 3, range(3))
    rows = [
        scores_of("a_0", "cluster", [0.5, -0.25], cluster_id=[0, 1]),
        scores_of("a_0", "feature", [1.0], feature=["n"]),
    ]
    pl.concat(rows).write_parquet(runs / "1" / "attributions.parquet")
    return runs


def test_the_session_names_what_a_sweep_offers(client, sweep):
    (source,) = client(sweep).get("/api/session").json()["sources"]
    assert source["kind"] == "sweep"
    assert source["title"] == "<i>sweep"
    assert source["offers"] == ["confusion", "explanations", "live", "maps", "metrics"]
    assert source["notes"] == []


def test_fovs_come_as_columns_with_units_meanings_and_classes_in_the_order_of_their_colours(client, sweep):
    answer = client(sweep).get("/api/s/0/fovs").json()
    columns = {column["name"]: column for column in answer["columns"]}
    assert [columns[name]["type"] for name in ("fov_id", "correct", "probability")] == ["text", "flag", "number"]
    assert columns["extent"]["unit"] == "nm"
    assert "root mean square" in columns["extent"]["meaning"]
    assert columns["p_<b>"]["meaning"] == "probability of the class <b>"
    assert answer["classes"] == ["a", "<b>"]
    assert {len(values) for values in answer["rows"].values()} == {18}


def test_maps_answer_when_they_are_ready(client, sweep):
    calls = client(sweep)
    for _ in range(300):
        answer = calls.get("/api/s/0/map?which=2").json()
        if answer["ready"]:
            break
        time.sleep(0.1)
    assert [each["name"] for each in answer["maps"]] == [f"FOVs, fold {fold}" for fold in range(3)]
    assert len(answer["x"]) == len(answer["y"]) == len(answer["fov"]) > 0
    assert answer["cluster"] is None
    assert len(answer["axes"]) == 2


def test_vectors_that_give_no_map_are_no_fault_of_the_page(client, sweep, tmp_path):
    copy = shutil.copytree(sweep / "0", tmp_path / "run")
    path = copy / "fov_vectors.parquet"
    pl.read_parquet(path).head(1).write_parquet(path)
    answer = client(copy).get("/api/s/0/map")
    assert answer.status_code == 200
    assert "needs at least 2 rows, found 1" in answer.json()["reason"]
    assert [each["name"] for each in answer.json()["maps"]] == ["FOVs"]


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("map?which=3", 404, "expected a map from 0 to 2; found 3"),
        ("map?which=-1", 422, "which: expected a whole number; found '-1'"),
        ("map?which=../../etc", 422, "which: expected a whole number; found '../../etc'"),
        ("map?which=99999999999", 422, "which: expected a whole number"),
        ("map?method=tsne", 422, "method: expected pca or umap; found 'tsne'"),
        ("f/18/explanations", 404, "expected a FOV from 0 to 17; found 18"),
        ("f/0/explanations/7", 404, "expected a list of scores"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(client, sweep, path, status, words):
    calls = client(sweep)
    answer = calls.get(f"/api/s/0/{path}")
    assert answer.status_code == status
    assert words in answer.json()["error"]


def test_only_runs_have_scores(client, sweep):
    calls = client(sweep, Named("a", title="files"))
    for path in ("map", "metrics", "confusion", "f/0/explanations", "f/0/explanations/0"):
        answer = calls.get(f"/api/s/1/{path}")
        assert answer.status_code == 404
        assert answer.json()["error"] == "expected a run or a sweep; files is none"


def test_scores_confusion_and_explanations_are_those_of_the_source(client, sweep, session):
    shown = session(sweep)
    (source,) = shown.sources
    calls = client(shown)
    assert calls.get("/api/s/0/confusion").json() == source.confusion()
    assert calls.get("/api/s/0/metrics").json() == json.loads(json.dumps(source.metrics()))
    row = source.fovs()["fov_id"].to_list().index("a_0")
    (offered,) = calls.get(f"/api/s/0/f/{row}/explanations").json()
    assert (offered["explainer"], offered["levels"]) == ("occlusion", ["cluster", "feature"])
    scores = calls.get(f"/api/s/0/f/{row}/explanations/0").json()
    assert scores["cluster"]["scores"] == [0.5, -0.25]
    assert scores["signed"] is True


def test_a_run_that_vanishes_while_it_is_shown_gives_reasons_not_failures(client, sweep, tmp_path):
    copy = shutil.copytree(sweep, tmp_path / "copy")
    calls = client(copy)
    assert calls.get("/api/s/0/fovs").status_code == 200
    shutil.rmtree(copy)
    time.sleep(1.1)  # as often as files are looked at
    assert len(calls.get("/api/s/0/fovs").json()["rows"]["fov_id"]) == 18
    metrics = calls.get("/api/s/0/metrics")
    assert metrics.status_code == 200
    assert "no metrics.json" in metrics.json()["reason"]
    assert calls.get("/api/s/0/map").status_code == 404
