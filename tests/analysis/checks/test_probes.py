"""Single numbers, the batch and learned vectors are asked for what they know."""

import os
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import StratifiedKFold
from tests.analysis.checks.conftest import Taken

from locgraph.analysis.checks.acquisition import measure, measure_fovs
from locgraph.analysis.checks.check import Check
from locgraph.analysis.checks.probes import probe_confounders
from locgraph.analysis.checks.vector_probes import WithinClasses
from locgraph.errors import DataError

RNG = np.random.default_rng(1)
PLAIN = [
    Taken("ab"[i % 2], extent=RNG.uniform(15, 25), count=int(RNG.integers(40, 60)), precision=RNG.uniform(2, 4))
    for i in range(48)
]


def row(check, known, asked):
    (only,) = check.table.filter(pl.col("known") == known, pl.col("asked") == asked).to_dicts()
    return only


def test_numbers_of_a_fov():
    locs = pl.DataFrame(
        {
            "x": [0.0, 0.0, 6.0, 6.0],
            "y": [0.0, 8.0, 0.0, 8.0],
            "cluster_id": [-1, 0, 0, 0],
            "precision": [1.0, 2.0, 4.0, float("nan")],
            "frame": [5, None, 14, 7],
        }
    )

    assert measure(locs) == {
        "count": 4.0,
        "density": 4 / 25,
        "extent": 5.0,
        "precision": 2.0,
        "unclustered": 0.25,
        "frames": 10.0,
        "photons": None,
    }


def test_a_number_that_differs_between_classes_names_them(make_source):
    fovs = [replace(taken, count=taken.count + 100 * (taken.label == "b")) for taken in PLAIN]

    check = probe_confounders(make_source(fovs))

    assert row(check, "count", "class")["value"] == 1.0
    assert row(check, "count", "class")["chance"] == 0.5
    assert row(check, "precision", "class")["interval_low"] < 0.5
    assert any("study.matched" in text and "number of localisations" in text for text in check.sentences)
    assert any("precision alone" in text and "which it may be" in text for text in check.sentences)
    assert row(check, "network", "class")["value"] == pytest.approx(0.9)


def test_background_names_the_class(make_source):
    fovs = [replace(taken, background=20 * (taken.label == "b")) for taken in PLAIN]

    assert row(probe_confounders(make_source(fovs)), "unclustered", "class")["value"] == 1.0


def test_a_tree_needs_no_order_of_the_number(make_source):
    """Class a is both smaller and larger than class b."""
    fovs = [
        replace(taken, precision=3.0 if taken.label == "b" else 1.0 + 4.0 * (i % 4 == 0))
        for i, taken in enumerate(PLAIN)
    ]

    assert row(probe_confounders(make_source(fovs)), "precision", "class")["value"] == 1.0


def test_a_batch_of_one_class_names_it(make_source):
    nested = [replace(taken, group=f"{taken.label}{i % 6 // 2}") for i, taken in enumerate(PLAIN)]

    check = probe_confounders(make_source(nested))

    assert row(check, "group", "class")["value"] == 1.0
    assert any("class and batch are confounded" in text for text in check.sentences)


def test_a_batch_of_all_classes_names_none(make_source):
    crossed = [replace(taken, group=f"day{i // 2 % 4}") for i, taken in enumerate(PLAIN)]

    assert row(probe_confounders(make_source(crossed)), "group", "class")["value"] < 0.7


@pytest.mark.parametrize("holds_batch", [True, False])
def test_vectors_that_hold_the_batch_beyond_the_class(holds_batch, make_source):
    """Batch and class go together in part: what the class tells of the batch does not count."""
    batch = np.array([(i // 2 % 2) if i % 8 else 1 - i % 2 for i in range(48)])
    fovs = [replace(taken, group=f"day{day}") for taken, day in zip(PLAIN, batch, strict=True)]
    vectors = np.random.default_rng(0).normal(0, 0.3, (48, 5))
    vectors[:, 0] += [3.0 * (taken.label == "b") for taken in PLAIN]
    vectors[:, 1] += 3.0 * batch * holds_batch

    asked = row(probe_confounders(make_source(fovs, vectors)), "vector", "group")

    assert (asked["p"] <= 0.05) == holds_batch
    assert (asked["value"] > 0.95) == holds_batch


@pytest.mark.parametrize("holds_count", [True, False])
def test_vectors_that_hold_the_count(holds_count, make_source):
    vectors = np.random.default_rng(0).normal(0, 0.3, (48, 5))
    vectors[:, 0] += [3.0 * (taken.label == "b") for taken in PLAIN]
    vectors[:, 2] += [10 * np.log(taken.count) * holds_count for taken in PLAIN]

    asked = row(probe_confounders(make_source(PLAIN, vectors)), "vector", "count")

    assert (asked["value"] > 0.8) == holds_count
    assert (asked["interval_low"] > 0) == holds_count


def test_regression_within_classes_is_that_of_scikit_learn():
    rng = np.random.default_rng(2)
    labels = np.array(list("aaabbb") * 5)
    vectors = rng.normal(size=(30, 8)) + (labels == "b")[:, None]
    target = vectors[:, :1] * 2 + 5.0 * (labels == "b")[:, None] + rng.normal(size=(30, 1))

    alone, together = WithinClasses.of(vectors, labels).predict(target)

    for train, test in StratifiedKFold(5, shuffle=True, random_state=0).split(labels, labels):
        means = {
            name: (vectors[train][labels[train] == name].mean(0), target[train][labels[train] == name].mean(0))
            for name in "ab"
        }
        inside, outside = (np.array([vectors[i] - means[labels[i]][0] for i in rows]) for rows in (train, test))
        centred = np.array([target[i] - means[labels[i]][1] for i in train])
        inside, outside = inside / inside.std(axis=0), outside / inside.std(axis=0)
        penalties = np.array([0.1, 1, 10, 100, 1000]) * (inside**2).sum() / len(train)

        def left_out(penalty, inside=inside, centred=centred):
            errors = []
            for row_out in range(len(inside)):
                rest = np.arange(len(inside)) != row_out
                fitted = Ridge(penalty, fit_intercept=False).fit(inside[rest], centred[rest])
                errors.append((fitted.predict(inside[[row_out]]).item() - centred[row_out].item()) ** 2)
            return sum(errors)

        best = Ridge(min(penalties, key=left_out), fit_intercept=False).fit(inside, centred)
        base = np.array([means[labels[i]][1] for i in test])
        np.testing.assert_allclose(alone[test], base)
        np.testing.assert_allclose(together[test], base + best.predict(outside).reshape(-1, 1), rtol=1e-6)


@pytest.mark.parametrize(
    ("fovs", "vectors", "reasons"),
    [
        (PLAIN, None, ("batch: FOVs have no groups", "learned vectors: the runs have none")),
        ([replace(taken, group="d") for taken in PLAIN], None, ("all FOVs are of one group",)),
        ([replace(PLAIN[0], group="d"), *PLAIN[1:]], None, ("batch: some FOVs have no group",)),
        (PLAIN[:8], np.ones((8, 2)), ("no fold tests two FOVs of a class",)),
        (
            [replace(taken, group=f"d{i}") for i, taken in enumerate(PLAIN)],
            np.ones((48, 2)),
            ("each group or some class has a single FOV", "no test side has a class with FOVs of two groups"),
        ),
        ([replace(taken, precision=3.0) for taken in PLAIN], None, ("frames, photons, file_date: not in the tables",)),
    ],
)
def test_what_cannot_be_asked_is_said(fovs, vectors, reasons, make_source):
    check = probe_confounders(make_source(fovs, vectors))

    assert check.table.filter(pl.col("known") == "count").height == 1
    for reason in reasons:
        assert sum(reason in warning for warning in check.warnings) == 1, check.warnings


def test_a_fov_that_cannot_be_read_is_left_out_by_name(make_source):
    source = make_source(PLAIN)
    (source.tables / "locs" / "f_007.parquet").unlink()

    check = probe_confounders(source)

    assert row(check, "count", "class")["n_fovs"] == 47
    assert any(warning.startswith("1 FOVs are left out, such as f_007: expected") for warning in check.warnings)


def test_other_tables_are_refused(make_source, tmp_path):
    source = make_source(PLAIN)

    with pytest.raises(DataError, match=r"expected test FOVs with classes in .*none; give the folder of the tables"):
        probe_confounders(replace(source, tables=tmp_path / "empty"))


def test_dates_count_where_they_differ_by_more_than_a_copy(write_fovs, tmp_path):
    tables = write_fovs(tmp_path / "tables", PLAIN[:4])
    files = [tmp_path / f"{i}.csv" for i in range(4)]
    for place, file in enumerate(files):
        file.touch()
        os.utime(file, (1e9 + place, 1e9 + place))
    fovs = pl.DataFrame({"fov_id": [f"f_{i:03}" for i in range(4)], "label": list("abab"), "group": [None] * 4})
    fovs = fovs.with_columns(pl.Series("path", list(map(str, files))), pl.col("group").cast(pl.String))

    assert measure_fovs(tables, fovs)[0]["file_date"].to_list() == [None] * 4
    os.utime(files[3], (1e9 + 1e5, 1e9 + 1e5))
    assert measure_fovs(tables, fovs)[0]["file_date"].to_list() == [1e9, 1e9 + 1, 1e9 + 2, 1e9 + 1e5]
    files[0].unlink()
    assert measure_fovs(tables, fovs)[0]["file_date"].to_list() == [None] * 4


def test_a_check_is_read_as_it_was_written(tmp_path):
    check = Check(pl.DataFrame({"known": ["count"], "value": [0.5]}), ("One.", "Two."), ("no group",))
    check.write(tmp_path / "trust" / "check.parquet")

    read = Check.read(tmp_path / "trust" / "check.parquet")

    assert read is not None
    assert read.table.equals(check.table)
    assert (read.sentence, read.warnings) == ("One. Two.", ("no group",))
    assert Check.read(tmp_path / "other.parquet") is None
    check.table.write_parquet(tmp_path / "other.parquet")
    with pytest.raises(DataError, match="expected a table that a check wrote"):
        Check.read(tmp_path / "other.parquet")
