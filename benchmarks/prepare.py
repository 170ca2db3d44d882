"""Time and memory of preparation: raw file to tables to graphs, for one growing FOV and for many small ones.

    python benchmarks/prepare.py [--sizes 10000 100000 1000000] [--fovs 245] [--repeats 3]

Data are simulated DNA-PAINT origami, drawn beforehand. Times are medians. Each line runs in a process of its own, after
a small FOV has compiled everything; memory is the largest that this process needed beyond that, in MB (not on Windows,
and not for work done in further processes). An exponent p says that time is proportional to N^p between this size and
the one before.
"""

import argparse
import math
import os
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from locgraph.clustering.dbscan import DBSCAN
from locgraph.clustering.kmeans import KMeans
from locgraph.features.hull import Hull
from locgraph.features.pca import PCA
from locgraph.features.size import Size
from locgraph.features.table import FeatureSet
from locgraph.graphs.build import GraphRecipe
from locgraph.graphs.cluster_edges import AllPairs, Nearest
from locgraph.graphs.store import build_store
from locgraph.io.catalogue import scan
from locgraph.io.columns import ColumnMap
from locgraph.io.groups import NoGroups
from locgraph.io.labels import NoLabels
from locgraph.pipeline.executors import Executor, Processes, Serial
from locgraph.pipeline.extract import ExtractRecipe
from locgraph.pipeline.prepare import prepare
from locgraph.pipeline.views import Views
from locgraph.simulate.dataset import simulate_dataset
from locgraph.simulate.origami import Origami

CLASSES = ("one", "two", "three", "T", "O", "L", "grid")
COLUMNS = ColumnMap({name: name for name in ("x", "y", "frame", "photons", "precision")}, unit="nm")
SHORTEST_S = 0.005  # growth from shorter times says nothing
PER_STRUCTURE = 20 * 0.85 * 10 * 2.5  # mean number of localisations of the template `grid`


def extract_recipe(clusterer: Any, views: int) -> ExtractRecipe:
    """Tables with all features."""
    features = FeatureSet({"size": Size(), "pca": PCA(), "hull": Hull()})
    return ExtractRecipe(COLUMNS, clusterer, features, Views(views), 3, 1, 0.05, {"views": views})


def graph_recipe(cluster_edges: Any, localisations: bool) -> GraphRecipe:
    """Graphs of clusters alone, or with localisations on three levels."""
    features = ("count", "radius_of_gyration", "length_pca", "area_hull")
    return GraphRecipe(features, ("photons",), cluster_edges, localisations, 5, (0.5, 0.5), {"with": localisations})


def steps(
    raw: Path, folder: Path, executor: Executor, clusterer: Any, cluster_edges: Any, views: int
) -> dict[str, float]:
    """Prepares a raw folder from nothing; seconds of each step."""
    shutil.rmtree(folder, ignore_errors=True)
    times = {}

    def timed(name: str, work: Callable, *arguments: Any) -> Any:
        start = time.perf_counter()
        result = work(*arguments)
        times[name] = time.perf_counter() - start
        return result

    catalogue = timed("list raw files", scan, raw, COLUMNS, NoLabels(), NoGroups())
    arguments = (catalogue, extract_recipe(clusterer, views), folder / "tables", executor, 0.0)
    fov_ids = timed("raw to tables", prepare, *arguments).table["fov_id"].to_list()
    timed("tables again (up to date)", prepare, *arguments)
    for name, localisations in (("tables to graphs of clusters", False), ("tables to graphs with localisations", True)):
        recipe = graph_recipe(cluster_edges, localisations)
        store = folder / f"graphs-{localisations}"
        timed(name, build_store, fov_ids, folder / "tables", recipe, store, executor)
    timed("graphs again (up to date)", build_store, fov_ids, folder / "tables", recipe, store, executor)
    return times


def peak_mb() -> float:
    """Largest memory of this process so far in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def measure(repeats: int, small: Path, raw: Path, *arguments: Any) -> tuple[dict[str, float], float]:
    """Median seconds of each step, and peak memory in MB."""
    with tempfile.TemporaryDirectory() as folder:
        steps(small, Path(folder) / "small", *arguments)  # compiles, and starts the further processes
        before = peak_mb()
        runs = [steps(raw, Path(folder) / "measured", *arguments) for _ in range(repeats)]
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}, peak_mb() - before


def alone(*arguments: Any) -> tuple[dict[str, float], float]:
    """Measures in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(measure, *arguments).result()


def one_large_fov(sizes: list[int], repeats: int, small: Path, folder: Path) -> Table:
    """One FOV of each size, many structures in it, one cluster for each structure."""
    table = Table("localisations", "step", "seconds", "exponent", "peak MB", title="one FOV, DBSCAN, one process")
    before: dict[str, float] = {}
    for index, n in enumerate(sizes):
        structures = max(1, round(n / PER_STRUCTURE))
        origami = Origami({"grid": "grid"}, structures_per_fov=structures, field_nm=200.0 * math.sqrt(structures))
        raw = folder / f"large-{n}"
        raw.mkdir()
        origami.simulate_fov("grid", np.random.default_rng(0)).write_parquet(raw / "fov.parquet")
        times, memory = alone(repeats, small, raw, Serial(), DBSCAN(20.0, 5, backend="cpu"), Nearest(5), 1)
        for row, (name, seconds) in enumerate(times.items()):
            measurable = before.get(name, 0.0) >= SHORTEST_S
            grown = math.log(seconds / before[name]) / math.log(n / sizes[index - 1]) if measurable else None
            exponent = "" if grown is None else f"{grown:.2f}"
            table.add_row("" if row else f"{n:,}", name, f"{seconds:.3f}", exponent, "" if row else f"{memory:.0f}")
        before = times
        table.add_section()
    return table


def many_small_fovs(number: int, repeats: int, small: Path, folder: Path) -> Table:
    """FOVs of one structure each, about 400 localisations, in 1 and 16 views."""
    origami = Origami({name: name for name in CLASSES})
    simulate_dataset(folder / "many", origami, -(-number // len(CLASSES)), seed=0)
    workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    table = Table("FOVs", "views", "processes", "step", "seconds", "ms for each FOV", "peak MB")
    table.title = "many small FOVs, k-means with 20 clusters, all pairs"
    found = len(list((folder / "many").glob("*.parquet")))
    for views in (1, 16):
        for executor in (Serial(), Processes(workers)):
            times, memory = alone(
                repeats, small, folder / "many", executor, KMeans(20, backend="cpu"), AllPairs(), views
            )
            serial = isinstance(executor, Serial)
            head = (str(found), str(views), "1" if serial else str(workers))
            for row, (name, seconds) in enumerate(times.items()):
                shown = ("", "", "") if row else head
                peak = f"{memory:.0f}" if serial and not row else ""
                table.add_row(*shown, name, f"{seconds:.2f}", f"{1000 * seconds / found:.2f}", peak)
            table.add_section()
    return table


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--fovs", type=int, default=245, help="number of small FOVs; 0 leaves them out")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    console = Console(width=110)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        simulate_dataset(folder / "small", Origami({"grid": "grid"}), 2, seed=1)
        if arguments.sizes:
            console.print(one_large_fov(arguments.sizes, arguments.repeats, folder / "small", folder))
        if arguments.fovs:
            console.print(many_small_fovs(arguments.fovs, arguments.repeats, folder / "small", folder))


if __name__ == "__main__":
    main()
