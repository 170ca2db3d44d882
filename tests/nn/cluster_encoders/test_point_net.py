"""PointNet on clusters; what holds for all encoders is in test_contract.py."""

import torch


def test_a_cluster_is_its_own_neighbour_at_the_relative_position_0(make_part, make_sizes):
    encoder = make_part("cluster_encoder", "point_net", {"in_channels": 5, "sizes": make_sizes()}, layers=1)
    x, positions = torch.randn(2, 5), torch.randn(2, 2)
    first = encoder.lift(torch.cat([x, positions], dim=1))
    block = encoder.layers[0]
    offsets = torch.stack([positions[1] - positions[0], torch.zeros(2), torch.zeros(2)])
    gathered = block.gather(block.norm(first), offsets, torch.tensor([[1, 0, 1], [0, 0, 1]]))

    found = encoder(x, positions, torch.tensor([[1], [0]]))

    torch.testing.assert_close(found, first + block.update(gathered))
