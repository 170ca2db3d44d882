"""``locgraph inspect``: content and possible faults of one file, and a picture."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table
from rich.text import Text

from locgraph.api.config import plain
from locgraph.build import build
from locgraph.cli.console import TextConsole, fact_table, path_setting, print_line
from locgraph.errors import ConfigError, within
from locgraph.io.description import NOT_TAKEN, describe, describe_columns
from locgraph.io.header import Sources
from locgraph.io.inspection import Inspection, inspect
from locgraph.io.suggestion import ColumnSuggestion
from locgraph.settings import check_number
from locgraph.show.figures.style import save_figure
from locgraph.show.figures.thumbnail import thumbnail_figure

UNKNOWN = "???"


def run(cfg: DictConfig) -> Inspection:
    """Print the content of a file, and draw it.

    Raises:
        LocgraphError: The file cannot be read at all, or a setting cannot work.
    """
    path = path_setting(cfg, "source", "locgraph inspect FILE")
    with within("limits"):
        limit = check_number("max_refused_fraction", cfg.limits.max_refused_fraction, at_least=0, at_most=1)
    target = thumbnail_path(cfg, path)
    inspection = inspect(path, build(plain(cfg.columns), "columns"), limit)
    console = TextConsole()
    show(inspection, console)
    if target and inspection.locs is not None and not inspection.locs.is_empty():
        save_figure(thumbnail_figure(inspection.locs, path.name), target)
        print_line(console, f"picture: {target}")
    return inspection


def thumbnail_path(cfg: DictConfig, path: Path) -> Path | None:
    """Return where the picture goes; None where none is wanted.

    Raises:
        ConfigError: ``thumbnail`` is no name of a PNG.
    """
    if cfg.thumbnail is False:
        return None
    if cfg.thumbnail is None:
        return Path(cfg.paths.output_dir) / "inspect" / f"{path.name}.png"
    target = Path(str(cfg.thumbnail))
    if target.suffix.lower() != ".png":
        raise ConfigError(
            f"expected the name of a PNG to write, null or false; found {cfg.thumbnail}", setting="thumbnail"
        )
    return target


def show(inspection: Inspection, console: Console) -> None:
    """Print an inspection."""
    print_line(console, str(inspection.path), style="bold")
    console.print(fact_table(describe(inspection)))
    columns = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for name in ("column", "in the file"):
        columns.add_column(name, overflow="fold")
    for name in ("smallest", "median", "largest", "missing"):
        columns.add_column(name, justify="right", no_wrap=True)
    columns.add_column("unit")
    for row in describe_columns(inspection):
        columns.add_row(*map(Text, row), style="dim" if row[0] == NOT_TAKEN else None)
    console.print(columns)
    for problem in inspection.problems:
        print_line(console, f"! {problem}", style="yellow")
    if inspection.error:
        print_line(console, f"cannot be read with these settings: {inspection.error}", style="red")
    if inspection.suggestion:
        show_suggestion(inspection.suggestion, console)


def show_suggestion(suggestion: ColumnSuggestion, console: Console) -> None:
    """Print suggested columns as settings, and what only the user knows."""
    print_line(console, f"these settings may fit; check them:\n  {overrides(suggestion)}")
    if suggestion.needs_units:
        print_line(
            console,
            f"replace each {UNKNOWN} by the unit (nm, um, m or px) that the software which wrote the file uses, or "
            "leave the column out of names and units; where one is px, add columns.pixel_size_nm",
        )
    if suggestion.doubtful:
        doubts = ", ".join(f'"{name}" ({what})' for name, what in suggestion.doubtful.items())
        print_line(console, f"not proposed: {doubts}")


def overrides(suggestion: ColumnSuggestion) -> str:
    """Return suggested columns as settings for the command line, ``???`` where only the user knows the value."""
    names = ", ".join(f"{canonical}: {_quoted(source)}" for canonical, source in suggestion.names.items())
    units = ", ".join(f"{canonical}: {unit or UNKNOWN}" for canonical, unit in suggestion.units.items())
    settings = ["columns=custom", *([f"'columns.table=\"{suggestion.table}\"'"] if suggestion.table else [])]
    settings += [f"'columns.names={{{names}}}'", f"columns.unit={suggestion.unit or UNKNOWN}"]
    settings += [f"'columns.units={{{units}}}'"] if units else []
    settings += [f"columns.pixel_size_nm={UNKNOWN}"] if suggestion.needs_pixel_size else []
    return " ".join(settings)


def _quoted(source: Sources) -> str:
    return f'"{source}"' if isinstance(source, str) else f"[{', '.join(map(_quoted, source))}]"
