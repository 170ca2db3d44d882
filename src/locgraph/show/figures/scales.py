"""Evidence for scales: neighbour distances, a scan of DBSCAN, Ripley's L, and a region with the suggested clusters."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from locgraph.analysis.scales.plateaus import AGREEMENT
from locgraph.analysis.scales.suggest import Example, Suggestion
from locgraph.show.figures.style import (
    BLUE,
    CLUSTER_COLOURS,
    DARK_GREY,
    GREEN,
    GREY,
    ORANGE,
    PAGE_MM,
    PALE_GREY,
    PURPLE,
    SKY_BLUE,
    VERMILLION,
    blank,
    draw_scale_bar,
    house_style,
    new_figure,
    write_title,
)

_LINES: Final = (BLUE, ORANGE, GREEN, PURPLE, SKY_BLUE, DARK_GREY)
_HEIGHT_MM: Final = 118.0


@house_style()
def scales_figure(suggestion: Suggestion, example: Example) -> Figure:
    """Draw the evidence for suggested scales.

    Args:
        suggestion: What was measured.
        example: A region with the suggested clusters.

    Returns:
        The figure, a page wide.
    """
    figure = new_figure(PAGE_MM, _HEIGHT_MM)
    (curves, clusters, agreement), (ripley, fine, coarse) = figure.subplots(2, 3)
    _draw_curves(curves, suggestion)
    _draw_scan(clusters, suggestion, agreement=False)
    _draw_scan(agreement, suggestion, agreement=True)
    _draw_correlation(ripley, suggestion)
    _draw_region(fine, example, example.clusters, f"eps {suggestion.eps_nm:g} nm")
    if example.objects is None or suggestion.objects is None:
        coarse.set_axis_off()
    else:
        _draw_region(coarse, example, example.objects, f"objects, eps {suggestion.objects.eps:g} nm")
    write_title(figure, f"{len(suggestion.regions)} FOVs: {' '.join(suggestion.clustering_overrides())}")
    return figure


def _draw_curves(axes: Axes, suggestion: Suggestion) -> None:
    for place, curve in enumerate(suggestion.curves):
        colour = _LINES[place % len(_LINES)]
        axes.plot(curve.fractions, curve.distances, color=colour, label=f"{curve.k}")
        axes.axhline(curve.knee, color=colour, linewidth=0.5, linestyle=":")
    axes.set_xlabel("fraction of localisations")
    axes.set_ylabel("distance to k-th neighbour (nm)")
    _logarithmic(axes.yaxis)
    axes.set_title("knees dotted")
    axes.legend(title="k, min_samples", title_fontsize="small")


def _draw_scan(axes: Axes, suggestion: Suggestion, *, agreement: bool) -> None:
    scanned = suggestion.scanned
    for plateau in suggestion.levels:
        axes.axvspan(plateau.low, plateau.high, color=PALE_GREY, linewidth=0, zorder=0)
    for column in range(len(scanned.min_samples)):
        colour = _LINES[column % len(_LINES)]
        if agreement:
            middles = np.sqrt(scanned.eps[1:] * scanned.eps[:-1])
            axes.plot(middles, scanned.agreement[:, column], color=colour)
        else:
            counts = np.where(scanned.clusters[:, column] > 0, scanned.clusters[:, column], np.nan)
            axes.plot(scanned.eps, counts, color=colour)
    axes.axvline(suggestion.eps_nm, color=VERMILLION, linewidth=0.8)
    axes.set_xlabel("eps (nm)")
    _logarithmic(axes.xaxis)
    if agreement:
        axes.axhline(AGREEMENT, color=GREY, linewidth=0.5, linestyle=":")
        axes.set_ylim(0, 1.02)
        axes.set_ylabel("adjusted Rand index")
        axes.set_title("agreement with the next")
    else:
        _logarithmic(axes.yaxis)
        axes.set_ylabel("clusters in a FOV")
        axes.set_title("stable ranges grey")


def _draw_correlation(axes: Axes, suggestion: Suggestion) -> None:
    correlation = suggestion.correlation
    axes.plot(correlation.radii, correlation.l_minus_r, color=BLUE)
    if correlation.peak is not None:
        axes.axvline(correlation.peak, color=BLUE, linewidth=0.5, linestyle=":")
    if suggestion.objects is not None:
        axes.axvline(suggestion.objects.diameter, color=VERMILLION, linewidth=0.8)
    axes.axhline(0, color=GREY, linewidth=0.5)
    _logarithmic(axes.xaxis)
    axes.set_xlabel("r (nm)")
    axes.set_ylabel("L(r) - r (nm)")
    axes.set_title("Ripley's L; red: objects")


def _logarithmic(axis: Axis) -> None:
    """Make an axis logarithmic, with whole numbers written out: mathematical text is off in all figures."""
    axis.axes.set(**{f"{axis.axis_name}scale": "log"})  # type: ignore[attr-defined]
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _draw_region(axes: Axes, example: Example, labels: np.ndarray, title: str) -> None:
    points = example.region.points[:, :2]
    size = max(0.1, min(3.0, 1500.0 / max(len(points), 1)))
    noise, clustered = points[labels < 0], points[labels >= 0]
    axes.scatter(noise[:, 0], noise[:, 1], s=size / 2, color=PALE_GREY, linewidths=0, rasterized=True)
    colours = np.array(CLUSTER_COLOURS)[labels[labels >= 0] % len(CLUSTER_COLOURS)]
    axes.scatter(clustered[:, 0], clustered[:, 1], s=size, color=colours, linewidths=0, rasterized=True)
    blank(axes)
    (left, bottom), (right, top) = points.min(axis=0), points.max(axis=0)
    span = max(right - left, top - bottom)
    if math.isfinite(span) and span > 0:
        draw_scale_bar(axes, right, bottom - 0.05 * span, span)
    axes.set_title(title)
