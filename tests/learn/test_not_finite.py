"""A loss or prediction that is not finite ends training at once, with the step and what to try."""

import json

import pytest
import torch
from torch import nn

from locgraph.errors import NotFiniteError
from locgraph.learn.losses import CrossEntropy
from locgraph.learn.tasks.fov import FovPrediction
from locgraph.learn.tasks.localisation import LocalisationPrediction


class Failing(nn.Module):
    """Cross-entropy that is multiplied by a value from one call on."""

    def __init__(self, first, value):
        super().__init__()
        self.loss, self.left, self.value = CrossEntropy(), first, value

    def forward(self, logits, target):
        self.left -= 1
        return self.loss(logits, target) * (self.value if self.left < 0 else 1.0)


# three batches in each epoch
@pytest.mark.parametrize(("first", "value", "step", "epoch"), [(0, "nan", 0, 0), (4, "nan", 4, 1), (4, "inf", 4, 1)])
def test_the_loss(make_module, make_data, make_trainer, first, value, step, epoch):
    module = make_module(lr=0.02, loss=Failing(first, float(value)))

    with pytest.raises(NotFiniteError) as raised:
        make_trainer(max_epochs=3).fit(module, make_data())

    message = str(raised.value)
    assert message.startswith(f"the loss is not finite since step {step} (epoch {epoch}): {value}.")
    for words in (
        "training.optimizer.lr (the rate is 0.0",
        "trainer.precision=32-true",
        "gradient_clip_val (it is 1.0)",
    ):
        assert words in message


def test_weights_of_validation(make_module, make_data, make_trainer):
    module = make_module()
    module.on_validation_epoch_start = lambda: spoil(module)

    with pytest.raises(NotFiniteError, match=r"^the validation loss .* since step 3 \(epoch 0\): .*f10, f11"):
        make_trainer().fit(module, make_data())


def spoil(module):
    """Make one weight of the head NaN."""
    with torch.no_grad():
        next(module.network.head.parameters()).fill_(torch.nan)


def test_predictions_name_fovs_and_weights(make_module, make_data, make_trainer):
    module, data = make_module(), make_data()
    spoil(module)

    with pytest.raises(NotFiniteError, match=r"prediction of f14, .* is not finite: 1 weights .* such as head"):
        make_trainer().predict(module, data.evaluation_dataloader(data.split.test))


def test_predictions_of_single_fovs():
    good, bad = torch.tensor([[0.5, 0.5]]), torch.tensor([[0.5, torch.nan]])
    fovs = FovPrediction(["a", "b"], torch.zeros(2), torch.cat([good, bad]))
    assert fovs.not_finite() == ["b"]
    rows = [(torch.zeros(1), bad), (torch.zeros(1), good)]
    assert LocalisationPrediction(None, ["a", "b"], rows).not_finite() == ["a"]
    assert LocalisationPrediction(fovs, ["a", "b"], rows).not_finite() == ["a", "b"]


def test_the_command_says_so_and_records_it(trained, fails, tmp_path):
    overrides = (*trained.overrides, "training.optimizer.lr=1e30", "training/schedule=constant", "controls=false")
    message = fails(trained.folder, "train", *overrides, f"paths.run_dir={tmp_path / 'run'}")

    assert "NotFiniteError: the " in message
    assert "is not finite since step 1 (epoch 0)" in message
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (record["state"], record["error"]) == ("failed", "NotFiniteError")
    assert record["reason"] in message
