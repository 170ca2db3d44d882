"""Time and memory of clustering and features as a field of view grows.

    python benchmarks/features.py [--sizes 10000 100000 1000000] [--dimensions 2] [--repeats 3]

Each size runs in a process of its own: half of the localisations in clusters of about 30, half noise. Times are
medians. Memory is what the process needs at its peak, the input among it, beyond the imported and compiled code (not on
Windows). The exponent p of growth says that the time is proportional to N^p between this size and the one before.
"""

import argparse
import math
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np

from locgraph.clustering.dbscan import DBSCAN
from locgraph.clustering.kmeans import KMeans
from locgraph.features.grouping import Groups
from locgraph.features.hull import Hull
from locgraph.features.pca import PCA
from locgraph.features.size import Size

PER_CLUSTER = 30
SPREAD_NM = 15.0
AREA_PER_LOCALISATION_NM2 = 1e4


def field_of_view(n: int, dimensions: int) -> np.ndarray:
    """Positions (n, dimensions) nm, half in clusters of about 30, at the same density for every n."""
    rng = np.random.default_rng(0)
    extent = (n * AREA_PER_LOCALISATION_NM2 ** (dimensions / 2)) ** (1 / dimensions)
    centres = rng.random((max(n // 2 // PER_CLUSTER, 1), dimensions)) * extent
    clustered = centres[rng.integers(0, len(centres), n // 2)]
    clustered = clustered + rng.normal(0, SPREAD_NM, clustered.shape)
    return rng.permutation(np.vstack([clustered, rng.random((n - len(clustered), dimensions)) * extent]))


def steps(points: np.ndarray) -> Iterator[tuple[str, float]]:
    """Runs every step on one field of view; name and seconds of each."""

    def timed(work: Callable, *arguments: Any) -> tuple[Any, float]:
        start = time.perf_counter()
        result = work(*arguments)
        return result, time.perf_counter() - start

    labels, seconds = timed(DBSCAN(eps_nm=40.0, min_samples=6, backend="cpu"), points, 0)
    yield "DBSCAN", seconds
    kept = labels >= 0
    groups, seconds = timed(Groups.from_labels, points[kept], labels[kept])
    yield "sort, centre", seconds
    for feature in (Size(), PCA(), Hull()):
        yield type(feature).__name__, timed(feature.compute, groups)[1]
    if len(points) <= 100_000:
        yield "k-means, K = 20", timed(KMeans(20, backend="cpu"), points, 0)[1]


def peak_mb() -> float:
    """Largest memory of this process so far in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def measure(n: int, dimensions: int, repeats: int) -> tuple[dict[str, float], float]:
    """Median seconds of each step, and peak memory in MB."""
    list(steps(field_of_view(1000, dimensions)))  # compiles
    before = peak_mb()
    points = field_of_view(n, dimensions)
    runs = [dict(steps(points)) for _ in range(repeats)]
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}, peak_mb() - before


def main() -> None:
    """Prints the table."""
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
        times["all but k-means"] = sum(seconds for name, seconds in times.items() if "k-means" not in name)
        for name, seconds in times.items():
            grown = name in before
            exponent = f"{math.log(seconds / before[name]) / math.log(n / size_before):9.2f}" if grown else " " * 9
            peak = f"{memory:8.0f}" if name == "all but k-means" else ""
            print(f"{n:14d} {name:<16} {seconds:9.4f} {exponent} {peak}")
        before, size_before = times, n


if __name__ == "__main__":
    main()
