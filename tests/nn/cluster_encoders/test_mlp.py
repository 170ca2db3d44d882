"""Dense layers on each cluster; what holds for all encoders is in test_contract.py."""

import torch


def test_reads_neither_positions_nor_edges(make_part, make_sizes):
    encoder = make_part("cluster_encoder", "mlp", {"in_channels": 5, "sizes": make_sizes()})
    x, edges = torch.randn(3, 5), torch.tensor([[0, 1], [1, 2]])

    found = encoder(x, torch.randn(3, 2), edges)

    assert torch.equal(found, encoder(x, torch.full((3, 2), torch.nan), edges[:, :0]))
    torch.testing.assert_close(found[1:2], encoder(x[1:2], torch.zeros(1, 2), edges[:, :0]))
    first = encoder.lift(x)
    second = first + encoder.layers[0].update(encoder.layers[0].norm(first))
    torch.testing.assert_close(found, second + encoder.layers[1].update(encoder.layers[1].norm(second)))
