"""Classifiers see training FOVs alone, and choose settings within them."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from locgraph.analysis.classifiers import Standardiser, TunedClassifier, certainty_of, inner_splits
from locgraph.errors import ConfigError, DataError


@pytest.fixture
def cases():
    rng = np.random.default_rng(1)
    labels = np.repeat(["a", "b", "c"], 12)
    return rng.normal(size=(36, 5)) * [1, 10, 100, 1, 1] + 2.0 * (labels == "b")[:, None] + 50, labels


def test_gaps_become_the_mean_and_constant_columns_stay_0():
    values = np.array([[1.0, 7.0], [3.0, 7.0], [np.nan, 7.0]])
    scaler = Standardiser().fit(values)

    np.testing.assert_allclose(scaler.transform(values), [[-1, 0], [1, 0], [0, 0]])
    np.testing.assert_array_equal(scaler.transform(np.array([[2.0, 900.0]])), [[0, 0]])


def test_the_choice_is_that_of_a_search_written_out(cases):
    values, labels = cases
    found = TunedClassifier(SVC(), {"C": [0.01, 1.0, 100.0]}).fit(values, labels, None, 3, seed=4)

    inner = StratifiedKFold(3, shuffle=True, random_state=4)
    grid = {"svc__C": [0.01, 1.0, 100.0]}
    search = GridSearchCV(make_pipeline(StandardScaler(), SVC()), grid, scoring="balanced_accuracy", cv=inner)
    search.fit(values, labels)
    assert found.settings == {"C": search.best_params_["svc__C"]}
    assert found.inner_score == pytest.approx(search.best_score_)
    assert (found.pipeline.predict(values) == search.predict(values)).all()
    assert found.notes == ()


def test_the_scaler_of_each_inner_fold_sees_its_training_part_alone(cases, monkeypatch):
    values, labels = cases
    seen = []
    fit = Standardiser.fit
    monkeypatch.setattr(Standardiser, "fit", lambda self, rows, y=None: seen.append(len(rows)) or fit(self, rows, y))

    TunedClassifier(KNeighborsClassifier(), {"n_neighbors": [1, 3]}).fit(values, labels, None, 3, seed=0)

    # two settings on three inner folds of 24 of 36, then all
    assert seen == [24] * 6 + [36]


def test_the_seed_decides_everything(cases):
    values, labels = cases

    def predicted(seed):
        made = TunedClassifier(RandomForestClassifier(5), {"min_samples_leaf": [1, 4]}).fit(
            values, labels, None, 3, seed
        )
        return made.pipeline.predict_proba(values + 1)

    np.testing.assert_array_equal(predicted(0), predicted(0))
    assert (predicted(0) != predicted(1)).any()


def test_inner_folds_are_stratified_and_keep_groups_whole():
    labels = np.repeat(["a", "b"], 12)
    groups = np.repeat(np.arange(8), 3).astype(str)

    for train, val in inner_splits(labels, groups, 3, seed=0):
        assert not set(groups[train]) & set(groups[val])
        assert set(labels[train]) == {"a", "b"}
    sizes = [np.unique(labels[val], return_counts=True)[1].tolist() for _, val in inner_splits(labels, None, 4, seed=0)]
    assert sizes == [[3, 3]] * 4


def test_small_classes_make_fewer_inner_folds():
    assert len(inner_splits(np.array(["a"] * 9 + ["b"] * 2), None, 5, seed=0)) == 2
    assert inner_splits(np.array(["a"] * 9 + ["b"]), None, 5, seed=0) == []
    # three FOVs of b, all of one patient
    groups = np.array([*"123456", *"777"])
    assert inner_splits(np.array(["a"] * 6 + ["b"] * 3), groups, 3, seed=0) == []


def test_nothing_is_tuned_where_a_class_is_too_small(cases):
    values, _ = cases
    labels = np.array(["a"] * 35 + ["b"])
    found = TunedClassifier(KNeighborsClassifier(1), {"n_neighbors": [1, 3]}).fit(values, labels, None, 3, seed=0)

    assert (found.settings, found.inner_score) == ({}, None)
    assert found.notes == ("nothing was tuned: some class has too few training FOVs or groups for two inner folds",)
    single = TunedClassifier(KNeighborsClassifier(1), {"n_neighbors": [3]}).fit(values, labels, None, 3, seed=0)
    assert single.pipeline[-1].n_neighbors == 3
    assert single.notes == ()


def test_settings_that_so_few_fovs_do_not_allow_are_left_out_and_noted():
    values, labels = np.arange(12.0)[:, None], np.array(["a"] * 6 + ["b"] * 6)
    found = TunedClassifier(KNeighborsClassifier(), {"n_neighbors": [1, 50]}).fit(values, labels, None, 2, seed=0)

    assert found.settings == {"n_neighbors": 1}
    assert found.notes == ("some settings of the grid do not work with so few training FOVs, and were left out",)


def test_fits_that_do_not_converge_are_noted(cases):
    values, labels = cases
    found = TunedClassifier(LogisticRegression(max_iter=1)).fit(values, labels, None, 3, seed=0)

    assert found.notes == ("1 fits stopped before they had converged: raise max_iter",)


@pytest.mark.parametrize(
    ("estimator", "grid", "message"),
    [
        (LinearRegression(), {}, "estimator: expected a classifier of scikit-learn, found LinearRegression"),
        (object(), {}, "estimator: expected a classifier of scikit-learn, found object"),
        (SVC(), {"D": [1]}, "grid: SVC has no setting 'D'; it has C, "),
        (SVC(), {"C": 1.0}, "grid.C: expected a list of values, found 1.0"),
        (SVC(), {"C": []}, r"grid.C: expected a list of values, found \[\]"),
    ],
)
def test_wrong_estimators_and_grids_are_refused(estimator, grid, message):
    with pytest.raises(ConfigError, match=message):
        TunedClassifier(estimator, grid)


def test_values_that_a_classifier_rejects_are_an_error_in_one_line(cases):
    values, labels = cases
    with pytest.raises(ConfigError, match=r"SVC refuses 36 training FOVs with the grid .*'C' parameter") as raised:
        TunedClassifier(SVC(), {"C": [-1.0, -2.0]}).fit(values, labels, None, 3, seed=0)
    assert "\n" not in str(raised.value)
    with pytest.raises(ConfigError, match="KNeighborsClassifier refuses 3 training FOVs"):
        TunedClassifier(KNeighborsClassifier(5)).fit(values[:3], np.array(["a", "b", "a"]), None, 3, seed=0)


def test_one_class_cannot_be_learned(cases):
    with pytest.raises(DataError, match=r"needs training FOVs of two classes, found \['a'\]"):
        TunedClassifier(DummyClassifier()).fit(cases[0][:12], cases[1][:12], None, 3, seed=0)


def test_certainty_comes_from_what_a_classifier_offers():
    values, labels = np.array([[0.0], [1.0], [4.0], [5.0]]), np.array(["a", "a", "b", "b"])

    probabilities = certainty_of(LogisticRegression().fit(values, labels), values)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    decisions = certainty_of(RidgeClassifier().fit(values, labels), values)
    assert decisions.shape == (4, 2)
    assert (decisions.argmax(axis=1) == [0, 0, 1, 1]).all()

    class WithoutScores:
        """A classifier without probabilities or decision function."""

        predict = NearestCentroid().fit(values, labels).predict

    assert certainty_of(WithoutScores(), values) is None
