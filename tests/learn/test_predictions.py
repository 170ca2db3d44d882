"""The table of predictions."""

import numpy as np
import polars as pl
import pytest
import torch
from sklearn import metrics

from locgraph.learn.predictions import prediction_table, score, write_predictions

BATCHES = [
    (["b", "a"], torch.tensor([1, -1]), torch.tensor([[0.25, 0.75], [0.5, 0.5]])),
    (["c"], torch.tensor([0]), torch.tensor([[0.125, 0.875]])),
]


def test_one_row_for_each_fov():
    table = prediction_table(BATCHES, ("L", "O"), fold=3, split="test")

    assert table.to_dicts() == [
        {"fov_id": "b", "fold": 3, "split": "test", "truth": "O", "prediction": "O", "p_L": 0.25, "p_O": 0.75},
        {"fov_id": "a", "fold": 3, "split": "test", "truth": None, "prediction": "L", "p_L": 0.5, "p_O": 0.5},
        {"fov_id": "c", "fold": 3, "split": "test", "truth": "L", "prediction": "O", "p_L": 0.125, "p_O": 0.875},
    ]


def test_types_do_not_depend_on_content():
    unknown = prediction_table([(["a"], torch.tensor([-1]), torch.tensor([[1.0, 0.0]]))], ("L", "O"), 0, "new")

    assert unknown.schema == prediction_table(BATCHES, ("L", "O"), 0, "val").schema
    assert unknown.schema["truth"] == pl.String
    assert unknown.schema["p_L"] == pl.Float64


def test_written_and_read(tmp_path):
    table = prediction_table(BATCHES, ("L", "O"), 0, "val")

    write_predictions(tmp_path / "run" / "predictions.parquet", table)

    assert pl.read_parquet(tmp_path / "run" / "predictions.parquet").equals(table)
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["predictions.parquet"]


def test_scores_of_those_whose_class_is_known():
    rng = np.random.default_rng(0)
    probabilities, target = rng.dirichlet(np.ones(3), 20), rng.integers(-1, 3, 20)
    parts = [(None, torch.from_numpy(target[i]), torch.from_numpy(probabilities[i])) for i in (slice(7), slice(7, 20))]

    scores, confusion = score(parts)

    known = target >= 0
    truth, predicted = target[known], probabilities[known].argmax(axis=1)
    assert scores["accuracy"] == pytest.approx(metrics.accuracy_score(truth, predicted))
    assert scores["balanced_accuracy"] == pytest.approx(metrics.balanced_accuracy_score(truth, predicted))
    assert scores["loss"] == pytest.approx(metrics.log_loss(truth, probabilities[known], labels=range(3)))
    assert confusion == metrics.confusion_matrix(truth, predicted).tolist()
    assert all(type(value) is float for value in scores.values())


def test_scores_that_do_not_exist_are_left_out():
    batches = [(["a", "b"], torch.tensor([1, 1]), torch.tensor([[0.2, 0.8], [0.6, 0.4]]))]
    scores, confusion = score(batches)
    assert set(scores) == {"accuracy", "balanced_accuracy", "f1", "loss"}
    assert scores["accuracy"] == 0.5
    assert confusion == [[0, 0], [1, 1]]
