"""``locgraph import``: files of any software to canonical parquet, with a table of what was taken and what was not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from omegaconf import DictConfig
from rich.console import Console

from locgraph.api.config import plain
from locgraph.api.prepare import progress
from locgraph.build import build
from locgraph.cli.console import TextConsole, fact_table, path_setting, print_line, print_more
from locgraph.errors import DataError, within
from locgraph.io.converted import (
    count_fovs,
    count_unused_labels,
    read_import_record,
    summarise,
    write_import_record,
)
from locgraph.preparation.convert import Conversion, ConvertRecipe, check_target, convert, find_sources
from locgraph.run_folder import IMPORT_RECORD
from locgraph.settings import check_number
from locgraph.storage import locked

_SHOWN = 10


def run(cfg: DictConfig) -> Conversion:
    """Convert what is not up to date, write the record and print the table.

    Raises:
        LocgraphError: The source cannot be read, the target holds other files, or too many FOVs failed.
    """
    usage = "locgraph import SRC DST"
    source, target = path_setting(cfg, "source", usage), path_setting(cfg, "target", usage)
    settings = plain(cfg)
    with within("limits"):
        for name, limit in settings["limits"].items():
            check_number(name, limit, at_least=0, at_most=1)
    if not source.exists():
        raise DataError(f"expected a file or a folder at {source}; found none", setting="source")
    check_target(source, target)
    columns, labels, groups = (build(settings[name], name) for name in ("columns", "labels", "groups"))
    catalogue = find_sources(source, columns, labels, groups)
    limit = settings["limits"]["max_refused_fraction"]
    reading = {"columns": settings["columns"], "max_refused_fraction": limit}
    recipe = ConvertRecipe(columns, limit, reading)
    all_settings = reading | {name: settings[name] for name in ("labels", "groups")}
    with locked(target, "target"):
        earlier = read_import_record(target)
        result = convert(catalogue, recipe, source, target, build(settings["executor"], "executor"), progress)
        write_import_record(target, source, earlier, result.files, result.manifest.failures, all_settings)
    console = TextConsole()
    show(result, target, console)
    with within("limits"):  # where too many failed, the error lists them
        result.manifest.check_failures(settings["limits"]["max_failed_fraction"])
    show_failures(result.manifest.failures, target, console)
    return result


def show(result: Conversion, target: Path, console: Console) -> None:
    """Print what was taken, what was refused and what was left behind."""
    files = list(result.files.values())
    facts = summarise(files, len(result.made), len(result.manifest.failures))
    fovs, localisations = count_unused_labels(files)
    unused = [f"{count_fovs(fovs)} with a class in the metadata: labels=metadata takes it"] if fovs else []
    if localisations:
        of_localisations = f"{count_fovs(localisations)} with classes of localisations"
        unused.append(f"{of_localisations}: labels=localisations numbers them")
    console.print(fact_table([*facts, *([("not asked for", "; ".join(unused))] if unused else [])]))
    for path in result.outdated[:_SHOWN]:
        text = f"outdated: {path} was imported earlier, and could not be confirmed now; mend its source, or remove it"
        print_line(console, text, style="yellow")
    print_more(console, len(result.outdated), _SHOWN, "outdated files")
    print_line(console, f"files: {target}")


def show_failures(failures: Mapping[str, str], target: Path, console: Console) -> None:
    """Print why FOVs failed, the first of them."""
    for fov_id, reason in sorted(failures.items())[:_SHOWN]:
        print_line(console, f"failed {fov_id}: {reason}", style="red")
    print_more(console, len(failures), _SHOWN, f"all are in {target / IMPORT_RECORD}")
