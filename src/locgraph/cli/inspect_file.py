"""``locgraph inspect``: what a file holds, what seems to be wrong with it, and a picture."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table
from rich.text import Text

from locgraph import schema
from locgraph.cli import assemble, checks
from locgraph.cli.import_files import path_setting
from locgraph.errors import ConfigError
from locgraph.io.column_ranges import ColumnRange
from locgraph.io.converted import META_NOTES, META_SOURCE, META_SOURCE_METADATA, read_converted
from locgraph.io.header import NOTE
from locgraph.io.inspection import Inspection, inspect
from locgraph.io.label_map import SCOPE
from locgraph.io.units import unit_in_name
from locgraph.show.figures.style import save_figure
from locgraph.show.figures.thumbnail import thumbnail_figure

_MOST_COUNTS: Final = 12
_LONGEST_VALUE: Final = 60
_MOST_KEYS: Final = 12
_TOLD: Final = (
    *(schema.META_LABEL, schema.META_LABEL_MAP, schema.META_GROUP, schema.META_DIMENSIONS),
    *(schema.META_UNITS, schema.META_CHANNELS, schema.META_CHANNEL_LABELS, schema.META_RECIPE, schema.META_COUNTS),
    *(META_SOURCE, META_SOURCE_METADATA, META_NOTES, NOTE, SCOPE),
)
"""Metadata that is told in words, or only of use to locgraph."""


def run(cfg: DictConfig) -> Inspection:
    """Prints what a file holds, and draws it.

    Raises:
        LocgraphError: The file cannot be read at all, or a setting cannot work.
    """
    path = path_setting(cfg, "source")
    checks.check_values(cfg)
    target = thumbnail_path(cfg, path)
    found = inspect(path, assemble.build(cfg.columns), cfg.limits.max_refused_fraction)
    console = Console()
    show(found, console)
    if target and found.locs is not None and not found.locs.is_empty():
        save_figure(thumbnail_figure(found.locs, path.name), target)
        console.print(Text(f"picture: {target}"), soft_wrap=True)
    return found


def thumbnail_path(cfg: DictConfig, path: Path) -> Path | None:
    """Where the picture goes; None where none is wanted.

    Raises:
        ConfigError: ``thumbnail`` is no name of a PNG.
    """
    if cfg.thumbnail is False:
        return None
    if cfg.thumbnail is None:
        return Path(cfg.paths.output_dir) / "inspect" / f"{path.name}.png"
    target = Path(str(cfg.thumbnail))
    if target.suffix.lower() != ".png":
        raise ConfigError(f"thumbnail: expected the name of a PNG to write, null or false; found {cfg.thumbnail}")
    return target


def show(found: Inspection, console: Console) -> None:
    """Prints an inspection."""
    console.print(Text(str(found.path), style="bold"), soft_wrap=True)
    facts = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    facts.add_column(no_wrap=True, style="bold")
    facts.add_column(overflow="fold")
    for name, words in _facts(found):
        # as text: rich would take [nm] for a colour
        facts.add_row(name, Text(words))
    console.print(facts)
    console.print(_columns(found))
    for problem in found.problems:
        console.print(Text(f"! {problem}"), style="yellow", soft_wrap=True)
    if found.error:
        console.print(Text(f"cannot be read with these settings: {found.error}"), style="red", soft_wrap=True)
    if found.suggestion:
        console.print(Text(f"these settings may fit; check names and unit:\n  {found.suggestion}"), soft_wrap=True)


def _facts(found: Inspection) -> list[tuple[str, str]]:
    software = found.software or "not known by its columns"
    facts = [
        ("format", f"{found.reader}, {found.n_bytes:,} bytes"),
        ("software", software),
        ("rows", f"{found.rows:,}"),
    ]
    if found.locs is not None:
        facts.append(("localisations", f"{found.locs.height:,} in {found.dimensions}D{_extent(found)}"))
        facts += [("refused", f"{count:,} rows: {reason}") for reason, count in found.refused.items()]
    if found.frames:
        facts.append(("frames", f"{found.frames[0]:,} to {found.frames[1]:,} in the file; the first becomes 0"))
    converted = read_converted(found.path)
    if converted:
        facts.append(("imported from", str(converted.source.get("path"))))
    facts += [("channels", _counted(found.channels))] if found.channels else []
    facts += [("classes of localisations", _counted(found.loc_classes))] if found.loc_classes else []
    if found.class_names:
        facts.append(("class", f"{found.label or 'none'}, of {', '.join(found.class_names)}"))
    facts += [("group", found.group)] if found.group else []
    keys = [(key, value) for key, value in found.metadata.items() if key not in _TOLD]
    facts += [("metadata", f"{key} = {shortened(value)}") for key, value in keys[:_MOST_KEYS]]
    if len(keys) > _MOST_KEYS:
        facts.append(("", f"... and {len(keys) - _MOST_KEYS:,} more: {', '.join(key for key, _ in keys[_MOST_KEYS:])}"))
    return facts + [("note", note) for note in found.notes]


def _counted(counts: Mapping[str, int]) -> str:
    shown = [f"{name}: {n:,}" for name, n in list(counts.items())[:_MOST_COUNTS]]
    more = len(counts) - len(shown)
    return ", ".join(shown) + (f" and {more:,} more" if more > 0 else "")


def _extent(found: Inspection) -> str:
    spans = [
        column.high - column.low
        for column in found.columns
        if column.canonical in schema.position_columns(found.dimensions or 2)
        and column.low is not None
        and column.high is not None
    ]
    return f", {' x '.join(length_words(span) for span in spans)}" if spans else ""


def length_words(nm: float) -> str:
    """A length to three digits, in the unit that reads best."""
    for factor, unit in ((1e6, "mm"), (1e3, "µm")):
        if nm >= factor:
            return f"{nm / factor:.3g} {unit}"
    return f"{nm:.3g} nm"


def number_words(value: float | None) -> str:
    """A number to five digits; nothing where there is none."""
    if value is None:
        return ""
    if value == round(value) and abs(value) < 1e12:
        return f"{int(value):,}"
    size = math.floor(math.log10(abs(value)))
    if not -4 <= size < 9:
        return f"{value:.4e}"
    words = f"{value:,.{max(0, 4 - size)}f}"
    return words.rstrip("0").rstrip(".") if "." in words else words


def _columns(found: Inspection) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for name in ("column", "in the file"):
        table.add_column(name, overflow="fold")
    for name in ("smallest", "median", "largest", "missing"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("unit")
    for column in found.columns:
        numbers = [number_words(value) for value in (column.low, column.median, column.high)]
        cells = (column.canonical or "not taken", _source(column), *numbers, f"{column.missing:,}", _unit(column))
        table.add_row(*map(Text, cells), style=None if column.canonical else "dim")
    return table


def _source(column: ColumnRange) -> str:
    name, unit = shortened(column.source), column.source_unit
    return name if unit in (None, unit_in_name(column.source)) else f"{name} in {unit}"


def _unit(column: ColumnRange) -> str:
    """Unit of the values; their type, where only the user knows the unit."""
    return column.dtype if column.unit is None else ("" if column.unit == "1" else column.unit)


def shortened(text: str) -> str:
    """A text on one line, cut where it is long."""
    words = " ".join(text.split())
    return words if len(words) <= _LONGEST_VALUE else f"{words[: _LONGEST_VALUE - 3]}..."
