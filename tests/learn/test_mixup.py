"""Blends of FOV vectors before the head."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from locgraph.errors import ConfigError
from locgraph.learn.losses import CrossEntropy, ManifoldMixup


class Parts(nn.Module):
    """A network whose FOV vectors are the batch itself; notes what its head is given."""

    def embed(self, batch):
        return batch

    def head(self, x):
        self.given = x
        return x


def test_vectors_and_losses_are_blended_alike():
    vectors, target = torch.eye(4) * 3, torch.tensor([0, 1, 2, 3])
    network, loss = Parts(), CrossEntropy()
    torch.manual_seed(3)

    found = ManifoldMixup(1.0)(network, vectors, target, loss)

    torch.manual_seed(3)
    share = torch.distributions.Beta(1.0, 1.0).sample()
    other = torch.randperm(4)
    blended = share * vectors + (1 - share) * vectors[other]
    torch.testing.assert_close(network.given, blended)
    expected = share * loss(blended, target) + (1 - share) * loss(blended, target[other])
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)
    assert 0.05 < share < 0.95
    assert other.tolist() != [0, 1, 2, 3]


def test_almost_nothing_is_blended_at_a_small_alpha():
    vectors, target, network = torch.eye(4), torch.arange(4), Parts()
    blends = 0
    for seed in range(50):
        torch.manual_seed(seed)
        ManifoldMixup(0.01)(network, vectors, target, CrossEntropy())
        largest = network.given.max(dim=1).values
        blends += int((largest < 0.99).any())

    assert blends <= 5


def test_one_fov_is_blended_with_itself():
    torch.manual_seed(0)
    vectors, target = torch.randn(1, 3), torch.tensor([1])

    found = ManifoldMixup(1.0)(Parts(), vectors, target, CrossEntropy())

    assert found.item() == pytest.approx(CrossEntropy()(vectors, target).item(), rel=1e-6)


def test_trains_a_network_with_it(make_module, make_data, make_trainer):
    module, data = make_module(lr=5e-2, dropout=0.0, mixup=ManifoldMixup(0.2)), make_data()
    trainer = make_trainer(max_epochs=12)
    trainer.fit(module, data)

    (scores,) = trainer.test(module, data, verbose=False)

    assert scores["test/accuracy"] == 1.0


def test_a_head_that_reads_localisations_is_refused():
    head = nn.Identity()
    head.predicts = ("localisation",)

    with pytest.raises(ConfigError, match="blends vectors of FOVs, but the head of this model also reads localisa"):
        ManifoldMixup(0.2)(SimpleNamespace(head=head), torch.eye(2), torch.arange(2), CrossEntropy())


@pytest.mark.parametrize("alpha", [0.0, -1.0, float("inf"), float("nan")])
def test_alpha_out_of_range(alpha):
    with pytest.raises(ConfigError, match=rf"training\.mixup\.alpha must be above 0, found {alpha}"):
        ManifoldMixup(alpha)
