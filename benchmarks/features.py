"""Time and memory of clustering and features as a field of view grows.

    python benchmarks/features.py [--sizes 10000 100000 1000000] [--dimensions 2] [--repeats 3]

Each size runs in a process of its own: half of the localisations in clusters of about 30, half noise. Times are medians
of processor time, which other work on the machine changes least; nothing here uses several threads. `together` is
DBSCAN, sorting and the standard features (Size, PCA, Hull); each further feature is timed alone, with what it could
share with others (hulls, principal axes) computed anew; `LocalDensity` within 20 and within 300 nm; farthest points as
if all localisations were one cluster, a quarter of them chosen. Memory is what the process needs at its peak until the
standard features, or HDBSCAN after them, are done, the input among it, beyond the imported and compiled code (not on
Windows). The exponent p of growth says that the time is proportional to N^p between this size and the one before.
"""

import argparse
import math
import resource
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from typing import Any

import numpy as np

from locgraph.graphs.sampling import farthest_points
from locgraph.preparation.clustering.dbscan import DBSCAN
from locgraph.preparation.clustering.hdbscan import HDBSCAN
from locgraph.preparation.clustering.kmeans import KMeans
from locgraph.preparation.clustering.precision import PrecisionDBSCAN
from locgraph.preparation.features.base import Groups
from locgraph.preparation.features.channels import ChannelFractions, ChannelIndicator
from locgraph.preparation.features.filling import Compactness, Solidity
from locgraph.preparation.features.hull import Hull
from locgraph.preparation.features.localisations import CentreDistance, LocalDensity, NearestDistance
from locgraph.preparation.features.neighbourhood import Neighbourhood, Spacing
from locgraph.preparation.features.photophysics import (
    Blinking,
    DeconvolvedSize,
    DeconvolvedSize3D,
    MergedBlinking,
    Photons,
    Precision,
)
from locgraph.preparation.features.shape import PCA, Ellipse, Orientation, Size

STANDARD = (Size(), PCA(), Hull())
FURTHER = (
    Ellipse(),
    Orientation(),
    Compactness(),
    Solidity(alpha_nm=20.0),
    Spacing(),
    Neighbourhood(k=5, radii_nm=[300.0, 1000.0]),
    Photons(),
    Precision(),
    DeconvolvedSize(),
    DeconvolvedSize3D(),
    Blinking(dark_tolerance=1),
    MergedBlinking(dark_tolerance=1),
    ChannelFractions({0: "red", 1: "blue"}),
)
OF_LOCALISATIONS = (
    LocalDensity(radius_nm=20.0),
    NearestDistance(),
    CentreDistance(),
    ChannelIndicator({0: "red", 1: "blue"}),
)
TOGETHER = "together"
HIERARCHICAL = HDBSCAN(min_cluster_size=10, backend="cpu")

PER_CLUSTER = 30
STANDARD_DEVIATION_NM = 15.0
AREA_PER_LOCALISATION_NM2 = 1e4


def field_of_view(n: int, dimensions: int) -> np.ndarray:
    """Return positions (n, dimensions) nm, half in clusters of about 30, at the same density for every n."""
    rng = np.random.default_rng(0)
    extent = (n * AREA_PER_LOCALISATION_NM2 ** (dimensions / 2)) ** (1 / dimensions)
    centres = rng.random((max(n // 2 // PER_CLUSTER, 1), dimensions)) * extent
    clustered = centres[rng.integers(0, len(centres), n // 2)]
    clustered = clustered + rng.normal(0, STANDARD_DEVIATION_NM, clustered.shape)
    return rng.permutation(np.vstack([clustered, rng.random((n - len(clustered), dimensions)) * extent]))


def further_columns(n: int) -> dict[str, np.ndarray]:
    """Return frames, photons, precisions and channels (n,), which features of photophysics read."""
    rng = np.random.default_rng(1)
    return {
        "frame": rng.integers(0, 20_000, n),
        "n_frames": rng.integers(1, 5, n),
        "photons": rng.gamma(2.0, 500.0, n),
        "precision": rng.uniform(5.0, 20.0, n),
        "precision_z": rng.uniform(10.0, 40.0, n),
        "channel": rng.integers(0, 2, n),
    }


def timed(work: Callable, *arguments: Any) -> tuple[Any, float]:
    """Return the result of one call, and its seconds of processor time."""
    start = time.process_time()
    result = work(*arguments)
    return result, time.process_time() - start


def standard_steps(points: np.ndarray) -> tuple[Groups, dict[str, float]]:
    """Cluster and measure one field of view; return its groups, and seconds of each step."""
    labels, seconds = timed(DBSCAN(eps_nm=40.0, min_samples=6, backend="cpu"), points, 0)
    times = {"DBSCAN": seconds}
    kept = labels >= 0
    groups, times["sort, centre"] = timed(Groups.from_labels, points[kept], labels[kept])
    for feature in STANDARD:
        times[type(feature).__name__] = timed(feature.compute, groups)[1]
    times[TOGETHER] = sum(times.values())
    return groups, times


def further_steps(points: np.ndarray, groups: Groups) -> dict[str, float]:
    """Return seconds of each further feature, of k-means and DBSCAN by precision where there are few localisations."""
    times = {}
    groups = replace(groups, extra=further_columns(len(groups.order)))
    for feature in FURTHER:
        times[type(feature).__name__] = timed(feature.compute, replace(groups))[1]  # a copy has no hulls or axes yet
    for by_localisation in OF_LOCALISATIONS:
        times[type(by_localisation).__name__] = timed(by_localisation.measure, replace(groups))[1]
    times["within 300 nm"] = timed(LocalDensity(radius_nm=300.0).measure, replace(groups))[1]
    times["farthest points"] = timed(farthest_points, points, np.array([0, len(points)]), 0.25)[1]
    if len(points) <= 100_000:
        columns = further_columns(len(points))
        clusterer = PrecisionDBSCAN(40.0 / (2**0.5 * 12.5), 6, points.shape[1])
        named = {name: columns[name] for name in clusterer.needs}
        times["DBSCAN by precision"] = timed(lambda: clusterer(points, 0, **named))[1]
        times["k-means, K = 20"] = timed(KMeans(20, backend="cpu"), points, 0)[1]
    return times


def peak_mb() -> float:
    """Return the largest memory of this process so far in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def measure(n: int, dimensions: int, repeats: int) -> tuple[dict[str, float], dict[str, float]]:
    """Return median seconds of each step, and peak memory in MB until some."""
    small = field_of_view(1000, dimensions)
    further_steps(small, standard_steps(small)[0])  # compiles
    HIERARCHICAL(small, 0)
    before = peak_mb()
    points = field_of_view(n, dimensions)
    memory: dict[str, float] = {}
    runs = []
    for _ in range(repeats):
        groups, times = standard_steps(points)
        memory.setdefault(TOGETHER, peak_mb() - before)
        times["HDBSCAN"] = timed(HIERARCHICAL, points, 0)[1]
        memory.setdefault("HDBSCAN", peak_mb() - before)
        runs.append(times | further_steps(points, groups))
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}, memory


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--dimensions", type=int, choices=(2, 3), default=2)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    print(f"{'localisations':>14} {'step':<16} {'seconds':>9} {'exponent':>9} {'peak MB':>8}")
    before: dict[str, float] = {}
    size_before = 0
    for n in arguments.sizes:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            times, memory = pool.submit(measure, n, arguments.dimensions, arguments.repeats).result()
        for name, seconds in times.items():
            grown = name in before
            exponent = f"{math.log(seconds / before[name]) / math.log(n / size_before):9.2f}" if grown else " " * 9
            peak = f"{memory[name]:8.0f}" if name in memory else ""
            print(f"{n:14d} {name:<16} {seconds:9.4f} {exponent} {peak}")
        before, size_before = times, n


if __name__ == "__main__":
    main()
