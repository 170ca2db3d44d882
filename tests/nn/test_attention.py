"""Attention in several heads."""

import pytest
import torch

from locgraph.errors import ConfigError
from locgraph.nn.attention import Attend, check_heads


def test_each_head_weighs_on_its_own():
    torch.manual_seed(0)
    scores, messages = torch.randn(5, 2), torch.randn(5, 2, 3)
    target = torch.tensor([0, 0, 2, 0, 2])  # cluster 1 receives nothing

    found = Attend()(scores, messages, target, 3)

    assert found.shape == (3, 6)
    assert found[1].tolist() == [0.0] * 6
    for i in (0, 2):
        for head in range(2):
            weights = torch.softmax(scores[target == i, head], dim=0)
            expected = weights @ messages[target == i, head]
            torch.testing.assert_close(found[i, 3 * head : 3 * head + 3], expected)


def test_16_bit_messages_are_summed_in_32():
    found = Attend()(torch.zeros(3000, 1), torch.ones(3000, 1, 1, dtype=torch.bfloat16), torch.zeros(3000).long(), 1)

    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(1.0, rel=1e-4)


@pytest.mark.parametrize("heads", [0, -2, 3])
def test_heads_that_do_not_share_the_channels(heads):
    check_heads(8, 4)
    with pytest.raises(ConfigError, match=rf"heads must be at least 1 and divide channels, found heads={heads}, ch"):
        check_heads(8, heads)
