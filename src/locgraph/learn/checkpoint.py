"""Reading a checkpoint: plain settings and tensors, never pickled code."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any

import torch

from locgraph.errors import CheckpointError
from locgraph.learn.module import CHECKPOINT_KEY

FORMAT = 2
"""Version of what a checkpoint records; raised when an older one could no longer be read."""


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint holds for prediction.

    Attributes:
        path: The file.
        weights: Parameters of the network.
        record: Plain values: class names, sizes, scaler, feature names, settings, versions.
        epoch: Epoch after which it was written.
    """

    path: Path
    weights: dict[str, torch.Tensor]
    record: dict[str, Any]
    epoch: int


def read_checkpoint(path: Path, setting: str = "ckpt_path") -> Checkpoint:
    """Reads a checkpoint that ``train`` wrote.

    Args:
        path: The ``.ckpt`` file.
        setting: The setting that named it, for messages.

    Returns:
        Its content.

    Raises:
        CheckpointError: The file is absent, damaged, holds more than plain values and tensors, is no locgraph
            checkpoint, or is of a format that this version cannot read.
    """
    named = f"{setting}={path}"
    if not path.is_file():
        raise CheckpointError(f"{named}: no such file; expected RUN/checkpoints/best.ckpt of a training run")
    if not zipfile.is_zipfile(path):
        raise CheckpointError(f"{named}: cannot be read: it is truncated, or no checkpoint at all")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{named}: refused: it holds more than plain values and tensors, which could run code ({error})"
        ) from error
    except (OSError, RuntimeError, EOFError, zipfile.BadZipFile, KeyError) as error:
        raise CheckpointError(f"{named}: cannot be read, it may be damaged ({error})") from error
    record = content.get(CHECKPOINT_KEY) if isinstance(content, dict) else None
    if not isinstance(record, dict) or "format" not in record or not {"state_dict", "epoch"} <= content.keys():
        raise CheckpointError(f"{named}: not a locgraph checkpoint; expected one that train.py wrote")
    if record["format"] != FORMAT:
        raise CheckpointError(
            f"{named}: written in format {record['format']} by locgraph {record['versions']['locgraph']}, "
            f"this version reads format {FORMAT}; use a version of locgraph that fits, or train again"
        )
    prefix = "network."
    weights = {name[len(prefix) :]: value for name, value in content["state_dict"].items() if name.startswith(prefix)}
    return Checkpoint(path, weights, record, int(content["epoch"]))


def check_continues(checkpoint: Checkpoint, record: Mapping[str, Any]) -> None:
    """Refuses to go on with an interrupted run whose data have changed since.

    Args:
        checkpoint: The last checkpoint of the run.
        record: What the run would record now.

    Raises:
        CheckpointError: Classes or features, also in another order, sizes, or the sides of the fold differ.
    """
    for key in ("class_names", "localisation_classes", "units", "sizes", "split"):
        before, now = checkpoint.record.get(key), record.get(key)
        # names of features count in their order, which dicts do not compare
        if before != now or (isinstance(before, dict) and list(before) != list(now or {})):
            raise CheckpointError(
                f"{checkpoint.path}: this run cannot go on, its data have changed: `{key}` was {_shortened(before)}, "
                f"is {_shortened(now)}; bring the data back, or choose another paths.run_dir"
            )


def _shortened(value: Any) -> str:
    return shorten(str(value), 300, placeholder=" ...")


def load_weights(network: torch.nn.Module, checkpoint: Checkpoint) -> None:
    """Puts the weights of a checkpoint into a network of the same shape.

    Raises:
        CheckpointError: The shapes or names differ.
    """
    try:
        network.load_state_dict(checkpoint.weights)
    except RuntimeError as error:
        raise CheckpointError(f"{checkpoint.path}: its weights do not fit the model it describes: {error}") from error
