"""Augmentation: what each transform changes, what it keeps, and that it draws from its generator alone."""

import copy
import itertools
import math

import pytest
import torch
from torch import Generator
from torch_geometric.utils import scatter

from locgraph.data.augment import (
    DrawClusters,
    DrawLocalisations,
    Jitter,
    MissingSites,
    Reflection,
    Rotation,
    Scale,
    Shear,
    Thinning,
)
from locgraph.data.stored import without_localisations
from locgraph.errors import ConfigError, DataError
from locgraph.graphs.descriptors import Covariance, PairDistances

POWERS = {"cluster": [0, 2, -2], "localisation": [0]}
LEVELS = ("localisation", "localisation_1", "localisation_2")
TRANSFORMS = {
    "rotation": Rotation(),
    "full rotation": Rotation(full_3d=True),
    "reflection": Reflection((0, 1)),
    "scale": Scale(0.5, 2.0, POWERS),
    "shear": Shear(0.3),
    "jitter": Jitter(5.0),
    "jitter by precision": Jitter("precision"),
    "thinning": Thinning(0.2, 0.6),
    "missing sites": MissingSites(15.0, most=3),
}


def seeded(seed=0):
    return Generator().manual_seed(seed)


def linear_map(before, after):
    """The matrix that takes the positions of one graph to those of another, and how far off it is."""
    a, b = before["localisation"].pos.double(), after["localisation"].pos.double()
    matrix = torch.linalg.lstsq(a, b).solution.T
    return matrix, (a @ matrix.T - b).abs().max().item()


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("name", TRANSFORMS)
def test_given_graph_unchanged_and_draws_repeatable(name, dimensions, make_graph, same_graph):
    graph = make_graph(sizes=(20, 30), dimensions=dimensions, scales=(1.0, 500.0))
    before = copy.deepcopy(graph)
    torch.manual_seed(0)
    state = torch.get_rng_state()

    first, again, other = (TRANSFORMS[name](graph, seeded(seed)) for seed in (1, 1, 2))

    assert same_graph(graph, before)
    assert same_graph(first, again)
    assert not same_graph(first, other) or name == "reflection"
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("name", ["rotation", "full rotation", "reflection", "scale", "shear"])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_one_linear_map_for_all_nodes(name, dimensions, make_graph):
    graph = make_graph(dimensions=dimensions, scales=(100.0, 300.0))

    changed = TRANSFORMS[name](graph, seeded(3))

    matrix, error = linear_map(graph, changed)
    assert error < 1e-3
    for node_type in graph.node_types:
        torch.testing.assert_close(changed[node_type].pos, graph[node_type].pos @ matrix.T.float(), atol=1e-3, rtol=0)
    assert all(changed[edge].edge_index is graph[edge].edge_index for edge in graph.edge_types)


@pytest.mark.parametrize(("dimensions", "full_3d"), [(2, False), (2, True), (3, False), (3, True)])
def test_rotation_keeps_distances_handedness_and_features(dimensions, full_3d, make_graph):
    graph = make_graph(dimensions=dimensions)
    for seed in range(5):
        turned = Rotation(full_3d)(graph, seeded(seed))

        matrix, _ = linear_map(graph, turned)
        torch.testing.assert_close(matrix @ matrix.T, torch.eye(dimensions).double(), atol=1e-5, rtol=0)
        assert matrix.det().item() == pytest.approx(1.0, abs=1e-5)
        before, after = (torch.cdist(each["cluster"].pos, each["cluster"].pos) for each in (graph, turned))
        torch.testing.assert_close(after, before, atol=1e-2, rtol=1e-5)
        assert torch.equal(turned["cluster"].x, graph["cluster"].x)
        if dimensions == 3:
            assert torch.equal(turned["cluster"].pos[:, 2], graph["cluster"].pos[:, 2]) is not full_3d


def test_angles_about_one_axis_are_uniform(make_graph):
    graph, generator = make_graph(), seeded()
    matrices = [linear_map(graph, Rotation()(graph, generator))[0] for _ in range(400)]

    angles = torch.tensor([math.atan2(matrix[1, 0], matrix[0, 0]) for matrix in matrices]).sort().values
    expected = torch.linspace(-math.pi, math.pi, 401)[1:]
    # Kolmogorov-Smirnov: 1.63 / sqrt(400) = 0.08 is passed once in a hundred seeds
    assert ((angles - expected).abs().max() / (2 * math.pi)).item() < 0.08


def test_full_rotations_are_uniform(make_graph):
    graph, generator = make_graph(dimensions=3), seeded()
    matrices = torch.stack([linear_map(graph, Rotation(full_3d=True)(graph, generator))[0] for _ in range(2000)])

    # moments of the Haar measure: E[R] = 0, E[R_ij^2] = 1/3, E[trace^2] = 1
    assert matrices.mean(dim=0).abs().max().item() < 0.05
    torch.testing.assert_close(matrices.square().mean(dim=0), torch.full((3, 3), 1 / 3).double(), atol=0.03, rtol=0)
    traces = matrices.diagonal(dim1=1, dim2=2).sum(dim=1)
    assert traces.square().mean().item() == pytest.approx(1.0, abs=0.12)


@pytest.mark.parametrize(("dimensions", "axes"), [(2, (0,)), (2, (0, 1)), (3, (2,))])
def test_reflection_flips_each_axis_half_of_the_time(dimensions, axes, make_graph):
    graph, generator = make_graph(dimensions=dimensions), seeded()
    matrices = torch.stack([linear_map(graph, Reflection(axes)(graph, generator))[0] for _ in range(200)]).round()

    signs = matrices.diagonal(dim1=1, dim2=2)
    assert (matrices.abs() == torch.eye(dimensions)).all()
    for axis in range(dimensions):
        share = (signs[:, axis] < 0).double().mean().item()
        assert share == (pytest.approx(0.5, abs=0.15) if axis in axes else 0.0)


def test_scale_takes_features_along_by_their_power_of_length(make_graph):
    graph = make_graph()

    scaled = Scale(2.0, 2.0, POWERS)(graph, seeded())

    torch.testing.assert_close(scaled["localisation_1"].pos, 2 * graph["localisation_1"].pos)
    torch.testing.assert_close(scaled["cluster"].x, graph["cluster"].x * torch.tensor([1.0, 4.0, 0.25]))
    assert torch.equal(scaled["localisation"].x, graph["localisation"].x)
    assert scaled["extent"].item() == pytest.approx(2 * graph["extent"].item())
    assert torch.equal(scaled["cluster"].count, graph["cluster"].count)


def test_scale_takes_superclusters_along(make_graph):
    graph = make_graph(sizes=(3,) * 12, scales=(80.0, 160.0))
    half = make_graph(sizes=(3,) * 12, scales=(80.0, 160.0), unit=0.5)

    scaled = Scale(0.5, 0.5, POWERS)(graph, seeded())

    for name in ("supercluster", "supercluster_1"):
        assert graph[name].x[:, 2].max().item() > 1.0
        for key in ("pos", "x", "count"):
            torch.testing.assert_close(scaled[name][key], half[name][key], rtol=1e-4, atol=1e-4)


def test_scale_takes_descriptors_along(make_graph):
    descriptors = {"a": PairDistances(6), "b": Covariance()}
    graph, half = make_graph(descriptors=descriptors), make_graph(descriptors=descriptors, unit=0.5)

    scaled = Scale(0.5, 0.5, POWERS)(graph, seeded())

    torch.testing.assert_close(scaled["field_of_view"].x, half["field_of_view"].x)
    assert scaled["field_of_view"].pos.tolist() == [[0.0, 0.0]]
    assert scaled["field_of_view"].x[0, 6] < 0.6 * graph["field_of_view"].x[0, 6]


def test_scale_without_powers_keeps_features(make_graph):
    graph = make_graph()

    assert torch.equal(Scale(3.0, 3.0)(graph, seeded())["cluster"].x, graph["cluster"].x)


def test_scale_draws_between_its_limits(make_graph):
    graph, generator = make_graph(), seeded()
    factors = [(Scale(0.5, 2.0)(graph, generator)["extent"] / graph["extent"]).item() for _ in range(200)]

    assert 0.5 <= min(factors) < 0.55
    assert 1.95 < max(factors) <= 2.0


@pytest.mark.parametrize("dimensions", [2, 3])
def test_shear_adds_at_most_its_part_of_other_coordinates(dimensions, make_graph):
    graph, generator = make_graph(dimensions=dimensions), seeded()
    matrices = torch.stack([linear_map(graph, Shear(0.25)(graph, generator))[0] for _ in range(100)])

    others = matrices[:, ~torch.eye(dimensions, dtype=torch.bool)]
    torch.testing.assert_close(
        matrices.diagonal(dim1=1, dim2=2), torch.ones(100, dimensions).double(), atol=1e-4, rtol=0
    )
    assert 0.2 < others.max().item() <= 0.2501
    assert -0.2501 <= others.min().item() < -0.2


def test_no_shear_changes_nothing(make_graph, same_graph):
    graph = make_graph()

    assert same_graph(Shear(0.0)(graph, seeded()), graph)


def test_jitter_moves_a_cluster_by_the_mean_of_its_localisations(make_graph):
    graph = make_graph(sizes=(6, 1, 9, 2))
    changed = Jitter(5.0)(graph, seeded())

    moves = changed["localisation"].pos - graph["localisation"].pos
    owner = torch.repeat_interleave(torch.arange(4), torch.tensor([6, 1, 9, 2]))
    expected = scatter(moves, owner, dim_size=4, reduce="mean")
    torch.testing.assert_close(changed["cluster"].pos - graph["cluster"].pos, expected, atol=1e-4, rtol=0)
    assert moves.abs().min().item() > 0


def test_jitter_moves_levels_with_their_parents(make_graph):
    changed = Jitter(5.0)(make_graph(sizes=(20, 13)), seeded())

    for below, above in itertools.pairwise(LEVELS):
        node = changed[above]
        torch.testing.assert_close(node.pos, changed[below].pos[node.parent], atol=1e-4, rtol=0)


@pytest.mark.parametrize("localisations", [False, True])
def test_jitter_keeps_superclusters_at_their_centre_of_mass(localisations, make_graph):
    sizes = (6, 1, 9, 2, 30, 4, 4, 11)
    graph = make_graph(sizes=sizes, scales=(100.0, 200.0), localisations=localisations)
    changed = Jitter(5.0)(graph, seeded())

    owner = torch.arange(len(sizes))
    mass = torch.tensor(sizes, dtype=torch.float32)
    for index, name in enumerate(("supercluster", "supercluster_1")):
        below, above = graph["cluster" if index == 0 else "supercluster", "in", name].edge_index
        owner = above[torch.argsort(below)][owner]
        assert 1 < owner.max() + 1 < len(sizes) or index
        for each in (graph, changed):
            centre = scatter(each["cluster"].pos * mass[:, None], owner) / scatter(mass, owner)[:, None]
            torch.testing.assert_close(each[name].pos, centre, atol=1e-4, rtol=0)
        assert (changed[name].pos != graph[name].pos).all()
        assert torch.equal(changed[name].x, graph[name].x)


def test_jitter_has_the_spread_it_is_told(make_graph):
    graph = make_graph(sizes=(4000,), ratios=())
    moves = Jitter(5.0)(graph, seeded())["localisation"].pos - graph["localisation"].pos

    assert moves.std(dim=0).tolist() == pytest.approx([5.0, 5.0], rel=0.05)
    assert moves.mean(dim=0).abs().max().item() < 0.3


def test_jitter_by_precision(make_graph):
    graph = make_graph(sizes=(4000,), ratios=())
    graph["localisation"].precision[:2000] = 0.0

    moves = Jitter("precision")(graph, seeded())["localisation"].pos - graph["localisation"].pos

    assert (moves[:2000] == 0).all()
    ratios = moves[2000:] / graph["localisation"].precision[2000:, None]
    assert ratios.std(dim=0).tolist() == pytest.approx([1.0, 1.0], rel=0.05)


def test_jitter_of_clusters_alone_falls_with_their_number_of_localisations(make_graph):
    graph = make_graph(sizes=(1,) * 500 + (25,) * 500, localisations=False)
    moves = Jitter(5.0)(graph, seeded())["cluster"].pos - graph["cluster"].pos

    assert moves[:500].std().item() == pytest.approx(5.0, rel=0.1)
    assert moves[500:].std().item() == pytest.approx(1.0, rel=0.1)


def identities(before, after, name):
    """Row in ``before`` of each node in ``after``: positions are all different."""
    match = (after[name].pos[:, None] == before[name].pos[None]).all(dim=2)
    assert (match.sum(dim=1) == 1).all()
    return match.int().argmax(dim=1)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_thinning_keeps_each_cluster_and_all_edges_between_what_is_kept(dimensions, make_graph):
    graph = make_graph(sizes=(20, 1, 13, 2), dimensions=dimensions)
    for seed in range(10):
        thinned = Thinning(0.3, 0.9)(graph, seeded(seed))

        rows = {name: identities(graph, thinned, name) for name in LEVELS}
        rows["cluster"] = torch.arange(4)
        assert len(rows["localisation"]) < graph["localisation"].num_nodes
        for level, name in enumerate(LEVELS):
            owner = thinned[name, "in", "cluster"].edge_index[1]
            assert owner.unique().tolist() == [0, 1, 2, 3]
            for key in ("x", "precision") if level == 0 else ():
                assert torch.equal(thinned[name][key], graph[name][key][rows[name]])
            if level:
                assert torch.equal(thinned[name].pos, thinned[LEVELS[level - 1]].pos[thinned[name].parent])
        for edge_type in graph.edge_types:
            kept = {tuple(edge) for edge in graph[edge_type].edge_index.T.tolist()}
            source, target = set(rows[edge_type[0]].tolist()), set(rows[edge_type[2]].tolist())
            kept = {edge for edge in kept if edge[0] in source and edge[1] in target}
            found = thinned[edge_type].edge_index
            found = [(rows[edge_type[0]][a].item(), rows[edge_type[2]][b].item()) for a, b in found.T.tolist()]
            assert found == sorted(found, key=lambda edge: edge[::-1])
            assert set(found) == kept
        assert torch.equal(thinned["cluster"].pos, graph["cluster"].pos)


def test_thinning_leaves_superclusters_alone(make_graph):
    graph = make_graph(sizes=(20, 1, 13, 2), scales=(100.0, 200.0))

    thinned = Thinning(0.3, 0.9)(graph, seeded())

    assert thinned["localisation"].num_nodes < graph["localisation"].num_nodes
    for name in ("supercluster", "supercluster_1"):
        for key in ("pos", "x", "count"):
            assert torch.equal(thinned[name][key], graph[name][key])
    for edge_type in graph.edge_types:
        if "supercluster" in edge_type[2]:
            assert torch.equal(thinned[edge_type].edge_index, graph[edge_type].edge_index)


@pytest.mark.parametrize(("part", "left"), [(0.0, 1.0), (0.3, 0.7), (0.9, 0.1)])
def test_thinning_leaves_out_the_part_it_is_told(part, left, make_graph):
    graph = make_graph(sizes=(3000,))
    thinned = Thinning(part, part)(graph, seeded())

    assert thinned["localisation"].num_nodes / 3000 == pytest.approx(left, abs=0.0 if part == 0 else 0.03)


@pytest.mark.parametrize("size", [5, 60, 3000])
def test_localisations_are_drawn_whatever_their_number(size, make_graph):
    graph = make_graph(sizes=(size,))
    drawn = [DrawLocalisations(40, 50)(graph, seeded(seed)) for seed in range(30)]

    counts = [each["localisation"].num_nodes for each in drawn]
    assert all(min(40, size) <= count <= min(51, size) for count in counts)  # the first may be put back
    assert len(set(counts)) > 3 or size < 40
    rows = torch.cat([identities(graph, each, "localisation") for each in drawn])
    assert len(rows.unique()) > size / 3


def test_numbers_of_localisations_out_of_order():
    with pytest.raises(ConfigError, match="40") as error:
        DrawLocalisations(50, 40)
    assert error.value.setting == "high"


def test_missing_sites_take_all_of_a_cluster_near_them_and_nothing_else(make_graph):
    graph = make_graph(sizes=(40, 1, 30))
    positions, owner = graph["localisation"].pos, graph["localisation", "in", "cluster"].edge_index[1]
    missing = []
    for seed in range(20):
        rows = identities(graph, MissingSites(12.0)(graph, seeded(seed)), "localisation")
        lost = torch.ones(71, dtype=torch.bool)
        lost[rows] = False
        assert owner[rows].unique().tolist() == [0, 1, 2]
        for cluster in (0, 2):
            own = torch.nonzero(owner == cluster)[:, 0]
            near = torch.cdist(positions[own], positions[own]) <= 12.0
            # one that was near a site may stay as the representative of its cluster
            fits = (near == lost[own]).sum(dim=1) >= len(own) - 1
            missing.append(int(lost[own].sum()))
            assert missing[-1] == 0 or fits.any()
    assert min(missing) == 0
    assert max(missing) > 5


def test_each_cluster_misses_sites_of_its_own_number(make_graph):
    graph = make_graph(sizes=(50,) * 40)

    changed = MissingSites(1.0, most=2)(graph, seeded())

    left = torch.bincount(changed["localisation", "in", "cluster"].edge_index[1])
    assert {50, 49, 48} <= set(left.tolist())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MissingSites(0.0), "radius_nm: expected a number above 0"),
        (lambda: MissingSites(10.0, most=0), "most: expected a whole number of at least 1"),
        (lambda: Reflection(()), r"axes: expected some of 0, 1, 2, found \[\]"),
        (lambda: Reflection((3,)), r"found \[3\]"),
        (lambda: Scale(0.0, 1.0), "low: expected 0 < low <= high, found low=0.0, high=1.0"),
        (lambda: Scale(2.0, 1.0), "low: expected 0 < low <= high"),
        (lambda: Shear(1.0), "largest: expected a number in \\[0, 1\\), found 1.0"),
        (lambda: Shear(-0.1), "largest: expected"),
        (lambda: Jitter(-1.0), "nm: expected a number of nm, at least 0, or 'precision', found -1.0"),
        (lambda: Jitter("sigma"), "found 'sigma'"),
        (lambda: Thinning(0.5, 0.2), "low: expected 0 <= low <= high < 1, found low=0.5, high=0.2"),
        (lambda: Thinning(0.5, 1.0), "low: expected"),
    ],
)
def test_settings_out_of_range(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


def test_reflection_along_an_axis_that_is_not_there(make_graph):
    with pytest.raises(ConfigError, match=r"axes: \[2\] do not fit FOVs in 2 dimensions"):
        Reflection((2,))(make_graph(), seeded())


@pytest.mark.parametrize(
    ("transform", "has", "message"),
    [
        (Jitter("precision"), {"localisations": False}, r"needs localisation nodes, found node types \['cluster'\]"),
        (Jitter("precision"), {"precision": False}, "needs the column `precision`.*name it in columns.names"),
        (MissingSites(9.0), {"localisations": False}, "missing_sites needs localisation nodes"),
        (Thinning(0.1, 0.2), {"localisations": False}, r"thinning needs localisation nodes.*views.count above 1"),
    ],
)
def test_graphs_that_lack_what_is_needed(transform, has, message, make_graph):
    with pytest.raises(DataError, match=message):
        transform(make_graph(**has), seeded())


@pytest.mark.parametrize("localisations", [True, False])
def test_some_clusters_are_drawn_with_all_that_is_in_them(localisations, make_graph):
    graph = make_graph(sizes=(5, 7, 3, 9))
    graph = graph if localisations else without_localisations(graph)

    drawn = DrawClusters(2)(graph, seeded())

    kept = [index for index, place in enumerate(graph["cluster"].pos) if (drawn["cluster"].pos == place).all(1).any()]
    assert len(kept) == drawn["cluster"].num_nodes == 2
    inside = drawn["cluster", "near", "cluster"].edge_index
    assert inside.numel() == 0 or inside.max() < 2
    if localisations:
        owner = graph["localisation", "in", "cluster"].edge_index[1]
        wanted = graph["localisation"].pos[torch.isin(owner, torch.tensor(kept))]
        assert torch.equal(drawn["localisation"].pos, wanted)
        assert drawn["localisation", "in", "cluster"].edge_index[1].unique().tolist() == [0, 1]
    assert DrawClusters(4)(graph, seeded()) is graph
    with pytest.raises(ConfigError, match="count: expected a whole number of at least 1"):
        DrawClusters(0)
