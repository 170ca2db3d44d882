"""Samplers: the training FOVs of an epoch and their order, by seed and epoch alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import torch
from torch import Generator
from torch.utils.data import Sampler


class EpochSampler(Sampler[tuple[int, ...]]):
    """Every training FOV once, in a new order each epoch.

    Yields (epoch, index) pairs, so that what is drawn for a FOV depends on nothing that a resumed run has forgotten.
    Lightning calls ``set_epoch`` before each epoch.

    Args:
        targets: Index of the class of each training FOV.
        seed: Seed of the shuffles.
    """

    balances_classes = False

    def __init__(self, targets: Sequence[int], seed: int) -> None:
        self.targets, self.seed, self.epoch = list(targets), seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the shuffle of ``epoch``."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[tuple[int, ...]]:
        """Yield the FOVs of this epoch, each as (epoch, index); a repeated FOV as (epoch, index, times before)."""
        generator = Generator().manual_seed(mix(self.seed, self.epoch))
        before: Counter[int] = Counter()
        for index in self.draw(generator):
            yield (self.epoch, index, before[index]) if before[index] else (self.epoch, index)
            before[index] += 1

    def draw(self, generator: Generator) -> list[int]:
        """Return the indices of the FOVs of one epoch, in their order."""
        return torch.randperm(len(self.targets), generator=generator).tolist()

    def __len__(self) -> int:
        """Return the number of FOVs in an epoch."""
        return len(self.targets)


class BalancedSampler(EpochSampler):
    """As many FOVs of each class: rare classes come several times in an epoch, of frequent ones a new part each epoch.

    An epoch stays as long as it is without balancing. FOVs of a class take turns, so that within an epoch none comes
    twice more often than another of its class; a FOV that comes again is augmented anew.

    Args:
        targets: Index of the class of each training FOV.
        seed: Seed of the draws.
    """

    balances_classes = True

    def draw(self, generator: Generator) -> list[int]:
        """Return the indices of the FOVs of one epoch, in their order."""
        targets = torch.tensor(self.targets, dtype=torch.int64)
        present = targets.unique()
        drawn = []
        # classes in a new order each epoch, since the first ones take what is left over
        for place, which in enumerate(torch.randperm(len(present), generator=generator).tolist()):
            members = torch.nonzero(targets == present[which])[:, 0]
            share = len(targets) // len(present) + (place < len(targets) % len(present))
            rounds = -(-share // len(members))
            turns = [members[torch.randperm(len(members), generator=generator)] for _ in range(rounds)]
            drawn.append(torch.cat([members[:0], *turns])[:share])
        together = torch.cat([targets[:0], *drawn])
        return together[torch.randperm(len(together), generator=generator)].tolist()


def mix(*numbers: int) -> int:
    """Return one seed from several numbers, so that neighbouring ones give unrelated streams."""
    state = 0
    for number in numbers:
        # splitmix64 (Steele et al. 2014, 10.1145/2714064.2660195)
        state = (state + number + 0x9E3779B97F4A7C15) % 2**64
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) % 2**64
        state ^= state >> 31
    return state % 2**63
