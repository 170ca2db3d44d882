"""Groups of made-up clusters: wall and processor time, peak memory, agreement with planted groups, by algorithm.

    OMP_NUM_THREADS=2 python benchmarks/groups.py [COUNT ...]

Each cluster has 20 measured columns in four blocks, lengths and densities on logarithmic scales, and belongs to one of
8 planted groups that differ in all blocks. FOVs of 100 clusters are of one of two classes. A row is one process: the
matrix on robust scales, the grouping, silhouettes, differences and composition; "given" with 8 groups and no further
search, "chosen" with the search from 2 to 10 groups, or the stability of what the algorithm finds, and the comparison
with one cloud.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.analysis.grouping import algorithms, density
from locgraph.analysis.grouping.groups import GroupSettings, find_groups
from locgraph.analysis.grouping.number import NumberSettings
from locgraph.analysis.grouping.units import Units, make_units
from locgraph.stats.partitions import compare_partitions

GROUPS = 8
BLOCKS = {
    "size": ("nm", "log"),
    "shape": ("1", "linear"),
    "texture": ("1/nm^2", "log"),
    "intensity": ("photons", "log"),
}
COLUMNS = 5
SPREAD = 1.5
PER_FOV = 100
ALGORITHMS = {
    "kmeans": algorithms.KMeans,
    "gaussian_mixture": algorithms.GaussianMixture,
    "agglomerative": algorithms.Agglomerative,
    "spectral": algorithms.Spectral,
    "affinity": algorithms.AffinityPropagation,
    "dbscan": density.Dbscan,
    "hdbscan": density.Hdbscan,
}


def draw(count: int) -> tuple[Units, np.ndarray]:
    """Return clusters, 100 in each FOV, and the planted group of each."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, GROUPS, count)
    columns, units, scales, blocks = {}, {}, {}, {}
    for block, (unit, scale) in BLOCKS.items():
        for index in range(COLUMNS):
            values = (SPREAD * rng.normal(size=GROUPS))[truth] + rng.normal(size=count)
            name = f"{block}_{index}"
            columns[name] = np.exp(values) if scale == "log" else values
            units[name], scales[name], blocks[name] = unit, scale, block
    numbers = np.arange(count)
    keys = {"fov_id": [f"fov_{number // PER_FOV}" for number in numbers], "cluster_id": numbers % PER_FOV}
    table = pl.DataFrame(keys | {"label": [f"class {number // PER_FOV % 2}" for number in numbers]})
    return make_units(schema.CLUSTER, table, pl.DataFrame(columns), units, scales, blocks), truth


def measure(name: str, count: int, chosen: bool) -> None:
    """Print a row."""
    units, truth = draw(count)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    effort = NumberSettings() if chosen else NumberSettings(bootstraps=0, null_draws=0)
    grouper = ALGORITHMS[name]()
    number = GROUPS if grouper.needs_number and not chosen else None
    start, used = time.perf_counter(), time.process_time()
    result = find_groups(units, grouper, GroupSettings(n_groups=number, number=effort))
    seconds, used = time.perf_counter() - start, time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    agreement = compare_partitions(truth.astype(str), result.labels.astype(str), "-1").matched_accuracy
    sys.stdout.write(
        f"{count:7,d}  {name:17s} {'chosen' if chosen else 'given':7s} {seconds:6.1f} s  processor {used:6.1f} s  "
        f"peak {peak / 1024:6.0f} MiB "
        f"(before {before / 1024:4.0f})  {result.n_groups:3d} groups  matched {agreement:.3f}\n"
    )


def main(counts: list[int]) -> None:
    """Print a row for each number of clusters, algorithm and effort, each in a process of its own."""
    for count in counts:
        for name in ALGORITHMS:
            for effort in ("given", "chosen"):
                subprocess.run([sys.executable, __file__, "row", name, str(count), effort], check=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["row"]:
        measure(sys.argv[2], int(sys.argv[3]), sys.argv[4] == "chosen")
    else:
        main([int(text) for text in sys.argv[1:]] or [1_000, 10_000, 100_000])
