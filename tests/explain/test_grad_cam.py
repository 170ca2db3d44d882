"""Grad-CAM, on networks whose votes are known."""

import pytest
import torch

from locgraph.errors import ConfigError
from locgraph.explain.grad_cam import GradCam

WEIGHTS = torch.tensor([2.0, 0.5, 1.0, -2.0])


@pytest.mark.parametrize(("target", "sign"), [(1, 1.0), (0, -1.0)])
def test_votes_after_a_mean(target, sign, linear_network, make_example, generator):
    example = make_example(5, target=target)
    vectors = torch.cat([example.graph["cluster"].x, example.graph["cluster"].pos], dim=1)

    found = GradCam(relu=False).explain(linear_network(WEIGHTS), example, generator())

    torch.testing.assert_close(found.clusters, sign * vectors @ WEIGHTS / 5)
    assert found.features is found.edges is found.localisations is None


def test_relu(linear_network, make_example, generator):
    example, network = make_example(5), linear_network(WEIGHTS)
    signed = GradCam(relu=False).explain(network, example, generator()).clusters
    assert signed.min() < 0

    found = GradCam().explain(network, example, generator())

    assert torch.equal(found.clusters, signed.relu())


def test_the_definition(make_network, make_full_example, generator):
    network, example = make_network("invariantnet", "model/readout=supercluster"), make_full_example()
    encoded = network.encode(example.graph)
    logits = network.classify(encoded)["field_of_view"][0]
    (gradient,) = torch.autograd.grad(logits[1] - torch.logsumexp(logits[[0, 2]], dim=0), encoded.clusters)
    weights = gradient.mean(dim=0)

    found = GradCam(relu=False).explain(network, example, generator())

    expected = torch.stack([(vector * weights).sum() for vector in encoded.clusters.detach()])
    torch.testing.assert_close(found.clusters, expected)


def test_the_cluster_that_hears_what_matters(relay_network, make_relay, generator):
    found = GradCam().explain(relay_network, make_relay()[0], generator())

    assert found.clusters.tolist() == [0.0] * 5 + [8.0] + [0.0] * 2


def test_settings():
    with pytest.raises(ConfigError, match=r"explainer\.relu must be true or false, found 1"):
        GradCam(1)
