"""Chapter on groups that were found without labels: members, number, what tells them apart, composition."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import polars as pl

from locgraph.run_folder import (
    GROUP_COMPOSITION,
    GROUP_COMPOSITION_PICTURE,
    GROUP_COMPOSITION_TESTS,
    GROUP_DIFFERENCES,
    GROUP_DIFFERENCES_PICTURE,
    GROUP_NUMBERS_PICTURE,
    GROUPS_PICTURE,
    GROUPS_RECORD,
    read_record,
)
from locgraph.show.report.parts import INFO, MISSING, Facts, Note, Part, Picture, Pictures, Section, Table
from locgraph.show.report.pictures import figure_uri
from locgraph.show.report.source import Absent, read_parquet
from locgraph.show.report.style import cell, count, interval_text, number, short

_LEAD: Final = (
    "Groups were made from measurements and learned vectors alone; classes were compared with them afterwards. An "
    "algorithm divides any cloud of points: read stability, silhouette and the comparison with one cloud first."
)
_WIDTHS: Final = {
    GROUPS_PICTURE: 1100,
    GROUP_NUMBERS_PICTURE: 700,
    GROUP_DIFFERENCES_PICTURE: 700,
    GROUP_COMPOSITION_PICTURE: 700,
}
_ALT: Final = {
    GROUPS_PICTURE: "A row for each group: its medoid, and members at growing distances from its mean",
    GROUP_NUMBERS_PICTURE: "Stability and silhouette over the number of groups",
    GROUP_DIFFERENCES_PICTURE: "Effect sizes of each group against all others, by column",
    GROUP_COMPOSITION_PICTURE: "Fractions of the groups in classes or FOVs",
}
_MOST_ROWS: Final = 40


def grouping_sections(folder: Path) -> tuple[Section, ...]:
    """Return the chapter on the groups in a folder; none where ``locgraph group`` has not written to it."""
    record = read_record(folder / GROUPS_RECORD)
    if not record:
        return ()
    parts: list[Part] = [_facts(record), _groups(record), *_pictures(folder, (GROUPS_PICTURE, GROUP_NUMBERS_PICTURE))]
    parts += [*_differences(folder), *_pictures(folder, (GROUP_DIFFERENCES_PICTURE,))]
    parts += [*_composition(folder, record), *_pictures(folder, (GROUP_COMPOSITION_PICTURE,))]
    parts += [Note(text, INFO) for text in record["notes"]]
    parts += [Note(f"{what}: {reason}", MISSING) for what, reason in record.get("problems", {}).items()]
    return (Section("groups", "Groups without labels", _LEAD, tuple(parts)),)


def _facts(record: Mapping[str, Any]) -> Facts:
    rows = [
        (
            "units",
            f"{count(record['units'])}, each a {record['unit']}; {count(record['without_group'])} without a group",
        ),
        ("algorithm", str(record["grouping"]["_target_"]).rsplit(".", 1)[-1]),
        ("number of groups", f"{record['n_groups']}: {record['why']}"),
        ("weights", ", ".join(f"{name} {weight:g}" for name, weight in record["weights"].items())),
        ("columns", f"{len(record['columns'])} used, {len(record['columns_left_out'])} left out"),
    ]
    evidence, agreement = record["evidence"], record["agreement"]
    if evidence is not None:
        clear = f"silhouette {number(evidence['silhouette'])}, of one cloud {number(evidence['null_mean'])} on average"
        rows.append(("against one cloud without groups", f"{clear}, p = {number(evidence['p'])}"))
    if agreement is not None:
        words = f"matched accuracy {number(agreement['matched_accuracy'])}, adjusted Rand index "
        words += (
            f"{number(agreement['adjusted_rand'])}, NMI {number(agreement['nmi'])}, of {count(agreement['n'])} units"
        )
        rows.append(("agreement with the classes", words))
    return Facts(tuple(rows))


def _groups(record: Mapping[str, Any]) -> Table:
    matches = (record["agreement"] or {}).get("matches", {})
    rows = tuple(
        (
            str(each["group"]),
            ", ".join(str(value) for value in each["medoid"].values()),
            matches.get(str(each["group"]), "–") if matches else "–",
            count(each["n"]),
            number(each["silhouette"]),
            short(each["median_distance"]),
        )
        for each in record["groups"]
    )
    header = ("group", "medoid", "class it matches best", "units", "silhouette", "median distance")
    return Table(header, rows, "Distances are in robust standard deviations, weighted.", words=3)


def _differences(folder: Path) -> Iterator[Part]:
    table = read_parquet(folder / GROUP_DIFFERENCES)
    if isinstance(table, Absent):
        yield Note(table.reason, MISSING)
        return
    shown = table.sort(pl.col("delta").abs(), descending=True, nulls_last=True, maintain_order=True).head(_MOST_ROWS)
    rows = tuple(
        (
            row["column"],
            row["block"],
            "yes" if row["used"] else "no",
            str(row["group"]),
            *(short(row[name]) for name in ("median", "median_of_others")),
            number(row["delta"], 2),
            short(row["q"]),
            number(row["epsilon_squared"], 2),
        )
        for row in shown.to_dicts()
    )
    header = ("column", "block", "used", "group", "median", "of others", "Cliff's delta", "q", "epsilon²")
    caption = (
        "The largest differences of a group from all other units. Of columns that were used, p and q are small by "
        "construction."
    )
    yield Table(header, rows, caption, words=4, folded="What tells groups apart", searchable=True)


def _composition(folder: Path, record: Mapping[str, Any]) -> Iterator[Part]:
    tests, table = (read_parquet(folder / name) for name in (GROUP_COMPOSITION_TESTS, GROUP_COMPOSITION))
    if isinstance(tests, Absent) or isinstance(table, Absent):
        yield Note(next(each.reason for each in (tests, table) if isinstance(each, Absent)), MISSING)
        return
    classes = table.filter(pl.col("of") == "class")
    if classes.height:
        rows = tuple(
            (
                row["name"],
                str(row["group"]),
                f"{count(row['n'])} of {count(row['n_units'])}",
                number(row["mean_fraction"]),
                interval_text(row["low"], row["high"]) if row["low"] is not None else "–",
                count(row["n_cases"]),
            )
            for row in classes.to_dicts()
        )
        header = ("class", "group", "units", "mean fraction", "95 % interval", "cases")
        caption = "Means over cases (patients, else FOVs), each counted once."
        yield Table(header, rows, caption, words=2, folded="Composition of classes")
    if tests.height:
        p_values = tuple(
            ("all" if row["group"] is None else str(row["group"]), number(row["p"]), cell(row["p_holm"]))
            for row in tests.to_dicts()
        )
        yield Table(("group", "p", "p after Holm"), p_values, f"Whether classes differ: {record['composition']}.")
    else:
        yield Note(f"Composition of classes: {record['composition']}.", INFO)


def _pictures(folder: Path, names: tuple[str, ...]) -> Iterator[Part]:
    pictures = []
    for name in names:
        if not (folder / name).is_file():
            continue
        try:
            pictures.append(Picture(figure_uri(folder / name, _WIDTHS[name]), _ALT[name], f"{_ALT[name]}."))
        except OSError as error:
            yield Note(f"{folder / name} cannot be read: {error}", MISSING)
    for each in pictures:
        yield Pictures((each,))
