"""What vectors hold: classes, how units were taken, known factors, outliers, by folds that keep owners together."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from locgraph.analysis.representations.classification import class_ranks, classify, classify_unseen
from locgraph.analysis.representations.compactness import compactness_scores
from locgraph.analysis.representations.outliers import detect_outliers, novelty_scores, weighted_auroc
from locgraph.analysis.representations.probe import classify_by_covariates, probe_vectors
from locgraph.analysis.representations.regression import cross_validated_r2
from locgraph.analysis.representations.unit_folds import class_folds, owner_folds
from locgraph.errors import DataError

N = 120
NAMES = np.array([f"f{row:03}" for row in range(N)])
LABELS = np.repeat(["a", "b", "c", "d"], N // 4)


@pytest.fixture
def rng():
    return np.random.default_rng(3)


@pytest.fixture
def vectors(rng):
    """Vectors (120, 6) in which the four classes overlap a little."""
    return rng.normal(size=(N, 6)) + 2.0 * np.eye(6)[np.repeat(range(4), N // 4)]


def by_metric(scores):
    return {score.metric: score for score in scores}


def test_classification_is_that_of_scikit_learn(vectors):
    scores = by_metric(classify(vectors, LABELS, NAMES, 5, 0))
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=5000))
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    expected = cross_val_predict(pipeline, vectors, LABELS, cv=folds)

    assert scores["top_1"].value == pytest.approx((expected == LABELS).mean())
    assert scores["top_1"].value < scores["top_2"].value < scores["top_3"].value < 1.0
    assert scores["top_1"].low < scores["top_1"].value < scores["top_1"].high
    assert [scores[f"top_{k}"].chance for k in (1, 2, 3)] == [0.25, 0.5, 0.75]


def test_ranks_count_classes_that_are_more_probable(vectors):
    folds = class_folds(LABELS, NAMES, 5, 0)
    ranks = class_ranks(vectors, LABELS, folds)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=5000))
    probabilities = cross_val_predict(pipeline, vectors, LABELS, cv=folds, method="predict_proba")
    place = np.searchsorted(["a", "b", "c", "d"], LABELS)
    expected = 1 + (probabilities > probabilities[np.arange(N), place][:, None]).sum(axis=1)

    np.testing.assert_array_equal(ranks, expected)


def test_units_of_a_patient_are_never_on_both_sides(rng):
    # vectors name the patient and nothing else: each patient has one class
    patients = np.repeat([f"p{index}" for index in range(24)], 5)
    vectors = rng.normal(size=(24, 40))[np.repeat(range(24), 5)] + 0.01 * rng.normal(size=(N, 40))
    labels = np.repeat(np.array(["a", "b"])[rng.permutation(24) % 2], 5)

    apart = by_metric(classify(vectors, labels, NAMES, 5, 0))["top_1"]
    together = by_metric(classify(vectors, labels, patients, 5, 0))["top_1"]

    assert apart.value > 0.95
    assert together.low < 0.5 < together.high
    for train, test in [*class_folds(labels, patients, 5, 0), *owner_folds(patients, 5, 0)]:
        assert not set(patients[train]) & set(patients[test])


def test_folds_of_owners_have_about_the_same_size():
    owners = np.repeat(["a", "b", "c", "d", "e", "f"], [30, 10, 20, 20, 20, 20])
    tested = np.concatenate([test for _, test in owner_folds(owners, 4, 0)])

    assert sorted(len(test) for _, test in owner_folds(owners, 4, 0)) == [20, 30, 30, 40]
    np.testing.assert_array_equal(np.sort(tested), np.arange(N))


def test_units_new_to_the_encoder_are_classified_by_those_it_has_met(vectors):
    train, test = np.arange(0, N, 2), np.arange(1, N, 2)
    scores = by_metric(classify_unseen(vectors, LABELS, NAMES, train, test))
    fitted = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=5000))
    expected = fitted.fit(vectors[train], LABELS[train]).predict(vectors[test])

    assert scores["unseen_top_1"].value == pytest.approx((expected == LABELS[test]).mean())
    assert scores["unseen_top_1"].n == len(test)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.full(N, "a"), r"at least two classes, found \['a'\]"),
        (np.array(["a"] * (N - 1) + ["b"]), "at least two units of each class that share no group or FOV; b has one"),
    ],
)
def test_classes_that_cannot_be_tested_are_refused(vectors, labels, message):
    with pytest.raises(DataError, match=message):
        classify(vectors, labels, NAMES, 5, 0)


def test_fewer_units_than_folds_make_fewer_folds(rng):
    labels = np.repeat(["a", "b"], 3)
    (score, *_) = classify(rng.normal(size=(6, 2)), labels, NAMES[:6], 5, 0)
    assert score.note == "3 folds"


def test_equal_vectors_classify_by_chance():
    score = by_metric(classify(np.ones((N, 5)), LABELS, NAMES, 5, 0))["balanced_accuracy"]
    assert score.value == pytest.approx(0.25)


def test_the_probe_finds_a_planted_count_and_nothing_else(vectors, rng):
    count = np.exp(5 + 0.5 * (vectors[:, 4] - vectors[:, 5]) + 0.05 * rng.normal(size=N))
    covariates = {"count": count, "size": np.exp(rng.normal(size=N)), "precision": np.full(N, np.nan)}
    covariates["density"] = np.ones(N)
    scores = {each.about: each for each in probe_vectors(vectors, covariates, None, NAMES, NAMES, 5, 2, 0)}

    assert scores["count"].value > 0.97
    assert scores["count"].low < scores["count"].value < scores["count"].high
    assert scores["size"].value < 0.1
    assert scores["precision"].reason == "the tables do not hold it"
    assert scores["density"].reason == "it is the same for every unit"
    assert "no groups" in scores[""].reason


def test_the_probe_finds_a_planted_experiment(rng):
    groups = np.tile(["day1", "day2", "day3"], N // 3)
    vectors = rng.normal(size=(N, 4))
    blind = probe_vectors(vectors, {}, groups, groups, NAMES, 5, 1, 0)[-1]
    vectors[:, 2] += 4.0 * (groups == "day2") - 4.0 * (groups == "day3")
    told = probe_vectors(vectors, {}, groups, groups, NAMES, 5, 1, 0)[-1]

    assert blind.chance == told.chance == pytest.approx(1 / 3)
    assert blind.low < 1 / 3 < blind.high
    assert told.value > 0.95


def test_a_class_that_is_the_count_is_found_by_the_count_alone(rng):
    count = np.exp(np.searchsorted(["a", "b", "c", "d"], LABELS) + 0.1 * rng.normal(size=N))
    scores = classify_by_covariates({"count": count, "size": np.ones(N)}, LABELS, NAMES, 5, 0)

    assert by_metric(scores["count alone"])["balanced_accuracy"].value > 0.97
    assert by_metric(scores["all four alone"])["balanced_accuracy"].value > 0.97


def test_r2_of_noise_is_not_above_zero_with_more_values_than_units(rng):
    vectors, targets = rng.normal(size=(60, 200)), rng.normal(size=60)
    found = cross_validated_r2(vectors, targets, NAMES[:60], 5, 3, 0)

    assert -0.4 < found.estimate < 0.1
    assert found.low < 0


def test_r2_of_a_factor_in_the_vectors_does_not_depend_on_their_scale(rng):
    vectors = rng.normal(size=(80, 5))
    targets = vectors @ np.arange(1.0, 6.0) + 3.0 + 0.5 * rng.normal(size=80)
    first, second = (
        cross_validated_r2(scale * vectors + shift, targets, NAMES[:80], 5, 3, 0).estimate
        for scale, shift in ((1.0, 0.0), (1e-6, 50.0))
    )
    expected = 1 - 0.25 / targets.var()

    assert first == pytest.approx(expected, abs=0.01)
    assert second == pytest.approx(first, abs=1e-4)


def test_regression_needs_different_targets_and_units(rng):
    with pytest.raises(DataError, match="at least 10 units, found 5"):
        cross_validated_r2(rng.normal(size=(5, 2)), np.arange(5.0), NAMES[:5], 5, 1, 0)
    with pytest.raises(DataError, match=r"two groups or FOVs.*found one"):
        cross_validated_r2(rng.normal(size=(20, 2)), np.arange(20.0), np.full(20, "p"), 5, 1, 0)


def test_outliers_are_found_by_distance_without_being_known(rng):
    vectors = rng.normal(size=(N, 3))
    vectors[-10:] += [20.0, 0.0, 0.0]
    labels = np.array(["normal"] * (N - 10) + ["strange"] * 10)
    scores = by_metric(detect_outliers(vectors, vectors, labels, NAMES, ["strange"], 5, 0))

    assert scores["outliers_unsupervised"].value == 1.0
    assert scores["outliers_supervised"].value > 0.95

    noise = rng.normal(size=(N, 3))
    blind = by_metric(detect_outliers(noise, noise, labels, NAMES, ["strange"], 5, 0))["outliers_unsupervised"]
    assert blind.low < 0.5 < blind.high


def test_a_unit_is_not_its_own_neighbour(rng):
    vectors = rng.normal(size=(40, 2))
    scores = novelty_scores(vectors, np.arange(40) >= 35, NAMES[:40], 5, 0)
    for train, test in owner_folds(NAMES[:35], 5, 0):
        apart = np.sort(np.linalg.norm(vectors[test][:, None] - vectors[train][None], axis=2), axis=1)
        np.testing.assert_allclose(scores[test], apart[:, 4])


def test_auroc_with_weights_is_that_of_repeated_cases(rng):
    from sklearn.metrics import roc_auc_score

    scores, positive = rng.integers(0, 6, 30).astype(float), rng.random(30) < 0.4
    weights = rng.integers(0, 4, 30)
    expected = roc_auc_score(np.repeat(positive, weights), np.repeat(scores, weights))
    assert weighted_auroc(scores, positive, weights.astype(float)) == pytest.approx(expected)


def test_outliers_need_two_classes(vectors):
    scores = detect_outliers(vectors, vectors, np.full(N, "a"), NAMES, [], 5, 0)
    assert {score.reason for score in scores} == {"needs units of the outlier class and others; the classes are a"}


def test_few_units_have_one_estimate_of_their_dimension_and_a_reason(rng):
    two, several = compactness_scores(rng.normal(size=(N, 3)), NAMES, 0)
    assert 2.0 < two.value < 4.0
    assert "at least 375 are needed" in several.reason
    assert all("found 1 among 120" in each.reason for each in compactness_scores(np.ones((N, 3)), NAMES, 0))
