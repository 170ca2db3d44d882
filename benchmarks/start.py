"""How long the commands take until they print help or refuse a setting: ``python benchmarks/start.py``."""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

REPEATS = 5
CASES = {
    "locgraph --help": ["--help"],
    "train --help": ["train", "--help"],
    "unknown override": ["train", "experiment=demo", "no.such.setting=1"],
    "fold that does not exist": ["train", "experiment=demo", "fold.index=9"],
    "empty folder": ["train", "data.raw_dir=empty"],
    "precision that a CPU cannot run": ["train", "experiment=demo", "trainer.precision=16-true"],
}


def seconds(arguments: list[str], folder: str) -> float:
    """Return the wall time of one process from start to end."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "locgraph.cli", *arguments]
    subprocess.run(command, cwd=folder, capture_output=True, check=False)
    return time.perf_counter() - started


def main() -> None:
    """Print the median over several runs, after one that is not counted."""
    table = Table("command", "median s", "slowest s", title=f"start-up, {REPEATS} runs each")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "empty").mkdir()
        for name, arguments in CASES.items():
            seconds(arguments, folder)
            times = [seconds(arguments, folder) for _ in range(REPEATS)]
            table.add_row(name, f"{statistics.median(times):.2f}", f"{max(times):.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
