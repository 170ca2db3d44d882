"""Learning rates over the whole of training."""

import math

import pytest
import torch

from locgraph.errors import ConfigError
from locgraph.training.schedules import Constant, WarmupCosine


def rates(schedule, steps, lr=2.0):
    """The rate of each step, and the one after the last."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    scheduler = schedule(optimizer, steps)
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return [*found, optimizer.param_groups[0]["lr"]]


def test_rises_in_a_line_then_falls_along_half_a_cosine():
    found = rates(WarmupCosine(warmup_fraction=0.2, final_fraction=0.1), 20)

    assert found[:4] == pytest.approx([0.5, 1.0, 1.5, 2.0])
    cosine = [2.0 * (0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * i / 16))) for i in range(17)]
    assert found[4:] == pytest.approx(cosine)
    assert found[12] == pytest.approx(2.0 * 0.55)
    assert found[-1] == pytest.approx(0.2)


def test_without_warmup_starts_at_the_full_rate():
    found = rates(WarmupCosine(warmup_fraction=0.0, final_fraction=0.0), 10)

    assert found[0] == 2.0
    assert found == sorted(found, reverse=True)
    assert found[-1] == pytest.approx(0.0)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_very_short_training(steps):
    found = rates(WarmupCosine(), steps)

    assert all(0.0 < rate <= 2.0 for rate in found)


def test_stays_at_the_end_where_training_goes_on_longer():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = WarmupCosine(final_fraction=0.25)(optimizer, 4)
    for _ in range(10):
        optimizer.step()
        scheduler.step()

    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.25)


def test_constant():
    assert rates(Constant(), 5) == [2.0] * 6


def test_state_is_plain(tmp_path):
    for schedule in (WarmupCosine(), Constant()):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        torch.save(schedule(optimizer, 10).state_dict(), tmp_path / "state.pt")
        assert torch.load(tmp_path / "state.pt", weights_only=True)["last_epoch"] == 0


@pytest.mark.parametrize("fractions", [(1.0, 0.0), (-0.1, 0.0), (0.1, 1.1), (0.1, -0.1)])
def test_fractions_out_of_range(fractions):
    with pytest.raises(ConfigError, match=r"training.schedule expects warmup_fraction in \[0, 1\) and final_fraction"):
        WarmupCosine(*fractions)
