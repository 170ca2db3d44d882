"""Chapter on objects: how many of each class the test FOVs have, against their true classes where these are known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from locgraph.run_folder import COUNTS_RECORD, OBJECT_PICTURES, read_record
from locgraph.show.report.parts import INFO, MISSING, Note, Part, Picture, Pictures, Plot, Section, Table
from locgraph.show.report.pictures import figure_uri
from locgraph.show.report.source import Source
from locgraph.show.report.style import class_colours, class_symbols, count, number

_LEAD: Final = (
    "Each FOV was divided into objects, which were classified one by one. Objects of one FOV never stand on both sides "
    "of a split."
)
_WIDTH: Final = 900
_MOST_PICTURES: Final = 4


def objects_sections(source: Source) -> tuple[Section, ...]:
    """Return the chapter; none where whole FOVs were classified."""
    records = {run.folder: read_record(run.folder / COUNTS_RECORD) for run in source.completed}
    records = {folder: record for folder, record in records.items() if record}
    if not records:
        return ()
    fovs = [fov for record in records.values() for fov in record["fovs"]]
    parts: list[Part] = [_counts(fovs, source.class_names)]
    parts += _true_against_predicted(fovs, source.class_names)
    parts += [_pictures(records), Note(next(iter(records.values()))["intervals"], INFO)]
    failed = {name: reason for record in records.values() for name, reason in record["failed_fovs"].items()}
    parts += [Note(f"{name} has no objects: {reason}", MISSING) for name, reason in failed.items()]
    return (Section("objects", "Objects", _LEAD, tuple(parts)),)


def _counts(fovs: Sequence[Mapping[str, Any]], class_names: Sequence[str]) -> Table:
    rows = tuple(
        (
            fov["fov_id"],
            count(fov["n_objects"]),
            *(_number(each) for each in fov["classes"]),
            *(count(fov[name]) for name in ("n_undecided", "n_left_out", "n_failed")),
            number(fov["density_per_um2"]),
        )
        for fov in fovs
    )
    header = ("FOV", "objects", *class_names, "undecided", "left out", "failed", "objects with class per µm²")
    caption = "Predicted classes; in brackets the true number, of the objects with a label."
    return Table(header, rows, caption, searchable=True)


def _number(row: Mapping[str, Any]) -> str:
    return count(row["n"]) if row["n_true"] is None else f"{count(row['n'])} ({count(row['n_true'])})"


def _true_against_predicted(fovs: Sequence[Mapping[str, Any]], class_names: Sequence[str]) -> Iterator[Part]:
    """Yield the plot of true against predicted numbers; nothing where no class is known."""
    data: list[dict[str, Any]] = []
    errors: list[int] = []
    for place, name in enumerate(class_names):
        known = [(fov["fov_id"], fov["classes"][place]) for fov in fovs if fov["classes"][place]["n_true"] is not None]
        errors += [abs(row["n_labelled"] - row["n_true"]) for _, row in known]
        data.append(
            {
                "x": [row["n_true"] for _, row in known],
                "y": [row["n_labelled"] for _, row in known],
                "text": [fov_id for fov_id, _ in known],
                "type": "scatter",
                "mode": "markers",
                "name": name,
                "marker": {
                    "color": class_colours(len(class_names))[place],
                    "symbol": class_symbols(len(class_names))[place],
                    "size": 8,
                    "opacity": 0.8,
                },
                "hovertemplate": f"%{{text}}: {name}, true %{{x}}, predicted %{{y}}<extra></extra>",
            }
        )
    if not errors:
        return
    largest = max(max((*each["x"], *each["y"])) for each in data if each["x"])
    line = {"x": [0, largest], "y": [0, largest], "type": "scatter", "mode": "lines", "name": "equal"}
    layout = {
        "xaxis": {"title": {"text": "true number in the FOV"}, "rangemode": "tozero"},
        "yaxis": {"title": {"text": "predicted number"}, "rangemode": "tozero"},
        "legend": {"orientation": "h", "y": 1.08, "x": 0, "yanchor": "bottom"},
        "margin": {"l": 56, "r": 16, "t": 40, "b": 44},
        "hovermode": "closest",
    }
    words = f"Off by {number(sum(errors) / len(errors), 2)} objects of a class in a FOV on average."
    alt = f"True against predicted number of objects of each class in each FOV. {words}"
    data.append(line | {"line": {"width": 1, "dash": "dot"}, "hoverinfo": "skip"})
    yield Plot("objects-counts", data, layout, alt, words, height=360, narrow=True)


def _pictures(records: Mapping[Path, Mapping[str, Any]]) -> Part:
    """Return some FOVs with their objects outlined, or what is missing."""
    found = [
        (fov["fov_id"], path)
        for folder, record in records.items()
        for fov in record["fovs"]
        if (path := folder / OBJECT_PICTURES / f"{fov['fov_id']}.png").is_file()
    ]
    pictures: list[Picture] = []
    for fov_id, path in found[:: max(1, len(found) // _MOST_PICTURES)][:_MOST_PICTURES]:
        try:
            uri = figure_uri(path, _WIDTH, colours=64)
        except OSError as error:
            return Note(f"{path} cannot be read: {error}", MISSING)
        pictures.append(Picture(uri, f"Objects of {fov_id} in the colours of their predicted classes", fov_id))
    if not pictures:
        return Note("No FOV with its objects was drawn.", MISSING)
    return Pictures(tuple(pictures), "Objects outlined in the colour of their predicted class.")
