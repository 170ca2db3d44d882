"""Time and memory of preparation, raw file to tables to graphs: one growing FOV, and many small ones.

    python benchmarks/prepare.py [PATH] [--sizes 10000 100000 1000000] [--fovs 245] [--thousand 1000] [--repeats 3]

One FOV: clusters of about 30 localisations with a standard deviation of 10 nm, half of all localisations noise, the
same density at every size; DBSCAN. Many FOVs: those in PATH, with the settings of `experiment=digits_letters`, else
simulated origami; then FOVs of 1000 localisations like the large ones. All other settings are the defaults of configs/.

Times are medians; processor time is of all threads and processes. Each block runs in a process of its own, after a
small FOV has compiled everything. Memory is the largest of that process in MB: in all (packages alone take about 500),
and what it needed beyond the small FOV. An exponent p says that time is proportional to N^p between this size and the
one before. A step with a dash is a part of the next one without.
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
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table

from locgraph.api.config import Settings, compose
from locgraph.api.prepare import read_catalogue
from locgraph.api.recipes import graph_recipe, graph_settings, table_recipe, table_settings
from locgraph.build import build
from locgraph.graphs import store
from locgraph.graphs.build import GraphRecipe
from locgraph.io.featextracted import feature_columns, list_fovs, read_fov
from locgraph.preparation import extract
from locgraph.preparation.executors import Executor
from locgraph.preparation.features.table import FeatureSet
from locgraph.preparation.prepare import prepare
from locgraph.simulate.dataset import simulate_dataset
from locgraph.simulate.origami import Origami

PER_CLUSTER = 30
STANDARD_DEVIATION_NM = 10.0
PER_NM2 = 1e-3  # localisations, half of them noise
CLASSES = ("one", "two", "three", "T", "O", "L", "grid")
SHORTEST_S = 0.005  # shorter times are too inaccurate for an exponent

MEASURE = "clustering and features"

LARGE = ("columns=nm", "labels=none", "clustering=dbscan", "views=one", "limits.min_clusters=1")
SMALL = ("columns=nm", "labels=none", "clustering=kmeans", "graph/cluster_edges=all_pairs")
REAL = ("experiment=digits_letters",)

LIST, TABLES, CLUSTER_GRAPHS, GRAPHS = (
    "list raw files",
    "raw to tables",
    "tables to graphs of clusters",
    "tables to graphs with localisations",
)


@dataclass
class Clock:
    """Seconds, and processor seconds, of what was timed, by name."""

    wall: dict[str, float]
    processor: dict[str, float]

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Add the time of the block to ``name``."""
        wall, processor = time.perf_counter(), processor_seconds()
        yield
        self.wall[name] = self.wall.get(name, 0.0) + time.perf_counter() - wall
        self.processor[name] = self.processor.get(name, 0.0) + processor_seconds() - processor

    def watch(self, owner: Any, attribute: str, name: str) -> Any:
        """Time every call of a function or method while the context is open."""
        inner = getattr(owner, attribute)

        def call(*arguments: Any, **named: Any) -> Any:
            with self.timed(name):
                return inner(*arguments, **named)

        return mock.patch.object(owner, attribute, call)


@dataclass
class Measured:
    """Medians of a block of steps, and memory in MB: in all, and grown since the small FOV."""

    wall: dict[str, float]
    processor: dict[str, float]
    peak_mb: float
    grown_mb: float


def simulated_fov(n: int, seed: int = 0) -> pl.DataFrame:
    """Return localisations in nm, at the same density for every ``n``, in random order."""
    rng = np.random.default_rng(seed)
    extent = math.sqrt(n / PER_NM2)
    centres = rng.random((max(n // 2 // PER_CLUSTER, 1), 2)) * extent
    clustered = centres[rng.integers(0, len(centres), n // 2)] + rng.normal(0.0, STANDARD_DEVIATION_NM, (n // 2, 2))
    points = rng.permutation(np.vstack([clustered, rng.random((n - n // 2, 2)) * extent]))
    return pl.DataFrame(
        {
            "x": points[:, 0],
            "y": points[:, 1],
            "frame": np.sort(rng.integers(0, 10_000, n)),
            "photons": rng.exponential(1000.0, n),
            "precision": rng.uniform(3.0, 15.0, n),
        }
    )


def processor_seconds() -> float:
    """Return the time of all threads of this process, and of the processes that it started and that have ended."""
    return time.process_time() + sum(os.times()[2:4])


def peak_mb() -> float:
    """Return the largest memory of this process so far in MB."""
    status = Path("/proc/self/status")
    if status.is_file():  # what getrusage gives there begins with the memory of the process that started this one
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def run(raw: Path, folder: Path, overrides: tuple[str, ...], blocks: tuple[str, ...]) -> Clock:
    """Prepare a raw folder with the real configuration; only the blocks named, each from nothing."""
    settings = compose("prepare", *overrides, f"data.raw_dir={raw}")
    clock, tables, executor = Clock({}, {}), folder / "tables", build(settings["executor"], "executor")
    if TABLES in blocks:
        make_tables(settings, tables, executor, clock)
    fov_ids = list_fovs(tables)
    columns = feature_columns(read_fov(tables, fov_ids[0]).clusters)
    for block in (CLUSTER_GRAPHS, GRAPHS):
        if block in blocks:
            recipe = graph_recipe(graph_settings(settings, columns, uses_localisations=block == GRAPHS))
            make_graphs(fov_ids, tables, recipe, executor, clock, block)
    return clock


def make_tables(settings: Settings, folder: Path, executor: Executor, clock: Clock) -> None:
    """Make tables of raw files, though there may be some already, and once more when all are up to date."""
    recipe = replace(table_recipe(table_settings(settings)), settings={"made at": time.time()})
    with clock.timed(LIST):
        catalogue = read_catalogue(settings)
    with (
        clock.watch(extract, "read_localisations", f"{TABLES} - read"),
        clock.watch(type(recipe.clusterer), "__call__", f"{TABLES} - cluster"),
        clock.watch(FeatureSet, "compute", f"{TABLES} - features"),
        clock.watch(extract, "write_fov", f"{TABLES} - write"),
        clock.timed(TABLES),
    ):
        prepare(catalogue, recipe, folder, executor, 0.0)
    with clock.timed("all tables are up to date"):
        prepare(catalogue, recipe, folder, executor, 0.0)


def make_graphs(
    fov_ids: list[str], tables: Path, recipe: GraphRecipe, executor: Executor, clock: Clock, block: str
) -> None:
    """Make graphs of tables, and once more when all are up to date."""
    with tempfile.TemporaryDirectory(dir=tables.parent) as folder:
        arguments = (fov_ids, tables, recipe, Path(folder), executor)
        with (
            clock.watch(store, "read_fov", f"{block} - read"),
            clock.watch(store, "build_graph", f"{block} - build"),
            clock.watch(store.GraphStore, "save", f"{block} - write"),
            clock.timed(block),
        ):
            store.build_store(*arguments)
        if block == GRAPHS:
            with clock.timed("all graphs are up to date"):
                store.build_store(*arguments)


def measure(repeats: int, small: Path, raw: Path, folder: Path, overrides: tuple[str, ...], *blocks: str) -> Measured:
    """Return medians of the blocks. Tables that graphs begin from must be there, unless they are among the blocks."""
    with tempfile.TemporaryDirectory() as compiled:
        run(small, Path(compiled), overrides, (TABLES, *blocks))
        before = peak_mb()
    clocks = [run(raw, folder, overrides, blocks) for _ in range(repeats)]
    medians = [
        {name: statistics.median(getattr(clock, kind)[name] for clock in clocks) for name in getattr(clocks[0], kind)}
        for kind in ("wall", "processor")
    ]
    return Measured(*medians, peak_mb(), peak_mb() - before)


def alone(work: Callable, *arguments: Any) -> Any:
    """Return the result of a function that runs in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def write_fov(path: Path, n: int, seed: int = 0) -> None:
    """Write a simulated FOV as raw file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    simulated_fov(n, seed).write_parquet(path)


def with_sums(times: dict[str, float]) -> dict[str, float]:
    """Return times with their sums: clustering and features alone, and all steps from raw files to graphs."""
    tables = times[LIST] + times[TABLES]
    return times | {
        MEASURE: times[f"{TABLES} - cluster"] + times[f"{TABLES} - features"],
        "raw to graphs of clusters": tables + times[CLUSTER_GRAPHS],
        "raw to graphs with localisations": tables + times[GRAPHS],
    }


def step_name(name: str) -> str:
    """Return the name of a step in a table: parts begin with a dash."""
    _, dash, part = name.partition(" - ")
    return f"- {part}" if dash else name


def one_large_fov(sizes: list[int], repeats: int, folder: Path) -> Iterator[Table]:
    """Yield a table of one FOV of each size, step by step, and one of how the steps grow."""
    table = Table("localisations", "step", "seconds", "exponent", "processor s", "peak MB", "grown MB")
    table.title = "one FOV, DBSCAN, one process"
    write_fov(folder / "warm" / "fov.parquet", 2000)
    wall: dict[int, dict[str, float]] = {}
    processor: dict[int, dict[str, float]] = {}
    for n in sizes:
        raw, made, memory = folder / f"large-{n}", folder / f"made-{n}", {}
        alone(write_fov, raw / "fov.parquet", n)
        wall[n], processor[n] = {}, {}
        for block in (TABLES, CLUSTER_GRAPHS, GRAPHS):
            measured = alone(measure, repeats, folder / "warm", raw, made, (*LARGE, "executor=serial"), block)
            wall[n] |= measured.wall
            processor[n] |= measured.processor
            memory[block] = (f"{measured.peak_mb:.0f}", f"{measured.grown_mb:.0f}")
        wall[n], processor[n] = with_sums(wall[n]), with_sums(processor[n])
        for row, (name, seconds) in enumerate(wall[n].items()):
            numbers = (f"{seconds:.3f}", exponent(wall, n, name), f"{processor[n][name]:.3f}")
            table.add_row("" if row else f"{n:,}", step_name(name), *numbers, *memory.get(name, ()))
        table.add_section()
        shutil.rmtree(made)
    yield table
    large = [n for n in sizes if n >= 100_000]
    if len(large) > 1:
        yield growth(large[0], large[-1], wall, processor)


def growth(small: int, large: int, wall: dict[int, dict[str, float]], processor: dict[int, dict[str, float]]) -> Table:
    """Return exponents of time and of processor time, which a busy machine changes less."""
    table = Table("step", "exponent", "exponent of processor time", title=f"growth from {small:,} to {large:,}")
    for name in wall[large]:
        both = (exponent({n: times[n] for n in (small, large)}, large, name) for times in (wall, processor))
        table.add_row(step_name(name), *both)
    return table


def exponent(times: dict[int, dict[str, float]], n: int, name: str) -> str:
    """Return how a step grew since the size before; an empty text where times are too short or there is none."""
    smaller = [size for size in times if size < n]
    before = times[max(smaller)].get(name, 0.0) if smaller else 0.0
    if before < SHORTEST_S:
        return ""
    return f"{math.log(times[n][name] / before) / math.log(n / max(smaller)):.2f}"


def many_fovs(title: str, raw: Path, repeats: int, folder: Path, overrides: tuple[str, ...], views: int) -> Table:
    """Return the table of FOVs one after the other and spread over processes."""
    number = len(list(raw.glob("*.parquet")))
    table = Table("executor", "step", "seconds", "ms for each FOV", "processor ms for each FOV", "peak MB")
    table.title = f"{number} {title}, {views} view{'s' * (views > 1)}"
    for executor in ("serial", "processes"):
        chosen = (*overrides, f"executor={executor}", f"views.count={views}")
        with tempfile.TemporaryDirectory(dir=folder) as made:
            arguments = (repeats, first_of(raw, folder), raw, Path(made), chosen, TABLES, CLUSTER_GRAPHS, GRAPHS)
            measured = alone(measure, *arguments)
        wall, processor = with_sums(measured.wall), with_sums(measured.processor)
        # parts are not timed in other processes
        steps = [name for name in wall if executor == "serial" or not (" - " in name or name == MEASURE)]
        for name in steps:
            numbers = (
                f"{wall[name]:.2f}",
                f"{1000 * wall[name] / number:.2f}",
                f"{1000 * processor[name] / number:.2f}",
            )
            first = (executor, f"{measured.peak_mb:.0f}" if executor == "serial" else "") if name == LIST else ("", "")
            table.add_row(first[0], step_name(name), *numbers, first[1])
        table.add_section()
    return table


def first_of(raw: Path, folder: Path) -> Path:
    """Make a folder with the first FOV of another, and return it."""
    warm = folder / f"first-of-{raw.name}"
    warm.mkdir(exist_ok=True)
    first = min(raw.glob("*.parquet"))
    (warm / first.name).write_bytes(first.read_bytes())
    return warm


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path, nargs="?", help="real FOVs of data set digits_letters; simulated without")
    parser.add_argument("--sizes", type=int, nargs="*", default=[10_000, 100_000, 1_000_000], help="up to 10000000")
    parser.add_argument("--fovs", type=int, default=245, help="number of simulated FOVs; 0 leaves them out")
    parser.add_argument("--thousand", type=int, default=1000, help="number of FOVs of 1000 localisations; 0: none")
    parser.add_argument("--views", type=int, nargs="*", default=[1, 16], help="views of the FOVs in PATH")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    console = Console(width=120)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if arguments.sizes:
            for table in one_large_fov(arguments.sizes, arguments.repeats, folder):
                console.print(table)
        raw, title, overrides = arguments.path, "real FOVs, k-means, all pairs", REAL
        if raw is None and arguments.fovs:
            raw, title, overrides = folder / "origami", "simulated origami, k-means, all pairs", SMALL
            origami = Origami({name: name for name in CLASSES})
            simulate_dataset(raw, origami, -(-arguments.fovs // len(CLASSES)), seed=0)
        for views in arguments.views if raw else ():
            console.print(many_fovs(title, raw.resolve(), arguments.repeats, folder, overrides, views))
        if arguments.thousand:
            for index in range(arguments.thousand):
                write_fov(folder / "thousand" / f"{index:04d}.parquet", 1000, seed=index)
            title = "FOVs of 1000 localisations, DBSCAN"
            console.print(many_fovs(title, folder / "thousand", arguments.repeats, folder, LARGE, 1))


if __name__ == "__main__":
    main()
