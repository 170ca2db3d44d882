"""What is hidden while Lightning works, and that it is hidden no longer."""

import logging
import re
import warnings

import pytest

from locgraph.api.training.parts import quiet

CHATTER = logging.getLogger("lightning.pytorch.utilities.rank_zero")


def state():
    return CHATTER.level, list(warnings.filters)


@pytest.mark.parametrize("level", [logging.NOTSET, logging.DEBUG, logging.ERROR])
def test_levels_and_filters_are_put_back(monkeypatch, level):
    monkeypatch.setattr(CHATTER, "level", level)
    before = state()

    with quiet():
        assert CHATTER.level == logging.WARNING
        assert warnings.filters != before[1]

    assert state() == before


def test_they_are_put_back_after_an_exception():
    before = state()

    with pytest.raises(ZeroDivisionError), quiet():
        raise ZeroDivisionError

    assert state() == before


@pytest.mark.parametrize(
    "message",
    [
        "The 'train_dataloader' does not have many workers which may be a bottleneck.",
        "The number of training batches (1) is smaller than the logging interval",
        "Checkpoint directory /runs/checkpoints exists and is not empty.",
        "AMP with fp16 is not supported on CPU. Using bf16 instead.",
    ],
)
def test_warnings_of_no_use_to_a_user_are_hidden(message):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with quiet():
            warnings.warn(message, stacklevel=1)
        with pytest.raises(UserWarning, match=re.escape(message)):
            warnings.warn(message, stacklevel=1)


def test_other_warnings_are_shown():
    with quiet(), pytest.warns(UserWarning, match="the loss is NaN"):
        warnings.warn("the loss is NaN", stacklevel=1)


def test_lightning_may_still_warn(caplog):
    with quiet():
        CHATTER.info("GPU available: False")
        CHATTER.warning("something is wrong")

    assert caplog.messages == ["something is wrong"]
