"""Scores under perturbations: hand-made predictions, paired losses, FOVs that are missing, and sentences."""

import math

import polars as pl
import pytest

from locgraph.analysis.stress import UNPERTURBED, describe_stress, score_stress
from locgraph.preparation.perturbations import Rescaling, Thinning
from locgraph.stats.intervals import wilson_interval

FOVS = [f"f{index}" for index in range(10)]
PERTURBATIONS = {"thinning": Thinning([0.5, 0.2]), "scale": Rescaling([0.8, 1.25])}


def predictions(perturbation, severity, right, confidence=0.9, fovs=FOVS, method="network", fold=0):
    """FOVs of class a, of which the first ``right`` are predicted rightly."""
    rows = [
        {
            "perturbation": perturbation,
            "severity": float(severity),
            "method": method,
            "fov_id": fov,
            "fold": fold,
            "group": None,
            "truth": "a",
            "p_a": confidence if place < right else 1 - confidence,
            "p_b": 1 - confidence if place < right else confidence,
        }
        for place, fov in enumerate(fovs)
    ]
    return pl.DataFrame(rows, schema_overrides={"group": pl.String})


def score(*tables, failed=None):
    return score_stress(pl.concat(tables), failed or {}, PERTURBATIONS, ("a", "b"))


@pytest.fixture
def scored():
    return score(
        predictions(UNPERTURBED, 0, 10),
        predictions("thinning", 0.5, 8),
        predictions("thinning", 0.2, 4, fovs=FOVS[:8]),
        predictions("scale", 0.8, 10),
        failed={("thinning", 0.2): 2, ("scale", 1.25): 10},
    )


def row(table, perturbation, severity):
    (only,) = table.filter(perturbation=perturbation, severity=severity).to_dicts()
    return only


def test_every_severity_has_a_row_and_the_neutral_one_the_unperturbed_fovs(scored):
    assert scored.filter(perturbation="thinning")["severity"].to_list() == [0.2, 0.5, 1.0]
    assert scored.filter(perturbation="scale")["severity"].to_list() == [0.8, 1.0, 1.25]
    neutral = row(scored, "scale", 1.0)
    assert (neutral["neutral"], neutral["accuracy"], neutral["n_fovs"], neutral["failed"]) == (True, 1.0, 10, 0)
    assert (neutral["loss"], neutral["loss_low"]) == (0.0, None)


def test_scores_are_those_of_the_predictions(scored):
    half = row(scored, "thinning", 0.5)
    assert half["accuracy"] == 0.8
    expected = wilson_interval(8, 10)
    assert (half["accuracy_low"], half["accuracy_high"]) == pytest.approx((expected.low, expected.high))
    assert half["confidence"] == pytest.approx(0.9)
    assert half["ece"] == pytest.approx(0.1)
    assert half["nll"] == pytest.approx(-(8 * math.log(0.9) + 2 * math.log(0.1)) / 10)
    assert half["loss"] == pytest.approx(0.2)
    assert half["loss_low"] < 0.2 < half["loss_high"]


def test_losses_are_paired_with_the_fovs_that_are_left(scored):
    fifth = row(scored, "thinning", 0.2)
    assert (fifth["n_fovs"], fifth["failed"]) == (8, 2)
    assert fifth["loss"] == pytest.approx(0.5)


def test_a_severity_that_leaves_no_fov_has_no_scores(scored):
    none = row(scored, "scale", 1.25)
    assert (none["n_fovs"], none["failed"], none["accuracy"], none["ece"]) == (0, 10, None, None)


def test_folds_are_pooled_and_a_fov_of_two_seeds_counts_once():
    tables = [
        predictions(name, severity, right, fold=fold)
        for fold in (0, 1)
        for name, severity, right in ((UNPERTURBED, 0, 10), ("thinning", 0.5, 6 + 2 * fold))
    ]
    half = row(score(*tables), "thinning", 0.5)
    assert half["accuracy"] == pytest.approx(0.7)
    assert half["n_fovs"] == 10
    assert half["accuracy_high"] - half["accuracy_low"] > wilson_interval(14, 20).high - wilson_interval(14, 20).low


def test_sentences_name_the_first_severity_beyond_the_tolerance(scored):
    sentences = describe_stress(scored, 0.25)
    assert sentences["thinning"].startswith("thinning (fraction of localisations kept): accuracy of network, 1.000, ")
    assert "falls below 0.750 at 0.2 (0.500, 95 % interval 0.22 to 0.78, ECE 0.40)." in sentences["thinning"]
    assert "falls below 0.750 at 1.25 (no FOV could be prepared)." in sentences["scale"]


def test_the_fraction_that_is_marked_as_unlike_is_told():
    flags = pl.Series("unlike", [True] * 3 + [False] * 7)
    tables = [predictions(UNPERTURBED, 0, 10), predictions("thinning", 0.5, 5).with_columns(flags)]
    table = score(*(each if "unlike" in each.columns else each.with_columns(unlike=False) for each in tables))
    assert row(table, "thinning", 0.5)["unlike"] == pytest.approx(0.3)
    assert row(table, "thinning", 1.0)["unlike"] == 0.0
    assert "30% marked as unlike" in describe_stress(table, 0.05)["thinning"]


def test_sentences_name_both_sides_and_what_holds(scored):
    table = score(
        predictions(UNPERTURBED, 0, 10),
        predictions("scale", 0.8, 9),
        predictions("scale", 1.25, 7),
        predictions("thinning", 0.5, 10),
        predictions("thinning", 0.2, 9),
    )
    sentences = describe_stress(table, 0.05)
    assert "at 0.8 (0.900" in sentences["scale"]
    assert "and at 1.25 (0.700" in sentences["scale"]
    assert describe_stress(table, 0.2)["thinning"].endswith("stays above 0.800 (lowest 0.900 at 0.2).")
