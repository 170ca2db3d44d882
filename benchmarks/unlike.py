"""How well FOVs unlike those of training are told: simulated noise, shapes and densities, and classes left out.

    python benchmarks/unlike.py SWEEP ... --prepared FOLDER
    python benchmarks/unlike.py --left-out RUN ... --raw RAW_DIR

The first fits the detector (`locgraph.trust.unlike`) of each run of finished sweeps to its training and validation
FOVs, and judges its test FOVs and 30 simulated FOVs of each kind. Each of these has the number, precision and extent of
a FOV drawn from the data, so that shape alone is unlike; those "as simulated" are what `locgraph simulate` draws, 20 nm
between sites, and noise over 130 nm. Densities are FOVs of the data with a part of their localisations, or with more,
drawn from theirs and moved by their precision.
The second takes runs that were trained without the files of one class, named last in their folder's name after "_", and
judges the FOVs of this class, read from RAW_DIR, beside the test FOVs. Columns:

    AUROC      of typicality, against the test FOVs; mean over runs, lowest run
    flagged    fraction with a p-value of at most 0.05, or a measure out of range; mean over runs, lowest run
    FOVs       how many could be prepared: a few localisations make too few clusters

Tables of prepared FOVs are kept below FOLDER. Three sweeps of five folds take about eight minutes on two cores.
"""

import argparse
import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table
from sklearn.metrics import roc_auc_score

from locgraph import schema
from locgraph.api.models.load import load_model
from locgraph.api.models.model import Model
from locgraph.data.folds import TEST, TRAIN, VALIDATION
from locgraph.data.prepared import Prepared
from locgraph.io.featextracted import read_fov
from locgraph.run_folder import RunFolder, find_runs
from locgraph.simulate.origami import Origami
from locgraph.simulate.structures import TEMPLATES
from locgraph.trust.measures import Measures, measure_fovs
from locgraph.trust.unlike import UnlikeFovs

ALPHA = 0.05
FOVS = 30
NOISE, RING, LINE = "uniform noise", "ring of 12 sites", "line of 8 sites"
OTHER_ORIGAMI = ("cross", "square", "triangle", "J")
THINNED = {"half of the localisations": 0.5, "a quarter": 0.25, "a tenth": 0.1}
DENSER = {"4 times denser": 4, "10 times denser": 10, "20 times denser": 20}
TRUE = "test FOVs"


class Pattern:
    """Number, extent and precision of a FOV of the data, and its localisations."""

    def __init__(self, tables: Path, fov_id: str) -> None:
        locs = read_fov(tables, fov_id).locs.filter(pl.col(schema.VIEW) == 0)
        self.points = locs.select(schema.position_columns(2)).to_numpy()
        self.precision = locs[schema.PRECISION].to_numpy().astype(float)

    @property
    def extent(self) -> float:
        """Root mean square distance from the centre in nm."""
        return float(np.sqrt(self.points.var(axis=0).sum()))


def draw_sites(sites: np.ndarray, pattern: Pattern, rng: np.random.Generator) -> np.ndarray:
    """Draw localisations about sites that differ in brightness, with the pattern's number, precision and extent."""
    weights = rng.gamma(4.0, 1.0, len(sites)) * (rng.random(len(sites)) < 0.9) + 1e-9
    chosen = sites[rng.choice(len(sites), len(pattern.points), p=weights / weights.sum())]
    angle = rng.uniform(0.0, 2.0 * np.pi)
    points = chosen @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    spread = 2.0 * float((pattern.precision**2).mean())
    wanted = np.sqrt(max(pattern.extent**2 - spread, 0.1 * pattern.extent**2))
    points = points * wanted / max(float(np.sqrt(points.var(axis=0).sum())), 1e-9)
    return points + rng.normal(size=points.shape) * pattern.precision[:, None]


def draw_noise(pattern: Pattern, rng: np.random.Generator) -> np.ndarray:
    """Draw localisations uniformly in a square of the pattern's extent."""
    points = rng.uniform(-1.0, 1.0, pattern.points.shape)
    return points * pattern.extent / np.sqrt(points.var(axis=0).sum())


def shapes() -> dict[str, Callable[[Pattern, np.random.Generator], np.ndarray]]:
    """Return what draws each kind of shape."""
    angle = 2.0 * np.pi * np.arange(12) / 12
    sites = {RING: np.column_stack([np.cos(angle), np.sin(angle)])}
    sites[LINE] = np.column_stack([np.arange(8.0), np.zeros(8)])
    sites |= {f"origami: {name}": TEMPLATES[name][:, :2] for name in OTHER_ORIGAMI}
    drawn = {name: lambda pattern, rng, each=each: draw_sites(each, pattern, rng) for name, each in sites.items()}
    return {NOISE: draw_noise, **drawn}


def draw_plain(rng: np.random.Generator) -> dict[str, pl.DataFrame]:
    """Draw noise, a ring and a line with the default settings of simulations."""
    origami = Origami({RING: "ring", LINE: [[20.0 * index, 0.0] for index in range(8)]}, field_nm=200.0)
    drawn = {name: origami.simulate_fov(name, rng) for name in (RING, LINE)}
    points = rng.uniform(0.0, 130.0, (rng.poisson(250), 2))
    return drawn | {NOISE: pl.DataFrame({"x": points[:, 0], "y": points[:, 1], schema.PRECISION: 3.0})}


def simulate(prepared: Prepared, seed: int = 1) -> pl.DataFrame:
    """Return localisations of simulated FOVs, named ``<kind>/<number>``."""
    rng = np.random.default_rng(seed)
    by_class = [rows[schema.FOV_ID] for rows in prepared.manifest.table.sort(schema.FOV_ID).partition_by(schema.LABEL)]

    def pattern(number: int) -> Pattern:
        names = by_class[number % len(by_class)]
        return Pattern(prepared.tables, names[int(rng.integers(len(names)))])

    parts = []

    def keep(kind: str, number: int, points: np.ndarray, precision: np.ndarray) -> None:
        columns = {"x": points[:, 0], "y": points[:, 1], schema.PRECISION: precision}
        parts.append(pl.DataFrame({schema.FOV_ID: [f"{kind}/{number:02d}"] * len(points)} | columns))

    for number in range(FOVS):
        for kind, draw in shapes().items():
            one = pattern(number)
            keep(kind, number, draw(one, rng), one.precision)
        for kind, locs in draw_plain(rng).items():
            keep(f"{kind}, as simulated", number, locs.select("x", "y").to_numpy(), locs[schema.PRECISION].to_numpy())
        for kind, part in THINNED.items():
            one = pattern(number)
            rows = rng.choice(len(one.points), max(int(part * len(one.points)), 5), replace=False)
            keep(kind, number, one.points[rows], one.precision[rows])
        for kind, factor in DENSER.items():
            one = pattern(number)
            rows = rng.integers(len(one.points), size=factor * len(one.points))
            moved = one.points[rows] + rng.normal(size=(len(rows), 2)) * one.precision[rows][:, None]
            keep(kind, number, moved, one.precision[rows])
    return pl.concat(parts)


def measure(prepared: Prepared) -> Measures:
    """Measure all FOVs."""
    return measure_fovs(prepared.tables, prepared.labels)


class Results:
    """AUROC and fraction flagged of each kind in each run."""

    def __init__(self) -> None:
        self.auroc: dict[str, list[float]] = {}
        self.flagged: dict[str, list[float]] = {}
        self.counts: dict[str, int] = {}

    def add(self, true: pl.DataFrame, others: pl.DataFrame) -> None:
        """Add what a run says of its test FOVs and of others, whose kind is their name up to ``/``."""
        self.flagged.setdefault(TRUE, []).append(float(true[schema.UNLIKE].mean()))  # type: ignore[arg-type]
        self.counts[TRUE] = self.counts.get(TRUE, 0) + true.height
        kind = pl.col(schema.FOV_ID).str.split("/").list.first().alias("kind")
        for (name,), rows in others.with_columns(kind).group_by("kind", maintain_order=True):
            scores = np.concatenate([true[schema.TYPICALITY], rows[schema.TYPICALITY]])
            is_other = np.arange(len(scores)) >= true.height
            self.auroc.setdefault(str(name), []).append(float(roc_auc_score(is_other, -scores)))
            self.flagged.setdefault(str(name), []).append(float(rows[schema.UNLIKE].mean()))  # type: ignore[arg-type]
            self.counts[str(name)] = rows.height

    def table(self, title: str) -> Table:
        """Return the table."""
        table = Table("kind", "AUROC", "lowest", "flagged", "lowest", "FOVs", title=title)
        for name, values in self.flagged.items():
            auroc = self.auroc.get(name)
            numbers = (f"{np.mean(auroc):.3f}", f"{min(auroc):.3f}") if auroc else ("", "")
            # of test FOVs the highest is the worst
            worst = f"up to {max(values):.3f}" if name == TRUE else f"{min(values):.2f}"
            table.add_row(name, *numbers, f"{np.mean(values):.3f}", worst, str(self.counts[name]))
        return table


def judge_run(
    model: Model, data: Prepared, measures: Measures, others: Prepared, other_measures: Measures
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return what the detector of one run says of its test FOVs and of others."""
    vectors, split = model.embed(data), model.record["split"]
    known = measures.select([*split[TRAIN], *split[VALIDATION]])
    detector = UnlikeFovs.fit(known, vectors, split[VALIDATION], data.labels)
    true = detector.judge(measures.select(split[TEST]), vectors, ALPHA).table
    return true, detector.judge(other_measures, model.embed(others), ALPHA).table


def models_of(sweep: Path) -> Iterator[Model]:
    """Load the models of the completed runs of a sweep."""
    for run in find_runs(sweep):
        if run.is_completed():
            yield load_model(run.best)


@dataclass(frozen=True)
class Inputs:
    """The data of a run and the simulated FOVs that match them, with their measures."""

    data: Prepared
    measures: Measures
    others: Prepared
    other_measures: Measures


def shapes_and_densities(sweeps: Sequence[Path], folder: Path) -> Table:
    """Judge simulated FOVs by every run of the sweeps."""
    results, runs, made = Results(), 0, dict[Path, Inputs]()
    with ExitStack() as stack:
        for model in (model for sweep in sweeps for model in models_of(sweep)):
            data = model.training_data(folder / "data")
            if data.tables not in made:
                others = stack.enter_context(model.prepared(simulate(data), prepared_dir=folder / data.tables.name))
                made[data.tables] = Inputs(data, measure(data), others, measure(others))
            given = made[data.tables]
            results.add(*judge_run(model, data, given.measures, given.others, given.other_measures))
            runs += 1
    return results.table(f"{', '.join(sweep.name for sweep in sweeps)}: {runs} runs, {FOVS} FOVs of each kind")


def classes_left_out(runs: Sequence[Path], raw_dir: Path, folder: Path) -> Table:
    """Judge the FOVs of the class that each run was trained without."""
    results = Results()
    for path in runs:
        name = path.name.rpartition("_")[2]
        model = load_model(RunFolder(path).best)
        data = model.training_data(folder / "data")
        with (
            tempfile.TemporaryDirectory() as temporary,
            model.prepared(sorted(raw_dir.glob(f"{name}_*.parquet")), prepared_dir=temporary) as others,
        ):
            true, left = judge_run(model, data, measure(data), others, measure(others))
        results.add(true, left.with_columns(pl.lit(f"class {name}/").alias(schema.FOV_ID)))
    return results.table("classes left out of training")


def main() -> None:
    """Print the table that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--prepared", type=Path, default=Path("outputs/unlike"))
    parser.add_argument("--left-out", action="store_true")
    parser.add_argument("--raw", type=Path)
    chosen = parser.parse_args()
    logging.disable(logging.WARNING)
    folders, prepared = [path.resolve() for path in chosen.folders], chosen.prepared.resolve()
    table = (
        classes_left_out(folders, chosen.raw.resolve(), prepared)
        if chosen.left_out
        else shapes_and_densities(folders, prepared)
    )
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
