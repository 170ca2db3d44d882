"""A run that was interrupted and goes on equals one that was not."""

import pytest
import torch
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import EarlyStopping, LearningRateMonitor, ModelCheckpoint
from polars.testing import assert_frame_equal

from locgraph.api.training.parts import history_logger
from locgraph.data.sampler import BalancedSampler
from locgraph.learn.checkpoint import read_checkpoint
from locgraph.learn.losses import Focal, ManifoldMixup
from locgraph.learn.optimisation import MovingAverage, OneCycle, Plateau
from locgraph.learn.run import RunWriter

NAMES = tuple(f"f{i:02}" for i in range(20))  # as in conftest: the classes take turns


class PowerCutError(Exception):
    """Ends a run."""


class Cut(Callback):
    """Ends a run before one batch of one epoch."""

    def __init__(self, epoch, batch):
        self.when = epoch, batch

    def on_train_batch_start(self, trainer, module, batch, batch_index):
        if (trainer.current_epoch, batch_index) == self.when:
            raise PowerCutError


@pytest.fixture
def run(make_module, make_data, make_trainer):
    """Trains in a folder, from its last checkpoint if there is one."""

    def run(folder, cut=None, workers=0, lr=1e-2, average=None, data=None, **changes):
        callbacks = [
            ModelCheckpoint(folder, "best", "val/loss", enable_version_counter=False),
            ModelCheckpoint(folder, "last", enable_version_counter=False),
            EarlyStopping("val/loss", patience=30),
            LearningRateMonitor("epoch"),
            *([MovingAverage(average)] if average else []),
            *([Cut(*cut)] if cut else []),
        ]
        module, last = make_module(lr=lr, **changes), folder / "last.ckpt"
        data = make_data(num_workers=workers, **data or {})
        writer = RunWriter(folder, {"fold": {}})
        writer.set_history_aside()
        logger = history_logger(folder)
        trainer = make_trainer(max_epochs=4, callbacks=callbacks, logger=logger, enable_checkpointing=True)
        trainer.fit(module, data, ckpt_path=last if last.is_file() else None, weights_only=True)
        writer.join_history()
        return module.state_dict()

    return run


def same_weights(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


# the folder holds the first part of the run, which is the point
@pytest.mark.filterwarnings("ignore:(Checkpoint|Experiment logs) directory .* exists and is not empty:UserWarning")
# Python 3.12 warns of any fork in a process with threads, which torch always has
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize(
    ("cut", "workers", "lr"),
    [((2, 0), 0, 1e-2), ((3, 1), 0, 0.5), ((2, 0), 1, 1e-2)],
    ids=["between epochs", "within an epoch, best epoch first", "loading processes"],
)
def test_resumed_equals_uninterrupted(cut, workers, lr, run, tmp_path):
    whole = run(tmp_path / "whole", lr=lr)
    with pytest.raises(PowerCutError):
        run(tmp_path / "parts", cut, workers, lr)
    assert torch.load(tmp_path / "parts" / "last.ckpt", weights_only=True)["epoch"] == cut[0] - 1

    parts = run(tmp_path / "parts", None, workers, lr)

    assert same_weights(parts, whole)
    best = [read_checkpoint(tmp_path / name / "best.ckpt") for name in ("whole", "parts")]
    assert best[0].epoch == best[1].epoch
    assert same_weights(best[0].weights, best[1].weights)
    tables = [RunWriter(tmp_path / name, {"fold": {}}).history() for name in ("whole", "parts")]
    assert_frame_equal(tables[0], tables[1], check_column_order=False)
    assert tables[0]["val/loss"].drop_nulls().arg_min() == best[0].epoch


# of its ten FOVs eight are of one class
UNEQUAL = (*NAMES[:10:2], *NAMES[10:14:2], NAMES[14], NAMES[1], NAMES[3])

PARTS = {
    "moving average": {"average": 0.9},
    "moving average, one cycle, mix-up": {"average": 0.9, "schedule": OneCycle(), "mixup": ManifoldMixup(0.5)},
    "plateau": {"lr": 0.5, "schedule": Plateau(patience=0)},
    "balanced classes, focal loss": {"data": {"sampler": BalancedSampler, "train": UNEQUAL}, "loss": Focal()},
}


@pytest.mark.filterwarnings("ignore:(Checkpoint|Experiment logs) directory .* exists and is not empty:UserWarning")
@pytest.mark.parametrize("cut", [(2, 0), (3, 1)], ids=["between epochs", "within an epoch"])
@pytest.mark.parametrize("parts", PARTS.values(), ids=PARTS)
def test_every_part_of_training_resumes_exactly(parts, cut, run, tmp_path):
    whole = run(tmp_path / "whole", **parts)
    with pytest.raises(PowerCutError):
        run(tmp_path / "parts", cut, **parts)

    assert same_weights(run(tmp_path / "parts", **parts), whole)
    contents = [torch.load(tmp_path / name / "last.ckpt", weights_only=True) for name in ("whole", "parts")]
    for key in ("state_dict", *(["current_model_state", "averaging_state"] if "average" in parts else [])):
        assert same_weights(*(content[key] for content in contents))
    assert contents[0]["lr_schedulers"] == contents[1]["lr_schedulers"]
    assert_frame_equal(
        *(RunWriter(tmp_path / name, {"fold": {}}).history() for name in ("whole", "parts")), check_column_order=False
    )
