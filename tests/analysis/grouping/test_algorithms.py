"""Every algorithm finds planted groups; large data go through a subset; wrong settings are named."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from sklearn.metrics import adjusted_rand_score, silhouette_samples

from builders.grouping import planted
from locgraph.analysis.grouping.algorithms import (
    AffinityPropagation,
    Agglomerative,
    GaussianMixture,
    KMeans,
    Partition,
    Spectral,
)
from locgraph.analysis.grouping.assign import by_size, group_rows
from locgraph.analysis.grouping.density import Dbscan, Hdbscan, knee
from locgraph.analysis.grouping.places import connect_neighbours
from locgraph.analysis.grouping.quality import centre_distances, medoids, silhouettes
from locgraph.errors import ConfigError, DataError

NUMBERED = [KMeans(), Spectral(), Agglomerative(), GaussianMixture()]
FINDING = [AffinityPropagation(preference=-500.0), Dbscan(), Hdbscan()]


@pytest.mark.parametrize("grouper", [*NUMBERED, *FINDING], ids=lambda each: type(each).__name__)
def test_planted_groups_are_found(grouper):
    values, truth = planted()
    labels = group_rows(grouper, values, 5 if grouper.needs_number else None, 0).labels
    inside = labels >= 0
    assert len(np.unique(labels[inside])) == 5
    assert inside.mean() > 0.85
    assert adjusted_rand_score(truth[inside], labels[inside]) > 0.97


@pytest.mark.parametrize(
    "grouper",
    [
        Agglomerative(most_rows=60),
        Spectral(most_rows=60),
        AffinityPropagation(preference=-150.0, most_rows=60),
        Hdbscan(most_rows=60),
        Dbscan(eps=3.0, most_rows=60),
    ],
    ids=lambda each: type(each).__name__,
)
def test_rows_outside_a_subset_follow_their_neighbours(grouper):
    values, truth = planted(60)
    found = group_rows(grouper, values, 5 if grouper.needs_number else None, 0)
    assert any("saw 60 of 300 units, drawn at random (most_rows)" in note for note in found.notes)
    inside = found.labels >= 0
    assert inside.mean() > 0.8
    assert adjusted_rand_score(truth[inside], found.labels[inside]) > 0.99
    assert ((found.probabilities >= 0) & (found.probabilities <= 1)).all()


def test_k_means_in_batches_is_named():
    values, truth = planted(60)
    found = group_rows(KMeans(batches_above=100), values, 5, 0)
    assert "in batches of 4096" in found.notes[0]
    assert adjusted_rand_score(truth, found.labels) == 1.0


def test_seeds_repeat():
    values = np.random.default_rng(1).normal(size=(80, 3))
    first, again = (group_rows(KMeans(starts=1), values, 6, 3).labels for _ in range(2))
    assert (first == again).all()
    assert (group_rows(KMeans(starts=1), values, 6, 4).labels != first).any()


def test_groups_are_numbered_by_size():
    found = by_size(Partition(np.array([7, 2, 2, -1, 2, 7, 9, 9])))
    assert found.labels.tolist() == [1, 0, 0, -1, 0, 1, 2, 2]


def test_fewer_different_units_than_groups():
    with pytest.raises(ConfigError, match="at most as many groups as units that differ, 2, found 3") as caught:
        group_rows(KMeans(), np.array([[0.0], [1.0], [1.0], [0.0]]), 3, 0)
    assert caught.value.setting == "n_groups"


def test_affinity_that_does_not_settle():
    with pytest.raises(DataError, match="did not settle within 2 iterations") as caught:
        AffinityPropagation(most_iterations=2).partition(planted(10)[0], None, 0)
    assert caught.value.setting == "damping"


def test_a_smallest_group_larger_than_the_data():
    with pytest.raises(DataError, match="as the smallest group has, 50, found 20") as caught:
        Hdbscan(min_group_size=50).partition(planted(4)[0], None, 0)
    assert caught.value.setting == "min_group_size"


def test_spectral_says_that_its_graph_falls_apart():
    assert "falls into several parts" in Spectral().partition(planted()[0], 5, 0).notes[0]


def test_the_knee_is_where_a_curve_turns():
    assert knee(np.append(np.linspace(1.0, 1.1, 90), np.linspace(1.2, 9.0, 10))) == pytest.approx(1.1, abs=0.15)
    assert knee(np.ones(5)) == 1.0
    with pytest.raises(DataError, match="units at different places") as caught:
        knee(np.zeros(5))
    assert caught.value.setting == "eps"


@pytest.mark.parametrize(
    ("make", "setting"),
    [
        (lambda: KMeans(starts=0), "starts"),
        (lambda: AffinityPropagation(preference=1.0), "preference"),
        (lambda: AffinityPropagation(damping=1.0), "damping"),
        (lambda: Spectral(neighbours=1), "neighbours"),
        (lambda: Agglomerative(linkage="best"), "linkage"),
        (lambda: Agglomerative(most_rows=1), "most_rows"),
        (lambda: GaussianMixture(covariance="round"), "covariance"),
        (lambda: GaussianMixture(regularisation=0), "regularisation"),
        (lambda: Dbscan(eps=0), "eps"),
        (lambda: Dbscan(min_samples=1), "min_samples"),
        (lambda: Hdbscan(min_group_size=1), "min_group_size"),
        (lambda: Hdbscan(selection="all"), "selection"),
    ],
)
def test_wrong_settings_are_named(make, setting):
    with pytest.raises(ConfigError) as caught:
        make()
    assert caught.value.setting == setting


def test_silhouettes_are_exact_for_few_rows_and_close_for_many():
    values, _ = planted(40)
    labels = group_rows(KMeans(), values, 6, 0).labels
    exact = silhouette_samples(values, labels)
    assert silhouettes(values, labels, 0) == pytest.approx(exact)
    sampled = silhouettes(values, labels, 0, most=90)
    assert sampled.mean() == pytest.approx(exact.mean(), abs=0.02)
    assert np.abs(sampled - exact).max() < 0.25


def test_silhouettes_without_groups():
    values = np.array([[0.0], [1.0], [5.0], [9.0]])
    assert np.isnan(silhouettes(values, np.zeros(4, np.int64), 0)).all()
    found = silhouettes(values, np.array([0, 0, 1, -1]), 0)
    assert found[2] == 0  # alone in its group
    assert np.isnan(found[3])


def test_the_medoid_has_the_least_squared_distances():
    values, truth = planted(12)
    distances = centre_distances(values, truth)
    for group, row in enumerate(medoids(truth, distances)):
        own = np.flatnonzero(truth == group)
        sums = [(np.linalg.norm(values[own] - values[each], axis=1) ** 2).sum() for each in own]
        assert row == own[np.argmin(sums)]


def two_fields() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two FOVs with the same rows of 20 places; values rise from 0 to 1 half way along."""
    places = np.tile(np.stack([np.arange(20.0), np.zeros(20)], axis=1), (2, 1))
    fields = np.repeat(["a", "b"], 20)
    values = (places[:, :1] >= 10).astype(float)
    return places, fields, values


def test_regions_of_like_units_are_joined_over_fovs():
    places, fields, values = two_fields()
    noisy = values + np.random.default_rng(0).normal(size=values.shape) * 0.1
    connections = connect_neighbours(places, fields, noisy, 2)
    labels = group_rows(Agglomerative(), noisy, 2, 0, connections).labels
    assert adjusted_rand_score(values[:, 0], labels) == 1.0
    dense = connections.toarray()
    assert (dense == dense.T).all()
    assert dense[0, 1]
    assert not dense[0, 5]
    assert dense[:20, 20:].any(axis=1).all()


def test_neighbours_in_space_keep_far_units_apart():
    places = np.array([[0.0, 0], [1, 0], [100, 0], [101, 0], [50, 0], [51, 0]])
    values = np.array([[0.0], [0.1], [0.05], [0.02], [5.0], [5.1]])
    fields = np.repeat(["a"], 6)
    free = group_rows(Agglomerative(), values, 2, 0).labels
    assert free.tolist() == [0, 0, 0, 0, 1, 1]
    bound = group_rows(Agglomerative(), values, 3, 0, connect_neighbours(places, fields, values, 1)).labels
    assert len({*bound[:2]}) == len({*bound[2:4]}) == len({*bound[4:]}) == 1
    assert pdist(bound[[0, 2, 4]][:, None]).min() > 0
