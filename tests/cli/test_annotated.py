"""Training on annotations of several people: soft labels of FOVs, and sparse labels of localisations."""

import json

import polars as pl
import pytest
from tests.builders.runs import NOT_SIMULATED

from locgraph.api.models.load import load_model
from locgraph.io.annotations.table import append_annotations

ONE_EPOCH = ("trainer.max_epochs=1", "views.count=1", "columns=nm", "fold.n_folds=3", "controls=false")


@pytest.fixture(scope="module")
def raw(trained):
    """Nine FOVs of each of two classes, which are the first letter of their names."""
    return trained.folder / "outputs/simulated/demo"


def fov(name, annotator, label):
    return {"fov_id": name, "target": "fov", "label": label, "annotator": annotator, "tool": "key"}


@pytest.fixture(scope="module")
def table(raw, tmp_path_factory):
    """Ada and Bob know the classes, Cy is wrong of every third FOV; one FOV is a tie, one is not annotated."""
    path = tmp_path_factory.mktemp("annotated") / "annotations.parquet"
    names = sorted(file.stem for file in raw.glob("*.parquet"))
    rows = [fov(name, annotator, name[0]) for name in names[2:] for annotator in ("Ada", "Bob")]
    rows += [fov(name, "Cy", "TL"[name[0] == "T"]) for name in names[2::3]]
    rows += [fov(names[0], annotator, label) for annotator, label in (("Ada", "T"), ("Bob", "L"))]
    append_annotations(path, rows)
    return path


def test_a_network_learns_from_shares_of_annotators(raw, table, run, tmp_path):
    run_dir = tmp_path / "run"
    run(
        tmp_path, "train", *NOT_SIMULATED, *ONE_EPOCH, f"data.raw_dir={raw}", "labels=annotations",
        f"labels.path={table}", "training/loss=soft", f"paths.run_dir={run_dir}",
    )  # fmt: skip
    metrics = json.loads((run_dir / "metrics.json").read_text())
    assert metrics["status"] == "completed"
    folds = json.loads((run_dir / "folds.json").read_text())["folds"]
    names = sorted(file.stem for file in raw.glob("*.parquet"))
    assert sorted(name for fold in folds for name in fold["test"]) == names[2:]
    # a majority is the truth that predictions are compared with
    predictions = pl.read_parquet(run_dir / "predictions.parquet")
    assert (predictions["truth"] == predictions["fov_id"].str.slice(0, 1)).all()

    # nothing of annotators is needed to predict
    found = load_model(run_dir / "checkpoints" / "best.ckpt").predict(raw / f"{names[2]}.parquet")
    assert found["p_T"][0] + found["p_L"][0] == pytest.approx(1.0)


def test_a_network_learns_from_a_few_regions(raw, run, tmp_path):
    """Six of eighteen FOVs are annotated, each in a half: the others are in no fold."""
    path, run_dir = tmp_path / "annotations.parquet", tmp_path / "run"
    names = sorted(file.stem for file in raw.glob("*.parquet"))[::3]
    for name in names:
        x = pl.read_parquet(raw / f"{name}.parquet")["x"]
        middle, far = x.median(), 1e5
        for label, sides in (("left", (middle - 30.0, middle)), ("right", (middle, middle + 30.0))):
            corners = {"x": [sides[0], sides[1], sides[1], sides[0]], "y": [-far, -far, far, far]}
            append_annotations(path, [fov(name, "Ada", label) | {"target": "region", "tool": "lasso"} | corners])
    run(
        tmp_path, "train", *NOT_SIMULATED, *ONE_EPOCH, f"data.raw_dir={raw}", "labels=annotations",
        f"labels.path={path}", "labels.target=localisation", "model=locclusternet", "model/head=segment",
        "model.loc_encoder.channels=[8,8]", "model.cluster_encoder.channels=[16]", "graph.ratios=[0.5]",
        f"paths.run_dir={run_dir}",
    )  # fmt: skip
    folds = json.loads((run_dir / "folds.json").read_text())["folds"]
    assert sorted(name for fold in folds for name in fold["test"]) == names
    predictions = pl.read_parquet(run_dir / "localisation_predictions.parquet")
    assert set(predictions["truth"].drop_nulls()) == {"left", "right"}
    assert 0 < predictions["truth"].null_count() < predictions.height
