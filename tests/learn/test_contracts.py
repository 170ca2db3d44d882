"""A part of a network that returns another shape than its contract states is named, with what it returned."""

import pytest
import torch

from locgraph.errors import ConfigError

TENSOR = "expected a tensor of shape"
BROKEN = {
    "loc_encoder": (lambda graph: torch.zeros(1), r"expected vectors of clusters, .* found a tensor of shape \(1,\)"),
    "cluster_encoder": (lambda x, graph: x[:-1], rf"{TENSOR} \(\d+, 8\) from .*found a tensor of shape"),
    "readout": (lambda x, graph: x, rf"{TENSOR} \(4, 16\) from .*found a tensor of shape \(24, 8\)"),
    "head": (lambda encoded: encoded.fovs, r"expected logits of .*, found a tensor of shape \(4, 16\)"),
}


@pytest.mark.parametrize("part", BROKEN)
def test_the_part_the_contract_and_what_was_returned(make_module, make_data, make_trainer, part):
    module = make_module()
    forward, message = BROKEN[part]
    getattr(module.network, part).forward = forward

    with pytest.raises(ConfigError, match=rf"^model\.{part}: {message}.*; the contract is Class\(") as raised:
        make_trainer(max_epochs=1).fit(module, make_data())

    assert type(getattr(module.network, part)).__name__ in str(raised.value)
