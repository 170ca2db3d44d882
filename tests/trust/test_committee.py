"""Several networks as one: means, disagreement, prediction sets with their coverage, and what members say."""

import math

import numpy as np
import polars as pl
import pytest

from locgraph.trust.calibrator import Calibrator
from locgraph.trust.committee import committee_sets, disagreement, join_members
from locgraph.trust.prediction_sets import PredictionSets
from locgraph.trust.trust import Trust, TrustSettings

NOTHING = Calibrator(np.ones(2), np.zeros(2))


def trust(scores, classes, names=("a", "b"), by_class=False, coverage=0.8):
    sets = PredictionSets(np.array(scores, dtype=float), np.array(classes), by_class)
    # of unlike FOVs a committee has columns alone
    return Trust(tuple(names), TrustSettings(coverage=coverage, by_class=by_class), NOTHING, sets, None)


def table(p_a, names=("f0", "f1"), fold=0, **more):
    p_a = list(p_a)
    columns = {"fov_id": list(names), "fold": fold, "split": "new", "truth": None}
    said = ["a" if p > 0.5 else "b" for p in p_a]
    return pl.DataFrame(
        columns | {"prediction": said, "p_a": p_a, "p_b": [1 - p for p in p_a]} | more,
        schema_overrides={"truth": pl.String, "fold": pl.Int64},
    )


def pool(*p_a):
    """Normalised geometric mean of the probabilities of a, by hand."""
    a, b = math.prod(p_a) ** (1 / len(p_a)), math.prod(1 - p for p in p_a) ** (1 / len(p_a))
    return a / (a + b)


def test_probabilities_are_pooled_whatever_the_order_of_rows_and_classes():
    other = table([0.1, 0.3], names=("f1", "f0")).select("fov_id", "fold", "split", "truth", "p_b", "p_a")
    joined = join_members([table([0.9, 0.4]), other], ("a", "b"), None)
    assert joined["fov_id"].to_list() == ["f0", "f1"]
    assert joined["p_a"].to_list() == pytest.approx([pool(0.9, 0.3), pool(0.4, 0.1)])
    assert joined["prediction"].to_list() == ["a", "b"]
    assert joined["decision"].to_list() == ["a", "b"]
    assert joined["n_members"].to_list() == [2, 2]
    assert joined["fold"].to_list() == [0, 0]
    assert "prediction_set" not in joined.columns


def test_a_member_that_excludes_a_class_leaves_finite_probabilities():
    joined = join_members([table([1.0, 0.0]), table([0.5, 0.5])], ("a", "b"), None)
    assert joined["p_a"].to_list() == pytest.approx([1.0, 0.0], abs=1e-5)


def test_members_of_several_folds_have_no_fold():
    assert join_members([table([0.9, 0.4]), table([0.9, 0.4], fold=1)], ("a", "b"), None)["fold"].is_null().all()


def test_disagreement_is_the_mutual_information():
    alike, apart = [[0.7, 0.3], [0.7, 0.3]], [[1.0, 0.0], [0.0, 1.0]]
    values = disagreement(np.array([alike, apart]).transpose(1, 0, 2))
    assert values.tolist() == pytest.approx([0.0, math.log(2)], abs=1e-12)


def test_members_with_the_same_validation_fovs_are_calibrated_as_one():
    rng = np.random.default_rng(0)
    classes = rng.integers(2, size=30)
    scores = rng.random((3, 30))
    members = [trust(own, classes) for own in scores[:2]] + [trust(scores[2], 1 - classes, names=("b", "a"))]
    sets = committee_sets(("a", "b"), members, [["v"]] * 3)
    assert sets.shared
    probabilities = rng.dirichlet([1, 1], (3, 9))
    expected = PredictionSets(scores.mean(axis=0), classes).p_values(probabilities.mean(axis=0))
    np.testing.assert_allclose(sets.p_values(probabilities), expected)
    assert "at least 0.8 of FOVs" in sets.validity


@pytest.mark.parametrize("by_class", [False, True])
def test_members_of_several_folds_average_their_p_values(by_class):
    rng = np.random.default_rng(1)
    first = trust(rng.random(20), rng.integers(2, size=20), by_class=by_class)
    second = trust(rng.random(20), rng.integers(2, size=20), names=("b", "a"), by_class=by_class)
    sets = committee_sets(("a", "b"), [first, second], [["v"], ["w"]])
    assert not sets.shared
    own, its = rng.dirichlet([1, 1], (2, 5))
    expected = (first.sets.p_values(own) + second.sets.p_values(its[:, ::-1])[:, ::-1]) / 2
    np.testing.assert_allclose(sets.p_values(np.stack([own, its])), expected)
    assert "at least 0.6" in sets.validity


def test_a_member_without_sets_leaves_the_committee_without():
    assert committee_sets(("a", "b"), [trust([0.1], [0]), None], [["v"], ["v"]]) is None


def drawn(rng, n):
    """True classes of FOVs, and probabilities of three members that see them with noise of their own."""
    classes = rng.integers(2, size=n)
    logits = np.where(classes[:, None] == [0, 1], 1.0, -1.0) + rng.normal(0, 1.5, (3, n, 2))
    exponentials = np.exp(logits)
    return classes, exponentials / exponentials.sum(axis=2, keepdims=True)


@pytest.mark.parametrize(("shared", "least", "most"), [(True, 0.78, 0.82), (False, 0.60, 1.0)])
def test_sets_cover_the_true_class_as_stated(shared, least, most):
    rng = np.random.default_rng(2)
    covered = []
    for _ in range(100):
        sides = [drawn(rng, 40)] * 3 if shared else [drawn(rng, 40) for _ in range(3)]
        members = []
        for place, (classes, probabilities) in enumerate(sides):
            members.append(trust(1 - probabilities[place][np.arange(40), classes], classes))
        names = [["v"]] * 3 if shared else [["u"], ["v"], ["w"]]
        sets = committee_sets(("a", "b"), members, names)
        classes, probabilities = drawn(rng, 200)
        inside = sets.p_values(probabilities) > 1 - sets.coverage + 1e-9
        covered.append(inside[np.arange(200), classes].mean())
    assert least < np.mean(covered) < most


def test_sets_and_decisions_are_columns():
    # four of five validation FOVs conform at p_true 0.6 and more
    member = trust([0.1, 0.2, 0.3, 0.4, 0.9], [0, 1, 0, 1, 0], coverage=0.6)
    sets = committee_sets(("a", "b"), [member, member], [["v"], ["v"]])
    joined = join_members([table([0.9, 0.5])] * 2, ("a", "b"), sets, ["uncertain"])
    assert joined["prediction_set"].to_list() == [["a"], []]
    assert joined["decision"].to_list() == ["a", None]
    assert joined["credibility"].to_list() == pytest.approx([1.0, 2 / 6])


def test_what_is_unlike_is_decided_by_half_of_the_members():
    def member(p, unlike, reasons):
        return table([0.9, 0.9], typicality=p, typicality_p=p, unlike=unlike, unlike_reasons=reasons)

    tables = [
        member([0.5, 0.01], [False, True], [[], ["far"]]),
        member([0.7, 0.02], [False, True], [[], ["far", "density"]]),
        member([0.01, 0.6], [True, False], [["count"], []]),
    ]
    joined = join_members(tables, ("a", "b"), None, ["unlike"])
    assert joined["typicality_p"].to_list() == pytest.approx([0.5, 0.02])
    assert joined["unlike"].to_list() == [False, True]
    assert joined["unlike_reasons"].to_list() == [["count"], ["far", "density"]]
    assert joined["decision"].to_list() == ["a", None]
