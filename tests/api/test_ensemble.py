"""Ensembles: several models as one, each test FOV by the models that held it out, and what does not fit together."""

import json
import shutil

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import locgraph
from locgraph.api.models.ensemble import Ensemble
from locgraph.data.folds import TEST
from locgraph.errors import ConfigError, DataError
from locgraph.trust.committee import disagreement, pool_probabilities

P = ["p_T", "p_L"]


@pytest.fixture(scope="module")
def ensemble(swept):
    return locgraph.load(swept.run_dir)


@pytest.fixture(scope="module")
def files(swept):
    raw = swept.folder / "outputs" / "simulated" / "demo"
    return [raw / f"{name}.parquet" for name in ("L_000", "L_003", "T_001", "T_005")]


@pytest.fixture(scope="module")
def predicted(ensemble, files):
    return ensemble.predict(files)


@pytest.fixture(scope="module")
def prepared(ensemble, swept):
    return ensemble.members[0].training_data(swept.folder / "outputs" / "prepared")


def copy_of(swept, tmp_path):
    sweep = tmp_path / "sweep"
    shutil.copytree(swept.run_dir, sweep)
    return sweep


def changed(model, *keys, value):
    record = model.record
    for key in keys[:-1]:
        record = record[key]
    record[keys[-1]] = value
    return model


def member(swept, fold=0):
    return locgraph.load(swept.run_dir / str(fold) / "checkpoints" / "best.ckpt")


def test_a_sweep_is_an_ensemble_of_its_folds(ensemble):
    assert repr(ensemble) == "Ensemble(3 models of T, L)"
    assert ensemble.class_names == ("T", "L")
    assert ensemble.fold is None
    assert len(ensemble.test_fovs) == 18


def test_probabilities_are_pooled_over_the_members(ensemble, predicted, files):
    own = np.stack([each.predict(files).select(P).to_numpy() for each in ensemble.members])
    np.testing.assert_allclose(predicted.select(P).to_numpy(), pool_probabilities(own), atol=1e-6)
    np.testing.assert_allclose(predicted["disagreement"].to_numpy(), disagreement(own), atol=1e-6)
    assert predicted["n_members"].to_list() == [3] * 4
    assert predicted.columns[:4] == ["fov_id", "prediction", *P]
    assert {"prediction_set", "credibility", "decision"} < set(predicted.columns)


def test_test_fovs_are_predicted_by_the_model_that_held_them_out(ensemble, prepared, swept):
    tables, scores = ensemble.predict_prepared(prepared, ensemble.test_fovs, split=TEST)
    table = tables["predictions.parquet"]
    runs = [pl.read_parquet(swept.run_dir / str(fold) / "predictions.parquet") for fold in range(3)]
    expected = pl.concat(runs).filter(split="test").select("fov_id", "fold", "truth", "prediction", *P)
    assert table["n_members"].to_list() == [1] * 18
    assert_frame_equal(
        table.select(expected.columns).sort("fov_id"), expected.sort("fov_id"), abs_tol=1e-6, check_exact=False
    )
    right = (expected["truth"] == expected["prediction"]).mean()
    assert scores["test"]["accuracy"] == pytest.approx(right)
    assert np.sum(scores["confusion_matrix"]) == 18


def test_fovs_that_no_member_held_out_are_refused(swept, prepared):
    one = Ensemble([member(swept), member(swept)])
    trained_on = [str(one.members[0].record["split"]["train"][0])]
    with pytest.raises(DataError, match="on the test side of no member"):
        one.predict_prepared(prepared, trained_on, split=TEST)


def test_chosen_checkpoints_of_one_fold_predict_as_each_of_them(swept, files):
    paths = [swept.run_dir / "0" / "checkpoints" / name for name in ("best.ckpt", "best.ckpt")]
    pair = locgraph.load(paths)
    assert pair.fold == 0
    table, alone = pair.predict(files), pair.members[0].predict(files)
    assert_frame_equal(table.select(alone.columns), alone, abs_tol=1e-6)
    assert table["disagreement"].to_list() == pytest.approx([0.0] * 4, abs=1e-7)


def test_classes_in_another_order_are_matched_by_name(swept, files):
    first, other = member(swept), member(swept)
    # the same network, whose classes have changed places: what it calls T the first calls L
    other.task.class_names = ("L", "T")
    other.trust = None
    table = Ensemble([first, other]).predict(files)
    own = [first.predict(files).select(P).to_numpy(), other.predict(files).select(P).to_numpy()]
    np.testing.assert_allclose(table.select(P).to_numpy(), pool_probabilities(np.stack(own)), atol=1e-6)


def test_failed_folds_are_named_and_the_others_used(swept, tmp_path, caplog):
    sweep = copy_of(swept, tmp_path)
    metrics = json.loads((sweep / "1" / "metrics.json").read_text())
    (sweep / "1" / "metrics.json").write_text(json.dumps(metrics | {"status": "failed", "reason": "no space"}))
    record = json.loads((sweep / "1" / "run.json").read_text())
    (sweep / "1" / "run.json").write_text(json.dumps(record | {"state": "failed", "reason": "no space"}))
    ensemble = locgraph.load(sweep)
    assert len(ensemble.members) == 2
    assert ensemble.failed == {str(sweep / "1"): "no space"}
    assert "left out of the ensemble" in caplog.text


def test_one_member_is_said_and_a_run_is_a_model(swept, tmp_path, caplog):
    sweep = copy_of(swept, tmp_path)
    for fold in ("1", "2"):
        shutil.rmtree(sweep / fold)
    assert len(locgraph.load(sweep).members) == 1
    assert "the ensemble has one member" in caplog.text
    assert isinstance(locgraph.load(sweep / "0"), locgraph.Model)


def test_a_folder_without_runs_and_an_empty_list_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"path: .*at least one completed run, found none; expected the folder"):
        locgraph.load(tmp_path)
    with pytest.raises(DataError, match="path: expected at least one checkpoint, found none"):
        locgraph.load([])


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (("settings", "clustering", "n_clusters"), 9, "other settings of clustering"),
        (("settings", "views", "count"), 5, "other settings of views"),
        (("sizes", "dimensions"), 3, "data in 3D and in 2D"),
    ],
)
def test_members_that_do_not_fit_are_refused(swept, keys, value, message):
    with pytest.raises(DataError, match=message):
        Ensemble([member(swept), changed(member(swept, 1), *keys, value=value)])


def test_members_with_other_classes_are_refused(swept):
    other = member(swept, 1)
    other.task.class_names = ("T", "O")
    with pytest.raises(DataError, match="classes T, O and T, L"):
        Ensemble([member(swept), other])
    other.task.class_names = ()
    with pytest.raises(DataError, match="does not classify FOVs"):
        Ensemble([member(swept), other])


def test_vectors_and_explanations_are_those_of_one_model(ensemble, files):
    with pytest.raises(ConfigError, match="embed with one of `members`"):
        ensemble.embed(files)
    with pytest.raises(ConfigError, match="explain with one of `members`"):
        ensemble.explain(files)
