"""The order of training FOVs."""

import itertools
from collections import Counter

import pytest
import torch

from locgraph.data.sampler import BalancedSampler, EpochSampler, Shard, mix
from locgraph.errors import ConfigError


def drawn(epoch, seed=0, size=50):
    sampler = EpochSampler([0] * size, seed)
    sampler.set_epoch(epoch)
    return list(sampler)


@pytest.mark.parametrize("size", [0, 1, 50])
def test_every_fov_once_with_the_epoch(size):
    keys = drawn(7, size=size)

    assert sorted(keys) == [(7, index) for index in range(size)]
    assert len(EpochSampler([0] * size, 0)) == size


def test_order_depends_on_seed_and_epoch_alone():
    indices = {key: [index for _, index in drawn(*key)] for key in itertools.product(range(4), range(4))}

    assert len({tuple(order) for order in indices.values()}) == 16
    assert drawn(3, seed=2) == drawn(3, seed=2)


def test_resumed_sampler_goes_on():
    whole = EpochSampler([0] * 20, 1)
    orders = []
    for epoch in range(3):
        whole.set_epoch(epoch)
        orders.append(list(whole))

    assert drawn(2, seed=1, size=20) == orders[2]


def test_order_is_that_of_a_shuffle_with_the_mixed_seed():
    order = torch.randperm(9, generator=torch.Generator().manual_seed(mix(5, 2))).tolist()

    assert drawn(2, seed=5, size=9) == [(2, index) for index in order]


RARE = [0] * 12 + [1] * 2 + [3]


def balanced(epoch, seed=0, targets=RARE):
    sampler = BalancedSampler(targets, seed)
    sampler.set_epoch(epoch)
    assert len(sampler) == len(targets)
    return list(sampler)


@pytest.mark.parametrize("epoch", range(5))
def test_classes_come_equally_often_and_fovs_of_a_class_take_turns(epoch):
    keys = balanced(epoch)

    counts = Counter(key[1] for key in keys)
    assert Counter(RARE[key[1]] for key in keys) == {0: 5, 1: 5, 3: 5}
    assert {counts[index] for index in range(12)} == {0, 1}
    assert sorted((counts[12], counts[13])) == [2, 3]
    # what is drawn for a FOV that comes again follows from a key of its own
    assert len(set(keys)) == 15
    assert sorted(key for key in keys if key[1] == 14) == [(epoch, 14), *((epoch, 14, again) for again in range(1, 5))]


def test_what_is_left_over_goes_to_another_class_each_time():
    lengths = [Counter(key[1] // 5 for key in balanced(epoch, targets=[0] * 5 + [1] * 6)) for epoch in range(40)]

    assert {frozenset((count[0], count[1] + count[2])) for count in lengths} == {frozenset((5, 6))}
    assert {count[0] for count in lengths} == {5, 6}


def test_equal_classes_come_whole():
    keys = balanced(3, targets=[0, 1, 0, 1])

    assert sorted(keys) == [(3, index) for index in range(4)]
    assert balanced(0, targets=[]) == []


def test_balanced_draws_depend_on_seed_and_epoch_alone():
    draws = {key: tuple(balanced(*key)) for key in itertools.product(range(3), range(3))}
    torch.manual_seed(1)

    assert len({tuple(key[1] for key in keys) for keys in draws.values()}) == 9
    assert tuple(balanced(2, 1)) == draws[2, 1]


@pytest.mark.parametrize(
    ("n_fovs", "batch_size", "world_size"), [(12, 4, 2), (13, 4, 2), (14, 4, 2), (7, 6, 3), (8, 4, 4)]
)
def test_processes_share_the_batches_of_one(n_fovs, batch_size, world_size):
    alone = EpochSampler([0] * n_fovs, 5)
    shards = [Shard(EpochSampler([0] * n_fovs, 5), batch_size, rank, world_size) for rank in range(world_size)]
    for sampler in (alone, *shards):
        sampler.set_epoch(3)
    keys = list(alone)
    whole = [set(keys[start : start + batch_size]) for start in range(0, n_fovs, batch_size)]
    parts = [list(shard) for shard in shards]
    each = batch_size // world_size
    batches = [[part[start : start + each] for start in range(0, len(part), each)] for part in parts]

    assert [shards[0].whole_size(index) for index in range(len(whole))] == [len(batch) for batch in whole]
    assert [len(part) for part in parts] == [len(shard) for shard in shards]
    # as many steps in each process, and in each step the FOVs of the whole batch
    assert {len(steps) for steps in batches} == {len(whole)}
    assert [{key for steps in batches for key in steps[step]} for step in range(len(whole))] == whole
    assert sum(map(len, parts)) - n_fovs == max(0, world_size - n_fovs % batch_size) * bool(n_fovs % batch_size)


def test_a_batch_that_cannot_be_shared_is_refused():
    with pytest.raises(ConfigError, match="batch_size: expected a multiple of the 2 processes"):
        Shard(EpochSampler([0, 0], 0), 3, 0, 2)


def test_mixed_seeds_are_distinct_and_fit_a_generator():
    seeds = [mix(*numbers) for numbers in itertools.product(range(12), repeat=3)] + [mix(i) for i in range(12)]

    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert mix(0, 1) != mix(1, 0)


def test_neighbouring_seeds_differ_in_half_of_their_bits():
    differences = [(mix(0, i) ^ mix(0, i + 1)).bit_count() for i in range(500)]

    assert sum(differences) / 500 == pytest.approx(63 / 2, abs=1.0)
