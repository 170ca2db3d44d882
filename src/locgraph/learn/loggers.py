"""Loggers: csv always works; tensorboard and wandb need their extra. The only place that knows wandb."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable
from netrc import NetrcParseError, netrc
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger, WandbLogger

from locgraph.errors import ConfigError, MissingPackageError

_MODES = {"online": "online", "offline": "offline", "dryrun": "offline", "disabled": "disabled"}  # dryrun: old name


def csv_logger(folder: str) -> CSVLogger:
    """Metrics in ``metrics.csv`` of the run folder."""
    # each row is written at once, so that an interrupted run keeps its history
    return CSVLogger(save_dir=folder, name="", version="", flush_logs_every_n_steps=1)


def tensorboard_logger(folder: str) -> TensorBoardLogger:
    """Events in the folder ``tensorboard`` of the run folder.

    Raises:
        MissingPackageError: tensorboard is not installed.
    """
    _need("tensorboard", "tensorboard")
    return TensorBoardLogger(save_dir=folder, name="tensorboard", version="")


def wandb_logger(
    folder: str, project: str, name: str, group: str, mode: str | None = None, **settings: Any
) -> WandbLogger:
    """A wandb run: online where a key is set, offline otherwise.

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
            f"logger.wandb.mode (or WANDB_MODE) must be online, offline or disabled, or null, found {mode!r}"
        )
    Path(folder).mkdir(parents=True, exist_ok=True)
    # `offline=True` would set WANDB_MODE for every later run of this process
    return WandbLogger(save_dir=folder, project=project, name=name, group=group, mode=_MODES[mode], **settings)


def finish(loggers: Iterable[Logger]) -> None:
    """Ends wandb runs, so that the next fold of a sweep begins one of its own."""
    for logger in loggers:
        if isinstance(logger, WandbLogger):
            logger.experiment.finish()


def _key_is_set() -> bool:
    """Whether wandb will find a key: in ``WANDB_API_KEY``, or where ``wandb login`` keeps it."""
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
            f"logger={package} needs the package {package}, which is not installed: pip install 'locgraph[{extra}]', "
            "or choose logger=csv"
        ) from error
