"""Learning rates over the whole of training, and the moving average of the weights."""

import math

import pytest
import torch
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import ModelCheckpoint

from locgraph.errors import ConfigError
from locgraph.learn.checkpoint import read_checkpoint
from locgraph.learn.optimisation import Constant, MovingAverage, OneCycle, Plateau, WarmupCosine


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


def test_one_cycle_rises_and_falls_along_cosines():
    schedule = OneCycle(warmup_fraction=0.5, initial_fraction=0.1, final_fraction=0.01)
    found = rates(schedule, 11)[:-1]

    # torch counts the steps between the first and the last one: it rises for 0.5 * 11 - 1, falls for 0.5 * 11
    rising = [2.0 * (1 - 0.9 * 0.5 * (1 + math.cos(math.pi * i / 4.5))) for i in range(5)]
    falling = [2.0 * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (i - 4.5) / 5.5))) for i in range(5, 11)]
    assert found == pytest.approx(rising + falling)
    assert (found[0], found[-1]) == pytest.approx((0.2, 0.02))


def test_one_cycle_turns_momentum_the_other_way():
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=1.0, betas=(0.9, 0.99))
    scheduler = OneCycle(warmup_fraction=0.5, momentum=[0.8, 0.95])(optimizer, 10)
    found = []
    for _ in range(10):
        found.append(optimizer.param_groups[0]["betas"])
        optimizer.step()
        scheduler.step()

    betas = [beta for beta, _ in found]
    assert (betas[0], min(betas), betas[-1]) == pytest.approx((0.95, 0.8, 0.95))
    assert {second for _, second in found} == {0.99}
    plain = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], betas=(0.9, 0.99))
    OneCycle(momentum=None)(plain, 10)
    assert plain.param_groups[0]["betas"] == (0.9, 0.99)


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 10])
@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5])
def test_one_cycle_of_a_very_short_training(steps, fraction):
    found = rates(OneCycle(warmup_fraction=fraction), steps)

    assert all(0.0 < rate <= 2.0 + 1e-9 for rate in found[:-1])


def test_one_cycle_needs_momentum():
    optimizer = torch.optim.Adagrad([torch.nn.Parameter(torch.zeros(1))])

    with pytest.raises(ConfigError, match=r"momentum: .*must support momentum.*; set it to null"):
        OneCycle()(optimizer, 10)


def test_plateau_halves_the_rate_where_the_loss_stays():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = Plateau(factor=0.5, patience=1, final_fraction=0.2)(optimizer, 100)
    found = []
    for loss in (3.0, 2.0, 2.0, 2.0, 1.999, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0):
        optimizer.step()
        scheduler.step(loss)
        found.append(optimizer.param_groups[0]["lr"])

    assert found == pytest.approx([1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25, 0.25, 0.2, 0.2, 0.2])


def test_state_is_plain(tmp_path):
    for schedule in (WarmupCosine(), Constant(), OneCycle(), Plateau()):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        torch.save(schedule(optimizer, 10).state_dict(), tmp_path / "state.pt")
        assert torch.load(tmp_path / "state.pt", weights_only=True)["last_epoch"] == 0


@pytest.mark.parametrize("fractions", [(1.0, 0.0), (-0.1, 0.0), (0.1, 1.1), (0.1, -0.1)])
def test_fractions_out_of_range(fractions):
    with pytest.raises(ConfigError, match=r"warmup_fraction: expected warmup_fraction in \[0, 1\) and final_fraction"):
        WarmupCosine(*fractions)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"warmup_fraction": 0.0}, r"warmup_fraction in \(0, 1\).*found 0.0, 0.04 and 4e-06"),
        ({"warmup_fraction": 1.0}, r"warmup_fraction in \(0, 1\).*found 1.0"),
        ({"initial_fraction": 0.0}, r"initial_fraction and final_fraction in \(0, 1\], found 0.3, 0.0"),
        ({"final_fraction": 1.1}, r"initial_fraction and final_fraction in \(0, 1\], found 0.3, 0.04 and 1.1"),
        ({"momentum": [0.9]}, r"momentum: expected two numbers in \[0, 1\).*found \[0.9\]"),
        ({"momentum": [0.9, 0.8]}, r"momentum: expected two numbers .*the lower one first"),
    ],
)
def test_settings_of_one_cycle_out_of_range(change, message):
    with pytest.raises(ConfigError, match=message):
        OneCycle(**change)


@pytest.mark.parametrize("change", [{"factor": 0.0}, {"factor": 1.0}, {"patience": -1}, {"final_fraction": 1.1}])
def test_settings_of_plateau_out_of_range(change):
    with pytest.raises(ConfigError, match=r"factor: expected factor in \(0, 1\), patience of at least 0"):
        Plateau(**change)


def copied(module):
    return {name: value.detach().clone() for name, value in module.network.named_parameters()}


class Spy(Callback):
    """Weights after each step, and those that each validation sees."""

    def __init__(self):
        self.trained, self.validated = [], []

    def on_train_batch_end(self, trainer, module, *_):
        self.trained.append(copied(module))

    def on_validation_batch_start(self, trainer, module, batch, batch_index):
        self.validated.append(copied(module))


def averages(trained, decay):
    """The average after each step."""
    average, found = trained[0], [trained[0]]
    for n, weights in enumerate(trained[1:], start=1):
        d = min(decay, (1 + n) / (10 + n))
        average = {name: d * value + (1 - d) * weights[name] for name, value in average.items()}
        found.append(average)
    return found


@pytest.fixture
def fitted(make_module, make_data, make_trainer, tmp_path):
    """Trains two epochs of three steps: the module, the trainer, the spy and the folder of the last checkpoint."""

    def fit(decay):
        module, spy = make_module(), Spy()
        callbacks = [MovingAverage(decay), spy, ModelCheckpoint(tmp_path, "last", enable_version_counter=False)]
        trainer = make_trainer(callbacks=callbacks, enable_checkpointing=True)
        trainer.fit(module, make_data())
        return module, trainer, spy

    return fit


@pytest.mark.parametrize("decay", [0.0, 0.2, 0.99])
def test_average_follows_the_formula(decay, fitted):
    module, _, spy = fitted(decay)

    expected = averages(spy.trained, decay)
    assert len(expected) == 6
    torch.testing.assert_close(copied(module), expected[-1])
    # 3 steps an epoch, one batch of validation
    torch.testing.assert_close(spy.validated, [expected[2], expected[5]])
    same = all(torch.equal(value, spy.trained[-1][name]) for name, value in copied(module).items())
    assert same == (decay == 0.0)


def test_checkpoints_hold_the_average_for_prediction_and_the_weights_for_going_on(fitted, tmp_path):
    module, _, spy = fitted(0.99)

    checkpoint = read_checkpoint(tmp_path / "last.ckpt")
    weights = torch.load(tmp_path / "last.ckpt", weights_only=True)["current_model_state"]

    for name, value in copied(module).items():
        assert torch.equal(checkpoint.weights[name], value)
        assert torch.equal(weights[f"network.{name}"], spy.trained[-1][name])


def test_training_is_what_it_is_without(fitted, make_module, make_data, make_trainer):
    _, _, spy = fitted(0.99)
    plain = Spy()
    make_trainer(callbacks=[plain]).fit(make_module(), make_data())

    for one, other in zip(plain.trained, spy.trained, strict=True):
        assert all(torch.equal(value, other[name]) for name, value in one.items())


def test_a_later_validation_takes_the_weights_that_are_there(fitted, make_data):
    module, trainer, spy = fitted(0.99)
    for parameter in module.network.parameters():
        torch.nn.init.zeros_(parameter)

    trainer.validate(module, make_data(), verbose=False)

    assert all((value == 0).all() for value in spy.validated[-1].values())


@pytest.mark.parametrize("decay", [-0.1, 1.0])
def test_decay_out_of_range(decay):
    with pytest.raises(ConfigError, match=rf"decay: expected a number in \[0, 1\), found {decay}"):
        MovingAverage(decay)
