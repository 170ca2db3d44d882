"""The arguments of a command: Hydra's flags, and overrides."""

from __future__ import annotations

import re
from collections.abc import Sequence

FLAGS_WITH_VALUE = (
    *("-c", "--cfg", "-p", "--package", "-cp", "--config-path", "-cn", "--config-name", "-cd", "--config-dir"),
    *("-i", "--info", "--experimental-rerun"),
)
"""Of Hydra: what follows one of them is no path."""

OVERRIDE = re.compile(r"[A-Za-z_][\w./@:]*=")


CHECKPOINT, MODEL = "ckpt_path", "model"
"""The setting that names a trained model, and its other name on the command line."""

TAKE_MODEL = ("eval", "explain", "stress", "count", "embed")
"""Commands with this setting; of all others ``model`` is a config group."""


def names_model(command: str, arguments: Sequence[str]) -> bool:
    """Return whether the model of a command is given as ``model=``."""
    return command in TAKE_MODEL and any(argument.startswith(f"{MODEL}=") for argument in arguments)


def name_checkpoint(command: str, arguments: Sequence[str]) -> list[str]:
    """Return the arguments of a command with ``ckpt_path=`` for ``model=``, which Hydra would take for the group.

    A model may thus be given by either name; of both, Hydra takes the last.
    """
    if not names_model(command, arguments):
        return list(arguments)
    return [
        f"{CHECKPOINT}={argument.removeprefix(f'{MODEL}=')}" if argument.startswith(f"{MODEL}=") else argument
        for argument in arguments
    ]


def flags_first(arguments: Sequence[str]) -> list[str]:
    """Return the arguments of a command with Hydra's flags, and their values, before the overrides.

    Python's argparse, which Hydra uses, refuses overrides on both sides of a flag.
    """
    flags: list[str] = []
    others: list[str] = []
    flag = ""
    for argument in arguments:
        is_value = flag in FLAGS_WITH_VALUE and OVERRIDE.match(argument) is None
        (flags if argument.startswith("-") or is_value else others).append(argument)
        flag = argument
    return [*flags, *others]
