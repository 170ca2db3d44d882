"""The LightningModule: its precision, its scores, its schedule, and that training is repeatable."""

import math

import numpy as np
import pytest
import torch
from lightning.pytorch import Callback
from sklearn import metrics
from torch import nn

from locgraph.errors import ConfigError
from locgraph.learn.losses import CrossEntropy
from locgraph.learn.optimisation import OneCycle, Plateau


class Spy(nn.Module):
    """Notes for each pass whether 16-bit autocast was on, and whether it was training."""

    def __init__(self, network):
        super().__init__()
        self.network, self.seen = network, set()

    def forward(self, batch):
        self.note()
        return self.network(batch)

    def encode(self, batch):
        self.note()
        return self.network.encode(batch)

    def classify(self, encoded):
        return self.network.classify(encoded)

    def note(self):
        self.seen.add((self.training, torch.is_autocast_enabled("cpu")))


class Losses(Callback):
    """The loss of each batch."""

    def __init__(self):
        self.values = []

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_index):
        self.values.append(outputs["loss"].item())


def all_probabilities(trainer, module, loader):
    batches = trainer.predict(module, loader)
    names = [name for batch in batches for name in batch.fov_ids]
    return names, torch.cat([batch.probabilities for batch in batches])


def test_training_without_end_has_no_schedule(make_module, make_data, make_trainer):
    with pytest.raises(ConfigError, match=r"trainer\.max_epochs: expected a number"):
        make_trainer(max_epochs=-1).fit(make_module(), make_data())


# on a CPU lightning takes bfloat16 for 16-mixed and says so
@pytest.mark.filterwarnings("ignore:You passed .Trainer.accelerator='cpu', precision='16-mixed'.:UserWarning")
def test_trains_in_16_bits_and_evaluates_in_32(make_module, make_data, make_trainer):
    module, data = make_module(), make_data()
    module.network = spy = Spy(module.network)
    trainer = make_trainer(precision="16-mixed")

    trainer.fit(module, data)
    trainer.test(module, data, verbose=False)
    names, found = all_probabilities(trainer, module, data.test_dataloader())

    assert spy.seen == {(True, True), (False, False)}
    _, expected = all_probabilities(make_trainer(precision="32-true"), module, data.test_dataloader())
    assert names == list(data.split.test)
    assert torch.equal(found, expected)


def test_batch_size_does_not_change_predictions(make_module, make_data, make_trainer):
    module, trainer = make_module(), make_trainer()
    trainer.fit(module, make_data())
    names, expected = all_probabilities(trainer, module, make_data(6).test_dataloader())

    for batch_size in (1, 4):
        again, found = all_probabilities(trainer, module, make_data(batch_size).test_dataloader())
        assert again == names
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_scores_equal_those_of_scikit_learn(make_module, make_data, make_trainer):
    module, data, trainer = make_module(), make_data(4), make_trainer()
    trainer.fit(module, data)

    for side in ("val", "test"):
        run = {"val": trainer.validate, "test": trainer.test}[side]
        (scores,) = run(module, data, verbose=False)
        names, probabilities = all_probabilities(trainer, module, getattr(data, f"{side}_dataloader")())
        truth, predicted = np.array(data.targets(names)), probabilities.argmax(dim=1).numpy()
        expected = {
            "accuracy": metrics.accuracy_score(truth, predicted),
            "balanced_accuracy": metrics.balanced_accuracy_score(truth, predicted),
            "f1": metrics.f1_score(truth, predicted, average="macro"),
            "auroc": metrics.roc_auc_score(truth, probabilities[:, 1]),
            "loss": -probabilities[range(len(truth)), truth].log().mean().item(),
        }
        assert scores == pytest.approx({f"{side}/{name}": value for name, value in expected.items()}, rel=1e-5)


def test_same_seed_same_losses(make_module, make_data, make_trainer):
    losses = []
    for seed in (0, 0, 1):
        spy = Losses()
        make_trainer(callbacks=[spy]).fit(make_module(seed=seed), make_data())
        losses.append(spy.values)

    assert len(losses[0]) == 6
    assert losses[0] == losses[1]
    # the weights are the same: dropout alone follows the seed of the module
    assert losses[0] != losses[2]


def test_learns(make_module, make_data, make_trainer):
    module, data = make_module(lr=5e-2, dropout=0.0), make_data()
    trainer = make_trainer(max_epochs=12)
    trainer.fit(module, data)

    (scores,) = trainer.test(module, data, verbose=False)

    assert scores["test/accuracy"] == 1.0
    assert scores["test/loss"] < 0.3


def test_weights_of_classes_are_not_in_the_checkpoint(make_module):
    module = make_module(loss=CrossEntropy(torch.tensor([1.0, 2.0])))

    assert not [name for name in module.state_dict() if not name.startswith("network.")]


def test_schedule_takes_a_step_with_each_batch(make_module, make_data, make_trainer):
    trainer, module = make_trainer(max_epochs=2), make_module(lr=1.0)
    trainer.fit(module, make_data())

    (config,) = trainer.lr_scheduler_configs
    assert config.scheduler.last_epoch == 6
    assert config.scheduler.get_last_lr() == [pytest.approx(0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi)))]


def test_one_cycle_has_its_last_step_with_the_last_batch(make_module, make_data, make_trainer):
    trainer = make_trainer(max_epochs=2)
    trainer.fit(make_module(lr=1.0, schedule=OneCycle()), make_data())

    (config,) = trainer.lr_scheduler_configs
    assert config.scheduler.last_epoch == config.scheduler.total_steps == 6


class Rates(Callback):
    """The rate of each epoch, and the validation loss before it."""

    def __init__(self):
        self.rates, self.losses = [], []

    def on_train_epoch_start(self, trainer, module):
        self.rates.append(trainer.optimizers[0].param_groups[0]["lr"])
        self.losses.append(trainer.callback_metrics.get("val/loss", torch.tensor(math.inf)).item())


def test_plateau_sees_the_validation_loss_of_each_epoch_once(make_module, make_data, make_trainer):
    spy = Rates()
    schedule = Plateau(factor=0.5, patience=0, final_fraction=0.0)

    make_trainer(max_epochs=8, callbacks=[spy]).fit(make_module(lr=0.5, schedule=schedule), make_data())

    expected, best = [0.5], math.inf
    for loss in spy.losses[1:]:
        expected.append(expected[-1] * (1.0 if loss < best else 0.5))
        best = min(best, loss)
    assert spy.rates == pytest.approx(expected)
    assert len(set(expected)) > 2
