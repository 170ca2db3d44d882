"""Time and memory from one Picasso file of many objects to their predictions.

    python benchmarks/objects.py MODEL [--picks 100 1000 5000] [--sites 5000] [--localisations 1000000]

MODEL is a checkpoint, a run or a sweep of 2D data; the time depends most on its number of views. Each pick has 20 spots
of about 24 localisations (standard deviation 2 nm, 40 nm apart), which is what the origami of the digits and letters
have. The file of sites holds as many smaller structures, and background up to the number of localisations; sites are
found with `objects=sites`. Each line is a process of its own, after ten picks have compiled everything. Processor time
is of all threads and processes, memory the largest of this process in MB. An exponent p says that time is proportional
to N^p between this number of objects and the one before.
"""

import argparse
import logging
import math
import os
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import h5py
import numpy as np
from rich.console import Console
from rich.table import Table

import locgraph
from locgraph.api.config import compose

PIXEL_NM = 100.0
PITCH_NM = 1000.0
SPOTS = np.stack(np.meshgrid(np.arange(5), np.arange(4)), axis=-1).reshape(-1, 2) * 40.0
STANDARD_DEVIATION_NM = 2.0
PER_PICK, PER_SITE = 480, 160


def draw(n_objects: int, per_object: int, n_background: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions (N, 2) in nm and the pick (N,) of each localisation, -1 for background, in random order."""
    rng = np.random.default_rng(0)
    owner = np.repeat(np.arange(n_objects), per_object)
    side = math.ceil(math.sqrt(n_objects))
    places = np.column_stack([owner % side, owner // side]) * PITCH_NM + PITCH_NM
    structures = SPOTS[rng.integers(len(SPOTS), size=len(owner))]
    points = places + structures + rng.normal(0, STANDARD_DEVIATION_NM, (len(owner), 2))
    background = rng.uniform(0, (side + 1) * PITCH_NM, (n_background, 2))
    order = rng.permutation(len(points) + n_background)
    return np.vstack([points, background])[order], np.append(owner, np.full(n_background, -1))[order]


def write(path: Path, points: np.ndarray, owner: np.ndarray | None) -> None:
    """Write localisations as Picasso does."""
    columns = {name: (points[:, axis] / PIXEL_NM).astype(np.float64) for axis, name in enumerate("xy")}
    columns = {"frame": np.zeros(len(points), np.uint32), **columns}
    columns |= {name: np.full(len(points), STANDARD_DEVIATION_NM / PIXEL_NM, np.float32) for name in ("lpx", "lpy")}
    columns |= {} if owner is None else {"group": owner.astype(np.int32)}
    with h5py.File(path, "w") as file:
        file.create_dataset("locs", data=np.rec.fromarrays(list(columns.values()), names=list(columns)))
    path.with_suffix(".yaml").write_text(f"Width: 512\nHeight: 512\nFrames: 1\nPixelsize: {PIXEL_NM}\n")


def measure(model: str, path: Path, small: Path, objects: dict) -> tuple[int, float, float, float]:
    """Return the number of objects predicted, seconds, processor seconds and MB of one file."""
    logging.disable(logging.WARNING)
    columns = compose("prepare", "data.raw_dir=null")["columns"]
    loaded = locgraph.load(model).members[0]
    loaded.predict(small, columns=columns, objects="picks")
    before, start = os.times(), time.perf_counter()
    table = loaded.predict(path, columns=columns, objects=objects)
    seconds, after = time.perf_counter() - start, os.times()
    processor = sum(after[:4]) - sum(before[:4])
    return table.height, seconds, processor, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure every size, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--picks", type=int, nargs="*", default=[100, 1000, 5000])
    parser.add_argument("--sites", type=int, nargs="*", default=[5000])
    parser.add_argument("--localisations", type=int, default=1_000_000)
    arguments = parser.parse_args()
    picks = compose("prepare", "data.raw_dir=null", "objects=picks")["objects"]
    eps, least = "objects.eps_nm=60", f"objects.min_localisations={PER_SITE // 2}"
    sites = compose("prepare", "data.raw_dir=null", "objects=sites", eps, least)["objects"]
    jobs = [(n, n * PER_PICK, PER_PICK, picks) for n in arguments.picks]
    jobs += [(n, max(arguments.localisations, n * PER_SITE), PER_SITE, sites) for n in arguments.sites]
    table = Table("objects", "localisations", "predicted", "s", "processor s", "ms an object", "MB", "exponent")
    before: tuple[int, float] | None = None
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / "small.hdf5"
        write(small, *draw(10, PER_PICK, 0))
        for n, n_localisations, per_object, objects in jobs:
            path = Path(folder) / f"objects_{n}.hdf5"
            points, owner = draw(n, per_object, n_localisations - n * per_object)
            write(path, points, owner if objects is picks else None)
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
                predicted, seconds, processor, memory = process.submit(
                    measure, arguments.model, path, small, objects
                ).result()
            is_further = before is not None and objects is picks
            exponent = f"{math.log(processor / before[1]) / math.log(n / before[0]):.2f}" if is_further else ""
            before = (n, processor)
            kind = "picks" if objects is picks else "sites"
            cells = f"{n:,} {kind}|{n_localisations:,}|{predicted:,}|{seconds:.1f}|{processor:.1f}"
            table.add_row(*cells.split("|"), f"{1000 * processor / n:.1f}", f"{memory:.0f}", exponent)
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
