"""Figure of calibration: reliability before and after, prediction sets, and the error without the least sure FOVs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from locgraph.analysis.checks.calibration import before_calibration, class_arrays, tested, uncalibrated
from locgraph.show.figures.style import (
    BLUE,
    DARK_GREY,
    GREY,
    ORANGE,
    PAGE_MM,
    house_style,
    new_figure,
    save_figure,
)
from locgraph.stats.calibration import Calibration, calibration_of
from locgraph.stats.selective import error_over_coverage

_HEIGHT_MM: Final = 66.0


def draw_calibration(path: Path, predictions: pl.DataFrame, class_names: Sequence[str]) -> None:
    """Draw `calibration_figure` into a file."""
    save_figure(calibration_figure(predictions, class_names), path)


@house_style()
def calibration_figure(predictions: pl.DataFrame, class_names: Sequence[str]) -> Figure:
    """Draw the calibration of the test predictions of all folds.

    Args:
        predictions: As for `locgraph.analysis.checks.calibration.check_calibration`.
        class_names: The K classes.

    Returns:
        Three panels: fraction right over confidence, number of FOVs over confidence, and error over coverage.
    """
    known = tested(predictions)
    after, before = calibration_of(known, class_names), before_calibration(known, class_names)
    figure = new_figure(PAGE_MM, _HEIGHT_MM)
    reliability, counts, abstaining = figure.subplots(1, 3)
    _draw_reliability(reliability, before, after)
    _draw_counts(counts, before, after, known, class_names)
    _draw_errors(abstaining, known, class_names)
    return figure


def _draw_reliability(axes: Axes, before: Calibration | None, after: Calibration) -> None:
    axes.plot([0, 1], [0, 1], color=GREY, linestyle=":", linewidth=1.0)
    for result, colour, shift in ((before, ORANGE, -0.004), (after, BLUE, 0.004)):
        if result is None:
            continue
        x = [one.confidence + shift for one in result.bins]
        y = [one.accuracy.estimate for one in result.bins]
        below = [0.0 if one.accuracy.low is None else one.accuracy.estimate - one.accuracy.low for one in result.bins]
        above = [0.0 if one.accuracy.high is None else one.accuracy.high - one.accuracy.estimate for one in result.bins]
        axes.errorbar(x, y, [below, above], color=colour, marker="o", markersize=3, elinewidth=0.7)
    axes.set(xlim=(0, 1.02), ylim=(-0.02, 1.04), xlabel="confidence", ylabel="fraction right (95 % interval)")
    axes.set_title("Reliability")


def _draw_counts(
    axes: Axes, before: Calibration | None, after: Calibration, known: pl.DataFrame, class_names: Sequence[str]
) -> None:
    edges = np.linspace(0.0, 1.0, 16)
    earlier = uncalibrated(known, class_names)
    for result, table, colour, name in ((before, earlier, ORANGE, "before"), (after, known, BLUE, "calibrated")):
        if result is None or table is None:
            continue
        counts, _ = np.histogram(class_arrays(table, class_names)[0].max(axis=1), edges)
        label = f"{name}: error {result.error:.3f}" if before else f"error {result.error:.3f}"
        axes.stairs(counts, edges, color=colour, linewidth=1.2, label=label)
    axes.set(xlim=(0, 1.02), xlabel="confidence", ylabel="test FOVs")
    axes.set_title("Confidence")
    # reliability has the same colours and less room
    axes.legend(loc="upper left")


def _draw_errors(axes: Axes, known: pl.DataFrame, class_names: Sequence[str]) -> None:
    probabilities, targets = class_arrays(known, class_names)
    right = probabilities.argmax(axis=1) == targets
    coverage, errors = error_over_coverage(probabilities.max(axis=1), right)
    axes.step(coverage, errors, where="pre", color=BLUE, label="least sure withheld first")
    axes.axhline(1 - right.mean(), color=DARK_GREY, linestyle=":", linewidth=1.0, label="withheld at random")
    top = max(float(errors.max()), float(1 - right.mean()), 0.02)
    axes.set(xlim=(0, 1.0), ylim=(0, 1.3 * top), xlabel="fraction of FOVs with a decision", ylabel="error of these")
    axes.set_title("Abstaining")
    axes.legend(loc="upper left")
