"""The page of a report: all chapters in one HTML file that needs nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

import jinja2
import plotly.offline
import polars as pl

from locgraph import __version__, schema
from locgraph.data.folds import TEST
from locgraph.provenance import whole_file
from locgraph.run_folder import GROUPS
from locgraph.settings import check_number, check_whole
from locgraph.show.report.analysis import analysis_section
from locgraph.show.report.calibration import calibrate, calibration_section
from locgraph.show.report.confounders import confounders_section
from locgraph.show.report.data import configuration_section, data_section, folds_section, versions_section
from locgraph.show.report.explanations import explanations_section, read_explanations
from locgraph.show.report.fovs import gallery_section, predictions_section
from locgraph.show.report.grouping import grouping_sections
from locgraph.show.report.limits import limits_section
from locgraph.show.report.maps import maps_section
from locgraph.show.report.notices import notices
from locgraph.show.report.objects import objects_sections
from locgraph.show.report.parts import Explorer, Headline, Page, Plot
from locgraph.show.report.pictures import Thumbnails, thumbnails
from locgraph.show.report.results import confusion_section, scores_section
from locgraph.show.report.robustness import robustness_sections
from locgraph.show.report.source import Absent, Source
from locgraph.show.report.style import DARK, LIGHT, count, interval_text, listed, many, number, plain
from locgraph.show.report.training import training_section

MEGABYTE: Final = 1_000_000
SMALLEST_MB: Final = 8.0
"""Size of plotly and the words of a page, with some room for pictures, in 10^6 bytes."""

_FOR_PICTURES: Final = (0.4, 0.15, 0.25)
"""Fractions of the room for thumbnails, figures of explanations and figures of the analysis."""


@dataclass(frozen=True)
class Options:
    """Settings of a report.

    Attributes:
        max_megabytes: Size of the page in 10^6 bytes; pictures are made smaller or left out to keep it.
        wrong: How many wrong FOVs the gallery shows at most.
        right: How many right FOVs the gallery shows at most.
        most_fovs: How many FOVs a map shows at most.
        umap: Whether to make maps of UMAP.
        seed: Of the maps.

    Raises:
        ConfigError: A value cannot work.
    """

    max_megabytes: float = 15.0
    wrong: int = 24
    right: int = 14
    most_fovs: int = 3000
    umap: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        check_number("max_megabytes", self.max_megabytes, at_least=SMALLEST_MB)
        for name, smallest in (("wrong", 0), ("right", 0), ("most_fovs", 3), ("seed", 0)):
            check_whole(name, getattr(self, name), at_least=smallest)


def write_report(path: Path, source: Source, options: Options, made: datetime) -> None:
    """Write the page, whole or not at all.

    Args:
        path: The HTML file.
        source: Content of the report.
        options: Settings of the report.
        made: Time of the report, for the foot of the page.
    """
    text = render(compose(source, options, made))
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def compose(source: Source, options: Options, made: datetime) -> Page:
    """Return all chapters; one that cannot be shown gives the reason."""
    room = options.max_megabytes * MEGABYTE - len(_plotly()) - MEGABYTE
    for_thumbnails, for_explanations, for_analysis = (int(room * part) for part in _FOR_PICTURES)
    pictures, picture_note = _thumbnails(source, for_thumbnails)
    explanations = read_explanations(source)
    sections = (
        data_section(source),
        folds_section(source),
        scores_section(source),
        confusion_section(source),
        *objects_sections(source),
        calibration_section(source),
        *robustness_sections(source),
        maps_section(source, pictures, picture_note, options.most_fovs, options.umap, options.seed),
        gallery_section(source, explanations, options.wrong, options.right),
        predictions_section(source),
        explanations_section(source, explanations, for_explanations),
        analysis_section(source, for_analysis),
        *grouping_sections(source.folder / GROUPS),
        confounders_section(source),
        limits_section(source),
        training_section(source),
        configuration_section(source),
        versions_section(source),
    )
    done = f"{len(source.completed)} of {many(len(source.summary.expected_folds), 'fold')}"
    return Page(
        title=source.summary.experiment or source.folder.name,
        subtitle=f"Cross-validation, {done}" if source.is_sweep else f"One run, fold {source.completed[0].fold}",
        headlines=headlines(source),
        notices=notices(source),
        sections=sections,
        footer=f"Made by locgraph {__version__} on {made:%Y-%m-%d %H:%M} from {source.folder}.",
    )


def headlines(source: Source) -> tuple[Headline, ...]:
    """Return accuracy, the best control, the number of test cases, calibration, and FOVs unlike those of training."""
    summary = source.summary
    mean, low, high = summary.intervals()["model"]
    detail = f"95 % interval {interval_text(low, high)} over {many(len(source.completed), 'fold')}"
    if low is None:
        detail = "of localisations" if source.of_localisations else "without an interval, see Metrics and controls"
    shown = [Headline(number(mean), "accuracy on the test side", detail)]
    best = summary.best_control()
    if best is not None:
        of = f"best of {many(summary.n_rivals(), 'simple classifier')} that ran"
        shown.append(Headline(number(best[1]), of, plain(best[0])))
    tested = int(summary.confusion.sum())
    classes = many(len(source.class_names), "class", "classes")
    shown.append(Headline(count(tested), "test localisations" if source.of_localisations else "test FOVs", classes))
    return (*shown, *_trust_headlines(source))


def _trust_headlines(source: Source) -> list[Headline]:
    """Return the calibration error, and how many test FOVs are unlike those of training."""
    result = calibrate(source)
    shown = []
    if not isinstance(result, Absent):
        detail = f"mean confidence {number(result.mean_confidence)}, right {number(result.accuracy)}"
        shown.append(Headline(number(result.error), "calibration error", detail))
    table = source.tested()
    if not isinstance(table, Absent) and schema.UNLIKE in table.columns:
        judged = table[schema.UNLIKE].drop_nulls()
        detail = f"of {count(judged.len())} test FOVs"
        shown.append(Headline(count(int(judged.sum())), "unlike those of training", detail))
    return shown


def render(page: Page) -> str:
    """Return the page as HTML."""
    plots = [part for section in page.sections for part in section.parts if isinstance(part, Plot)]
    explorers = [part for section in page.sections for part in section.parts if isinstance(part, Explorer)]
    payload: dict[str, Any] = {
        "themes": {"light": LIGHT, "dark": DARK},
        "plots": {plot.name: {"data": plot.data, "layout": plot.layout, "height": plot.height} for plot in plots},
        "explorer": _explorer(explorers[0]) if explorers else None,
    }
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            page=page,
            light=LIGHT,
            dark=DARK,
            payload=payload,
            plotly=_plotly() if plots or explorers else "",
        )
    )


def _explorer(part: Explorer) -> dict[str, Any]:
    views = [{"label": view.label, "note": view.note, "data": view.data, "axes": view.axes} for view in part.views]
    return {"views": views, "records": part.records, "pictures": part.pictures}


def _thumbnails(source: Source, max_bytes: int) -> tuple[dict[str, str], str]:
    """Return pictures of all FOVs, those with wrong predictions first, and a note on missing ones."""
    tables = source.places.tables
    if isinstance(tables, Absent):
        return {}, f"FOVs are shown without a picture. {tables.reason}"
    if isinstance(source.manifest, Absent):
        return {}, f"FOVs are shown without a picture. {source.manifest.reason}"
    if isinstance(source.predictions, Absent):
        return {}, ""
    wrong = source.predictions.filter(pl.col(schema.SPLIT) == TEST, pl.col(schema.TRUTH) != pl.col(schema.PREDICTION))
    names = [*wrong[schema.FOV_ID].unique(maintain_order=True), *source.manifest.table[schema.FOV_ID]]
    known = set(source.manifest.table[schema.FOV_ID])
    drawn = thumbnails(tables, [name for name in dict.fromkeys(names) if name in known], max_bytes)
    return drawn.uris, _missing_pictures(drawn)


def _missing_pictures(drawn: Thumbnails) -> str:
    words = []
    if drawn.left_out:
        words.append(
            f"{many(drawn.left_out, 'FOV')} have no picture, since the page would be too large; wrong ones come first."
        )
    if drawn.failures:
        words.append(f"Could not be drawn: {listed(list(drawn.failures))}.")
    return " ".join(words)


@cache
def _plotly() -> str:
    # the end of a script inside a script would end it
    return plotly.offline.get_plotlyjs().replace("</script", "<\\/script")


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("locgraph.show.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
