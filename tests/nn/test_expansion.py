"""Distances spread over Gaussians."""

import math

import pytest
import torch

from locgraph.errors import ConfigError
from locgraph.nn.expansion import GaussianExpansion, LogGaussianExpansion, expanded_layer


def test_gaussians_at_even_steps():
    expand = GaussianExpansion(5, 2.0)

    found = expand(torch.tensor([0.0, 0.75, 2.0]))

    centres = [0.0, 0.5, 1.0, 1.5, 2.0]
    expected = [[math.exp(-0.5 * ((d - c) / 0.5) ** 2) for c in centres] for d in (0.0, 0.75, 2.0)]
    torch.testing.assert_close(found, torch.tensor(expected))


def test_gaussians_at_even_ratios():
    expand = LogGaussianExpansion(4, 0.01, 10.0)

    found = expand(torch.tensor([0.01, 0.3, 10.0, 0.0001, 0.0]))

    centres = [-2.0, -1.0, 0.0, 1.0]  # powers of ten
    expected = [[math.exp(-0.5 * (math.log10(d) - c) ** 2) for c in centres] for d in (0.01, 0.3, 10.0, 0.01, 0.01)]
    torch.testing.assert_close(found, torch.tensor(expected))


@pytest.mark.parametrize("expand", [GaussianExpansion(3, 2.0), LogGaussianExpansion(3, 0.1, 2.0)])
def test_a_state_without_what_is_learned(expand):
    assert list(expand.parameters()) == []
    assert expand.state_dict()["centres"].shape == (3,)
    assert expand(torch.empty(0)).shape == (0, 3)


@pytest.mark.parametrize(("count", "longest"), [(1, 4.0), (8, 0.0), (8, -1.0), (8, math.nan)])
def test_out_of_range(count, longest):
    with pytest.raises(ConfigError, match=f"longest above 0, found n_gaussians={count}, longest={longest}"):
        GaussianExpansion(count, longest)


@pytest.mark.parametrize(("count", "shortest", "longest"), [(1, 0.1, 4.0), (8, 0.0, 4.0), (8, 4.0, 4.0)])
def test_out_of_range_of_ratios(count, shortest, longest):
    with pytest.raises(ConfigError, match=f"found n_gaussians={count}, shortest={shortest}, longest={longest}"):
        LogGaussianExpansion(count, shortest, longest)


@pytest.mark.parametrize("count", [8, 32, 128])
def test_a_layer_on_expanded_distances_starts_with_variance_1_whatever_their_number(count):
    torch.manual_seed(0)
    layer = expanded_layer(count, 2000)

    found = layer(GaussianExpansion(count, 4.0)(torch.linspace(1.0, 3.0, 20)))

    assert layer.bias is None
    assert found.var(dim=1).tolist() == pytest.approx([1.0] * 20, abs=0.12)
    assert expanded_layer(count, 3, bias=True).bias.shape == (3,)
