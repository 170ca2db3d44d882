"""FOVs made equal in count, density or precision, and controls before and after."""

import numpy as np
import polars as pl
import pytest

from builders.checks import Taken, make_fov
from locgraph.analysis.checks.acquisition import measure
from locgraph.analysis.checks.matched import (
    AS_TAKEN,
    MATCHED,
    control_outcomes,
    matched_name,
    network_outcomes,
    summarise_matched,
)
from locgraph.analysis.checks.matching import Matching, match_fovs
from locgraph.analysis.control_inputs import ControlInputs
from locgraph.data.folds import Split
from locgraph.errors import ConfigError, DataError


def localisations(*taken):
    rng = np.random.default_rng(0)
    return {f"f_{i:02}": make_fov(f"f_{i:02}", each, rng).locs for i, each in enumerate(taken)}


COUNTS = [Taken("ab"[i % 2], count=60 + 5 * i + 200 * (i % 2), extent=20.0 + i) for i in range(20)]
FOVS = localisations(*COUNTS)
LABELS = {name: taken.label for name, taken in zip(FOVS, COUNTS, strict=True)}


def test_counts_are_those_of_the_smallest_class():
    matching = match_fovs("count", FOVS, LABELS, seed=0)

    # class a has 60, 70, ..., 150
    assert matching.target == 60.0
    assert {locs.height for locs in matching.fovs.values()} == {int(matching.target)}
    assert set(matching.fovs) | set(matching.left_out) == set(FOVS)
    for name, locs in matching.fovs.items():
        assert locs.join(FOVS[name], on=["x", "y"], how="inner").height == locs.height


def test_densities_are_equal():
    matching = match_fovs("density", FOVS, LABELS, seed=0)

    for name, locs in matching.fovs.items():
        extent = measure(FOVS[name])["extent"]
        assert locs.height == round(matching.target * extent**2)
    assert len(matching.fovs) >= 18


def test_precision_is_made_worse_by_the_missing_variance():
    fovs = localisations(*(Taken("ab"[i % 2], count=4000, extent=1.0, precision=2.0 + i % 2) for i in range(4)))
    labels = dict.fromkeys(fovs, "a")

    matching = match_fovs("precision", fovs, labels, seed=0)

    assert matching.target == pytest.approx(3.0, rel=0.02)
    best = matching.fovs["f_00"]
    moved = best.select("x", "y").to_numpy() - fovs["f_00"].select("x", "y").to_numpy()
    missing = np.maximum(matching.target**2 - fovs["f_00"]["precision"].to_numpy() ** 2, 0)
    np.testing.assert_allclose(moved.var(axis=0), missing.mean(), rtol=0.1)
    assert best["precision"].min() >= matching.target
    assert {name for name, locs in matching.fovs.items() if locs.height == 4000} | set(matching.left_out) == set(fovs)


@pytest.mark.parametrize("kind", ["count", "density", "precision"])
def test_others_do_not_change_how_a_fov_is_drawn(kind):
    whole = match_fovs(kind, FOVS, LABELS, seed=3)
    backwards = match_fovs(kind, dict(reversed(FOVS.items())), LABELS, seed=3)

    assert whole.target == backwards.target
    assert all(whole.fovs[name].equals(backwards.fovs[name]) for name in whole.fovs)
    other = match_fovs(kind, FOVS, LABELS, seed=4)
    assert any(not whole.fovs[name].equals(other.fovs[name]) for name in whole.fovs)


def test_a_class_of_two_fovs_can_be_matched():
    few = {name: FOVS[name] for name in ("f_00", "f_01", "f_02", "f_03")}

    matching = match_fovs("count", few, LABELS, seed=0)

    assert (matching.target, matching.left_out) == (60.0, {})


def test_fovs_that_have_too_few_are_left_out_with_the_number():
    small = FOVS | localisations(*[Taken("a", count=12)] * 1)
    labels = LABELS | {"f_00": "a"}

    matching = match_fovs("count", small, labels, seed=0)

    assert matching.left_out["f_00"].startswith("12 localisations, ")


@pytest.mark.parametrize(
    ("kind", "fovs", "error", "message"),
    [
        ("photons", FOVS, ConfigError, r"kinds: expected some of \['count', 'density', 'precision'\], found 'photons'"),
        (
            "precision",
            {name: locs.drop("precision") for name, locs in FOVS.items()},
            DataError,
            r"median localisation precision is not known of 20 FOVs, such as \['f_00', 'f_01', 'f_02'\]",
        ),
        ("count", {}, DataError, "is not known of 0 FOVs"),
    ],
)
def test_what_cannot_be_matched(kind, fovs, error, message):
    with pytest.raises(error, match=message):
        match_fovs(kind, fovs, LABELS, seed=0)


def clouds(shape_differs):
    """Class b has three times as many localisations as class a, and another shape if so wished."""
    rng, drawn, labels = np.random.default_rng(0), {}, {}
    for index in range(36):
        name, label = f"f_{index:02}", "ab"[index % 2]
        stretch = [4.0, 1.0] if shape_differs and label == "b" else [1.0, 1.0]
        drawn[name] = rng.normal(size=(60 if label == "a" else 180, 2)) * stretch * 10
        labels[name] = label
    return drawn, labels


@pytest.mark.parametrize("shape_differs", [True, False])
def test_controls_know_after_matching_what_is_not_the_count(shape_differs):
    drawn, labels = clouds(shape_differs)
    names = list(drawn)
    matched = {matched_name("count", name): points[:60] for name, points in drawn.items()}
    plan = {0: Split(tuple(names[:24]), (), tuple(names[24:]))}

    outcomes = control_outcomes(
        ControlInputs(drawn), ControlInputs(matched), {"count": names}, plan, labels, dict.fromkeys(names), seed=0
    )

    forest = outcomes.filter(pl.col("source") == "pair_distances_and_count")
    means = forest.group_by("test_fovs", "trained_on").agg(pl.col("correct").mean())
    scores = {(fovs, trained): mean for fovs, trained, mean in means.iter_rows()}
    assert scores[AS_TAKEN, AS_TAKEN] > 0.85
    assert forest.group_by("test_fovs", "trained_on").len()["len"].to_list() == [12] * 3
    if shape_differs:
        assert scores[MATCHED, MATCHED] == 1.0
    else:
        assert scores[MATCHED, AS_TAKEN] < 0.7
        assert scores[MATCHED, MATCHED] < 0.9


def outcomes_of(source, fovs, trained, right):
    """Twenty FOVs in two folds, of which some are right."""
    rows = {
        "fold": [0, 1] * 10,
        "fov_id": [f"f_{i:02}" for i in range(20)],
        "truth": ["a"] * 10 + ["b"] * 10,
        "prediction": ["a" if (i < 10) == (i in right) else "b" for i in range(20)],
    }
    table = network_outcomes(pl.DataFrame(rows), "count", fovs, trained, {})
    return table.with_columns(source=pl.lit(source))


def test_network_and_best_control_before_and_after():
    outcomes = pl.concat(
        [
            outcomes_of("model", AS_TAKEN, AS_TAKEN, set(range(20))),
            outcomes_of("model", MATCHED, AS_TAKEN, set(range(8))),
            outcomes_of("model", MATCHED, MATCHED, set(range(18))),
            outcomes_of("pair_distances", AS_TAKEN, AS_TAKEN, set(range(18))),
            outcomes_of("pair_distances", MATCHED, AS_TAKEN, set(range(12))),
            outcomes_of("cluster_features", MATCHED, AS_TAKEN, set(range(4))),
            outcomes_of("pair_distances", MATCHED, MATCHED, set(range(14))),
        ]
    )
    matching = Matching("count", 130.0, {}, {"f_99": "97 localisations"})

    check = summarise_matched(outcomes, [matching], 1.0, ["equal precision: not known"])

    ahead = check.table.filter(pl.col("source") == "pair_distances")["ahead"].to_list()
    assert ahead == pytest.approx([0.1, -0.2, 0.2])
    assert check.table["left_out"].unique().to_list() == [1]
    assert check.warnings == (
        "equal precision: not known",
        "equal count: left out 1 FOVs: f_99 (97 localisations)",
    )
    (text,) = check.sentences
    assert "FOVs thinned to 130 localisations; 1 FOVs cannot be" in text
    assert "accuracy of 0.400" in text
    assert "on 20 test FOVs, 1.000 before: its answers depend on count" in text
    assert "trained on the same FOVs is pair_distances, 0.600 (network behind by 0.200" in text
    assert "trained on matched FOVs is pair_distances, 0.700 (network ahead by 0.200" in text
    assert "the network, trained on them too, has 0.900" in text
