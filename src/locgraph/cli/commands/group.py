"""``locgraph group``: groups of objects, FOVs or clusters found without labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from omegaconf import DictConfig
from rich.table import Table

from locgraph.api.config import plain
from locgraph.api.grouping.groups import groups, output_folder
from locgraph.cli.console import TextConsole, path_setting, print_line, print_more
from locgraph.run_folder import GROUPS_PAGE
from locgraph.storage import locked

_SHOWN: Final = 5


def run(cfg: DictConfig) -> Path:
    """Group the units of a folder, and print a row for each group.

    Returns:
        The folder with tables, pictures and page.

    Raises:
        LocgraphError: There is nothing to group, or a setting cannot work.
    """
    path = path_setting(cfg, "folder", "locgraph group FOLDER")
    settings = plain(cfg)
    result = groups(path, settings)
    folder = output_folder(path, settings)
    with locked(folder, "output"):
        result.write(folder)
    console = TextConsole()
    record = result.record()
    console.print(_rows(record))
    print_line(console, f"{record['n_groups']} groups of {record['units']} {result.units.words}: {record['why']}")
    if result.agreement is not None:
        scores = result.agreement
        print_line(
            console,
            f"agreement with the classes: matched accuracy {scores.matched_accuracy:.3f}, adjusted Rand index "
            f"{scores.adjusted_rand:.3f}, NMI {scores.nmi:.3f}, of {scores.n} {result.units.words}",
        )
    for note in result.notes:
        print_line(console, note)
    for what, reason in list(result.problems.items())[:_SHOWN]:
        print_line(console, f"{what}: {reason}")
    print_more(console, len(result.problems), _SHOWN, "problems, in groups.json")
    print_line(console, f"groups: {folder / GROUPS_PAGE}")
    return folder


def _rows(record: dict[str, Any]) -> Table:
    shown = Table(title="groups")
    for place, title in enumerate(("group", "units", "silhouette", "distance", "medoid")):
        shown.add_column(title, justify="left" if place == 4 else "right")
    for each in record["groups"]:
        medoid = ", ".join(str(value) for value in each["medoid"].values())
        shown.add_row(
            str(each["group"]), str(each["n"]), _cell(each["silhouette"]), _cell(each["median_distance"]), medoid
        )
    if record["without_group"]:
        shown.add_row("-", str(record["without_group"]), "", "", "")
    return shown


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"
