"""The default model beside its controls on five data sets, all folds: does it beat the best simple classifier?

    python benchmarks/defaults.py FOLDER [NAME ...] [raw_dir=DIGITS_AND_LETTERS]

Sweeps are made below FOLDER; folds that are there already are not trained again. NAMEs choose among the data sets;
digits and letters need their raw files (experiment=digits_letters). All take about 20 minutes on two cores.
"""

import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

import locgraph
from locgraph.analysis.sweeps.outcomes import MODEL

_SOLIDS = "[tetrahedron, cube, octahedron, tripod, ring, helix_right]"
_COLOURS = (
    "[{ring_cross: {0: ring, 1: cross}}, {cross_ring: {0: cross, 1: ring}}, {ring_T: {0: ring, 1: T}}, "
    "{T_ring: {0: T, 1: ring}}, {cross_T: {0: cross, 1: T}}, {T_cross: {0: T, 1: cross}}]"
)
_OWN = ("data.raw_dir=${simulation.folder}", "simulation=origami", "simulation.fovs_per_class=60", "clustering=kmeans")

SETS: dict[str, tuple[str, ...]] = {
    "demo": ("experiment=demo",),
    "digits_letters": ("experiment=digits_letters",),
    "motif": ("experiment=motif",),
    "solids": (*_OWN, "simulation.origami.dimensions=3", f"simulation.origami.classes={_SOLIDS}", "name=solids"),
    "colours": (*_OWN, f"simulation.origami.classes={_COLOURS}", "features=[standard,channels]", "name=colours"),
}
"""Name of each data set and what it takes: the last two are the defaults of ``train.yaml`` but for the clusterer."""


def train(name: str, folder: Path, raw_dir: str | None) -> locgraph.Study:
    """Train the folds that are missing, and return the sweep."""
    script = Path(__file__).parents[1] / "train.py"
    where = [f"paths.output_dir={folder}", f"paths.sweep_dir={folder / name}"]
    raw = [f"data.raw_dir={raw_dir}"] if name == "digits_letters" else []
    command = [sys.executable, str(script), *SETS[name], *raw, "sweep=kfold", *where]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return locgraph.study(folder / name)


def _written(mean: float, low: float | None, high: float | None) -> str:
    return f"{mean:.3f}" if low is None or high is None else f"{mean:.3f} ({low:.3f} to {high:.3f})"


def main() -> None:
    """Print a row for each data set."""
    folder, *rest = sys.argv[1:]
    raw_dir = next((word.removeprefix("raw_dir=") for word in rest if word.startswith("raw_dir=")), None)
    names = [word for word in rest if not word.startswith("raw_dir=")] or list(SETS)
    table = Table(title="test accuracy, mean of the folds (95 % interval)", box=None)
    for heading in ("data", "network", "best control", "which", "lead"):
        table.add_column(heading)
    for name in names:
        if name == "digits_letters" and raw_dir is None:
            continue
        summary = train(name, Path(folder).resolve(), raw_dir).summary()
        means, best = summary.intervals(), summary.best_control()
        lead = best and summary.lead_over(best[0])
        if best is None or lead is None:
            sys.exit(f"{name}: no control ran")
        cells = [_written(*means[source]) for source in (MODEL, best[0])]
        table.add_row(name, *cells, best[0].replace("_", " "), _written(lead.estimate, lead.low, lead.high))
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
