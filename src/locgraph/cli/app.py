"""Starts a command under Hydra; errors that a user can mend end it with their message, without a stack trace."""

from __future__ import annotations

import functools
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any

import hydra
from dotenv import dotenv_values
from hydra.core.hydra_config import HydraConfig
from hydra.errors import CompactHydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from locgraph.api.config import config_dir
from locgraph.api.texts import quote_texts
from locgraph.cli.arguments import CHECKPOINT, MODEL, flags_first, name_checkpoint, names_model
from locgraph.cli.console import printable
from locgraph.cli.help import FLAGS, compose_only, help_text
from locgraph.errors import LocgraphError
from locgraph.storage import storage_error

TASKS = {
    "inspect": "locgraph.cli.commands.inspect_file",
    "view": "locgraph.cli.commands.view",
    "annotate": "locgraph.cli.commands.annotate",
    "import": "locgraph.cli.commands.import_files",
    "suggest": "locgraph.cli.commands.suggest",
    "simulate": "locgraph.cli.commands.simulate",
    "prepare": "locgraph.cli.commands.prepare",
    "train": "locgraph.cli.commands.train",
    "submit": "locgraph.cli.commands.submit",
    "eval": "locgraph.cli.commands.evaluate",
    "count": "locgraph.cli.commands.count",
    "embed": "locgraph.cli.commands.embed",
    "explore": "locgraph.cli.commands.explore",
    "explain": "locgraph.cli.commands.explain",
    "status": "locgraph.cli.commands.status",
    "summarise": "locgraph.cli.commands.summarise",
    "analyse": "locgraph.cli.commands.analyse",
    "compare": "locgraph.cli.commands.compare",
    "trust": "locgraph.cli.commands.trust",
    "stress": "locgraph.cli.commands.stress",
    "benchmark": "locgraph.cli.commands.benchmark",
    "average": "locgraph.cli.commands.average",
    "group": "locgraph.cli.commands.group",
    "report": "locgraph.cli.commands.report",
    "agreement": "locgraph.cli.commands.agreement",
    "annotations": "locgraph.cli.commands.annotations",
    "check-labels": "locgraph.cli.commands.check_labels",
    "pack": "locgraph.cli.commands.pack",
    "model": "locgraph.cli.commands.model",
}


_TABLE = (
    "a table does not hold what was expected; it may be damaged, or written by another version: remove the prepared "
    "data (paths.prepared_dir) or the run it belongs to, and run again. HYDRA_FULL_ERROR=1 shows where this happened"
)
"""In place of the message of polars, which speaks of expressions that no user wrote."""


class CommandError(CompactHydraException):
    """An error that the user can mend: Hydra prints its message alone and exits with status 1."""


def launch(command: str, given: Sequence[str]) -> None:
    """Run a command with Hydra's command line.

    Args:
        command: One of ``TASKS``.
        given: Overrides and Hydra's flags.
    """
    for name, value in dotenv_values(Path.cwd() / ".env").items():
        if value:
            os.environ.setdefault(name, value)
    # a log that cannot be written, as on a full disk, is no reason for a stack trace of each line
    logging.raiseExceptions = False
    arguments = [quote_texts(argument) for argument in flags_first(name_checkpoint(command, given))]
    typed = {CHECKPOINT: MODEL} if names_model(command, given) else {}
    asks_help = any(argument in FLAGS for argument in arguments)
    sys.argv = [f"locgraph {command}", *(compose_only(arguments) if asks_help else arguments)]

    def task(cfg: DictConfig) -> Any:
        if asks_help:
            return sys.stdout.write(help_text(cfg))
        # in a sweep it is the folder of the job, to which loggers write too
        OmegaConf.update(cfg, "paths.run_dir", HydraConfig.get().runtime.output_dir)
        return reported(import_module(TASKS[command]).run, typed)(cfg)

    hydra.main(version_base="1.3", config_path=str(config_dir()), config_name=command)(task)()


def reported(
    run: Callable[[DictConfig], Any], typed: Mapping[str, str] = MappingProxyType({})
) -> Callable[[DictConfig], Any]:
    """Turn errors that a user can mend into a ``CommandError`` with their message.

    Args:
        run: A command.
        typed: Name of a setting -> the name by which the user gave it.
    """

    @functools.wraps(run)
    def wrapped(cfg: DictConfig) -> Any:
        try:
            return run(cfg)
        except LocgraphError as error:
            error.setting = typed.get(error.setting or "", error.setting)
            raise CommandError(printable(f"{type(error).__name__}: {error}")) from error
        except MissingMandatoryValue as error:
            raise CommandError(f"ConfigError: {error.full_key}: a value is required") from error
        except OmegaConfBaseException as error:
            raise CommandError(f"ConfigError: {error}".strip()) from error
        except Exception as error:
            refused = storage_error(error)
            if refused is not None:
                raise CommandError(f"StorageError: {refused}") from error
            if type(error).__module__.split(".")[0] == "polars":
                raise CommandError(f"DataError: {_TABLE}") from error
            raise

    return wrapped
