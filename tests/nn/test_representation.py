"""Heads that learn without labels, with their decoders and losses of views."""

import math
from functools import partial

import pytest
import torch
from torch.nn import functional
from torch_geometric.data import Batch

from locgraph.errors import ConfigError, DataError
from locgraph.nn.alignment import Alignment
from locgraph.nn.autoencoder import Autoencoder
from locgraph.nn.base import Head
from locgraph.nn.cloud_losses import Chamfer
from locgraph.nn.clouds import Clouds
from locgraph.nn.cluster_encoders import ClusterMlp
from locgraph.nn.contrastive import Contrastive, NtXent, VicReg
from locgraph.nn.decoders import FoldingDecoder, MlpDecoder, VoxelDecoder
from locgraph.nn.loc_encoders import DeepSets, NoEncoder
from locgraph.nn.network import Network
from locgraph.nn.readouts import Pooled
from locgraph.nn.sizes import HeadSizes

DECODERS = {
    "mlp": partial(MlpDecoder, loss=Chamfer(), points=10, hidden=8),
    "square": partial(FoldingDecoder, loss=Chamfer(), points=10, hidden=8),
    "circle": partial(FoldingDecoder, loss=Chamfer(), points=10, hidden=8, template="circle"),
    "sphere": partial(FoldingDecoder, loss=Chamfer(), points=10, hidden=8, template="sphere"),
    "voxels": partial(VoxelDecoder, cells=8, channels=(4, 3), points=10),
    "aligned": partial(MlpDecoder, loss=Chamfer(), points=10, hidden=8, alignment=Alignment(4, 1)),
}
PLAIN = partial(Autoencoder, decoder=DECODERS["mlp"], latent_channels=4)
VARIATIONAL = partial(PLAIN, kl_weight=0.1)
VIEWS = {"ntxent": NtXent(), "vicreg": VicReg()}
HEADS = {
    "plain": PLAIN,
    "variational": VARIATIONAL,
    "ntxent": partial(Contrastive, compare=NtXent(), latent_channels=4, projector=(6, 5)),
    "vicreg": partial(Contrastive, compare=VicReg(), latent_channels=4, projector=(6, 5)),
}
every_head = pytest.mark.parametrize("name", HEADS)
every_decoder = pytest.mark.parametrize("decoder", DECODERS)
every_view_loss = pytest.mark.parametrize("views", VIEWS)
both_units = pytest.mark.parametrize("unit", ["fov", "cluster"])
both_dimensions = pytest.mark.parametrize("dimensions", [2, 3])
TWICE = ((6, 5, 9), (6, 5, 9), (8, 4), (8, 4))


@pytest.fixture
def make_network(make_sizes):
    def make(head, dimensions=2, **changes):
        torch.manual_seed(0)
        encoder = partial(ClusterMlp, channels=8, layers=1)
        sizes = make_sizes(dimensions)
        return Network(
            sizes,
            partial(DeepSets, channels=(8,)),
            encoder,
            partial(Pooled, reduce=("mean",)),
            partial(head, **changes),
        )

    return make


@pytest.fixture
def make_views(make_batch):
    """Makes a batch with the FOV of each graph, as the data sets do; two graphs of each FOV unless given."""

    def make(*sizes, fov=(0, 0, 1, 1), **changes):
        batch = make_batch(*(sizes or TWICE), **changes)
        batch["fov"] = torch.tensor(fov)
        return batch

    return make


@every_head
@both_units
@both_dimensions
def test_a_vector_and_an_error_of_each_unit(name, unit, dimensions, make_network, make_views):
    network, batch = make_network(HEADS[name], dimensions, unit=unit), make_views(dimensions=dimensions)
    encoded = network.encode(batch)
    count = 4 if unit == "fov" else 10

    latents, errors = network.head.latents(encoded), network.head.errors(encoded)

    assert latents.shape == (count, 4)
    assert errors.shape == (count,)
    assert latents.dtype == errors.dtype == network.head.loss(encoded).dtype == torch.float32
    assert network.head.loss(encoded).shape == ()
    assert torch.equal(errors, network.head.errors(encoded))
    assert set(network.logits(batch)) == set(network.predicts) == {"representation"}
    torch.testing.assert_close(network.logits(batch)["representation"], latents)


@every_head
@both_units
def test_gradients_reach_all_parameters(name, unit, make_network, make_views, check_gradients):
    network = make_network(HEADS[name], unit=unit)
    idle = ["readout", *(["head.projector.3.bias"] if name == "vicreg" else [])]

    check_gradients(network, network.head.loss(network.encode(make_views())), idle)


@every_head
@both_units
@pytest.mark.parametrize("sizes", [((1,), (1,)), ((1, 1, 1), (1, 1, 1)), ((3, 1), (3, 1))], ids=str)
@pytest.mark.parametrize("coincident", [False, True])
def test_small_and_equal_units_have_finite_losses(name, unit, sizes, coincident, make_network, make_views):
    network = make_network(HEADS[name], unit=unit)

    encoded = network.encode(make_views(*sizes, fov=(0, 0), coincident=coincident))

    assert network.head.loss(encoded).isfinite()
    assert network.head.errors(encoded).isfinite().all()


@both_units
def test_no_unit_has_no_error(unit, make_network, make_views, emptied, make_graph):
    batch = Batch.from_data_list([emptied(make_graph())] * 2)
    batch["fov"] = torch.tensor([0, 0])
    for head in HEADS.values():
        network = make_network(head, unit=unit)
        encoded = network.encode(batch)
        assert len(network.head.errors(encoded)) == (2 if unit == "fov" else 0)


@both_units
def test_a_variational_loss_is_the_error_and_the_divergence(unit, make_network, make_views):
    network = make_network(VARIATIONAL, unit=unit)
    encoded, head = network.encode(make_views()), network.head
    torch.nn.init.zeros_(head.log_variance[0].weight)
    torch.nn.init.constant_(head.log_variance[0].bias, -200.0)

    divergence = 0.5 * (head.latents(encoded).square() - 1 + 200.0).sum(dim=1).mean()

    torch.testing.assert_close(head.loss(encoded), head.errors(encoded).mean() + 0.1 * divergence, rtol=1e-4, atol=0)


def test_a_variational_loss_is_drawn_at_random_and_its_errors_are_not(make_network, make_views):
    network = make_network(VARIATIONAL)
    encoded = network.encode(make_views())

    assert network.head.loss(encoded) != network.head.loss(encoded)
    assert torch.equal(network.head.errors(encoded), network.head.errors(encoded))


@every_decoder
@both_units
@both_dimensions
def test_decoded_points_of_each_latent(decoder, unit, dimensions, make_network, make_views):
    network = make_network(PLAIN, dimensions, unit=unit, decoder=DECODERS[decoder])

    points = network.head.decode(torch.randn(5, 4))

    assert points.shape == (5, 10, dimensions)
    assert points.dtype == torch.float32
    assert network.head.errors(network.encode(make_views(dimensions=dimensions))).isfinite().all()


@pytest.mark.parametrize(("template", "dimensions"), [("circle", 2), ("square", 2), ("sphere", 3)])
def test_templates_are_even(template, dimensions):
    decoder = FoldingDecoder(4, dimensions, Chamfer(), points=200, template=template)
    points = decoder.template
    nearest = (torch.cdist(points, points) + 10 * torch.eye(200)).min(dim=1).values

    assert points.mean(dim=0).abs().max() < 0.02
    assert nearest.max() / nearest.min() < 1.8
    if template != "square":
        torch.testing.assert_close(points.norm(dim=1), torch.ones(200))
    else:
        assert points.abs().max() <= 1


@pytest.mark.parametrize("decoder", ["square", "mlp"])
def test_an_autoencoder_learns_what_it_decodes(decoder):
    """Rings of two sizes: one latent channel is enough for both."""
    torch.manual_seed(0)
    angles = torch.arange(40) * 2 * math.pi / 40
    ring = torch.stack([angles.cos(), angles.sin()], dim=1)
    radii = torch.tensor([0.5, 1.0])
    clouds = Clouds.of((radii[:, None, None] * ring).flatten(0, 1), torch.arange(2).repeat_interleave(40), 2)
    model = DECODERS[decoder](in_channels=1, dimensions=2, hidden=32, points=32)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(150):
        loss = model.errors(model(radii[:, None]), clouds).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    decoded = model.points(model(radii[:, None])).norm(dim=2).mean(dim=1)
    torch.testing.assert_close(decoded, radii, atol=0.1, rtol=0)
    assert loss < 0.2


def test_alignment_makes_errors_independent_of_the_orientation(make_network, make_views, map_positions, rotation):
    decoder = partial(MlpDecoder, loss=Chamfer(), points=10, alignment=Alignment(64, 3))(in_channels=4, dimensions=2)
    output, batch = decoder(torch.randn(2, 4)), make_views((20,), (30,), fov=(0, 1))
    before = decoder.errors(output, Clouds.from_graph(batch, "fov"))
    map_positions(batch, rotation(2))

    torch.testing.assert_close(decoder.errors(output, Clouds.from_graph(batch, "fov")), before, atol=0.01, rtol=0)


def test_errors_without_gradient_are_found_in_parts(make_network, make_views, monkeypatch):
    network = make_network(PLAIN, unit="cluster")
    encoded = network.encode(make_views())
    expected = network.head.errors(encoded)
    monkeypatch.setattr("locgraph.nn.autoencoder._MOST_UNITS", 3)
    calls = []
    network.head.decoder.register_forward_hook(lambda *_: calls.append(1))

    with torch.no_grad():
        torch.testing.assert_close(network.head.errors(encoded), expected)

    assert len(calls) == 4


def test_ntxent_by_loops():
    torch.manual_seed(0)
    views, unit = torch.randn(7, 5), torch.tensor([0, 0, 1, 1, 1, 2, 3])
    cosine = functional.normalize(views, dim=1) @ functional.normalize(views, dim=1).T / 0.2
    expected = []
    for i in range(7):
        same = [j for j in range(7) if unit[j] == unit[i] and j != i]
        denominator = [j for j in range(7) if j != i or not same]
        agreement = cosine[i, same].mean() if same else torch.tensor(1 / 0.2)
        expected.append(torch.logsumexp(cosine[i, denominator], dim=0) - agreement)

    torch.testing.assert_close(NtXent(0.2)(views, unit), torch.stack(expected))


def test_vicreg_by_loops():
    torch.manual_seed(0)
    first, second = torch.randn(6, 5), torch.randn(6, 5)
    both = torch.cat([first, second])
    agreement = 25 * (first - second).square().mean()
    covariance = torch.cov(both.T)
    spread = 25 * (1 - (covariance.diagonal() + 1e-4).sqrt()).clamp(min=0).mean()
    correlation = (covariance - torch.diag(covariance.diagonal())).square().sum() / 5

    errors = VicReg()(torch.stack([first, second], dim=1).flatten(0, 1), torch.arange(6).repeat_interleave(2))

    torch.testing.assert_close(errors.mean(), agreement + spread + correlation)
    torch.testing.assert_close(errors[::2], errors[1::2])


@every_view_loss
def test_views_that_agree_and_units_that_differ_have_the_least_loss(views):
    torch.manual_seed(0)
    spread = functional.normalize(torch.randn(8, 64), dim=1) * 8.0
    units = torch.arange(8).repeat_interleave(2)

    def loss(projections):
        return VIEWS[views](projections, units).mean()

    agreeing = loss(spread.repeat_interleave(2, dim=0))
    assert agreeing < loss(torch.randn(16, 64))
    assert agreeing < loss(torch.ones(16, 64))


@every_view_loss
def test_units_of_one_view_have_less_loss_the_more_they_differ(views):
    torch.manual_seed(0)
    errors = [VIEWS[views](torch.randn(16, 8) * width + 1.0, torch.arange(16)).mean() for width in (0.0, 0.3, 1.0)]

    assert errors[0] > errors[1] > errors[2]


def test_large_batches_are_compared_in_parts():
    views, unit = torch.randn(12, 4), torch.arange(6).repeat_interleave(2)

    found = NtXent(most_views=4)(views, unit)

    expected = [NtXent()(views[start : start + 4], unit[start : start + 4]) for start in (0, 4, 8)]
    torch.testing.assert_close(found, torch.cat(expected))


def test_a_contrastive_loss_pairs_the_same_clusters_of_both_graphs(make_network, make_views):
    network = make_network(HEADS["ntxent"], unit="cluster").eval()
    encoded, head = network.encode(make_views()), network.head
    projections = head.projector(head.latents(encoded))
    rows = [0, 3, 1, 4, 2, 5, 6, 8, 7, 9]

    torch.testing.assert_close(
        head.loss(encoded), NtXent()(projections[rows], torch.arange(5).repeat_interleave(2)).mean()
    )
    head.train()
    torch.testing.assert_close(head.loss(encoded), head.eval().loss(encoded))


def test_errors_compare_all_views_of_a_fov(make_network, make_views):
    network = make_network(HEADS["ntxent"])
    encoded, head = network.encode(make_views(*TWICE, (5,), fov=(0, 0, 0, 1, 2))), network.head

    expected = NtXent()(head.projector(head.latents(encoded)), torch.tensor([0, 0, 0, 1, 2]))

    torch.testing.assert_close(head.errors(encoded), expected)


@pytest.mark.parametrize("fov", [(0, 1, 2, 3), (0, 1, 0, 1), (0, 0, 0, 0)], ids=str)
def test_other_graphs_than_two_of_each_fov_are_refused(fov, make_network, make_views):
    network = make_network(HEADS["ntxent"])

    with pytest.raises(DataError, match="expected two graphs of each FOV, one after the other, found graphs of FOVs"):
        network.head.loss(network.encode(make_views(fov=fov)))


def test_graphs_with_other_clusters_are_refused(make_network, make_views):
    network = make_network(HEADS["ntxent"], unit="cluster")

    with pytest.raises(DataError, match="expected the same clusters in both graphs"):
        network.head.loss(network.encode(make_views((4, 5), (9,), fov=(0, 0))))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (partial(PLAIN, unit="object"), r"head\.unit: expected one of fov, cluster, found 'object'"),
        (partial(HEADS["vicreg"], unit="locs"), r"head\.unit: expected one of fov, cluster"),
        (partial(PLAIN, latent_channels=0), r"head\.latent_channels: expected a whole number"),
        (partial(PLAIN, kl_weight=-1.0), r"head\.kl_weight: expected a number at least 0"),
        (partial(PLAIN, decoder=partial(DECODERS["mlp"], points=1)), r"head\.decoder\.points: expected"),
        (partial(PLAIN, decoder=partial(DECODERS["mlp"], layers=-1)), r"head\.decoder\.layers: expected"),
        (
            partial(PLAIN, decoder=partial(DECODERS["circle"], template="torus")),
            r"head\.decoder\.template: expected one",
        ),
        (partial(PLAIN, decoder=Pooled), r"head\.decoder: expected a subclass of .*Decoder"),
        (partial(HEADS["vicreg"], projector=()), r"head\.projector: expected one or more"),
    ],
)
def test_wrong_settings_are_named(make, message, make_network):
    with pytest.raises(ConfigError, match=message):
        make_network(make)


@pytest.mark.parametrize(
    ("make", "setting"),
    [
        (lambda: NtXent(temperature=0), "temperature"),
        (lambda: NtXent(most_views=1), "most_views"),
        (lambda: VicReg(invariance=-1), "invariance"),
        (lambda: VicReg(variance=-1), "variance"),
        (lambda: VicReg(covariance=-1), "covariance"),
    ],
)
def test_settings_of_losses_are_checked(make, setting):
    with pytest.raises(ConfigError, match=f"^{setting}: expected"):
        make()


def test_an_autoencoder_needs_stored_localisations(make_sizes):
    sizes = make_sizes(levels=0)
    with pytest.raises(ConfigError, match=r"head: expected graphs with localisations.*localisations=true"):
        Network(sizes, NoEncoder, partial(ClusterMlp, channels=8, layers=1), partial(Pooled, reduce=("mean",)), PLAIN)


def test_only_heads_with_a_decoder_decode(make_network):
    head = make_network(HEADS["ntxent"]).head

    assert make_network(PLAIN).head.decodes
    assert not head.decodes
    with pytest.raises(ConfigError, match=r"Contrastive has no decoder.*model/head=autoencoder"):
        head.decode(torch.zeros(1, 4))


def test_heads_are_heads_and_draw_as_many_views_as_they_compare(make_sizes):
    sizes = HeadSizes.of(make_sizes(), 8, ())
    heads = {name: head(in_channels=8, sizes=sizes) for name, head in HEADS.items()}

    assert all(isinstance(head, Head) for head in heads.values())
    assert {name: head.drawn_views for name, head in heads.items()} == {
        "plain": 1,
        "variational": 1,
        "ntxent": 2,
        "vicreg": 2,
    }
