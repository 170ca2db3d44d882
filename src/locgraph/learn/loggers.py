"""Loggers: csv always works; tensorboard and wandb need their extra. The only place that knows wandb."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable, Mapping, Sequence
from netrc import NetrcParseError, netrc
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import polars as pl
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger, WandbLogger
from PIL import Image

from locgraph.errors import ConfigError, MissingPackageError

_COMPARED = ("accuracy", "balanced_accuracy")
_MODES = {"online": "online", "offline": "offline", "dryrun": "offline", "disabled": "disabled"}  # dryrun: old name


def csv_logger(folder: str) -> CSVLogger:
    """Return a logger to ``metrics.csv`` of the run folder."""
    # each row is written at once, so that an interrupted run keeps its history
    return CSVLogger(save_dir=folder, name="", version="", flush_logs_every_n_steps=1)


def tensorboard_logger(folder: str) -> TensorBoardLogger:
    """Return a logger of events to the folder ``tensorboard`` of the run folder.

    Raises:
        MissingPackageError: tensorboard is not installed.
    """
    _need("tensorboard", "tensorboard")
    return TensorBoardLogger(save_dir=folder, name="tensorboard", version="")


def wandb_logger(
    folder: str, project: str, name: str, group: str, mode: str | None = None, **settings: Any
) -> WandbLogger:
    """Return the logger of a wandb run: online where a key is set, offline otherwise.

    Args:
        folder: Run folder.
        project: Project on the dashboard.
        name: Name of the run.
        group: What the folds of a sweep share.
        mode: ``online``, ``offline`` or ``disabled``; null takes ``WANDB_MODE``, or online where a key is found.
        **settings: Further arguments of ``wandb.init``, such as ``entity`` and ``tags``.

    Raises:
        MissingPackageError: wandb is not installed.
        ConfigError: There is no such mode.
    """
    _need("wandb", "wandb")
    mode = mode or os.environ.get("WANDB_MODE") or ("online" if _key_is_set() else "offline")
    if mode not in _MODES:
        raise ConfigError(
            f"expected online, offline, disabled or null (or WANDB_MODE one of these), found {mode!r}", setting="mode"
        )
    Path(folder).mkdir(parents=True, exist_ok=True)
    # `offline=True` would set WANDB_MODE for every later run of this process
    return WandbLogger(save_dir=folder, project=project, name=name, group=group, mode=_MODES[mode], **settings)


def finish(loggers: Iterable[Logger]) -> None:
    """End wandb runs, so that the next fold of a sweep begins one of its own."""
    for logger in loggers:
        if isinstance(logger, WandbLogger):
            logger.experiment.finish()


def _key_is_set() -> bool:
    """Return whether wandb will find a key: in ``WANDB_API_KEY``, or where ``wandb login`` keeps it."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    host = urlsplit(os.environ.get("WANDB_BASE_URL") or "https://api.wandb.ai").hostname
    try:
        return netrc(os.environ.get("NETRC")).authenticators(str(host)) is not None
    except (OSError, NetrcParseError):
        return False


def _need(package: str, extra: str) -> None:
    try:
        importlib.import_module(package)
    except ImportError as error:
        raise MissingPackageError(
            f"this logger needs the package {package}, which is not installed: pip install 'locgraph[{extra}]', or "
            "train without it"
        ) from error


def log_figures(loggers: Sequence[Logger], paths: Sequence[Path]) -> None:
    """Pass pictures that exist to the loggers that take pictures."""
    for path in paths:
        if not path.is_file():
            continue
        for logger in loggers:
            if isinstance(logger, WandbLogger):
                logger.log_image(path.stem, [str(path)])
            elif isinstance(logger, TensorBoardLogger):
                logger.experiment.add_image(path.stem, np.asarray(Image.open(path)), dataformats="HWC")


def log_tables(loggers: Sequence[Logger], metrics: Mapping[str, Any], predictions: pl.DataFrame | None) -> None:
    """Pass predictions, scores beside the controls, and the confusion matrix to the loggers that take tables.

    Args:
        loggers: Of the run.
        metrics: Content of ``metrics.json``.
        predictions: Those of FOVs; None where the model predicts localisations alone.
    """
    names = list(metrics["class_names"])
    network = {"control": "network", **{name: metrics["test"].get(name) for name in _COMPARED}}
    rows = [network, *metrics["controls"]]
    tables = {
        "scores": (["method", *_COMPARED], [[row[name] for name in ("control", *_COMPARED)] for row in rows]),
        "confusion": (
            ["truth", *names],
            [[name, *row] for name, row in zip(names, metrics["confusion_matrix"], strict=True)],
        ),
    }
    if predictions is not None:
        tables["predictions"] = (predictions.columns, [list(row) for row in predictions.rows()])
    for logger in loggers:
        if isinstance(logger, WandbLogger):
            for key, (columns, data) in tables.items():
                logger.log_table(key, columns=columns, data=data)
