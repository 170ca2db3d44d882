"""Training in several processes, started by this one; only the first of them writes files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import lightning.pytorch as lightning
import torch
from torch.multiprocessing.spawn import ProcessRaisedException

from locgraph.data.datamodule import GraphDataModule
from locgraph.errors import ConfigError, LocgraphError
from locgraph.learn.module import Learner
from locgraph.learn.run import RunWriter

_ENVIRONMENT: Final = {
    "PYTHONWARNINGS": "ignore::UserWarning,ignore::FutureWarning",
    "TORCH_CPP_LOG_LEVEL": "ERROR",
}
"""Of the processes: hides advice of Lightning, as `parts.quiet` does in this one, and of PyTorch."""


def fit_in_processes(
    trainer: lightning.Trainer, learner: Learner, data: GraphDataModule, writer: RunWriter, resumed: Path | None
) -> tuple[int, int]:
    """Train with one process for each device.

    Args:
        trainer: With a strategy that spawns processes.
        learner: The network; afterwards it has the weights of the last step.
        data: The data of the fold, of which every process takes a part.
        writer: The run folder.
        resumed: Checkpoint to continue from; None starts anew.

    Returns:
        Epochs and optimiser steps.

    Raises:
        ConfigError: There are fewer validation FOVs than processes.
        LocgraphError: A process stopped with an error of locgraph.
    """
    if data.split.val and len(data.split.val) < trainer.num_devices:
        raise ConfigError(
            f"expected at most as many devices as validation FOVs ({len(data.split.val)}), found {trainer.num_devices}",
            setting="trainer.devices",
        )
    try:
        with _environment():
            trainer.fit(learner, data, ckpt_path=resumed, weights_only=True)
    except ProcessRaisedException as error:
        name, _, reason = str(error).strip().splitlines()[-1].partition(": ")
        if not name.startswith("locgraph.errors."):
            raise
        raise LocgraphError(f"{reason} (in a process of training)") from error
    writer.join_history()
    # the trainer of this process has not counted
    history = writer.history()
    # its loggers begin anew, which would overwrite what those of the processes wrote
    writer.set_history_aside()
    if history is None:
        return 1, 1
    return int(history["epoch"].max()) + 1, int(history["step"].max()) + 1  # type: ignore[arg-type]


@contextmanager
def _environment() -> Iterator[None]:
    """Give the processes the number of threads and the warnings of this one, while the block runs."""
    changes = {**_ENVIRONMENT, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
