"""Keeps Lightning from saying what tells a user nothing."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_TELLS_NOTHING = (
    ".*does not have many workers.*",  # loading in this process is a choice
    ".*The number of training batches.*",  # small data is no fault
    ".*Checkpoint directory .* exists and is not empty.*",  # a run that goes on, on purpose
    ".*Experiment logs directory .* exists and is not empty.*",  # its history is kept by training/history.py
    ".*AMP with fp16 is not supported on CPU.*",  # said in the log, in our words
    ".*is not supported by the model summary.*",
    ".*isinstance\\(treespec, LeafSpec\\).*",  # a deprecation inside Lightning
)


@contextmanager
def quiet() -> Iterator[None]:
    """Hides what tells a user nothing, while Lightning works, and puts everything back after."""
    chatter = logging.getLogger("lightning.pytorch.utilities.rank_zero")
    level = chatter.level
    chatter.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            for message in _TELLS_NOTHING:
                warnings.filterwarnings("ignore", message=message)
            yield
    finally:
        chatter.setLevel(level)
