"""The console of all commands, on which no name from data is taken for anything but text, and rows of text on it."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderableType
from rich.logging import RichHandler
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from locgraph.errors import ConfigError

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""All but tab and line feed: escapes change colours, titles and what was printed before, marks turn the direction."""


def printable(text: str) -> str:
    """Return a text without characters that command a terminal; each is shown as a question mark in a box."""
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)


class TextConsole(Console):
    """Console on which names of classes, FOVs and paths are text: no markup, no emoji, no control characters."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **settings)

    def render_str(self, text: str, **settings: Any) -> Text:
        """Return a text as it is printed; before its width is measured."""
        return super().render_str(printable(text), **settings)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yield what is printed, without the control characters that are left in all that is text."""
        for segment in super().render(renderable, options):
            # they have no width, so that nothing may take their place here
            yield segment if segment.control else Segment(_CONTROLS.sub("", segment.text), segment.style)


class ConsoleHandler(RichHandler):
    """Log handler that writes to a `TextConsole`."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(console=TextConsole(), **settings)

    def render_message(self, record: logging.LogRecord, message: str) -> ConsoleRenderable:
        """Return the message of a record as it is printed."""
        return super().render_message(record, printable(message))


class PlainFormatter(logging.Formatter):
    """Log formatter without control characters, for files that are shown on a terminal later."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        return printable(super().format(record))


def path_setting(cfg: DictConfig, name: str, usage: str) -> Path:
    """Return an absolute path that the user must give.

    Args:
        cfg: The configuration.
        name: The setting.
        usage: How the command is called, for the message.

    Raises:
        ConfigError: It is missing or empty.
    """
    return Path(_given(cfg, name, usage)).resolve()


def model_setting(cfg: DictConfig, name: str, usage: str) -> Path:
    """Return the absolute path of a trained model that the user must give: by its path, or a packed one by its name.

    Args:
        cfg: The configuration.
        name: The setting.
        usage: How the command is called, for the message.

    Raises:
        ConfigError: It is missing or empty, or there is no packed model of this name.
    """
    from locgraph.api.packs.cache import locate  # tables, which help does not need

    return locate(_given(cfg, name, usage), name).resolve()


def _given(cfg: DictConfig, name: str, usage: str) -> str:
    given = None if OmegaConf.is_missing(cfg, name) else cfg[name]
    if given is None or not str(given).strip():
        raise ConfigError(f"expected a path; found none. Call it as: {usage}", setting=name)
    return str(given)


def fact_table(facts: Iterable[tuple[str, str]]) -> Table:
    """Return a table of names and values; as text, since rich would take ``[nm]`` for a colour."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for name, value in facts:
        table.add_row(name, Text(printable(value)))
    return table


def print_line(console: Console, text: str, **style: Any) -> None:
    """Print a line of any length without wrapping it."""
    console.print(Text(printable(text), **style), soft_wrap=True)


def print_more(console: Console, number: int, shown: int, text: str) -> None:
    """Print how many of ``number`` are not ``shown``, if any."""
    if number > shown:
        print_line(console, f"... and {number - shown:,} more: {text}")
