"""What the commands on single files share: paths that the user must give, and rows of text on the console."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.table import Table
from rich.text import Text

from locgraph.errors import ConfigError


def path_setting(cfg: DictConfig, name: str, usage: str) -> Path:
    """Return an absolute path that the user must give.

    Args:
        cfg: The configuration.
        name: The setting.
        usage: How the command is called, for the message.

    Raises:
        ConfigError: It is missing or empty.
    """
    given = None if OmegaConf.is_missing(cfg, name) else cfg[name]
    if given is None or not str(given).strip():
        raise ConfigError(f"expected a path; found none. Call it as: {usage}", setting=name)
    return Path(str(given)).resolve()


def fact_table(facts: Iterable[tuple[str, str]]) -> Table:
    """Return a table of names and values; as text, since rich would take ``[nm]`` for a colour."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for name, value in facts:
        table.add_row(name, Text(value))
    return table


def print_line(console: Console, text: str, **style: Any) -> None:
    """Print a line of any length without wrapping it."""
    console.print(Text(text, **style), soft_wrap=True)


def print_more(console: Console, number: int, shown: int, text: str) -> None:
    """Print how many of ``number`` are not ``shown``, if any."""
    if number > shown:
        print_line(console, f"... and {number - shown:,} more: {text}")
