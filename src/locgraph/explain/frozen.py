"""A network that is looked into: nothing about it changes, and it comes back as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from locgraph.nn.precision import no_autocast


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Holds a network still within a block, whatever mode it was in, and whether or not gradients were wanted.

    Within the block it is in evaluation mode and computes in 32 bits, gradients are taken, and its parameters want
    none: a backward pass leaves gradients at the inputs alone. Afterwards all is as before, also where the block fails.

    Args:
        network: The network, on the CPU.
    """
    modes = [(module, module.training) for module in network.modules()]
    wanted = [(parameter, parameter.requires_grad) for parameter in network.parameters()]
    network.eval().requires_grad_(False)
    try:
        with torch.enable_grad(), no_autocast(torch.device("cpu")):
            yield
    finally:
        for module, training in modes:
            module.training = training
        for parameter, requires_grad in wanted:
            parameter.requires_grad_(requires_grad)
