"""Pictures of an exploration: map, walks, archetypes and pseudo-time, with the localisations of units."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from locgraph import schema
from locgraph.analysis.representations.exploring.explore import Exploration, Pseudotime
from locgraph.analysis.representations.exploring.maps import UnitMap
from locgraph.analysis.representations.exploring.walks import ALL_UNITS, AXIS, CLASS, EXPLAINED, SIGMA
from locgraph.show.figures.representations.clouds import common_half, draw_cloud, flatten, lay_in_line, write_below
from locgraph.show.figures.scored_fov import shortened
from locgraph.show.figures.style import (
    BLACK,
    GREY,
    PAGE_MM,
    PALE_GREY,
    SMALL_POINTS,
    Mark,
    class_marks,
    house_style,
    length_text,
    new_figure,
    write_title,
)

_WIDEST_MM: Final = 30.0
_LABEL_MM: Final = 24.0
_TALLER: Final = 1.16
_JITTER: Final = 0.28
_UNKNOWN: Final = Mark(GREY, ".")


@dataclass(frozen=True)
class Shown:
    """What pictures are drawn from.

    Attributes:
        exploration: The result.
        clouds: Row of a unit -> its localisations (N, D) in nm, of all units with a picture.
        decode: Vectors (S, L) -> localisations (S, P, D) in nm; None where the model does not decode.
        turn: Whether localisations are turned to their own axes; see `flatten`.
    """

    exploration: Exploration
    clouds: Mapping[int, np.ndarray]
    decode: Callable[[np.ndarray], np.ndarray] | None = None
    turn: bool = True

    def flat(self, row: int) -> np.ndarray:
        """Return the localisations of a unit as they are drawn, (N, 2)."""
        return flatten(self.clouds[row], self.turn)

    def line(self, rows: Sequence[int], vectors: np.ndarray | None = None) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return the units of a row of pictures, and what vectors (S, L) decode to, as they are drawn."""
        decoded = [] if self.decode is None or vectors is None else list(self.decode(vectors))
        return lay_in_line([self.clouds[row] for row in rows], decoded, self.turn)

    def name(self, row: int) -> str:
        """Return the name of a unit, which fits below its picture."""
        keys = self.exploration.embeddings.keys.row(row)
        return shortened("#".join(map(str, keys)), 20)

    def mark(self, row: int) -> Mark:
        """Return the mark of the class of a unit."""
        label = self.exploration.embeddings.labels[row]
        return _UNKNOWN if label is None else class_marks(self.exploration.class_names)[label]


@house_style()
def map_figure(shown: Shown) -> Figure | None:
    """Draw the units of the map in the colour of their class, and beside them pictures of units spread over it.

    Each picture lies in the cell of the map whose middle its unit is nearest to; its frame has the colour of the class.

    Returns:
        The figure, as wide as a page; None where there is no map.
    """
    drawn = shown.exploration.map
    if drawn is None:
        return None
    figure = new_figure(PAGE_MM, PAGE_MM / 2 + 14.0)
    left, right = figure.subplots(1, 2)
    for axes in (left, right):
        axes.set(xlim=(0, 1), ylim=(0, 1), xticks=[], yticks=[], aspect="equal")
        axes.spines[:].set_visible(True)
        axes.spines[:].set_color(PALE_GREY)
    _scatter(left, shown, drawn)
    clouds = [shown.flat(int(drawn.rows[place])) for place in drawn.shown]
    half, side = common_half(clouds), 1.0 / (int(drawn.cells.max()) + 1)
    for place, cell, points in zip(drawn.shown, drawn.cells, clouds, strict=True):
        panel = right.inset_axes((*(cell + 0.03) * side, 0.94 * side, 0.94 * side))
        draw_cloud(panel, points, half, size=0.35)
        panel.set_axis_on()
        panel.set(xticks=[], yticks=[])
        panel.spines[:].set_visible(True)
        panel.spines[:].set(color=shown.mark(int(drawn.rows[place])).colour, linewidth=0.9)
    right.set_xlabel(f"pictures: {length_text(float(f'{2 * half:.2g}'))} across", fontsize=SMALL_POINTS)
    left.set_xlabel("UMAP: distances between far groups mean nothing", fontsize=SMALL_POINTS)
    _legend(figure, shown)
    write_title(figure, "Units on a map, and pictures of some at their places")
    return figure


def _scatter(axes: Axes, shown: Shown, drawn: UnitMap) -> None:
    labels = shown.exploration.embeddings.labels[drawn.rows]
    size = float(np.clip(2500.0 / len(labels), 0.5, 12.0))
    without = np.array([label is None for label in labels])
    x, y = drawn.points.T
    axes.scatter(x[without], y[without], s=size / 2, color=GREY, linewidths=0, rasterized=True)
    for name, mark in class_marks(shown.exploration.class_names).items():
        own = labels == name
        axes.scatter(
            x[own], y[own], s=size, color=mark.colour, marker=mark.symbol, linewidths=0, alpha=0.9, rasterized=True
        )
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))


def _legend(figure: Figure, shown: Shown) -> None:
    marks = dict(class_marks(shown.exploration.class_names))
    if any(label is None for label in shown.exploration.embeddings.labels):
        marks["no class"] = _UNKNOWN
    handles = [
        Line2D([], [], linestyle="", marker=mark.symbol, color=mark.colour, markersize=3.5, label=name)
        for name, mark in marks.items()
    ]
    figure.legend(handles=handles, loc="outside lower left", ncols=min(len(handles), 7), handletextpad=0.1)


@house_style()
def walks_figure(shown: Shown) -> Figure | None:
    """Draw a row for each axis of each walk: the nearest units, and below them what the points decode to.

    Returns:
        The figure, at most as wide as a page; None where there is no walk.
    """
    walks = shown.exploration.walks
    if walks.table.is_empty():
        return None
    lines: list[_Line] = []
    for part in walks.table.with_row_index("at").partition_by(CLASS, AXIS, maintain_order=True):
        name, axis, share = part[CLASS][0], part[AXIS][0], part[EXPLAINED][0]
        rows = [int(walks.rows[at]) for at in part["at"]]
        clouds, decoded = shown.line(rows, part.select(pl.col(f"^{schema.VECTOR_PREFIX}\\d+$")).to_numpy())
        heads = [f"{sigma:+g} σ" if sigma else "mean" for sigma in part[SIGMA]]
        words = f"{shortened(name or ALL_UNITS, 18)}\naxis {axis}: {share:.0%}\nof variance"
        lines.append(_Line(words, clouds, [shown.name(row) for row in rows], heads))
        if decoded:
            lines.append(_Line("decoded", decoded, [""] * len(decoded), n_decoded=len(decoded)))
    return _rows_figure(lines, "Along principal axes: nearest units, each once in a row")


@house_style()
def archetypes_figure(shown: Shown) -> Figure:
    """Draw a row for each archetype: what it decodes to, where the model decodes, and its nearest units."""
    exploration = shown.exploration
    points = exploration.space.vectors(exploration.archetypes.points)
    lines = []
    for index, members in enumerate(exploration.members.tolist()):
        share = exploration.archetypes.weights[:, index].mean()
        clouds, decoded = shown.line(members, points[index : index + 1])
        names = [*(["decoded"] * len(decoded)), *(shown.name(row) for row in members)]
        words = f"archetype {index + 1}\n{share:.0%} of all units\n{_richest(exploration, index)}"
        lines.append(_Line(words, [*decoded, *clouds], names, n_decoded=len(decoded)))
    explained = f"{exploration.archetypes.explained:.0%} of the variance"
    return _rows_figure(lines, f"Archetypes, of which units are mixtures ({explained}), and nearest units")


def _richest(exploration: Exploration, index: int) -> str:
    """Return the class with the largest share of an archetype."""
    table = pl.DataFrame({"label": exploration.units[schema.LABEL], "w": exploration.archetypes.weights[:, index]})
    shares = table.drop_nulls().group_by("label").agg(pl.col("w").mean()).sort("w", "label", descending=[True, False])
    return f"most in {shortened(shares['label'][0], 12)}: {shares['w'][0]:.0%}" if shares.height else ""


@house_style()
def pseudotime_figure(shown: Shown) -> Figure | None:
    """Draw the pseudo-time of the units of each class, and the units nearest to evenly spaced times.

    Returns:
        The figure, as wide as a page; None where there is no pseudo-time.
    """
    time = shown.exploration.pseudotime
    if time is None:
        return None
    rows = [int(row) for row in time.members]
    clouds, _ = shown.line(rows)
    half = common_half(clouds)
    side = min((PAGE_MM - 10.0) / len(rows), _WIDEST_MM)
    height = 14.0 + 7.0 * len(time.differences)
    figure = new_figure(PAGE_MM, height + side * _TALLER + 8.0)
    grid = figure.add_gridspec(2, 1, height_ratios=[height, side * _TALLER + 4.0])
    above, below = figure.add_subfigure(grid[0]), figure.add_subfigure(grid[1])
    _draw_times(above.subplots(), time, shown)
    for index, (axes, row) in enumerate(zip(below.subplots(1, len(rows), squeeze=False)[0], rows, strict=True)):
        draw_cloud(axes, clouds[index], half)
        axes.set_title(f"{round(time.positions[row], 2) + 0.0:.2f}", loc="center", fontsize=SMALL_POINTS)
        write_below(axes, shown.name(row), half, bar=index == len(rows) - 1)
    write_title(figure, f"Pseudo-time from {time.ends[0]} to {time.ends[1]}")
    return figure


def _draw_times(axes: Axes, time: Pseudotime, shown: Shown) -> None:
    labels = np.array(["" if label is None else label for label in shown.exploration.embeddings.labels])
    marks = class_marks(shown.exploration.class_names)
    rng = np.random.default_rng(0)
    for level, row in enumerate(time.differences):
        values = time.positions[(labels == row["class"]) & np.isfinite(time.positions)]
        places = level + rng.uniform(-_JITTER, _JITTER, len(values))
        mark = marks[row["class"]]
        axes.scatter(
            values, places, s=4, color=mark.colour, marker=mark.symbol, linewidths=0, alpha=0.7, rasterized=True
        )
        axes.plot([row["mean"]] * 2, [level - 0.4, level + 0.4], color=BLACK, linewidth=1.2)
        axes.annotate(
            _difference_words(row),
            (1.0, level),
            xycoords=("axes fraction", "data"),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            fontsize=SMALL_POINTS - 0.5,
        )
    names = [shortened(row["class"], 16) for row in time.differences]
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlabel(f"0: {time.ends[0]}; 1: {time.ends[1]}; line: mean of the class", fontsize=SMALL_POINTS)
    for place in (0.0, 1.0):
        axes.axvline(place, color=PALE_GREY, linewidth=0.6, zorder=0)


def _difference_words(row: Mapping) -> str:
    if "difference" not in row:
        return f"n = {row['units']}"
    if row["low"] is None:
        return f"n = {row['units']}\n{row['difference']:+.2f}"
    return f"n = {row['units']}\n{row['difference']:+.2f} ({row['low']:.2f} to {row['high']:.2f})"


@dataclass(frozen=True)
class _Line:
    """One row of pictures.

    Attributes:
        words: At the left.
        clouds: (N, 2) in nm each.
        names: Below each.
        heads: Above each; none where empty.
        n_decoded: How many of them, from the left, are decoded.
    """

    words: str
    clouds: list[np.ndarray]
    names: list[str]
    heads: Sequence[str] = ()
    n_decoded: int = 0


def _rows_figure(lines: list[_Line], title: str) -> Figure:
    """Draw rows of pictures with words at their left, all on one scale."""
    half = common_half([points for line in lines for points in line.clouds])
    number = max(len(line.clouds) for line in lines)
    side = min((PAGE_MM - _LABEL_MM) / number, _WIDEST_MM)
    figure = new_figure(_LABEL_MM + side * number, 8.0 + len(lines) * side * _TALLER)
    grid = figure.subplots(len(lines), number + 1, squeeze=False, width_ratios=[_LABEL_MM, *[side] * number])
    for line, panels in zip(lines, grid, strict=True):
        for axes in panels:
            axes.set_axis_off()
        panels[0].text(0.0, 0.5, line.words, va="center", fontsize=SMALL_POINTS, parse_math=False)
        for index, (axes, points) in enumerate(zip(panels[1:], line.clouds, strict=False)):
            draw_cloud(axes, points, half, decoded=index < line.n_decoded)
            write_below(axes, line.names[index], half, bar=index == len(line.clouds) - 1)
            if line.heads:
                axes.set_title(line.heads[index], loc="center", fontsize=SMALL_POINTS)
    write_title(figure, title)
    return figure
