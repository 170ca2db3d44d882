"""Time, bytes and memory of the viewer with the number of localisations of one field of view.

    python benchmarks/viewer.py [--sizes 10000 100000 1000000 10000000] [--dimensions 2]

Each file is like a DNA-PAINT image: four of five localisations in clusters of 8 nm (500 each), the others anywhere;
x, y (z), frame, photons, precision and channel, as parquet in nm. The server runs in a process of its own, whose peak
memory is given; what a page of 1200 pixels asks of it goes through HTTP, one call after the other:

    index        the header, with nothing in the cache
    reopen       the header in another process, with the cache
    first view   header, and position and one column of every node that a view of all shows, with the cache
    pan          the further nodes that a view an eighth as wide shows after a move by half its width

A node is shown where its box is in view and the cells of the node above it are larger than 1.5 pixels, up to two
million localisations, as on the page. An exponent p says that the processor time of indexing is proportional to N^p
between this number of localisations and the one before.
"""

import argparse
import http.client
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table

PIXELS, SPACING_PX, MOST_SHOWN = 1200, 1.5, 2_000_000
PER_CLUSTER, CLUSTER_NM, CLUSTERED = 500, 8.0, 0.8
PER_SQUARE_UM = 6000
COLOUR = "photons"


def write(path: Path, n: int, dimensions: int) -> None:
    """Write localisations at the density of a DNA-PAINT image."""
    rng = np.random.default_rng(0)
    size = np.array([1000 * math.sqrt(n / PER_SQUARE_UM)] * 2 + [600.0])[:dimensions]
    centres = rng.uniform(0, 1, (max(int(n * CLUSTERED / PER_CLUSTER), 1), dimensions)) * size
    clustered = int(n * CLUSTERED)
    owners = rng.integers(0, len(centres), clustered)
    points = np.concatenate(
        [
            centres[owners] + rng.normal(0, CLUSTER_NM, (clustered, dimensions)),
            rng.uniform(0, 1, (n - clustered, dimensions)) * size,
        ]
    )[rng.permutation(n)]
    columns = {
        "frame": rng.integers(0, 50_000, n),
        COLOUR: rng.lognormal(8, 1, n),
        "precision": rng.lognormal(1, 0.3, n),
        "channel": rng.integers(0, 2, n),
    }
    positions = {name: points[:, axis] for axis, name in enumerate("xyz"[:dimensions])}
    pl.DataFrame(positions | columns).write_parquet(path)


def serve(path: Path, cache: Path) -> None:
    """Serve a file until the input ends; print the address, at the end processor seconds and peak memory in MiB."""
    from locgraph.io.columns import ColumnMap
    from locgraph.viewer.opened import OpeningSettings
    from locgraph.viewer.opening import open_source
    from locgraph.viewer.serve import Viewer
    from locgraph.viewer.session import Session

    names = ("x", "y", "z", "frame", COLOUR, "precision", "channel")
    settings = OpeningSettings(cache, ColumnMap({name: name for name in names}, "nm"))
    with Viewer(Session([open_source(path, settings)])) as viewer:
        start = time.process_time()
        print(viewer.url, flush=True)
        sys.stdin.read()
        seconds = time.process_time() - start
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, flush=True)


class Page:
    """Asks a server that runs in a process of its own."""

    def __init__(self, path: Path, cache: Path) -> None:
        command = [sys.executable, __file__, "--serve", str(path), str(cache)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        address = urlsplit(self.process.stdout.readline().strip())
        self.connection = http.client.HTTPConnection(address.hostname, address.port, timeout=600)
        self.headers = {"authorization": f"token {parse_qs(address.query)['token'][0]}"}
        self.n_bytes = 0

    def get(self, path: str) -> bytes:
        """Return the answer to one call."""
        self.connection.request("GET", f"/api/s/0/f/0{path}", headers=self.headers)
        answer = self.connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise RuntimeError(content.decode())
        self.n_bytes += len(content)
        return content

    def fetch(self, nodes: set[int]) -> None:
        """Ask for what is drawn of nodes."""
        for node in sorted(nodes):
            self.get(f"/n/{node}/position")
            self.get(f"/n/{node}/{COLOUR}")

    def close(self) -> tuple[float, float]:
        """Stop the server; return the processor seconds of its answers, and its peak memory in MiB."""
        self.connection.close()
        seconds, peak = self.process.communicate()[0].split()
        return float(seconds), float(peak)


def visible(header: dict, low: np.ndarray, high: np.ndarray) -> set[int]:
    """Return the nodes that a view from corner to corner (2,) nm shows."""
    pixel = (high - low).max() / PIXELS
    shown, rows, level = set(), 0, [header["root"]]
    while level:
        nodes, level = [header["nodes"][node] for node in level], []
        for node in nodes:
            box = np.array(node["box"])[:, :2]
            if (box[0] > high).any() or (box[1] < low).any() or (shown and rows + node["rows"] > MOST_SHOWN):
                continue
            shown.add(node["id"])
            rows += node["rows"]
            level += node["children"] if node["spacing"] > SPACING_PX * pixel else []
    return shown


def measure(path: Path, cache: Path) -> dict[str, float]:
    """Return seconds, MB and MiB of one file."""
    page = Page(path, cache)
    start = time.perf_counter()
    page.get("")
    result = {"index": time.perf_counter() - start}
    result["processor"], result["index MiB"] = page.close()
    page = Page(path, cache)
    start = time.perf_counter()
    header = json.loads(page.get(""))
    result |= {"reopen": time.perf_counter() - start, "nodes": len(header["nodes"])}
    low, high = np.array(header["box"])[:, :2]
    first = visible(header, low, high)
    page.fetch(first)
    result |= {"first": time.perf_counter() - start, "first MB": page.n_bytes / 1e6, "first nodes": len(first)}
    width = (high - low) / 8
    middle = (low + high) / 2
    before = visible(header, middle - width / 2, middle + width / 2)
    page.fetch(before - first)
    after = visible(header, middle, middle + width) - before - first
    page.n_bytes, start = 0, time.perf_counter()
    page.fetch(after)
    result |= {"pan": time.perf_counter() - start, "pan MB": page.n_bytes / 1e6, "pan nodes": len(after)}
    return result | {"view MiB": page.close()[1]}


def main() -> None:
    """Measure every size, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10**4, 10**5, 10**6, 10**7])
    parser.add_argument("--dimensions", type=int, choices=[2, 3], default=2)
    parser.add_argument("--serve", type=Path, nargs=2)
    options = parser.parse_args()
    if options.serve is not None:
        serve(*options.serve)
        return
    titles = ("localisations", "nodes", "index s", "processor s", "exponent", "reopen s", "first view s", "MB", "nodes")
    table = Table(*titles, "pan ms", "MB", "nodes", "peak MiB indexing", "viewing")
    before: tuple[int, float] | None = None
    for size in options.sizes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "localisations.parquet"
            write(path, size, options.dimensions)
            got = measure(path, Path(folder) / "cache")
        exponent = (
            "" if before is None else f"{math.log(got['processor'] / before[1]) / math.log(size / before[0]):.2f}"
        )
        before = (size, got["processor"])
        table.add_row(
            *(
                f"{size:,}",
                f"{got['nodes']}",
                f"{got['index']:.2f}",
                f"{got['processor']:.2f}",
                exponent,
                f"{got['reopen']:.2f}",
            ),
            *(f"{got['first']:.2f}", f"{got['first MB']:.1f}", f"{got['first nodes']}"),
            *(f"{1000 * got['pan']:.0f}", f"{got['pan MB']:.1f}", f"{got['pan nodes']}"),
            *(f"{got['index MiB']:.0f}", f"{got['view MiB']:.0f}"),
        )
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
