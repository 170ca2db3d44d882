"""One field of view (FOV) in the colours of the scores of its clusters: why it was classified so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colorbar import Colorbar
from matplotlib.colors import LinearSegmentedColormap, Normalize, to_rgba
from matplotlib.figure import Figure

from locgraph import schema
from locgraph.errors import DataError
from locgraph.show.figures.fov import Extent, draw_outlines, draw_points, make_window, name_planes
from locgraph.show.figures.style import (
    BLACK,
    BLUE,
    COLUMN_MM,
    DARK_GREY,
    GREEN,
    SMALL_POINTS,
    TEXT_POINTS,
    VERMILLION,
    house_style,
    new_figure,
)

SCORE_COLOURS: Final = LinearSegmentedColormap.from_list(
    "scores", [BLUE, "#7FB8D8", "#D6D6D6", "#EAAF80", VERMILLION], N=255
)
"""Against the class (blue), nothing (grey), for the class (vermillion): apart for colour-blind readers too."""

_NOISE_COLOUR: Final = "#E3E3E3"
_SMALLEST_SHARE: Final = 0.1  # of the larger side
_LINE_MM: Final = 3.4
_PANEL_MM: Final = 80.0
_BAR_MM: Final = 17.0
_NAME_POINTS: Final = 8.0
_LONGEST_NAME: Final = 48
_TICKS: Final = 3


@dataclass(frozen=True)
class ScoredFov:
    """View 0 of a FOV with the scores of its clusters.

    Attributes:
        locs: Localisations with positions in nm and ``cluster_id``; -1 is noise.
        clusters: Cluster centres in nm, one for each score in the order of their ``cluster_id``.
        scores: (C,) float64, larger is more evidence for the class.
        outlined: (C,) bool, the clusters that explain the class together.
        edges: (2, E) int64 indices of clusters; those between outlined clusters are drawn.
        dimensions: 2 or 3.
    """

    locs: pl.DataFrame
    clusters: pl.DataFrame
    scores: np.ndarray
    outlined: np.ndarray
    edges: np.ndarray
    dimensions: int


@dataclass(frozen=True)
class ScoredScene(Extent):
    """One `ScoredFov`, ready to be drawn.

    Attributes:
        points: (N, D) float64 in nm; those of clusters with the largest scores come last, on top.
        owners: (N,) int64, cluster of each, -1 is noise.
        centres: (C, D) float64 in nm.
        scores: (C,) float64.
        outlined: (C,) bool.
        edges: (2, E) int64 between outlined clusters, each pair once.
    """

    owners: np.ndarray
    centres: np.ndarray
    scores: np.ndarray
    outlined: np.ndarray
    edges: np.ndarray


def make_scored_scene(fov: ScoredFov) -> ScoredScene:
    """Check a FOV and its scores, and choose what is drawn.

    Raises:
        DataError: There is nothing to draw, or scores, outlines or edges are not those of its clusters.
    """
    needed = (*schema.position_columns(fov.dimensions), schema.CLUSTER_ID)
    centres = (*schema.centre_columns(fov.dimensions), schema.CLUSTER_ID)
    for table, columns, what in ((fov.locs, needed, "localisations"), (fov.clusters, centres, "clusters")):
        if table.is_empty() or not set(columns) <= set(table.columns):
            raise DataError(
                f"expected {what} with the columns {', '.join(columns)} to draw, found {table.height} rows of "
                f"{table.columns}"
            )
    n_clusters = fov.clusters.height
    if not len(fov.scores) == len(fov.outlined) == n_clusters:
        raise DataError(
            f"expected a score and an outline for each of {n_clusters} clusters, found {len(fov.scores)} scores and "
            f"{len(fov.outlined)} outlines"
        )
    if not np.isfinite(fov.scores).all():
        raise DataError(f"expected finite scores to draw, found {int((~np.isfinite(fov.scores)).sum())} that are not")
    owners = fov.locs[schema.CLUSTER_ID].to_numpy()
    if owners.max() >= n_clusters:
        raise DataError(f"expected localisations of clusters 0 to {n_clusters - 1}, found {owners.max()}")
    points = fov.locs.select(needed[:-1]).to_numpy().astype(np.float64)
    shown = np.argsort(np.append(np.abs(fov.scores), -1.0)[owners], kind="stable")
    links = undirected(fov.edges, n_clusters)
    places = fov.clusters.sort(schema.CLUSTER_ID).select(centres[:-1]).to_numpy().astype(np.float64)
    inside = fov.outlined[links].all(axis=0)
    return ScoredScene(points[shown], owners[shown], places, fov.scores, fov.outlined, links[:, inside])


def undirected(edges: np.ndarray | None, n_clusters: int) -> np.ndarray:
    """Return each undirected pair of edges between clusters once, without loops.

    Args:
        edges: (2, E) indices of clusters, or None.
        n_clusters: Number of clusters.

    Returns:
        (2, E') int64, the smaller index first.

    Raises:
        DataError: An edge names no cluster.
    """
    if edges is None or np.size(edges) == 0:
        return np.zeros((2, 0), dtype=np.int64)
    pairs = np.sort(np.asarray(edges, dtype=np.int64), axis=0)
    if pairs[0].min() < 0 or pairs[1].max() >= n_clusters:
        raise DataError(f"expected edges between clusters 0 to {n_clusters - 1}, found {pairs.min()} to {pairs.max()}")
    return np.unique(pairs[:, pairs[0] < pairs[1]], axis=1)


def score_norm(scores: np.ndarray) -> Normalize:
    """Return the scale of the colours: grey is 0, both ends are as far from it as the largest absolute score."""
    largest = float(np.abs(scores).max(initial=0.0))
    return Normalize(-(largest or 1.0), largest or 1.0)


def draw_scored(
    axes: Axes,
    scene: ScoredScene,
    plane: tuple[int, int] = (0, 1),
    magnification: float = 1.0,
    norm: Normalize | None = None,
) -> None:
    """Draw localisations in the colour of the score of their cluster, and outline the clusters that explain.

    Args:
        axes: Gets nanometres on both axes.
        scene: From `make_scored_scene`.
        plane: Coordinates drawn to the right and upwards.
        magnification: Of dots and lines; below 1 for small panels.
        norm: Scale of the colours; None takes that of this FOV.
    """
    seen = list(plane)
    norm = norm or score_norm(scene.scores)
    colours = np.vstack([SCORE_COLOURS(norm(scene.scores)), to_rgba(_NOISE_COLOUR)])
    points = scene.points[:, seen]
    draw_points(axes, points, colours[scene.owners], magnification)
    if scene.edges.size:
        ends = scene.centres[scene.edges.T][:, :, seen]
        lines = LineCollection(list(ends), colors=DARK_GREY, linewidths=0.7 * magnification, zorder=2)
        axes.add_collection(lines)
    chosen = np.flatnonzero(scene.outlined)
    draw_outlines(axes, points, scene.owners, chosen, BLACK, scene.span_nm, 0.8 * magnification)


@dataclass(frozen=True)
class Caption:
    """Words about an explained FOV.

    Attributes:
        name: The FOV.
        truth: Its class; None where it is not known.
        prediction: Class that the model predicts.
        probability: Of the prediction.
        explained: The class that the scores are about.
        explainer: Name of the explainer.
        named: Whether the explainer gives the outlined clusters as a subgraph; otherwise they score highest.
        unit: Of the scores.
    """

    name: str
    truth: str | None
    prediction: str
    probability: float
    explained: str
    explainer: str
    named: bool
    unit: str

    @property
    def verdict(self) -> str:
        """Prediction with its probability, and whether it is right."""
        words = f"{self.prediction} ({self.probability:.2f})"
        return words if self.truth is None else f"{'✓' if self.truth == self.prediction else '✗'} {words}"

    @property
    def colour(self) -> str:
        """Green for a right prediction, vermillion for a wrong one, black where the truth is not known."""
        return BLACK if self.truth is None else GREEN if self.truth == self.prediction else VERMILLION


@house_style()
def explanation_figure(fov: ScoredFov, caption: Caption) -> Figure:
    """Draw localisations in the colour of the score of their cluster, and outline the clusters that explain.

    As in a camera image, y points downwards. In three dimensions a second panel shows x and z. Grey is a score of 0;
    the ends of the colours are as far from it as the largest score of this FOV.

    Args:
        fov: Tables, scores and outlined clusters.
        caption: Words above.

    Returns:
        The figure, one column wide.

    Raises:
        DataError: There is nothing to draw, or scores, outlines or edges are not those of its clusters.
    """
    scene = make_scored_scene(fov)
    planes = [(0, axis) for axis in range(1, fov.dimensions)]
    windows = [make_window(scene, plane, _SMALLEST_SHARE * scene.span_nm) for plane in planes]
    heights = [float(np.clip(window.height / window.width, 0.2, 1.6)) for window in windows]
    lines = _caption_lines(caption, fov)
    ratios = [_LINE_MM * len(lines), *(_PANEL_MM * height for height in heights)]
    figure = new_figure(COLUMN_MM, _BAR_MM + sum(ratios))
    header, *panels = figure.subplots(fov.dimensions, 1, height_ratios=ratios)
    _write(header, lines)
    for axes, plane, window in zip(panels, planes, windows, strict=True):
        draw_scored(axes, scene, plane)
        window.show(axes)
    name_planes(panels)
    draw_colour_bar(figure, panels, scene.scores, caption)
    return figure


def draw_colour_bar(figure: Figure, panels: Sequence[Axes], scores: np.ndarray, caption: Caption) -> None:
    """Draw below the panels which colour is which score.

    Args:
        figure: The figure.
        panels: The panels with these colours.
        scores: (C,) the scores; where none is negative, the bar starts at 0.
        caption: The class that they are about, and their unit.
    """
    bar = figure.colorbar(
        ScalarMappable(score_norm(scores), SCORE_COLOURS),
        ax=panels,
        location="bottom",
        shrink=0.62,
        aspect=38,
        pad=0.015,
    )
    name_colours(bar, scores, f"class {caption.explained}", caption.unit)


def name_colours(bar: Colorbar, scores: np.ndarray, explained: str, unit: str) -> None:
    """Write numbers and words at a colour bar of scores; where no score is negative, it starts at 0."""
    high = float(bar.norm.vmax or 1.0)
    signed = bool((scores < 0).any())
    low = -high if signed else 0.0
    bar.ax.set_xlim(low, high)
    ticks = np.linspace(low, high, _TICKS)
    bar.set_ticks(list(ticks), labels=[f"{tick:.2g}" for tick in ticks])
    bar.outline.set_linewidth(0.4)
    bar.ax.tick_params(width=0.4, length=2, labelsize=SMALL_POINTS)
    words = f"against ← 0 → for {explained}" if signed else f"0 → for {explained}"
    bar.ax.set_xlabel(f"score ({unit}): {words}", fontsize=SMALL_POINTS, parse_math=False)


def _caption_lines(caption: Caption, fov: ScoredFov) -> list[tuple[str, str]]:
    """Return the lines above the figure, each with its colour; the first is the name."""
    truth = "class not known" if caption.truth is None else f"class {caption.truth}"
    what = "the subgraph" if caption.named else "the highest scores"
    return [
        (shortened(caption.name), BLACK),
        (f"{truth}, prediction {caption.verdict}", caption.colour),
        (f"{caption.explainer} for class {caption.explained}", BLACK),
        (f"outlined: {what}, {int(fov.outlined.sum())} of {len(fov.outlined)} clusters", BLACK),
    ]


def _write(header: Axes, lines: Sequence[tuple[str, str]]) -> None:
    header.set_axis_off()
    for index, (words, colour) in enumerate(lines):
        header.text(
            0.0,
            1.0 - index / len(lines),
            words,
            transform=header.transAxes,
            va="top",
            color=colour,
            fontsize=TEXT_POINTS if index else _NAME_POINTS,
            fontweight="normal" if index else "bold",
            parse_math=False,
        )


def shortened(name: str, longest: int = _LONGEST_NAME) -> str:
    """Shorten a name to its line: the end is kept, where names of one folder differ."""
    return name if len(name) <= longest else f"…{name[1 - longest :]}"
