"""Representations of the same units compared: their vectors, their models, and what else the vectors hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.analysis.representations.baselines import BASELINES
from locgraph.analysis.representations.benchmark import (
    BenchmarkSettings,
    check_outliers,
    choose_rows,
    control_scores,
    vector_scores,
)
from locgraph.analysis.representations.embeddings import (
    Embeddings,
    align_units,
    embeddings_of,
    read_embeddings,
)
from locgraph.analysis.representations.scores import score_table, z_scores
from locgraph.analysis.representations.units import read_units
from locgraph.api.config import Settings, compose
from locgraph.api.representations.benchmark_model import Subject, model_scores
from locgraph.api.representations.embed import embed_baseline
from locgraph.errors import ConfigError, DataError, within
from locgraph.provenance import whole_file, write_json
from locgraph.run_folder import (
    BENCHMARK,
    BENCHMARK_PICTURE,
    BENCHMARK_RECORD,
    BENCHMARK_TABLE,
    CLASSIFIER,
    CLUSTERS,
    EMBEDDINGS,
    HOW_LEARNED,
    RunFolder,
    find_runs,
)
from locgraph.settings import check_flag

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MANY: Final = 12


@dataclass(frozen=True)
class Benchmark:
    """Numbers of several representations of the same units.

    Attributes:
        table: One row for each number: `locgraph.analysis.representations.scores.COLUMNS`.
        notes: What holds for all of it, one sentence each.
        about: What was compared, and how: plain values.
    """

    table: pl.DataFrame
    notes: tuple[str, ...]
    about: Mapping[str, Any]

    def plot(self) -> Figure:
        """Return a matplotlib figure: bars of every number, and the polar plot of three representations or more."""
        from locgraph.show.figures.representations.benchmark import benchmark_figure

        return benchmark_figure(self.table)

    def write(self, folder: Path) -> None:
        """Write ``benchmark.parquet``, ``benchmark.json`` and ``benchmark.png`` into a folder, which exists."""
        from locgraph.show.figures.style import save_figure

        with whole_file(folder / BENCHMARK_TABLE) as temporary:
            self.table.write_parquet(temporary)
        save_figure(self.plot(), folder / BENCHMARK_PICTURE)
        numbers = {"scores": self.table.to_dicts(), "z_scores": z_scores(self.table).to_dicts()}
        write_json(folder / BENCHMARK_RECORD, {**self.about, "notes": list(self.notes), **numbers})


def benchmark(sources: Sequence[str | Path], *config: str | Mapping[str, Any]) -> Benchmark:
    """Compare representations; see ``locgraph benchmark``.

    Args:
        sources: Runs and sweeps of representations, folders that ``locgraph embed`` wrote, and the words ``hand_made``
            and ``pair_distances``, which are computed of the units of the first of the others.
        *config: Overrides such as ``"benchmark.n_angles=20"``, or a mapping with all settings of
            ``configs/benchmark.yaml``.

    Returns:
        The numbers: ``table``, ``plot()``, ``write(folder)``.

    Raises:
        LocgraphError: There is nothing to compare, the units differ, or a setting cannot work.
    """
    mapping = len(config) == 1 and isinstance(config[0], Mapping)
    settings = compose("benchmark", *config, *(() if mapping else ("folders=[]",)))
    how = dict(settings["benchmark"])
    with within("benchmark"):
        with_model, energy = (check_flag(name, how.pop(name)) for name in ("models", "energy"))
        choice = BenchmarkSettings(**how)
    several = align_units(read_all(sources, settings))
    with within("benchmark"):
        check_outliers(choice, several[0].labels)
    tables = [_tables_of(each, settings) for each in several]
    factors = None if settings["factors"] is None else Path(str(settings["factors"])).resolve()
    units = read_units(several[0], tables[0], factors)
    if several[0].keys.height < 2:
        raise DataError(f"{several[0].folder}: expected at least two {several[0].unit}s to compare, found one")
    rows = choose_rows(several[0].keys.height, choice.most_units, choice.seed)
    notes = _notes(several, len(rows))
    several, units = [each.take(rows) for each in several], units.take(rows)
    sides = common_sides(several)
    scores = {}
    for each, place in zip(several, tables, strict=True):
        scores[each.name] = vector_scores(each, units, choice, each.sides() or sides)
        if with_model:
            own = each.sides()
            new = np.arange(len(rows)) if own is None else own[1]
            subject = Subject(each, units.owners, place, new)
            scores[each.name] += model_scores(subject, choice, list(settings["trusted_packages"]), energy)
    table = score_table(scores, control_scores(several[0], units, choice))
    about = {
        "representations": {each.name: {"folder": str(each.folder), **each.record} for each in several},
        "unit": several[0].unit,
        "units": len(rows),
        "tables": str(tables[0]),
        "factors": None if factors is None else str(factors),
        "settings": settings["benchmark"],
    }
    return Benchmark(table, notes, about)


def output_folder(settings: Settings) -> Path:
    """Return where a benchmark is written: ``output``, else the folder ``benchmark`` of the outputs."""
    if settings["output"] is not None:
        return Path(str(settings["output"])).resolve()
    return Path(str(settings["paths"]["output_dir"])).resolve() / BENCHMARK


def read_all(sources: Sequence[str | Path], settings: Settings) -> list[Embeddings]:
    """Read the embeddings of all sources, each with a name of its own.

    Raises:
        ConfigError: There is no folder, or names do not fit.
        DataError: A folder holds no embeddings.
    """
    words = [str(each) for each in sources]
    folders = [folder for word in words if word not in BASELINES for folder in _embedded(Path(word).resolve())]
    baselines = list(dict.fromkeys(word for word in words if word in BASELINES))
    if not folders and not (baselines and settings["tables"]):
        raise ConfigError(
            "expected runs of representations, folders of `locgraph embed`, or baselines with tables=FOLDER; found "
            "none. Call it as: locgraph benchmark RUN [RUN ...] [hand_made] [pair_distances]",
            setting="folders",
        )
    several = [read_embeddings(folder, folder.name) for folder in folders]
    tables = _tables_of(several[0], settings) if several else Path(str(settings["tables"])).resolve()
    unit = several[0].unit if several else schema.FOV
    for word in baselines:
        table, record = embed_baseline(word, tables, None, unit)
        several.append(embeddings_of(table, word, Path(word), record | {"model": word}))
    if len(several) > _MANY:
        raise ConfigError(f"expected at most {_MANY} representations, found {len(several)}", setting="folders")
    return _named(several, settings["names"])


def _embedded(folder: Path) -> list[Path]:
    """Return the folders with embeddings that a source stands for."""
    if not folder.is_dir():
        raise DataError(
            f"no such folder: {folder}; expected a run, a sweep, {' or '.join(BASELINES)}", setting="folders"
        )
    if (folder / EMBEDDINGS).is_file():
        return [folder]
    runs = [run.path for run in find_runs(folder) if (run.path / EMBEDDINGS).is_file()]
    if not runs:
        raise DataError(
            f"{folder}: expected {EMBEDDINGS}, as runs of representations and `locgraph embed` write it; found none. "
            "Of a run that classifies: locgraph embed RUN/checkpoints/best.ckpt",
            setting="folders",
        )
    return runs


def _named(several: list[Embeddings], names: Sequence[str] | None) -> list[Embeddings]:
    """Return embeddings with names that differ: given ones, or those of their runs.

    Raises:
        ConfigError: Given names are too few, too many, or not different.
    """
    if names is not None:
        if len(names) != len(several) or len(set(map(str, names))) < len(several):
            raise ConfigError(
                f"expected {len(several)} different names, one for each representation, found {list(names)}",
                setting="names",
            )
        chosen = [str(name) for name in names]
    else:
        chosen = _short_names(several)
    return [replace(each, name=name) for each, name in zip(several, chosen, strict=True)]


def _short_names(several: Sequence[Embeddings]) -> list[str]:
    """Return the name that a run was given, or the word of a baseline; with as much of the path as tells them apart.

    Raises:
        ConfigError: A representation is there twice.
    """
    folders = [each.folder for each in several]
    twice = sorted({str(folder) for folder in folders if folders.count(folder) > 1})
    if twice:
        raise ConfigError(f"expected different representations, found {twice[0]} twice", setting="folders")
    names = [_given_name(each) for each in several]
    if len(set(names)) == len(names):
        return names
    depth = 1
    while len({folder.parts[-depth:] for folder in folders}) < len(folders):
        depth += 1
    return [
        name if names.count(name) == 1 else f"{name} {'/'.join(folder.parts[-depth:])}"
        for name, folder in zip(names, folders, strict=True)
    ]


def _given_name(embeddings: Embeddings) -> str:
    model = str(embeddings.record.get("model"))
    if model in BASELINES:
        return model
    try:
        return str(RunFolder(embeddings.folder).read_settings()["name"])
    except (DataError, KeyError):
        return embeddings.folder.name


def _tables_of(embeddings: Embeddings, settings: Settings) -> Path:
    """Return the folder of the tables of a representation.

    Raises:
        DataError: It is not there.
    """
    given = settings["tables"]
    folder = Path(str(embeddings.record.get("tables") if given is None else given)).resolve()
    if not (folder / CLUSTERS).is_dir():
        raise DataError(
            f"{embeddings.folder}: expected the prepared tables of its FOVs in {folder}, found none; give their folder",
            setting="tables",
        )
    return folder


def common_sides(several: list[Embeddings]) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the rows that trained encoders have met and have not, where all of them agree; None elsewhere.

    Baselines, which have met nothing, are tested on the same units.
    """
    known = [each.sides() for each in several]
    trained = [each for each in known if each is not None]
    if not trained or any(not np.array_equal(each[1], trained[0][1]) for each in trained):
        return None
    return trained[0]


def _notes(several: list[Embeddings], n: int) -> tuple[str, ...]:
    notes = [f"{each.name}: {note}" for each in several for note in each.notes]
    total = several[0].keys.height
    if n < total:
        notes.append(f"{n} of {total} {several[0].unit}s, drawn at random: benchmark.most_units")
    unlabelled = sum(name is None for name in several[0].labels)
    if unlabelled:
        notes.append(f"{unlabelled} of {total} {several[0].unit}s have no class and take no part in classifications")
    guided = [each.name for each in several if each.record.get(HOW_LEARNED) == CLASSIFIER]
    if guided:
        notes.append(f"{', '.join(guided)}: vectors of a classifier, which labels have guided")
    folds = [each.name for each in several if each.sides() is not None]
    if folds:
        notes.append(
            f"{', '.join(folds)}: the encoder has met the units of its training and validation sides; those new to it "
            "are the units of its test side"
        )
    return tuple(notes)
