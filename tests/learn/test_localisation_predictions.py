"""The table of predictions of localisations."""

import polars as pl
import pytest
import torch

from locgraph.learn.localisation_predictions import has_truth, localisation_table, score_localisations
from locgraph.learn.segmenter import Segmented

NONE = torch.empty(0, dtype=torch.int64), torch.empty(0, 2)
BATCHES = [
    Segmented(["b", "e"], torch.tensor([-1, -1]), None, [
        (torch.tensor([1, -1, 0]), torch.tensor([[0.25, 0.75], [0.5, 0.5], [0.125, 0.875]])), NONE,
    ]),
    Segmented(["a"], torch.tensor([-1]), None, [(torch.tensor([0]), torch.tensor([[1.0, 0.0]]))]),
]  # fmt: skip


def test_one_row_for_each_localisation():
    table = localisation_table(BATCHES, ("free", "bound"), fold=2, split="test")

    assert table.drop("fold", "split").rows() == [
        ("b", 0, "bound", "bound", 0.25, 0.75),
        ("b", 1, None, "free", 0.5, 0.5),
        ("b", 2, "free", "bound", 0.125, 0.875),
        ("a", 0, "free", "free", 1.0, 0.0),
    ]
    assert table.columns == ["fov_id", "row", "fold", "split", "truth", "prediction", "p_free", "p_bound"]
    assert set(table["fold"]) == {2}
    assert set(table["split"]) == {"test"}


def test_types_do_not_depend_on_content():
    unknown = [Segmented(["a"], torch.tensor([-1]), None, [(torch.tensor([-1]), torch.tensor([[1.0, 0.0]]))])]

    assert (
        localisation_table(unknown, ("free", "bound"), 0, "new").schema
        == localisation_table(BATCHES, ("free", "bound"), 0, "val").schema
    )
    assert localisation_table(unknown, ("free", "bound"), 0, "new").schema["truth"] == pl.String
    assert has_truth(BATCHES)
    assert not has_truth(unknown)


def test_scores_by_class():
    scores, confusion = score_localisations(BATCHES, ("free", "bound"))

    assert confusion == [[1, 1], [0, 1]]
    assert scores["accuracy"] == pytest.approx(2 / 3)
    assert scores["by_class"]["free"] == pytest.approx({"recall": 0.5, "f1": 2 / 3, "iou": 0.5})
    assert scores["by_class"]["bound"] == pytest.approx({"recall": 1.0, "f1": 2 / 3, "iou": 0.5})


def test_scores_of_a_class_that_do_not_exist_are_left_out():
    scores, _ = score_localisations(BATCHES[1:], ("free", "bound"))

    assert scores["by_class"]["bound"] == {}
