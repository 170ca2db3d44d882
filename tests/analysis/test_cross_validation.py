"""Cross-validation: samples and folds, and that test FOVs change no model."""

import json

import numpy as np
import polars as pl
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from locgraph import schema
from locgraph.analysis.classifiers import TunedClassifier
from locgraph.analysis.cross_validation import Fold, Samples, cross_validate, make_folds
from locgraph.analysis.feature_table import FeatureTable
from locgraph.data.folds import Stratified
from locgraph.errors import DataError
from locgraph.io.manifest import Manifest

CLASSIFIERS = {
    "forest": TunedClassifier(RandomForestClassifier(10), {"min_samples_leaf": [1, 3]}),
    "svm": TunedClassifier(SVC(), {"C": [0.1, 10.0]}),
}


def samples_of(n_per_class=(10, 10), groups=None, seed=0) -> Samples:
    rng = np.random.default_rng(seed)
    labels = np.repeat(["a", "b", "c"][: len(n_per_class)], n_per_class)
    values = rng.normal(size=(len(labels), 4)) + 1.5 * (labels == "b")[:, None]
    names = tuple(f"f{index:03d}" for index in range(len(labels)))
    return Samples(names, ("w", "x", "y", "z"), values, labels, groups)


def test_folds_are_those_of_the_network_with_the_same_seed():
    samples = samples_of((11, 14))
    empty = dict.fromkeys(schema.MANIFEST_COLUMNS)
    rows = [
        empty | {schema.FOV_ID: name, schema.LABEL: label, schema.DIMENSIONS: 2}
        for name, label in zip(samples.fov_ids, samples.labels.tolist(), strict=True)
    ]
    types = {name: column.dtype for name, column in schema.MANIFEST_COLUMNS.items()}
    plan = Stratified(4, seed=7).plan(Manifest(pl.DataFrame(rows, schema=types), ("a", "b")))

    folds, notes = make_folds(samples, 4, seed=7)

    assert notes == ()
    assert [fold.test for fold in folds] == [split.test for split in plan]
    assert [set(fold.train) for fold in folds] == [{*split.train, *split.val} for split in plan]


def test_folds_keep_groups_whole():
    groups = np.array([f"g{index // 3}" for index in range(24)])
    folds, _ = make_folds(samples_of((12, 12), groups), 4, seed=0)

    owner = dict(zip(samples_of((12, 12)).fov_ids, groups.tolist(), strict=True))
    for fold in folds:
        assert not {owner[name] for name in fold.train} & {owner[name] for name in fold.test}


def test_small_classes_make_fewer_folds_or_take_no_part():
    folds, notes = make_folds(samples_of((10, 3, 1)), 5, seed=0)

    assert len(folds) == 3
    assert notes == (
        "the classes c have fewer than two FOVs and are not classified",
        "3 folds instead of 5: a class has no more FOVs",
    )
    assert not any(name == "f013" for fold in folds for name in (*fold.train, *fold.test))
    with pytest.raises(DataError, match=r"need two classes with at least two FOVs each, found \{'a': 5, 'b': 1\}"):
        make_folds(samples_of((5, 1)), 3, seed=0)


def test_scores_are_those_of_the_predictions():
    folds, _ = make_folds(samples_of((12, 15)), 3, seed=0)
    found = cross_validate(folds, CLASSIFIERS, 3, seed=0)

    assert found.scores.select("classifier", "fold").rows() == [
        (name, fold) for name in CLASSIFIERS for fold in range(3)
    ]
    for row in found.scores.to_dicts():
        rows = found.predictions.filter(classifier=row["classifier"], fold=row["fold"])
        assert row["accuracy"] == pytest.approx((rows["truth"] == rows["prediction"]).mean())
        assert (row["n_train"], row["n_test"]) == (27 - rows.height, rows.height)
        assert json.loads(row["settings"]) == found.fits[row["classifier"], row["fold"]].settings
    assert sorted(found.predictions.filter(classifier="svm")["fov_id"]) == list(folds[0].samples.fov_ids)


def test_labels_and_values_of_test_fovs_change_no_model():
    samples = samples_of((12, 12))
    folds, _ = make_folds(samples, 3, seed=0)
    fold = folds[0]
    test, rng = fold.test_rows, np.random.default_rng(5)
    labels, values = samples.labels.copy(), samples.values.copy()
    labels[test] = rng.permutation(labels[test])
    values[test] = rng.normal(1e6, 1e5, values[test].shape)
    other = Fold(0, Samples(samples.fov_ids, samples.columns, values, labels, None), fold.train, fold.test)

    one, two = (cross_validate([each], CLASSIFIERS, 3, seed=0) for each in (fold, other))

    probe = rng.normal(size=(50, 4))
    for key, fitted in one.fits.items():
        same = two.fits[key]
        assert fitted.settings == same.settings
        np.testing.assert_array_equal(fitted.pipeline[0].means_, same.pipeline[0].means_)
        assert (fitted.pipeline.predict(probe) == same.pipeline.predict(probe)).all()


def test_a_classifier_that_fails_is_left_out_with_a_note():
    fold = make_folds(samples_of((3, 3)), 3, seed=0)[0][0]
    found = cross_validate(
        [fold],
        {"near": TunedClassifier(KNeighborsClassifier(30)), "dummy": TunedClassifier(DummyClassifier())},
        2,
        seed=0,
    )

    assert found.scores["classifier"].to_list() == ["dummy"]
    assert "near, fold 0: left out: KNeighborsClassifier refuses 4" in found.notes[0]


def test_without_any_classifier_tables_are_empty_and_have_their_columns():
    found = cross_validate(make_folds(samples_of(), 2, seed=0)[0], {}, 2, seed=0)

    assert found.scores.is_empty()
    assert {"classifier", "fold", "accuracy", "settings"} <= set(found.scores.columns)
    assert found.predictions.columns == ["classifier", "fold", "fov_id", "truth", "prediction"]


def table_of(**columns) -> FeatureTable:
    names = [name for name in columns if name not in ("fov_id", "label", "group")]
    table = pl.DataFrame(columns).cast(dict.fromkeys(names, pl.Float64))
    return FeatureTable(table, dict.fromkeys(names, "1"))


def test_rows_and_columns_are_sorted_by_name_and_unlabelled_fovs_left_out():
    table = table_of(
        fov_id=["c", "a", "b"], label=["L", "T", None], group=["g", "h", None], z=[1, 2, 3], y=[4, 5, None]
    )

    found = Samples.of(table)

    assert (found.fov_ids, found.columns, found.class_names) == (("a", "c"), ("y", "z"), ("L", "T"))
    np.testing.assert_array_equal(found.values, [[5, 2], [4, 1]])
    assert found.labels.tolist() == ["T", "L"]
    assert found.groups.tolist() == ["h", "g"]
    assert found.rows(["c", "unknown"]).tolist() == [1]


def test_gaps_and_constant_columns_are_named():
    found = Samples.of(
        table_of(
            fov_id=["a", "b", "c"], label=["T"] * 3, gap=[1, None, 3], same=[2, 2, 2], none=[None] * 3, x=[1, 2, 3]
        )
    )

    assert found.gaps() == {"gap": 1, "none": 3}
    assert found.constant() == ("none", "same")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (table_of(fov_id=["a", "a"], label=["T", "T"], x=[1, 2]), "one row for each FOV, found several of a"),
        (table_of(fov_id=["a"], label=pl.Series([None], dtype=pl.String), x=[1]), "found 0 FOVs with a class"),
        (table_of(fov_id=["a"], label=["T"]), "1 FOVs with a class and 0 features"),
    ],
)
def test_samples_need_classes_features_and_one_row_for_each_fov(table, message):
    with pytest.raises(DataError, match=message):
        Samples.of(table)
