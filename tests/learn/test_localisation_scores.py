"""Scores of classes of localisations, held against scikit-learn."""

import math

import numpy as np
import pytest
import torch
from sklearn import metrics

from locgraph.learn.localisation_scores import LocalisationScores, by_class


def drawn(n_classes, classes, n=200):
    rng = np.random.default_rng(0)
    return rng.dirichlet(np.ones(n_classes), n).astype(np.float32), rng.choice([-1, *classes], n)


@pytest.mark.parametrize("classes", [(0, 1, 2), (0, 2)])
def test_scores_of_all_batches_are_those_of_scikit_learn(classes):
    probabilities, target = drawn(3, classes)
    scores = LocalisationScores(3)
    for part in (slice(50), slice(50, 51), slice(51, None)):
        scores.update(torch.from_numpy(probabilities[part]), torch.from_numpy(target[part]))

    found = {name: value.item() for name, value in scores.compute().items()}

    known = target >= 0
    truth, said = target[known], probabilities[known].argmax(axis=1)
    expected = {
        "accuracy": metrics.accuracy_score(truth, said),
        "balanced_accuracy": metrics.recall_score(truth, said, average="macro", labels=classes),
        "f1": metrics.f1_score(truth, said, average="macro"),
        "iou": metrics.jaccard_score(truth, said, average="macro"),
        "loss": -np.log(probabilities[known][np.arange(len(truth)), truth]).mean(),
    }
    assert found == pytest.approx(expected, abs=1e-6)


def test_no_score_without_truth_and_none_left_after_reset():
    scores = LocalisationScores(2)
    scores.update(torch.tensor([[1.0, 0.0]]), torch.tensor([-1]))
    assert all(math.isnan(value) for value in scores.compute().values())

    scores.update(torch.tensor([[1.0, 0.0]]), torch.tensor([1]))
    scores.reset()
    assert scores.confusion.tolist() == [[0, 0], [0, 0]]


def test_scores_of_each_class():
    # class 2 is never there, but called once; class 3 neither
    found = by_class(torch.tensor([[3, 1, 0, 0], [0, 2, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]]))

    assert found["recall"][:2].tolist() == pytest.approx([3 / 4, 2 / 3])
    assert found["recall"][2:].isnan().all()
    assert found["iou"][:3].tolist() == pytest.approx([3 / 4, 2 / 4, 0.0])
    assert found["f1"][:3].tolist() == pytest.approx([6 / 7, 4 / 6, 0.0])
    assert found["iou"][3].isnan()
