"""Averages of simulated objects: processor time, error of the angles, order of symmetry.

    OMP_NUM_THREADS=1 python benchmarks/averages.py [COUNT]

Objects have random angles, 80 % of their sites, and a geometric number of localisations at each site, of 2 nm
precision.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import polars as pl

from locgraph.analysis.averages.average import METHODS, average
from locgraph.analysis.averages.poses import plane_rotations
from locgraph.simulate.structures import read_classes

RING = [[50.0 * np.cos(angle), 50.0 * np.sin(angle)] for angle in np.arange(8) * np.pi / 4]
PATTERNS = {
    **{name: each.sites[:, :2] for name, each in read_classes(["two", "three", "T", "L", "O", "grid"], 2).items()},
    "ring of 8": np.array(RING),
}
LOCALISATIONS = 100
LABELLED = 0.8
PRECISION_NM = 2.0


def draw(sites: np.ndarray, count: int, rng: np.random.Generator) -> tuple[dict[str, pl.DataFrame], np.ndarray]:
    """Return objects, and their rotations (count, 2, 2)."""
    tables, rotations = {}, plane_rotations(rng.uniform(0, 2 * np.pi, count))
    mean = LOCALISATIONS / (LABELLED * len(sites))
    for index, rotation in enumerate(rotations):
        counts = rng.geometric(1 / mean, len(sites)) * (rng.random(len(sites)) < LABELLED)
        counts[0] += 1
        widths = rng.gamma(9, PRECISION_NM / 9, counts.sum())
        points = np.repeat(sites, counts, axis=0) @ rotation.T + rng.normal(size=(len(widths), 2)) * widths[:, None]
        tables[f"{index:04d}"] = pl.DataFrame({"x": points[:, 0], "y": points[:, 1], "precision": widths})
    return tables, rotations


def main(count: int) -> None:
    """Print a row for each pattern and method."""
    rng = np.random.default_rng(0)
    sys.stdout.write(f"{count} objects of about {LOCALISATIONS} localisations\n")
    for name, sites in PATTERNS.items():
        tables, rotations = draw(sites, count, rng)
        for method in METHODS:
            start = time.process_time()
            result = average(tables, method)
            seconds = time.process_time() - start
            turned = np.stack(result.objects["rotation"].to_list()).reshape(-1, 2, 2) @ rotations
            order = result.symmetry.order
            phases = np.exp(1j * order * np.arctan2(turned[:, 1, 0], turned[:, 0, 0]))
            middle = np.median(phases.real) + 1j * np.median(phases.imag)
            errors = np.degrees(np.abs(np.angle(phases / middle))) / order
            resolution = result.halves.resolution_nm() if result.halves is not None else None
            sys.stdout.write(
                f"{name:10s} {method:8s} {seconds:5.1f} s  C{order:<2d} median error {np.median(errors):6.2f} degrees, "
                f"above 10: {np.mean(errors > 10):5.1%}  FRC {resolution or float('nan'):5.1f} nm  "
                f"score {result.objects['score'].mean():.2f}\n"
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
