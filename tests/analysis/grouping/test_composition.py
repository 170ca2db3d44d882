"""Composition of FOVs, patients and classes; patients, not their units, are the cases of the test."""

import numpy as np
import polars as pl
import pytest

from builders.grouping import units_of
from locgraph.analysis.grouping.composition import composition


def drawn(rng: np.random.Generator, sizes: list[int], chances: np.ndarray, classes: list[str]):
    """Clusters of patients, each with its own chance of group 1; and the groups."""
    owners = np.repeat(np.arange(len(sizes)), sizes)
    labels = (rng.random(len(owners)) < chances[owners]).astype(np.int64)
    keys = {
        "fov_id": [f"f{owner}" for owner in owners],
        "cluster_id": list(range(len(owners))),
        "patient": [f"p{owner}" for owner in owners],
        "label": [classes[owner] for owner in owners],
    }
    return units_of({"a": rng.normal(size=len(owners))}, unit="cluster", **keys), labels


def test_each_patient_counts_once_whatever_its_number_of_units():
    units, _ = drawn(np.random.default_rng(0), [90, 10, 50, 50], np.zeros(4), ["a", "a", "b", "b"])
    labels = np.array([1] * 90 + [0] * 10 + [0] * 100)
    found = composition(units, labels, 0, 0)
    row = found.table.filter(of="class", name="a", group=1).row(0, named=True)
    assert (row["n"], row["n_units"], row["fraction"], row["mean_fraction"]) == (90, 100, 0.9, 0.5)
    assert row["n_cases"] == 2
    assert (row["low"], row["high"]) == (0.0, 1.0)
    assert found.table.filter(of="patient", name="p0", group=1)["fraction"].item() == 1.0
    assert found.table.filter(of="fov")["n"].sum() == 200
    assert found.tests.is_empty()


def test_under_no_difference_few_p_values_are_small():
    """Patients of unequal size differ among themselves, not between classes: clusters taken as cases would alarm."""
    rng, classes, p_values = np.random.default_rng(1), ["a", "b"] * 6, []
    for _ in range(120):
        sizes = rng.integers(3, 60, 12).tolist()
        units, labels = drawn(rng, sizes, rng.beta(1, 1, 12), classes)
        p_values.append(composition(units, labels, 99, 0).tests["p"][0])
    assert np.mean(np.array(p_values) <= 0.05) < 0.12
    assert np.mean(np.array(p_values) <= 0.5) == pytest.approx(0.5, abs=0.15)


def test_a_difference_between_classes_is_seen():
    rng = np.random.default_rng(2)
    units, labels = drawn(rng, [40] * 12, np.array([0.2, 0.7] * 6), ["a", "b"] * 6)
    found = composition(units, labels, 199, 0)
    assert found.tests["group"].to_list() == [None, 0, 1]
    assert found.tests["p"].max() <= 0.01
    assert found.tests["p_holm"][1] >= found.tests["p"][1]
    assert "199 permutations of the classes of 12 patients, each counted once" in found.words


def test_patients_with_several_classes_exchange_them_within():
    rng = np.random.default_rng(3)
    owners = np.repeat(np.arange(16), 20)  # FOVs, two of each of eight patients, one of each class
    base = np.repeat(rng.uniform(0.1, 0.5, 8), 2) + np.tile([0.0, 0.4], 8)
    labels = (rng.random(320) < base[owners]).astype(np.int64)
    keys = {
        "fov_id": [f"f{owner}" for owner in owners],
        "cluster_id": list(range(320)),
        "patient": [f"p{owner // 2}" for owner in owners],
        "label": ["before" if owner % 2 == 0 else "after" for owner in owners],
    }
    found = composition(units_of({"a": labels.astype(float)}, unit="cluster", **keys), labels, 199, 0)
    assert "16 FOVs within their patient or FOV" in found.words
    assert found.tests["p"][0] <= 0.02


def test_objects_of_a_fov_are_one_case():
    keys = {"fov_id": [f"f{place}/o" for place in range(6)], "parent_fov": ["x", "x", "x", "y", "y", "y"]}
    units = units_of({"a": np.arange(6.0)}, label=["a", "a", "a", "b", "b", "b"], **keys)
    assert units.words == "objects"
    assert units.cases()["case"].n_unique() == 2
    found = composition(units, np.array([0, 0, 1, 1, 1, 1]), 99, 0)
    assert "p is at least about 0.5" in found.words


def test_why_there_is_no_test():
    units = units_of({"a": [0.0, 1.0, 2.0]}, label=["a", "a", None])
    assert composition(units, np.array([0, 0, 1]), 99, 0).words == "a test needs two classes, found a"
    one_each = units_of({"a": [0.0, 1.0]}, label=["a", "b"], patient=["p", "p"])
    # two FOVs of one patient exchange classes within it
    assert composition(one_each, np.array([0, 1]), 99, 0).tests.height == 3
    fixed = units_of({"a": [0.0, 1.0]}, unit="cluster", fov_id=["f", "f"], cluster_id=[0, 1], label=["a", "b"])
    assert composition(fixed, np.array([0, 1]), 99, 0).tests.height == 3


def test_units_without_a_group_are_a_part_of_their_own():
    units = units_of({"a": [0.0, 1.0, 2.0]}, label=["a", "a", "b"])
    table = composition(units, np.array([0, -1, 0]), 0, 0).table
    assert table.filter(of="class", name="a").select("group", "n").rows() == [(-1, 1), (0, 1)]
    assert table.filter(pl.col("of") == "fov").height == 6
