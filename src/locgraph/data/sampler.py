"""Samplers: the training FOVs of an epoch and their order, by seed and epoch alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import torch
from torch import Generator
from torch.utils.data import Sampler

from locgraph.errors import ConfigError


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


class Shard(Sampler[tuple[int, ...]]):
    """The part of one process of several that train together: its FOVs of each batch of all processes.

    A batch of all processes holds the same FOVs as that of one process alone. Where the last one has fewer FOVs than
    there are processes, it is repeated, so that every process takes part in every step.

    Args:
        sampler: FOVs of an epoch, the same in each process.
        batch_size: FOVs of a batch of all processes.
        rank: Index of this process.
        world_size: Number of processes.

    Raises:
        ConfigError: ``batch_size`` cannot be shared equally.
    """

    def __init__(self, sampler: EpochSampler, batch_size: int, rank: int, world_size: int) -> None:
        if batch_size % world_size:
            raise ConfigError(
                f"expected a multiple of the {world_size} processes of trainer.devices, which share each batch, found "
                f"{batch_size}",
                setting="batch_size",
            )
        self.sampler, self.batch_size, self.rank, self.world_size = sampler, batch_size, rank, world_size

    def set_epoch(self, epoch: int) -> None:
        """Choose the shuffle of ``epoch``."""
        self.sampler.set_epoch(epoch)

    def __iter__(self) -> Iterator[tuple[int, ...]]:
        """Yield the FOVs of this process, as `EpochSampler` does."""
        keys = list(self.sampler)
        for start in range(0, len(keys), self.batch_size):
            batch = keys[start : start + self.batch_size]
            yield from batch[self.rank :: self.world_size] or [batch[self.rank % len(batch)]]

    def whole_size(self, index: int) -> int:
        """Return the number of FOVs in batch ``index`` of all processes."""
        return min(self.batch_size, len(self.sampler) - index * self.batch_size)

    def __len__(self) -> int:
        """Return the number of FOVs of this process in an epoch."""
        whole, rest = divmod(len(self.sampler), self.batch_size)
        own = len(range(self.rank, rest, self.world_size))
        return whole * (self.batch_size // self.world_size) + (max(own, 1) if rest else 0)


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
