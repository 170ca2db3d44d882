"""Scores against those of scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, roc_auc_score

from locgraph.stats.metrics import class_scores, scores_by_class

NAMES = np.array(["L", "O", "T"])


@pytest.fixture
def cases():
    rng = np.random.default_rng(0)
    truth = NAMES[rng.integers(3, size=60)]
    certainty = rng.dirichlet([1, 1, 1], 60) + (truth[:, None] == NAMES)
    certainty /= certainty.sum(axis=1, keepdims=True)
    return truth, NAMES[certainty.argmax(axis=1)], certainty


def test_scores_are_those_of_scikit_learn(cases):
    truth, predicted, certainty = cases
    found = class_scores(truth, predicted, certainty, NAMES.tolist())

    assert found == pytest.approx(
        {
            "accuracy": accuracy_score(truth, predicted),
            "balanced_accuracy": balanced_accuracy_score(truth, predicted),
            "f1": f1_score(truth, predicted, average="macro"),
            "auroc": roc_auc_score(truth, certainty, multi_class="ovr", average="macro"),
        }
    )


def test_a_class_without_test_fovs_counts_where_it_was_predicted_alone():
    truth, predicted = np.array(["L", "L", "T"]), np.array(["L", "O", "T"])
    found = class_scores(truth, predicted)

    assert found == pytest.approx({"accuracy": 2 / 3, "balanced_accuracy": 3 / 4, "f1": (2 / 3 + 0 + 1) / 3})


def test_one_class_alone_has_no_auroc_and_an_unknown_one_that_of_chance():
    certainty = np.array([[0.9, 0.1], [0.2, 0.8]])
    assert "auroc" not in class_scores(np.array(["L", "L"]), np.array(["L", "T"]), certainty, ["L", "T"])
    found = class_scores(np.array(["L", "new"]), np.array(["L", "T"]), certainty, ["L", "T"])
    assert found["auroc"] == pytest.approx((1.0 + 0.5) / 2)


def test_scores_of_each_class():
    scores = scores_by_class(np.array([[1, 0, 1], [0, 0, 0], [0, 0, 1]]))

    nan = np.nan
    np.testing.assert_allclose(scores["recall"], [1 / 2, nan, 1])
    np.testing.assert_allclose(scores["precision"], [1, nan, 1 / 2])
    np.testing.assert_allclose(scores["f1"], [2 / 3, nan, 2 / 3])
    np.testing.assert_allclose(scores["iou"], [1 / 2, nan, 1 / 2])
