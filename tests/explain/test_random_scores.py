"""The random control."""

import torch

from locgraph.explain.random_scores import RandomScores


def test_scores_come_from_the_generator_alone(make_example):
    example = make_example(2000)
    one, two, other = (RandomScores().explain(None, example, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert torch.equal(one.clusters, two.clusters)
    assert not torch.equal(one.clusters, other.clusters)
    assert one.clusters.dtype == torch.float32
    assert 0 <= one.clusters.min() < 0.01 < 0.99 < one.clusters.max() <= 1
    assert abs(one.clusters.mean() - 0.5) < 0.03
    assert one.subgraph is None
