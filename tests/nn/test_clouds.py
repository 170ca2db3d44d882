"""Ragged point clouds, their losses and their alignment, against loops and known answers."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment
from scipy.spatial import KDTree
from scipy.spatial.distance import pdist
from scipy.stats import wasserstein_distance

from locgraph.errors import ConfigError, MissingPackageError
from locgraph.nn import cloud_losses
from locgraph.nn.alignment import Alignment, best_rotation, even_rotations
from locgraph.nn.cloud_losses import Chamfer, PairDistances, Sinkhorn
from locgraph.nn.clouds import Clouds

SIZES = (7, 1, 0, 30, 12)
LOSSES = {"chamfer": Chamfer, "squared": lambda **given: Chamfer(squared=True, **given), "pairs": PairDistances}
every_loss = pytest.mark.parametrize("name", LOSSES)
both_dimensions = pytest.mark.parametrize("dimensions", [2, 3])


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def random_clouds(sizes=SIZES, dimensions=2, seed=0):
    owner = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    return Clouds.of(torch.randn(len(owner), dimensions, generator=generator(seed)), owner, len(sizes))


def random_points(units=5, count=9, dimensions=2, seed=1):
    return torch.randn(units, count, dimensions, generator=generator(seed))


def of_unit(clouds, unit):
    return clouds.points[clouds.owner == unit].numpy()


@both_dimensions
@pytest.mark.parametrize("unit", ["cluster", "fov"])
def test_localisations_of_each_unit_relative_to_their_mean(unit, dimensions, make_batch):
    batch = make_batch((6, 1, 9), (8,), dimensions=dimensions)
    positions, cluster = batch["localisation"].pos, batch["localisation", "in", "cluster"].edge_index[1]
    owner = cluster if unit == "cluster" else batch["cluster"].batch[cluster]

    clouds = Clouds.from_graph(batch, unit)

    assert clouds.size == (4 if unit == "cluster" else 2)
    assert clouds.sizes.tolist() == ([6, 1, 9, 8] if unit == "cluster" else [16, 8])
    for index in range(clouds.size):
        own = positions[owner == index]
        torch.testing.assert_close(clouds.points[clouds.owner == index], own - own.mean(dim=0), atol=1e-6, rtol=0)


def test_points_may_come_in_any_order():
    clouds, order = random_clouds(), torch.randperm(sum(SIZES), generator=generator(3))

    shuffled = Clouds.of(clouds.points[order], clouds.owner[order], clouds.size)

    assert torch.equal(shuffled.owner, clouds.owner)
    torch.testing.assert_close(Chamfer()(random_points(), shuffled), Chamfer()(random_points(), clouds))


@pytest.mark.parametrize("most_cells", [1, 20, 100, 10**6])
def test_chunks_hold_every_unit_with_points_once_and_are_bounded(most_cells):
    clouds = random_clouds()

    chunks = [units.tolist() for units in clouds.chunks(2, most_cells)]

    assert sorted(unit for units in chunks for unit in units) == [0, 1, 3, 4]
    for units in chunks:
        rows, mask = clouds.rows(torch.tensor(units))
        assert mask.sum(dim=1).tolist() == [SIZES[unit] for unit in units]
        assert (clouds.owner[rows] == torch.tensor(units)[:, None]).all()
        assert len(units) == 1 or 2 * rows.numel() <= most_cells


@every_loss
def test_chunks_change_nothing(name):
    points = random_points().requires_grad_()
    values = [LOSSES[name](most_cells=cells)(points, random_clouds()) for cells in (1, 10**7)]
    gradients = [torch.autograd.grad(value.sum(), points)[0] for value in values]

    torch.testing.assert_close(*values)
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("squared", [False, True])
@both_dimensions
def test_chamfer_by_trees(squared, dimensions):
    clouds, points = random_clouds(dimensions=dimensions), random_points(dimensions=dimensions)

    values = Chamfer(squared)(points, clouds)

    for unit, size in enumerate(SIZES):
        if size:
            ours, theirs = points[unit].numpy(), of_unit(clouds, unit)
            forth, back = KDTree(theirs).query(ours)[0], KDTree(ours).query(theirs)[0]
            power = 2 if squared else 1
            assert values[unit].item() == pytest.approx((forth**power).mean() + (back**power).mean(), rel=1e-4)


def test_chamfer_has_the_gradient_of_all_distances():
    clouds, points = random_clouds((6, 11)), random_points(2).requires_grad_()
    expected = []
    for unit in range(2):
        distances = torch.cdist(points[unit], clouds.points[clouds.owner == unit])
        expected.append(distances.amin(dim=0).mean() + distances.amin(dim=1).mean())

    found, wanted = (torch.autograd.grad(loss.sum(), points)[0] for loss in (Chamfer()(points, clouds), sum(expected)))

    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-4)


@both_dimensions
def test_pair_distances_are_the_wasserstein_distance_of_their_distributions(dimensions):
    clouds, points = random_clouds((60, 40), dimensions), random_points(2, 50, dimensions)

    values = PairDistances(quantiles=2000)(points, clouds)

    for unit in range(2):
        expected = wasserstein_distance(pdist(points[unit].numpy()), pdist(of_unit(clouds, unit)))
        assert values[unit].item() == pytest.approx(expected, rel=0.02)


def test_pair_distances_of_large_clouds_by_every_fourth_of_their_points():
    clouds, points = random_clouds((1000, 20)), random_points(2, 40)
    fourth = torch.cat([torch.arange(0, 1000, 4), torch.arange(1000, 1020)])
    kept = Clouds(clouds.points[fourth], clouds.owner[fourth], 2)

    values = PairDistances(most_points=250)(points, clouds)

    torch.testing.assert_close(values, PairDistances(most_points=1000)(points, kept))
    assert (values - PairDistances(most_points=1000)(points, clouds))[0].abs() > 1e-3


@every_loss
@both_dimensions
def test_equal_clouds_are_at_no_distance(name, dimensions):
    points = random_points(3, 20, dimensions)
    clouds = Clouds.of(points.flatten(0, 1), torch.arange(3).repeat_interleave(20), 3)
    centred = points - points.mean(dim=1, keepdim=True)

    assert LOSSES[name]()(centred, clouds).abs().max() < 3e-6
    assert (LOSSES[name]()(2 * centred, clouds) > 0.1).all()


@every_loss
def test_repeated_points_change_nothing(name):
    clouds = random_clouds((8,))
    twice = Clouds.of(clouds.points.repeat(2, 1), clouds.owner.repeat(2), 1)
    before, after = (LOSSES[name]()(random_points(1, 30), each) for each in (clouds, twice))

    # as many pairs of a point with itself are at distance 0 as there are points
    torch.testing.assert_close(
        before, after, rtol=0.2 if name == "pairs" else 1e-5, atol=0.05 if name == "pairs" else 0
    )


@every_loss
def test_one_localisation_equal_localisations_and_none_have_finite_losses(name):
    owner = torch.tensor([0, 2, 2, 2])
    clouds = Clouds.of(torch.tensor([[3.0, 1.0], [5.0, 5.0], [5.0, 5.0], [5.0, 5.0]]), owner, 3)
    for points in (random_points(3), torch.zeros(3, 9, 2)):
        points = points.requires_grad_()
        values = LOSSES[name]()(points, clouds)
        (gradient,) = torch.autograd.grad(values.sum(), points)

        assert values.isfinite().all()
        assert gradient.isfinite().all()
        assert values[1] == 0


@every_loss
def test_no_unit_at_all(name):
    clouds = Clouds.of(torch.zeros(0, 2), torch.zeros(0, dtype=torch.int64), 0)

    assert LOSSES[name]()(torch.zeros(0, 9, 2), clouds).shape == (0,)


@every_loss
def test_losses_stay_in_32_bits(name, under_autocast):
    points, clouds = random_points(), random_clouds()

    torch.testing.assert_close(under_autocast(LOSSES[name](), points, clouds), LOSSES[name]()(points, clouds))


@pytest.mark.parametrize("dimensions", [2, 3])
def test_pair_distances_need_no_pose_and_do_not_see_a_mirror(dimensions, rotation):
    clouds, points = random_clouds(dimensions=dimensions), random_points(dimensions=dimensions)
    mirror = torch.diag(torch.tensor([-1.0] + [1.0] * (dimensions - 1)))
    loss = PairDistances()

    for matrix in (rotation(dimensions), mirror):
        torch.testing.assert_close(loss(points @ matrix.T, clouds), loss(points, clouds), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_best_rotation_is_never_a_reflection(dimensions, rotation):
    points, turn = random_points(4, 30, dimensions), rotation(dimensions)
    mirror = torch.diag(torch.tensor([-1.0] + [1.0] * (dimensions - 1)))

    def found(target):
        return best_rotation(torch.einsum("upd,upe->ude", target, points))

    torch.testing.assert_close(found(points @ turn.T), turn.expand(4, -1, -1), atol=1e-5, rtol=0)
    torch.testing.assert_close(torch.linalg.det(found(points @ mirror.T)), torch.ones(4))


@pytest.mark.parametrize(("dimensions", "count"), [(2, 5), (3, 40)])
def test_even_rotations_are_rotations_and_even(dimensions, count):
    grid = even_rotations(count, dimensions)

    torch.testing.assert_close(grid @ grid.transpose(1, 2), torch.eye(dimensions).expand(count, -1, -1))
    torch.testing.assert_close(torch.linalg.det(grid), torch.ones(count))
    traces = torch.einsum("aij,bij->ab", grid, grid) - 10 * torch.eye(count)
    nearest = ((traces.max(dim=1).values - 1 + (dimensions == 2)) / 2).clamp(-1, 1).acos()
    assert nearest.min() > (0.99 * 2 * math.pi / 5 if dimensions == 2 else math.radians(35))


def asymmetric(dimensions):
    """Points of a hook, unlike any rotation of it and unlike its mirror image."""
    line = torch.linspace(-1, 1, 21)
    zero = torch.zeros(21)
    strokes = [[line, zero], [zero + 1, 0.5 + 0.3 * line], [zero - 0.2, 0.7 * line - 0.7]]
    points = torch.cat([torch.stack(stroke, dim=1) for stroke in strokes])
    if dimensions == 3:
        points = torch.cat([points, 0.4 * points[:, :1].square() * points[:, 1:].sign()], dim=1)
    return points - points.mean(dim=0)


@pytest.mark.parametrize(("dimensions", "count"), [(2, 12), (3, 96)])
def test_alignment_undoes_any_rotation_and_no_reflection(dimensions, count):
    points, loss = asymmetric(dimensions), Chamfer()
    turns = torch.cat(
        [even_rotations(7, dimensions), best_rotation(torch.randn(5, dimensions, dimensions, generator=generator()))]
    )
    mirror = torch.diag(torch.tensor([-1.0] + [1.0] * (dimensions - 1)))
    alignment = Alignment(count, refine=8, most_cells=10**5)

    def left(decoded):
        clouds = Clouds.of((points @ turns.transpose(1, 2)).flatten(0, 1), torch.arange(12).repeat_interleave(63), 12)
        decoded = decoded.expand(12, -1, -1)
        rotations = alignment(decoded, clouds)
        torch.testing.assert_close(torch.linalg.det(rotations), torch.ones(12), atol=1e-4, rtol=0)
        return loss(decoded @ rotations.transpose(1, 2), clouds)

    assert left(points).max() < 0.01
    assert left(points @ mirror.T).min() > 0.1


def test_refinement_comes_closer_than_the_grid():
    points = asymmetric(2)
    turn = even_rotations(36, 2)[1]
    clouds = Clouds.of(points @ turn.T, torch.zeros(63, dtype=torch.int64), 1)
    losses = []
    for refine in (0, 6):
        rotation = Alignment(4, refine)(points[None], clouds)
        losses.append(Chamfer()(points @ rotation.transpose(1, 2), clouds).item())

    assert losses[0] > 0.02
    assert losses[1] < 1e-3


@pytest.mark.parametrize(
    ("make", "setting"),
    [
        (lambda: Alignment(0), "rotations"),
        (lambda: Alignment(refine=-1), "refine"),
        (lambda: Chamfer(most_cells=0), "most_cells"),
        (lambda: PairDistances(quantiles=1), "quantiles"),
        (lambda: PairDistances(most_points=1), "most_points"),
        (lambda: Sinkhorn(power=3), "power"),
        (lambda: Sinkhorn(blur=0), "blur"),
        (lambda: Sinkhorn(scaling=1.0), "scaling"),
    ],
)
def test_settings_out_of_range_are_refused(make, setting):
    with pytest.raises(ConfigError, match=f"^{setting}: expected"):
        make()


def test_sinkhorn_without_its_package_names_the_extra(monkeypatch):
    monkeypatch.setattr(cloud_losses, "find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match=r"locgraph\[sinkhorn\]"):
        Sinkhorn()


def test_sinkhorn_is_the_cost_of_transport_and_takes_chunks_and_padding():
    pytest.importorskip("geomloss", reason="needs the extra sinkhorn")
    clouds, points = random_clouds((9, 0, 18, 1)), random_points(4).requires_grad_()
    many, one = Sinkhorn(blur=0.01, scaling=0.9, most_cells=1), Sinkhorn(blur=0.01, scaling=0.9)

    values = many(points, clouds)
    (gradient,) = torch.autograd.grad(values.sum(), points)

    torch.testing.assert_close(values, one(points, clouds), atol=1e-4, rtol=1e-3)
    assert gradient.isfinite().all()
    assert values[1] == 0
    ours = points[0].detach().numpy()
    cost = np.linalg.norm(ours[:, None] - of_unit(clouds, 0), axis=2)
    assert values[0].item() == pytest.approx(cost[linear_sum_assignment(cost)].mean(), rel=0.03)
