"""FOVs unlike those of training: what is flagged, how often wrongly, and what is stated where little is known."""

import json

import numpy as np
import polars as pl
import pytest

from builders.fovs import SITES, draw_points
from locgraph.errors import DataError
from locgraph.trust.class_distances import ClassDistances
from locgraph.trust.measures import SHAPE, measure_positions
from locgraph.trust.typicality import MAX_KEPT, Typicality

N_FEATURES = 12


def table(clouds: list[np.ndarray]) -> pl.DataFrame:
    """Measures of FOVs."""
    rows = [{"fov_id": f"fov_{index}", **measure_positions(points)} for index, points in enumerate(clouds)]
    return pl.DataFrame(rows)


def draw(n: int, seed: int) -> tuple[np.ndarray, list[str], pl.DataFrame]:
    """Vectors, classes and measures of ``n`` FOVs of two classes."""
    rng = np.random.default_rng(seed)
    labels = [("bar", "square")[index % 2] for index in range(n)]
    centres = np.array([[index % 2 * 5.0] * N_FEATURES for index in range(n)])
    return (
        rng.normal(size=(n, N_FEATURES)) + centres,
        labels,
        table([draw_points(SITES[name], rng) for name in labels]),
    )


def fitted(n: int = 160, seed: int = 0) -> Typicality:
    """Fitted to FOVs of which every fourth is of the validation side."""
    vectors, labels, measures = draw(n, seed)
    return Typicality.fit(vectors, np.arange(n) % 4 == 0, labels, measures)


@pytest.fixture(scope="module")
def typicality() -> Typicality:
    return fitted()


def test_few_fovs_like_those_of_training_are_flagged():
    flagged, means = [], []
    for seed in range(5):
        vectors, _, measures = draw(100, 100 + seed)
        scores, p_values = fitted(seed=seed).score(vectors, measures)
        flagged += (p_values <= 0.05).tolist()
        means.append(np.median(scores))
    assert 0.005 < np.mean(flagged) < 0.06
    assert np.abs(means).max() < 1.0


def test_shapes_that_measures_see_are_flagged_where_vectors_are_typical(typicality):
    rng = np.random.default_rng(5)
    side = 60 * np.sqrt(3.5)
    noise = [rng.random((110, 2)) * side for _ in range(30)]
    ring = np.array([[np.cos(a), np.sin(a)] for a in np.arange(12) * np.pi / 6]) * 43.0
    clouds = noise + [draw_points(ring, rng) for _ in range(30)]
    clouds += [draw_points(SITES["square"], rng, n=2000) for _ in range(30)]
    vectors, _, _ = draw(90, 7)
    _, p_values = typicality.score(vectors, table(clouds))
    assert (p_values.reshape(3, 30) <= 0.05).mean(axis=1).tolist() == [1.0, 1.0, 1.0]


def test_vectors_between_the_classes_are_flagged_where_measures_are_typical(typicality):
    vectors, _, measures = draw(40, 8)
    scores, p_values = typicality.score(np.full_like(vectors, 2.5), measures)
    assert (p_values <= 0.05).all()
    assert (scores < -1.0).all()
    words = typicality.explain(np.full_like(vectors, 2.5), measures)
    assert all(word.startswith("the network's vector is far from every class (nearest: ") for word in words)


def test_the_measure_that_is_farthest_is_named(typicality):
    vectors, _, _ = draw(1, 9)
    measures = table([draw_points(SITES["bar"], np.random.default_rng(0), n=5000)])
    (words,) = typicality.explain(vectors, measures)
    assert words.startswith("n_localisations 5e+03; ")
    assert words.endswith("in the nearest class, bar")


def test_plain_values_are_small_json_and_make_it_again(typicality):
    text = json.dumps(typicality.to_plain())
    again = Typicality.from_plain(json.loads(text))
    vectors, _, measures = draw(20, 3)
    assert len(text) < 40_000
    for here, there in zip(again.score(vectors, measures), typicality.score(vectors, measures), strict=True):
        np.testing.assert_array_equal(here, there)
    assert again.explain(vectors, measures) == typicality.explain(vectors, measures)


def test_of_many_fovs_a_part_is_kept():
    rng = np.random.default_rng(0)
    measures = pl.DataFrame({name: rng.lognormal(size=1100) for name in SHAPE})
    typicality = Typicality.fit(rng.normal(size=(1100, 4)), np.arange(1100) % 2 == 0, ["a"] * 1100, measures)
    plain = typicality.to_plain()
    assert {len(part["known"]) for part in plain["parts"].values()} == {MAX_KEPT}


def test_the_order_of_fovs_changes_no_score(typicality):
    vectors, _, measures = draw(30, 4)
    order = np.random.default_rng(0).permutation(30)
    scores, p_values = typicality.score(vectors, measures)
    shuffled = typicality.score(vectors[order], measures[order])
    np.testing.assert_allclose(shuffled[0], scores[order])
    np.testing.assert_allclose(shuffled[1], p_values[order])


def test_without_validation_fovs_or_vectors_measures_remain_and_it_is_stated():
    vectors, labels, measures = draw(60, 0)
    no_validation = Typicality.fit(vectors, np.zeros(60, bool), labels, measures)
    no_vectors = Typicality.fit(None, np.ones(60, bool), labels, measures)

    assert list(no_validation.parts) == list(no_vectors.parts) == ["measures"]
    assert "need 10 validation FOVs to compare with, found 0" in no_validation.notes[0]
    assert "the network has no vectors of FOVs" in no_vectors.notes[0]
    np.testing.assert_array_equal(no_validation.score(vectors, measures)[1], no_vectors.score(None, measures)[1])


def test_vectors_alone_serve_where_measures_are_constant():
    vectors, labels, _ = draw(60, 0)
    measures = pl.DataFrame({"fov_id": [str(index) for index in range(60)]} | dict.fromkeys(SHAPE, [1.0] * 60))
    typicality = Typicality.fit(vectors, np.arange(60) % 3 == 0, labels, measures)
    assert list(typicality.parts) == ["network"]
    assert (typicality.score(vectors + 40.0, measures)[1] < 1e-6).all()
    with pytest.raises(DataError, match="expected measures that vary or vectors of the network"):
        Typicality.fit(None, np.ones(60, bool), labels, measures)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v, val, lab, m: (v[:1], val[:1], lab[:1], m[:1]), "expected at least 10 FOVs .* found 1"),
        (lambda v, val, lab, m: (v, val, lab[:-1], m), "expected as many labels as FOVs, found 59 of 60"),
        (lambda v, val, lab, m: (v, val, [str(i) for i in range(60)], m), "expected a class with two FOVs"),
        (lambda v, val, lab, m: (v[:, 0], val, lab, m), r"expected vectors of shape \(60, F\), found \(60,\)"),
        (lambda v, val, lab, m: (np.where(v > 7, np.nan, v), val, lab, m), "expected finite vectors of the network"),
    ],
)
def test_what_cannot_be_fitted_is_an_error(change, message):
    vectors, labels, measures = draw(60, 0)
    with pytest.raises(DataError, match=message):
        Typicality.fit(*change(vectors, np.arange(60) % 2 == 0, labels, measures))


def test_what_does_not_fit_is_an_error(typicality):
    vectors, _, measures = draw(5, 0)
    with pytest.raises(DataError, match="as typicality was fitted with them; found none"):
        typicality.score(None, measures)
    with pytest.raises(DataError, match=r"expected vectors of shape \(5, 12\), found \(5, 3\)"):
        typicality.score(vectors[:, :3], measures)


def test_small_classes_unknown_and_missing_values_and_lost_units_keep_numbers():
    vectors, labels, measures = draw(62, 0)
    labels = [*labels[:59], "two_fovs", "two_fovs", None]
    measures = measures.with_columns(precision=pl.Series([np.nan, *np.random.default_rng(0).uniform(1, 2, 61)]))
    typicality = Typicality.fit(vectors, np.arange(62) % 3 == 0, labels, measures)
    assert "precision" in typicality.columns

    odd = measures.drop("precision").with_columns(
        extent=pl.when(pl.int_range(62) == 0).then(0.0).otherwise(pl.col("extent")),
        spacing_1=pl.when(pl.int_range(62) == 1).then(1e30).otherwise(pl.col("spacing_1")),
    )
    scores, p_values = typicality.score(vectors, odd)
    assert np.isfinite(scores).all()
    assert (p_values[:2] <= 0.05).all()
    assert ((p_values >= 0.0) & (p_values <= 1.0)).all()


def test_vectors_and_fovs_that_are_all_the_same_keep_numbers():
    _, labels, measures = draw(40, 0)
    same = measures[[0, 1] * 20]
    typicality = Typicality.fit(np.ones((40, 5)), np.arange(40) % 2 == 0, labels, same)
    scores, p_values = typicality.score(np.ones((40, 5)), same)
    assert np.isfinite(scores).all()
    assert (p_values > 0.05).all()
    assert (typicality.score(2.0 * np.ones((40, 5)), same)[1] <= 0.05).all()


def test_distances_are_those_of_mahalanobis():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(4000, 3)) @ rng.normal(size=(3, 3))
    labels = ["a", "b"] * 2000
    distances = ClassDistances.fit(values, labels).measure(values[:50])
    within = np.cov(np.concatenate([values[::2] - values[::2].mean(0), values[1::2] - values[1::2].mean(0)]).T)
    offset = values[:50] - values[::2].mean(0)
    expected = np.sqrt(np.einsum("ij,jk,ik->i", offset, np.linalg.inv(within), offset))
    np.testing.assert_allclose(distances[:, 0], expected, rtol=0.03)
