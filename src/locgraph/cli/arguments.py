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
