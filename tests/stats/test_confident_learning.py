"""Labels that probabilities contradict."""

import numpy as np
import pytest

from locgraph.stats.confident_learning import (
    confident_classes,
    confident_joint,
    confident_thresholds,
    find_label_issues,
)

# three cases given class 0, three given class 1; the last of each looks like the other class
PROBABILITIES = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.3, 0.7], [0.2, 0.8], [0.7, 0.3]])
LABELS = np.array([0, 0, 0, 1, 1, 1])


def test_thresholds_are_mean_probabilities_of_the_given_class():
    assert confident_thresholds(PROBABILITIES, LABELS) == pytest.approx([0.6, 0.6])


def test_cases_confidently_of_the_other_class_are_issues():
    np.testing.assert_array_equal(confident_classes(PROBABILITIES, LABELS), [0, 0, 1, 1, 1, 0])
    np.testing.assert_array_equal(find_label_issues(PROBABILITIES, LABELS), [False, False, True, False, False, True])


def test_joint_counts_confident_cases():
    np.testing.assert_allclose(confident_joint(PROBABILITIES, LABELS), [[2, 1], [1, 2]])


def test_rows_of_the_joint_add_up_to_the_cases_with_the_label():
    """A case between the classes reaches no threshold, and the others stand for it."""
    low = np.vstack([PROBABILITIES, [[0.5, 0.5]]])
    assert confident_classes(low, np.append(LABELS, 0))[-1] == -1
    np.testing.assert_allclose(confident_joint(low, np.append(LABELS, 0)).sum(axis=1), [4, 3])


def test_a_difficult_class_needs_less():
    """0.45 is much for class 1, whose cases reach 0.4 on average; 0.55 is little for class 0, whose reach 0.9."""
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.55, 0.45], [0.65, 0.35], [0.55, 0.45]])
    labels = np.array([0, 0, 0, 1, 1])

    np.testing.assert_array_equal(confident_classes(probabilities, labels), [0, 0, 1, -1, 1])
    # the given class is the most probable one all the same
    assert not find_label_issues(probabilities, labels).any()


def test_of_several_confident_classes_the_most_probable_counts():
    probabilities = np.array([[0.4, 0.35, 0.25], [0.3, 0.4, 0.3], [0.25, 0.45, 0.3]])
    labels = np.array([0, 1, 2])

    np.testing.assert_array_equal(confident_classes(probabilities, labels), [0, 1, 1])


def test_a_class_without_cases_is_never_confident():
    probabilities = np.array([[0.6, 0.1, 0.3], [0.1, 0.5, 0.4], [0.1, 0.2, 0.7]])
    labels = np.array([0, 1, 1])

    assert 2 not in confident_classes(probabilities, labels)
    np.testing.assert_allclose(confident_joint(probabilities, labels)[2], [0, 0, 0])


def test_planted_errors_are_found():
    """A classifier with a margin: most flipped labels, and none of the others; all of them have the lowest quality."""
    rng = np.random.default_rng(0)
    true = np.repeat(np.arange(4), 50)
    logits = rng.normal(0, 0.5, (200, 4)) + 4.0 * np.eye(4)[true]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    flipped = rng.choice(200, 10, replace=False)
    labels = true.copy()
    labels[flipped] = (labels[flipped] + 1) % 4

    found = set(np.flatnonzero(find_label_issues(probabilities, labels)).tolist())
    assert found <= set(flipped.tolist())
    assert len(found) >= 8
    assert set(np.argsort(probabilities[np.arange(200), labels])[:10].tolist()) == set(flipped.tolist())
    joint = confident_joint(probabilities, labels)
    assert 1 - np.trace(joint) / joint.sum() == pytest.approx(0.05, abs=0.02)
