"""Loggers from settings: any Lightning logger by its ``_target_``, opened before a run and closed after it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, Final

from lightning.pytorch.loggers import (
    CometLogger,
    CSVLogger,
    Logger,
    MLFlowLogger,
    TensorBoardLogger,
    WandbLogger,
)

from locgraph.api.config import Settings
from locgraph.build import PARTIAL, TARGET, build, find_class
from locgraph.errors import ConfigError, LocgraphError, MissingPackageError
from locgraph.learn.loggers.base import About
from locgraph.learn.loggers.send import Guarded, finish, send
from locgraph.learn.run import code_state

log = logging.getLogger(__name__)

_PACKAGES: Final = {
    CometLogger: "comet_ml",
    MLFlowLogger: "mlflow",
    TensorBoardLogger: "tensorboard",
    WandbLogger: "wandb",
}
_EXTRAS: Final = ("wandb", "tensorboard")
_BEGIN_LATER: Final = (CSVLogger, TensorBoardLogger, WandbLogger)
"""Loggers whose constructor creates nothing yet."""


def check_loggers(settings: Settings) -> None:
    """Check the loggers, so that a missing package or wrong setting is known before any work.

    Raises:
        MissingPackageError: A package is not installed.
        ConfigError: A setting cannot work, or a class is no logger.
    """
    for name, leaf in (settings["logger"] or {}).items():
        setting = f"logger.{name}"
        if not isinstance(leaf, Mapping) or TARGET not in leaf:
            raise ConfigError(f"expected a {TARGET}, the full name of a logger class, found {leaf!r}", setting=setting)
        _check_package(str(leaf[TARGET]).partition(".")[0], setting)
        kind = find_class(str(leaf[TARGET]), setting)
        for known, package in _PACKAGES.items():
            if isinstance(kind, type) and issubclass(kind, known):
                _check_package(package, setting)
        # some constructors begin a run already, which has to wait for its turn: of these the arguments are checked
        begins_later = isinstance(kind, type) and issubclass(kind, _BEGIN_LATER)
        build(leaf if begins_later else {**leaf, PARTIAL: True}, setting)


def _check_package(package: str, setting: str) -> None:
    if find_spec(package) is None:
        install = f"locgraph[{package}]" if package in _EXTRAS else package
        raise MissingPackageError(
            f"needs the package {package}, which is not installed: pip install '{install}', or leave the logger out",
            setting=setting,
        )


def open_logger(name: str, leaf: Mapping[str, Any]) -> Guarded | None:
    """Return one logger of the group ``logger``; None where it cannot begin, such as without network.

    Raises:
        MissingPackageError: Its package needs another one that is not installed.
        ConfigError: A setting cannot work, or the class is no logger.
    """
    setting = f"logger.{name}"
    try:
        logger = build(leaf, setting)
    except LocgraphError:
        raise
    except ImportError as error:
        raise MissingPackageError(f"needs a package that is not installed: {error}", setting=setting) from error
    except Exception as error:  # noqa: BLE001 each package has errors of its own, and none may stop a run
        log.warning(
            "the logger %s cannot begin, the run goes on without it (%s: %s)", name, type(error).__name__, error
        )
        return None
    if not isinstance(logger, Logger):
        raise ConfigError(f"expected a Lightning logger, found a {type(logger).__name__}", setting=setting)
    return Guarded(name, logger)


@contextmanager
def logged(settings: Settings, about: About) -> Iterator[list[Guarded]]:
    """Open the loggers of the group ``logger`` with all settings, and close them, also after an error.

    Args:
        settings: All settings; ``logger`` may be empty.
        about: What the run is.

    Yields:
        The loggers; from then on none of them can stop the run.
    """
    begun = [open_logger(name, leaf) for name, leaf in (settings["logger"] or {}).items()]
    loggers = [logger for logger in begun if logger is not None]
    failed = True
    try:
        send(loggers, lambda tracker: tracker.describe(about))
        if loggers:
            shown = {**settings, "git": code_state()}
            for guarded in loggers:
                guarded.logger.log_hyperparams(shown)
        yield loggers
        failed = False
    finally:
        finish(loggers, failed)
