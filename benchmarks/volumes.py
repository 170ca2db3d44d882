"""Reading of label volumes: processor seconds and peak memory with the number of objects.

    python benchmarks/volumes.py [--labels 100 1000 10000 100000] [--points 32] [--diameter 8] [--skeleton]

Each volume holds balls with diameters of about ``--diameter`` voxels, packed with gaps, as uint32. Each number runs in
a process of its own, so that the peak is its own.
"""

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import h5py
import numpy as np


def write_balls(path: Path, count: int, diameter: int) -> tuple[int, ...]:
    """Write a volume of balls, with the size of a voxel; return its shape."""
    generator = np.random.default_rng(0)
    cell = diameter + 3
    grid = np.arange(cell) - cell // 2
    distances = np.sqrt(sum(axis**2 for axis in np.meshgrid(grid, grid, grid, indexing="ij")))
    side = int(np.ceil(count ** (1 / 3)))
    radii = generator.uniform(0.6, 1.0, side**3) * diameter / 2
    with h5py.File(path, "w") as file:
        shape = (side * cell,) * 3
        values = file.create_dataset("labels", shape, np.uint32, chunks=(cell, *shape[1:]), compression="lzf")
        values.attrs["element_size_um"] = [0.02, 0.02, 0.02]
        for layer in range(side):  # layer by layer: memory
            numbers = np.arange(side**2) + layer * side**2
            balls = (distances[None] <= radii[numbers, None, None, None]) & (numbers < count)[:, None, None, None]
            blocks = (balls * (numbers + 1)[:, None, None, None]).reshape(side, side, cell, cell, cell)
            values[layer * cell : (layer + 1) * cell] = blocks.transpose(2, 0, 3, 1, 4).reshape(cell, *shape[1:])
    return shape


def measure(path: Path, points: int, skeleton: bool) -> None:
    """Read a volume and print what it took."""
    from locgraph.io.read import read_localisations
    from locgraph.io.volumes.columns import VolumeColumns

    leave_out = () if skeleton else ("skeleton_length",)
    start = time.process_time()
    locs = read_localisations(path, VolumeColumns(points_per_object=points, leave_out=leave_out), 0.0)
    seconds = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{len(locs):>12,} points {seconds:8.1f} s {peak:7.2f} GiB", flush=True)


def main() -> None:
    """Measure every number of objects."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--labels", type=int, nargs="+", default=[100, 1000, 10_000, 100_000])
    parser.add_argument("--points", type=int, default=32)
    parser.add_argument("--diameter", type=int, default=8)
    parser.add_argument("--skeleton", action="store_true")
    parser.add_argument("--file", type=Path)
    options = parser.parse_args()
    if options.file is not None:
        measure(options.file, options.points, options.skeleton)
        return
    for count in options.labels:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "labels.h5"
            shape = write_balls(path, count, options.diameter)
            print(f"{count:>9,} objects in {shape} voxels", end=" ", flush=True)
            own = ["--file", str(path), "--points", str(options.points)]
            own += ["--skeleton"] if options.skeleton else []
            subprocess.run([sys.executable, __file__, *own], check=True)


if __name__ == "__main__":
    main()
