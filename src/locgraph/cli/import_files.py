"""``locgraph import``: files of any software to canonical parquet, with a table of what was taken and what was not."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.table import Table
from rich.text import Text

from locgraph import schema
from locgraph.cli import assemble, checks
from locgraph.cli.prepare import progress
from locgraph.errors import ConfigError, DataError
from locgraph.io.converted import ROWS_READ, ROWS_REFUSED, Converted
from locgraph.io.units import PIXEL, SQUARES, unit_in_name
from locgraph.preparation.convert import Conversion, ConvertRecipe, check_target, convert, find_sources
from locgraph.provenance import versions, write_json

RECORD: Final = "import.json"
"""File in the target folder that says what was imported into it, and how."""

_IMPORTS: Final = "imports"
_SHOWN: Final = 10


def run(cfg: DictConfig) -> Conversion:
    """Converts what is not up to date, writes the record and prints the table.

    Raises:
        LocgraphError: The source cannot be read, the target holds other files, or too many FOVs failed.
    """
    source, target = path_setting(cfg, "source"), path_setting(cfg, "target")
    checks.check_values(cfg)
    if not source.exists():
        raise DataError(f"source: expected a file or a folder at {source}; found none")
    check_target(source, target)
    earlier = read_record(target / RECORD)
    columns = assemble.build(cfg.columns)
    catalogue = find_sources(source, columns, assemble.build(cfg.labels), assemble.build(cfg.groups))
    settings = {"columns": assemble.plain(cfg.columns), "max_refused_fraction": cfg.limits.max_refused_fraction}
    recipe = ConvertRecipe(columns, cfg.limits.max_refused_fraction, settings)
    done = convert(catalogue, recipe, source, target, assemble.build(cfg.executor), progress)
    labelling = {"labels": assemble.plain(cfg.labels), "groups": assemble.plain(cfg.groups)}
    write_json(target / RECORD, {_IMPORTS: earlier | {str(source): record(done, settings | labelling)}})
    console = Console()
    show(done, target, console)
    # where too many failed, the error lists them
    done.manifest.check_failures(cfg.limits.max_failed_fraction)
    show_failures(done.manifest.failures, target, console)
    return done


def path_setting(cfg: DictConfig, name: str) -> Path:
    """An absolute path that the user must give.

    Raises:
        ConfigError: It is missing or empty.
    """
    given = None if OmegaConf.is_missing(cfg, name) else cfg[name]
    if given is None or not str(given).strip():
        usage = "locgraph import SRC DST" if cfg.name == "import" else "locgraph inspect FILE"
        raise ConfigError(f"{name}: expected a path; found none. Call it as: {usage}")
    return Path(str(given)).resolve()


def read_record(path: Path) -> dict[str, Any]:
    """Source -> what an earlier import of it recorded; empty where there was none.

    Raises:
        DataError: There is a file of this name that is no such record.
    """
    if not path.exists():
        return {}
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))[_IMPORTS])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"target: expected no {RECORD} but that of an earlier import; found another file, {path}. Choose another "
            "target, or move it away"
        ) from error


def record(done: Conversion, settings: dict[str, Any]) -> dict[str, Any]:
    """What is written down of one import: the files hold the rest."""
    return {
        "settings": settings,
        "versions": versions(),
        "fovs": {
            fov_id: {"source": dict(about.source), "counts": dict(about.counts), "notes": list(about.notes)}
            for fov_id, about in done.files.items()
        },
        "failures": dict(sorted(done.manifest.failures.items())),
    }


def show(done: Conversion, target: Path, console: Console) -> None:
    """Prints what was taken, what was refused and what was left behind."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for name, words in _rows(done, list(done.files.values())):
        # as text: rich would take [nm] for a colour
        table.add_row(name, Text(words))
    console.print(table)
    for path in done.outdated[:_SHOWN]:
        words = f"outdated: {path} was imported earlier, and could not be confirmed now; mend its source, or remove it"
        console.print(Text(words), style="yellow", soft_wrap=True)
    _say_more(console, len(done.outdated), "outdated files")
    console.print(Text(f"files: {target}"), soft_wrap=True)


def show_failures(failures: Mapping[str, str], target: Path, console: Console) -> None:
    """Prints why FOVs failed, the first of them."""
    for fov_id, reason in sorted(failures.items())[:_SHOWN]:
        console.print(Text(f"failed {fov_id}: {reason}"), style="red", soft_wrap=True)
    _say_more(console, len(failures), f"all are in {target / RECORD}")


def _rows(done: Conversion, files: list[Converted]) -> list[tuple[str, str]]:
    failed = len(done.manifest.failures)
    kept = sum(about.counts[schema.N_LOCALISATIONS] for about in files)
    read, refused = (sum(about.counts[name] for about in files) for name in (ROWS_READ, ROWS_REFUSED))
    reasons: Counter[str] = Counter()
    for about in files:
        reasons.update(about.refused)
    dimensions = " and ".join(f"{number}D" for number in sorted({about.dimensions for about in files}))
    rows = [
        ("FOVs", f"{len(done.made):,} converted, {len(files) - len(done.made):,} up to date, {failed:,} failed"),
        ("localisations", f"{kept:,} in {dimensions}" if files else "none"),
        ("rows refused", f"{refused:,} of {read:,}"),
        *(("", f"{count:,}: {reason}") for reason, count in reasons.most_common()),
        *_columns(files),
    ]
    optional = [
        ("classes", ", ".join(f"{name} {n}" for name, n in _counts(about.label for about in files))),
        ("groups", f"{len({about.group for about in files} - {None})}"),
        ("notes", _counted(about.notes for about in files)),
        ("not asked for", _labels_left(files)),
    ]
    return rows + [(name, words) for name, words in optional if words not in ("", "0")]


def _columns(files: list[Converted]) -> Iterator[tuple[str, str]]:
    """What was taken and what was not, for each software."""
    kinds = {about.source.get("software") for about in files}
    for kind in sorted(kinds, key=str):
        same = [about for about in files if about.source.get("software") == kind]
        start = "" if kinds == {None} else f"{kind or 'other'} ({_fovs(len(same))}): "
        yield "columns taken", start + _counted(_taken(about) for about in same)
        left = _counted(about.recipe["not_taken"] for about in same)
        yield "not taken", start + (left or "none, all were taken")


def _taken(about: Converted) -> list[str]:
    """Each column as ``x from x [nm]``, with the unit where its name does not tell it."""
    units, pixel = about.recipe["units"], about.recipe["pixel_size_nm"]
    words = []
    for name, sources in about.recipe["names"].items():
        unit = units.get(name)
        size = f" of {pixel:g} nm" if unit and SQUARES.get(unit, unit) == PIXEL else ""
        stated = unit is None or all(unit_in_name(source) == unit for source in sources)
        words.append(f"{name} from {' and '.join(sources)}" + ("" if stated and not size else f" in {unit}{size}"))
    return words


def _counted(found: Iterable[Iterable[str]]) -> str:
    """What was found in each FOV, most frequent first; in how many, where not in all."""
    each = [list(words) for words in found]
    counts = Counter(words for found_there in each for words in found_there)
    return "; ".join(words if n == len(each) else f"{words} ({_fovs(n)})" for words, n in counts.most_common())


def _counts(labels: Iterable[str | None]) -> list[tuple[str, int]]:
    return sorted(Counter(label for label in labels if label is not None).items())


def _fovs(number: int) -> str:
    return f"{number:,} FOV" + ("" if number == 1 else "s")


def _labels_left(files: list[Converted]) -> str:
    """Classes that the sources hold and that no label setting took."""
    fovs = sum(about.label is None and schema.META_LABEL in about.source_metadata for about in files)
    localisations = sum(not about.loc_labels and schema.LOC_LABEL in about.recipe["names"] for about in files)
    found = [f"{_fovs(fovs)} with a class in the metadata: labels=metadata takes it"] if fovs else []
    if localisations:
        found.append(f"{_fovs(localisations)} with classes of localisations: labels=localisations numbers them")
    return "; ".join(found)


def _say_more(console: Console, number: int, words: str) -> None:
    if number > _SHOWN:
        console.print(Text(f"... and {number - _SHOWN:,} more: {words}"), soft_wrap=True)
