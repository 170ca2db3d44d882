"""The report: its chapters put together, and written as one file that needs nothing else."""

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
from locgraph.errors import ConfigError
from locgraph.provenance import whole_file
from locgraph.show.report import (
    analysed,
    configuration,
    curves,
    data_set,
    explanations,
    folds_table,
    gallery,
    maps,
    notices,
    palette,
    predictions_table,
    reliability,
    scores,
)
from locgraph.show.report.absent import Absent
from locgraph.show.report.fov_pictures import Thumbnails, thumbnails
from locgraph.show.report.parts import Explorer, Headline, Page, Plot
from locgraph.show.report.source import Source
from locgraph.show.report.words import count, listed, many, number, plain, spread

MEGABYTE: Final = 1_000_000
SMALLEST_MB: Final = 8.0
"""What plotly and the words of a page take, with some room for pictures."""

_FOR_PICTURES: Final = (0.4, 0.15, 0.25)
"""Parts of the room that thumbnails, figures of explanations and figures of the analysis may take."""


@dataclass(frozen=True)
class Options:
    """What a reader may choose.

    Attributes:
        max_megabytes: Size of the page in 10^6 bytes; pictures are made smaller or left out to keep it.
        wrong: How many wrong FOVs the gallery shows at most.
        right: How many right FOVs the gallery shows at most.
        most_fovs: How many FOVs a map shows at most.
        umap: Whether to make maps of UMAP.
        seed: Of the maps.

    Raises:
        ConfigError: A number is too small.
    """

    max_megabytes: float = 15.0
    wrong: int = 24
    right: int = 14
    most_fovs: int = 3000
    umap: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        if self.max_megabytes < SMALLEST_MB:
            raise ConfigError(f"max_megabytes must be at least {SMALLEST_MB:g}, found {self.max_megabytes}")
        for name in ("wrong", "right", "seed"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} must be 0 or more, found {getattr(self, name)}")
        if self.most_fovs < 3:
            raise ConfigError(f"most_fovs must be at least 3, found {self.most_fovs}")


def write_report(path: Path, source: Source, options: Options, made: datetime) -> None:
    """Writes the page, whole or not at all.

    Args:
        path: The HTML file.
        source: What it is made from.
        options: What is chosen.
        made: When, for the foot of the page.
    """
    text = render(compose(source, options, made))
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def compose(source: Source, options: Options, made: datetime) -> Page:
    """All chapters; one that cannot be shown says why."""
    room = options.max_megabytes * MEGABYTE - len(_plotly()) - MEGABYTE
    for_thumbnails, for_explanations, for_analysis = (int(room * part) for part in _FOR_PICTURES)
    pictures, picture_note = _thumbnails(source, for_thumbnails)
    found = explanations.read_explanations(source)
    sections = (
        data_set.section(source),
        folds_table.section(source),
        scores.section(source),
        scores.confusion_section(source),
        reliability.section(source),
        maps.section(source, pictures, picture_note, options.most_fovs, options.umap, options.seed),
        gallery.section(source, found, options.wrong, options.right),
        predictions_table.section(source),
        explanations.section(source, found, for_explanations),
        analysed.section(source, for_analysis),
        curves.section(source),
        configuration.section(source),
        configuration.versions_section(source),
    )
    done = f"{len(source.completed)} of {many(len(source.summary.expected_folds), 'fold')}"
    return Page(
        title=source.summary.experiment or source.folder.name,
        subtitle=f"Cross-validation, {done}" if source.is_sweep else f"One run, fold {source.completed[0].fold}",
        headlines=headlines(source),
        notices=notices.notices(source),
        sections=sections,
        footer=f"Made by locgraph {__version__} on {made:%Y-%m-%d %H:%M} from {source.folder}.",
    )


def headlines(source: Source) -> tuple[Headline, ...]:
    """Accuracy, the best control, and how much there was to learn from."""
    summary = source.summary
    mean, low, high = summary.intervals()["model"]
    sure = f"95 % interval {spread(low, high)} over {many(len(source.completed), 'fold')}"
    if low is None:
        pooled = summary.pooled
        sure = f"95 % interval {spread(pooled.low, pooled.high)} (Wilson)" if pooled else "of localisations"
    found = [Headline(number(mean), "accuracy on the test side", sure)]
    best = scores.best_control(summary)
    if best is not None:
        found.append(Headline(number(best[1]), "best control", plain(best[0])))
    tested = int(summary.confusion.sum())
    classes = many(len(source.class_names), "class", "classes")
    found.append(Headline(count(tested), "test localisations" if source.of_localisations else "test FOVs", classes))
    return tuple(found)


def render(page: Page) -> str:
    """The page as HTML."""
    plots = [part for section in page.sections for part in section.parts if isinstance(part, Plot)]
    explorers = [part for section in page.sections for part in section.parts if isinstance(part, Explorer)]
    payload: dict[str, Any] = {
        "themes": {"light": palette.LIGHT, "dark": palette.DARK},
        "plots": {plot.name: {"data": plot.data, "layout": plot.layout, "height": plot.height} for plot in plots},
        "explorer": _explorer(explorers[0]) if explorers else None,
    }
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            page=page,
            light=palette.LIGHT,
            dark=palette.DARK,
            payload=payload,
            plotly=_plotly() if plots or explorers else "",
        )
    )


def _explorer(part: Explorer) -> dict[str, Any]:
    views = [{"label": view.label, "note": view.note, "data": view.data, "axes": view.axes} for view in part.views]
    return {"views": views, "records": part.records, "pictures": part.pictures}


def _thumbnails(source: Source, max_bytes: int) -> tuple[dict[str, str], str]:
    """Pictures of all FOVs, those tested wrongly first, and what is to be said of them."""
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
    found = thumbnails(tables, [name for name in dict.fromkeys(names) if name in known], max_bytes)
    return found.uris, _said(found)


def _said(found: Thumbnails) -> str:
    words = []
    if found.left_out:
        words.append(
            f"{many(found.left_out, 'FOV')} have no picture, since the page would be too large; wrong ones come first."
        )
    if found.failures:
        words.append(f"Could not be drawn: {listed(list(found.failures))}.")
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
