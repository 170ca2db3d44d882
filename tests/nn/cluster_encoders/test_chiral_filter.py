"""Filters on distances and signed angles; what holds for all encoders is in test_contract.py."""

import pytest
import torch

from locgraph.nn.angles import cosines, sines


@pytest.fixture
def make_encoder(make_part, make_sizes):
    def make(name, dimensions):
        return make_part("cluster_encoder", name, {"in_channels": 0, "sizes": make_sizes(dimensions)})

    return make


@pytest.mark.parametrize("dimensions", [2, 3])
def test_tells_a_shape_from_its_mirror_image_by_its_positions_alone(dimensions, make_encoder):
    # the letter L, in 3D with a foot
    strokes = [[0, 3, 0], [0, 2, 0], [0, 1, 0], [0, 0, 0], [1, 0, 0], [0, 0, 2]]
    positions = torch.tensor(strokes, dtype=torch.float32)[: dimensions + 3, :dimensions]
    edges = torch.tensor([[j, i] for i in range(len(positions)) for j in range(len(positions)) if i != j]).T
    mirror = torch.eye(dimensions)
    mirror[0, 0] = -1.0

    seen = {}
    for name in ("angular_filter", "chiral_filter"):
        encoder, x = make_encoder(name, dimensions), torch.empty(len(positions), 0)
        mirrored = encoder(x, positions @ mirror, edges)
        seen[name] = (mirrored.mean(dim=0) - encoder(x, positions, edges).mean(dim=0)).abs().max()

    assert seen["angular_filter"] < 1e-4
    assert seen["chiral_filter"] > 1e-3


def test_cosines_and_sines_side_by_side(make_encoder):
    encoder, positions, edges = make_encoder("chiral_filter", 2), torch.randn(3, 2), torch.tensor([[1, 2], [0, 0]])

    expected = torch.cat([cosines(positions, edges, 3), sines(positions, edges, 3)], dim=1)

    assert torch.equal(encoder.angles(positions, edges), expected)
