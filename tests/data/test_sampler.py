"""The order of training FOVs."""

import itertools

import pytest

from locgraph.data.sampler import EpochSampler, mix


def drawn(epoch, seed=0, size=50):
    sampler = EpochSampler(size, seed)
    sampler.set_epoch(epoch)
    return list(sampler)


@pytest.mark.parametrize("size", [0, 1, 50])
def test_every_fov_once_with_the_epoch(size):
    keys = drawn(7, size=size)

    assert sorted(keys) == [(7, index) for index in range(size)]
    assert len(EpochSampler(size, 0)) == size


def test_order_depends_on_seed_and_epoch_alone():
    indices = {key: [index for _, index in drawn(*key)] for key in itertools.product(range(4), range(4))}

    assert len({tuple(order) for order in indices.values()}) == 16
    assert drawn(3, seed=2) == drawn(3, seed=2)


def test_resumed_sampler_goes_on():
    whole = EpochSampler(20, 1)
    orders = []
    for epoch in range(3):
        whole.set_epoch(epoch)
        orders.append(list(whole))

    assert drawn(2, seed=1, size=20) == orders[2]


def test_mixed_seeds_are_distinct_and_fit_a_generator():
    seeds = [mix(*numbers) for numbers in itertools.product(range(12), repeat=3)] + [mix(i) for i in range(12)]

    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert mix(0, 1) != mix(1, 0)


def test_neighbouring_seeds_differ_in_half_of_their_bits():
    differences = [(mix(0, i) ^ mix(0, i + 1)).bit_count() for i in range(500)]

    assert sum(differences) / 500 == pytest.approx(63 / 2, abs=1.0)
