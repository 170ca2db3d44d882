"""The order of training FOVs: a new shuffle each epoch that depends on the seed and the epoch alone."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch.utils.data import Sampler


class EpochSampler(Sampler[tuple[int, int]]):
    """Yields (epoch, index) pairs, so that what is drawn for a FOV depends on nothing that a resumed run has forgotten.

    Lightning calls ``set_epoch`` before each epoch.

    Args:
        size: Number of training FOVs.
        seed: Seed of the shuffles.
    """

    def __init__(self, size: int, seed: int) -> None:
        self.size, self.seed, self.epoch = size, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Chooses the shuffle of ``epoch``."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """All FOVs once, in the order of this epoch."""
        generator = torch.Generator().manual_seed(mix(self.seed, self.epoch))
        for index in torch.randperm(self.size, generator=generator).tolist():
            yield self.epoch, index

    def __len__(self) -> int:
        """Number of training FOVs."""
        return self.size


def mix(*numbers: int) -> int:
    """One seed from several numbers, so that neighbouring ones give unrelated streams."""
    state = 0
    for number in numbers:
        # splitmix64 (Steele et al. 2014, 10.1145/2714064.2660195)
        state = (state + number + 0x9E3779B97F4A7C15) % 2**64
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) % 2**64
        state ^= state >> 31
    return state % 2**63
