"""Rotation, reconstruction and evolution, of functions whose answer is known."""

import numpy as np
import pytest

from locgraph.analysis.averages.poses import plane_rotations, quaternion_rotations
from locgraph.analysis.representations.cloud_distance import aligned_chamfer, chamfer
from locgraph.analysis.representations.evolution import draw_pairs, evolution_scores, path_energy
from locgraph.analysis.representations.reconstruction import reconstruction_scores
from locgraph.analysis.representations.rotation import mean_distance, random_rotations, rotation_errors, rotation_scores

RNG = np.random.default_rng(5)
OWNERS = np.arange(30).astype(str)
L_SHAPE = np.array([[0.0, 0], [0, 10], [0, 20], [0, 30], [10, 0], [20, 0]])


def centred(points: np.ndarray) -> np.ndarray:
    return points - points.mean(axis=0)


def clouds(dimensions: int) -> np.ndarray:
    return RNG.normal(size=(30, 40, dimensions)) * np.arange(1, dimensions + 1)


def by_metric(scores):
    return {score.metric: score for score in scores}


@pytest.mark.parametrize("dimensions", [2, 3])
def test_rotations_are_drawn_evenly_and_are_no_mirror_images(dimensions):
    drawn = random_rotations(4000, dimensions, np.random.default_rng(0))

    np.testing.assert_allclose(np.linalg.det(drawn), 1.0)
    np.testing.assert_allclose(
        drawn @ drawn.transpose(0, 2, 1), np.broadcast_to(np.eye(dimensions), drawn.shape), atol=1e-9
    )
    np.testing.assert_allclose(drawn.mean(axis=0), 0.0, atol=0.05)
    assert np.abs(drawn - np.eye(dimensions)).max(axis=(1, 2)).min() > 0


@pytest.mark.parametrize("dimensions", [2, 3])
def test_an_invariant_embedding_has_no_rotation_error(dimensions):
    points = clouds(dimensions)

    def invariant(rotations):
        turned = points @ rotations.transpose(0, 2, 1)
        return np.sort(np.linalg.norm(turned, axis=2), axis=1)

    scores = by_metric(rotation_scores(invariant, 30, OWNERS, dimensions, 5, 0))
    assert scores["rotation_error"].value < 1e-12
    assert scores["rotation_over_spread"].value < 1e-12


def test_the_rotation_error_of_one_point_is_known():
    # |z_t - z_0| / (|z_0| + |z_t|) = |sin(angle / 2)|, whose mean over all angles is 2 / pi
    points = RNG.normal(size=(30, 2))
    embed = lambda rotations: (rotations @ points[..., None])[..., 0]  # noqa: E731
    scores = by_metric(rotation_scores(embed, 30, OWNERS, 2, 400, 0))

    assert scores["rotation_error"].value == pytest.approx(2 / np.pi, abs=0.01)
    assert scores["rotation_error_median"].value == pytest.approx(np.sin(np.pi / 4), abs=0.02)
    assert scores["rotation_error_95"].value == pytest.approx(np.sin(0.95 * np.pi / 2), abs=0.01)


def test_an_offset_hides_the_rotation_error_but_not_its_size_against_the_spread():
    points = RNG.normal(size=(30, 2))
    embed = lambda rotations: (rotations @ points[..., None])[..., 0]  # noqa: E731
    plain = by_metric(rotation_scores(embed, 30, OWNERS, 2, 20, 0))
    shifted = by_metric(rotation_scores(lambda rotations: embed(rotations) + 1000.0, 30, OWNERS, 2, 20, 0))

    assert shifted["rotation_error"].value < 0.01 < 0.5 < plain["rotation_error"].value
    assert shifted["rotation_over_spread"].value == pytest.approx(plain["rotation_over_spread"].value)


def test_errors_are_of_each_item_and_zero_vectors_have_none():
    errors = rotation_errors(np.array([[3.0, 4], [0, 0], [1, 0]]), np.array([[0.0, 0], [0, 0], [-1, 0]]))
    np.testing.assert_allclose(errors, [1.0, 0.0, 1.0])


def test_equal_vectors_have_no_spread_to_compare_with():
    scores = by_metric(rotation_scores(lambda rotations: np.ones((30, 4)), 30, OWNERS, 2, 2, 0))
    assert scores["rotation_error"].value == 0.0
    assert scores["rotation_over_spread"].reason == "the vectors of all units are equal"
    assert mean_distance(np.array([[0.0], [1], [3]])) == pytest.approx(2.0)


def test_chamfer_is_a_length_that_does_not_grow_with_points():
    square = np.array([[0.0, 0], [1, 0], [0, 1], [1, 1]])
    assert chamfer(square, square + np.array([0.2, 0])) == pytest.approx(0.2)
    assert chamfer(np.repeat(square, 50, axis=0), square + np.array([0.2, 0])) == pytest.approx(0.2)
    assert chamfer(np.zeros((1, 2)), np.array([[0.0, 0], [4, 0]])) == pytest.approx((0 + 2) / 2)


@pytest.mark.parametrize("angle", [0.3, 2.0, 4.4])
def test_a_rotated_cloud_is_at_no_distance_and_a_mirrored_one_is(angle):
    shape = centred(np.concatenate([L_SHAPE, L_SHAPE + 0.5]))
    turned = shape @ plane_rotations(np.array([angle]))[0].T

    assert aligned_chamfer(shape, turned) < 1e-6
    assert aligned_chamfer(shape * [-1, 1], turned) > 2.0


def test_a_rotated_cloud_in_space_is_at_no_distance():
    shape = centred(RNG.normal(size=(60, 3)) * [30, 20, 8])
    quaternion = np.array([[0.5, -0.1, 0.7, 0.5]])
    turned = shape @ quaternion_rotations(quaternion / np.linalg.norm(quaternion))[0].T

    assert chamfer(shape, turned) > 3.0
    assert aligned_chamfer(shape, turned) < 0.05
    assert aligned_chamfer(shape * [-1, 1, 1], turned) > 2.0


def rods(vectors: np.ndarray) -> list[np.ndarray]:
    """A decoder: rods of the length that the first value of a vector is."""
    return [np.linspace(-0.5, 0.5, 21)[:, None] * length * [1.0, 0.0] for length in vectors[:, 0]]


def test_a_decoder_that_knows_the_unit_beats_the_mean_shape():
    vectors = np.stack([np.linspace(10, 100, 30), np.zeros(30)], axis=1)
    turn = random_rotations(30, 2, np.random.default_rng(1))
    real = [rod @ rotation.T for rod, rotation in zip(rods(vectors), turn, strict=True)]
    scores = by_metric(reconstruction_scores(rods, vectors, real, np.ones(30), OWNERS))
    blind = by_metric(reconstruction_scores(lambda z: rods(0 * z + 55.0), vectors, real, np.ones(30), OWNERS))

    assert scores["chamfer_nm"].value < 1e-6
    assert scores["better_than_mean_shape"].value == pytest.approx(29 / 30)  # one of them is the mean shape
    assert blind["chamfer_nm"].value > 1.5
    assert blind["better_than_mean_shape"].value == 0.0


def test_reconstruction_is_in_nm_whatever_the_unit_of_the_model():
    vectors = np.stack([np.linspace(1, 2, 30), np.zeros(30)], axis=1)
    real = [rod + np.array([0.0, 0.1]) for rod in rods(vectors)]
    plain, scaled = (
        by_metric(reconstruction_scores(rods, vectors, real, size * np.ones(30), OWNERS))["chamfer_nm"].value
        for size in (1.0, 50.0)
    )
    assert plain > 0.01
    assert scaled == pytest.approx(50 * plain)


SIZES = np.stack([np.linspace(1.0, 1.2, 30), np.zeros(30)], axis=1)


def scaled(vectors: np.ndarray) -> list[np.ndarray]:
    """A linear decoder: a shape without symmetry, as large as the first value of a vector."""
    return [centred(L_SHAPE) * size for size in vectors[:, 0]]


def test_the_energy_of_a_linear_decoder_is_one_and_of_a_detour_more():
    def detour(vectors):
        # what is no end of a way is larger than both ends
        ends = np.isclose(vectors[:, 0], SIZES[:, :1]).any(axis=0)
        return [shape if end else 1.5 * shape for shape, end in zip(scaled(vectors), ends, strict=True)]

    straight = by_metric(evolution_scores(scaled, SIZES, scaled(SIZES), 3, 0))
    bent = by_metric(evolution_scores(detour, SIZES, scaled(SIZES), 3, 0))

    assert straight["evolution_energy"].value == pytest.approx(1.0, abs=1e-6)
    assert straight["evolution_energy_real"].value == pytest.approx(1.0, abs=1e-6)
    assert bent["evolution_energy"].value > 3.0
    assert straight["evolution_energy"].n == 3


def test_orientation_is_not_counted_as_energy():
    turn = random_rotations(30, 2, np.random.default_rng(2))
    real = [shape @ rotation.T for shape, rotation in zip(scaled(SIZES), turn, strict=True)]
    scores = by_metric(evolution_scores(scaled, SIZES, real, 3, 0))

    assert scores["evolution_energy_real"].value == pytest.approx(1.0, abs=1e-3)


def test_equal_ends_are_left_out_with_a_reason():
    rod = rods(np.array([[10.0]]))[0]
    assert np.isnan(path_energy([rod], rod, rod))
    equal = np.tile([10.0, 0.0], (30, 1))
    scores = evolution_scores(rods, equal, rods(equal), 3, 0)
    assert {score.reason for score in scores} == {"the ends of every pair are the same cloud"}
    assert {score.reason for score in evolution_scores(rods, equal[:1], rods(equal[:1]), 3, 0)} == {"needs two units"}


def test_pairs_are_different_units_and_none_is_drawn_twice():
    pairs = draw_pairs(6, 100, 0)
    assert len(pairs) == 15
    assert len({tuple(pair) for pair in pairs.tolist()}) == 15
    assert (pairs[:, 0] != pairs[:, 1]).all()
