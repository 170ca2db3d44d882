"""The moving average of the weights: its formula, and where it is used."""

import pytest
import torch
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import ModelCheckpoint

from locgraph.errors import ConfigError
from locgraph.learn.checkpoint import read_checkpoint
from locgraph.learn.optimisation import MovingAverage


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
    with pytest.raises(ConfigError, match=rf"training\.average\.decay must be at least 0 and below 1, found {decay}"):
        MovingAverage(decay)
