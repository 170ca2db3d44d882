"""A page on groups alone, where there is no run to report."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from locgraph import __version__
from locgraph.provenance import whole_file
from locgraph.run_folder import GROUPS_RECORD, read_record
from locgraph.show.report.grouping import grouping_sections
from locgraph.show.report.page import render
from locgraph.show.report.parts import Headline, Page
from locgraph.show.report.style import count, number


def write_groups_page(folder: Path, path: Path, made: datetime) -> None:
    """Write the page on the groups in a folder, whole or not at all.

    Args:
        folder: What ``locgraph group`` wrote.
        path: The HTML file.
        made: Time of the page, for its foot.
    """
    record = read_record(folder / GROUPS_RECORD)
    headlines = [
        Headline(count(record["n_groups"]), "groups", "found without labels"),
        Headline(count(record["units"]), "units", f"each a {record['unit']}"),
    ]
    agreement = record["agreement"]
    if agreement is not None:
        detail = f"adjusted Rand index {number(agreement['adjusted_rand'])}"
        headlines.append(Headline(number(agreement["matched_accuracy"]), "matched accuracy", detail))
    page = Page(
        title="Groups of structures",
        subtitle=str(record["source"]),
        headlines=tuple(headlines),
        notices=(),
        sections=grouping_sections(folder),
        footer=f"Made by locgraph {__version__} on {made:%Y-%m-%d %H:%M} from {folder}.",
    )
    text = render(page)
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
