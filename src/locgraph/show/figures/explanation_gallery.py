"""Explained fields of view (FOVs) side by side: one explainer, or several beside each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from locgraph.errors import DataError
from locgraph.show.figures.explanation import Caption, shortened
from locgraph.show.figures.explanation_panel import (
    SCORE_COLOURS,
    ScoredFov,
    ScoredScene,
    draw_scored,
    make_scored_scene,
)
from locgraph.show.figures.scale_bar import draw_scale_bar
from locgraph.show.figures.style import PAGE_MM, SMALL_POINTS, blank, house_style, new_figure

COLUMNS: Final = 5
"""FOVs beside each other."""

_MARGIN: Final = 1.06
_LABEL_MM: Final = 8.0
_BAR_MM: Final = 1.8
_NAME: Final = 24
_ABOVE: Final = 1.3
_BELOW: Final = 1.22
_FEWEST: Final = 3


@dataclass(frozen=True)
class ExplainedTile:
    """One FOV of the gallery.

    Attributes:
        fov: Tables, scores and outlined clusters.
        caption: What is said of it.
    """

    fov: ScoredFov
    caption: Caption


@house_style()
def explanation_gallery(rows: Mapping[str, Sequence[ExplainedTile]]) -> Figure:
    """Draws FOVs beside each other, each in the colours of its own scores.

    As in a camera image, y points downwards; three-dimensional FOVs are seen from above.

    Args:
        rows: Name of the explainer -> its FOVs. Of several explainers each has a row of `COLUMNS` FOVs; of one all are
            drawn, in as many rows as they need.

    Returns:
        The figure, as wide as a page.

    Raises:
        DataError: There is no FOV, or one cannot be drawn.
    """
    if not any(rows.values()):
        raise DataError("expected explained FOVs to draw, found none")
    if len(rows) == 1:
        ((name, tiles),) = rows.items()
        starts = range(0, len(tiles), COLUMNS)
        lines = [(name if start == 0 else "", tiles[start : start + COLUMNS]) for start in starts]
    else:
        lines = [(name, tiles[:COLUMNS]) for name, tiles in rows.items()]
    n_columns = max(_FEWEST, *(len(line) for _, line in lines))
    width = (PAGE_MM - _LABEL_MM) / COLUMNS
    height = width * (_ABOVE + _BELOW) / 2
    figure = new_figure(_LABEL_MM + n_columns * width, len(lines) * (height + 1.0) + _BAR_MM + 13.0)
    grid = figure.add_gridspec(len(lines) + 1, n_columns, height_ratios=[*(height for _ in lines), _BAR_MM])
    panels = [[figure.add_subplot(grid[row, column]) for column in range(n_columns)] for row in range(len(lines))]
    for (name, line), row in zip(lines, panels, strict=True):
        for axes in row:
            blank(axes)
        for tile, axes in zip(line, row, strict=False):
            _draw_tile(axes, tile, magnification=width / 42.0)
        row[0].annotate(
            name, (-0.06, 0.5), xycoords="axes fraction", rotation=90, ha="right", va="center", fontweight="bold"
        )
    _draw_colours(figure, figure.add_subplot(grid[-1, 1:-1]))
    return figure


def _draw_tile(axes: Axes, tile: ExplainedTile, magnification: float) -> None:
    scene: ScoredScene = make_scored_scene(tile.fov)
    draw_scored(axes, scene, magnification=magnification)
    half = scene.span_nm / 2 * _MARGIN
    middle = (scene.low + scene.high) / 2
    axes.set_xlim(middle[0] - half, middle[0] + half)
    # room above for the words, below for the bar
    axes.set_ylim(middle[1] + half * _BELOW, middle[1] - half * _ABOVE)
    draw_scale_bar(axes, middle[0] + half, middle[1] + half * 1.03, 2 * half)
    caption = tile.caption
    verdict = (
        caption.verdict if caption.truth in (None, caption.prediction) else f"{caption.verdict}, is {caption.truth}"
    )
    settings: dict[str, Any] = {"fontsize": SMALL_POINTS, "ha": "left", "va": "top", "parse_math": False}
    top = axes.transAxes
    axes.text(0.0, 1.0, shortened(caption.name, _NAME), transform=top, fontweight="bold", **settings)
    axes.text(0.0, 1.0, f"\n{verdict}", transform=top, color=caption.colour, **settings)


def _draw_colours(figure: Figure, axes: Axes) -> None:
    bar = figure.colorbar(ScalarMappable(Normalize(-1.0, 1.0), SCORE_COLOURS), cax=axes, orientation="horizontal")
    bar.set_ticks([-1.0, 0.0, 1.0], labels=["−", "0", "+"])
    bar.outline.set_linewidth(0.4)
    axes.tick_params(width=0.4, length=2)
    bar.set_label(
        "score: against ← 0 → for the class\nup to the largest of each FOV; outlined: the clusters that explain",
        fontsize=SMALL_POINTS,
    )
