"""Robustness: trained models, and forests on pair distances, on FOVs whose raw localisations are perturbed."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from locgraph import schema
from locgraph.analysis.control_inputs import read_positions
from locgraph.analysis.stress import NETWORK, UNPERTURBED, describe_stress, score_stress
from locgraph.api.checks.stress_subjects import (
    Subject,
    assign_tests,
    check_subjects,
    choose_fovs,
    find_subjects,
    train_forests,
)
from locgraph.api.config import Settings, compose
from locgraph.api.models.model import Model
from locgraph.api.prepare import progress
from locgraph.api.recipes import graph_recipe, table_recipe, table_settings
from locgraph.build import build_part
from locgraph.data.prepared import Prepared
from locgraph.errors import ConfigError, DataError, within
from locgraph.graphs.variants import GRAPHS, TABLES, PreparedVariants, Variant, VariantsTask, prepare_variants
from locgraph.io.catalogue import FovSource
from locgraph.io.featextracted import read_counts
from locgraph.io.manifest import Manifest
from locgraph.preparation.executors import Executor
from locgraph.preparation.extract import ExtractTask
from locgraph.preparation.perturbations import Perturbation
from locgraph.preparation.prepare import manifest_table
from locgraph.provenance import whole_file, write_json
from locgraph.run_folder import PREDICTIONS, STRESS_PICTURE, STRESS_RECORD, STRESS_TABLE, TRUST
from locgraph.settings import check_flag, check_number, check_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

log = logging.getLogger(__name__)

_AS_IT_IS: Final = "as_it_is"
"""Key of the variant without a perturbation."""


@dataclass(frozen=True)
class Stress:
    """Scores of models and of forests under perturbations.

    Attributes:
        table: One row for each perturbation, severity and method: `locgraph.analysis.stress.STRESS_COLUMNS`.
        sentences: Perturbation -> where the accuracy falls, for people.
        about: What was tested, and what could not be: plain values.
    """

    table: pl.DataFrame
    sentences: Mapping[str, str]
    about: Mapping[str, Any]

    def __repr__(self) -> str:
        return "\n".join([f"Stress({self.about['fovs']} FOVs)", *self.sentences.values()])

    def plot(self) -> Figure:
        """Return a matplotlib figure: accuracy and calibration error against each severity."""
        from locgraph.show.figures.stress import stress_figure

        return stress_figure(self.table)

    def write(self, folder: Path) -> None:
        """Write ``stress.parquet``, ``stress.json`` and ``stress.png``."""
        from locgraph.show.figures.style import save_figure

        with whole_file(folder / STRESS_TABLE) as temporary:
            self.table.write_parquet(temporary)
        save_figure(self.plot(), folder / STRESS_PICTURE)
        write_json(folder / STRESS_RECORD, {**self.about, "sentences": dict(self.sentences)})


def stress(source: Model | str | Path, *settings: str | Mapping[str, Any]) -> Stress:
    """Test a model on FOVs whose raw localisations are perturbed, as ``locgraph stress`` does.

    Args:
        source: A loaded model or its checkpoint; or the folder of a run or sweep, of which each fold's model is tested
            on its own test FOVs.
        *settings: Overrides such as ``"stress=[thinning,drift]"``, ``"stress.max_fovs=50"`` or ``"data.raw_dir=..."``;
            or a mapping with all settings.

    Returns:
        Scores of the network and of forests, with one sentence for each perturbation.

    Raises:
        LocgraphError: There is no model, no FOV that can be used, or a setting cannot work.
    """
    whole = len(settings) == 1 and isinstance(settings[0], Mapping)
    chosen = compose("stress", *(settings if whole else ("ckpt_path=null", *settings)))
    if isinstance(source, Model):
        return stress_subjects([Subject(str(source.checkpoint.path), source)], {}, chosen)
    return stress_subjects(*find_subjects(Path(source), chosen["trusted_packages"]), chosen)


def output_folder(path: Path, settings: Settings) -> Path:
    """Return where results go: ``output``; else into the run or sweep, or for new raw files into ``paths.run_dir``."""
    if settings["output"] is not None:
        return Path(settings["output"])
    if settings["data"]["raw_dir"] is not None:
        return Path(settings["paths"]["run_dir"])
    return (path if path.is_dir() else path.resolve().parents[1]) / TRUST


def stress_subjects(subjects: list[Subject], failed: Mapping[str, str], settings: Settings) -> Stress:
    """Test models under all perturbations that settings name.

    Args:
        subjects: The models.
        failed: Runs that have no model, with reasons.
        settings: Settings of ``stress``.

    Raises:
        LocgraphError: See `stress`.
    """
    perturbations = _build_perturbations(settings)
    check_subjects(subjects)
    model = subjects[0].model
    sources = assign_tests(subjects, settings)
    group = settings["stress"]
    labels = {fov: str(source.label) for fov, source in sources.items()}
    chosen = choose_fovs(labels, group["max_fovs"], group["seed"])
    reason = train_forests(subjects, settings) if group["forests"] else "stress.forests=false"
    variants, left_out = make_variants(perturbations, model.settings)
    kept = {name: each for name, each in perturbations.items() if name not in left_out}
    results = _Results()
    for fov, made in _prepare(model, {fov: sources[fov] for fov in chosen}, variants, settings, results):
        for place, subject in enumerate(subjects):
            if fov in subject.tests:
                results.tables.append(_predict(subject, place, sources[fov], made, variants, settings))
        results.add(fov, made, variants)
    if not results.tables:
        raise DataError(f"no FOV could be tested: {dict(list(results.failures.items())[:5])}")
    table = score_stress(pl.concat(results.tables), results.counts(), kept, model.class_names)
    about = {
        "models": [subject.name for subject in subjects],
        "failed_models": dict(failed),
        "class_names": list(model.class_names),
        "fovs": len(chosen) - len(results.failures),
        "fovs_available": len(sources),
        "failures": results.failures,
        "failed_variants": results.failed,
        "left_out": left_out,
        "no_forests": reason,
        "notes": results.notes(perturbations),
        **{name: group[name] for name in ("seed", "tolerance", "max_fovs")},
    }
    return Stress(table, describe_stress(table, group["tolerance"]), about)


def _build_perturbations(settings: Settings) -> dict[str, Perturbation]:
    group = settings["stress"]
    with within("stress"):
        check_whole("seed", group["seed"], at_least=0)
        check_number("tolerance", group["tolerance"], at_least=0, at_most=1)
        check_flag("forests", group["forests"])
        if group["max_fovs"] is not None:
            check_whole("max_fovs", group["max_fovs"], at_least=1)
        if not group["perturbations"]:
            raise ConfigError(
                "expected at least one, found none; choose some: stress=[thinning]", setting="perturbations"
            )
    return {
        name: build_part(Perturbation, leaf, f"stress.perturbations.{name}")
        for name, leaf in group["perturbations"].items()
    }


def make_variants(
    perturbations: Mapping[str, Perturbation], settings: Settings
) -> tuple[dict[str, Variant], dict[str, str]]:
    """Return a variant for each perturbation and severity, and one without, which comes first.

    Args:
        perturbations: Name -> perturbation.
        settings: Settings of the model.

    Returns:
        Key -> variant; name of each perturbation that the model's clusterer does not allow -> why.
    """
    tables = table_settings(settings)
    recipe = table_recipe(tables)
    variants = {_AS_IT_IS: Variant(UNPERTURBED, 0.0, None, recipe)}
    left_out: dict[str, str] = {}
    for name, perturbation in perturbations.items():
        for severity in perturbation.severities:
            if severity == perturbation.neutral:
                continue
            try:
                clustering = perturbation.recluster(tables["clustering"], severity)
            except ConfigError as error:
                left_out[name] = str(error)
                log.warning("left out %s: %s", name, error)
                break
            changed = clustering != tables["clustering"]
            own = table_recipe(tables | {"clustering": clustering}) if changed else recipe
            variants[f"v{len(variants)}"] = Variant(name, severity, perturbation, own)
    return variants, left_out


@dataclass
class _Results:
    """Predictions, and what failed."""

    tables: list[pl.DataFrame] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    failed: list[dict[str, Any]] = field(default_factory=list)
    without_frames: int = 0

    def add(self, fov: str, made: PreparedVariants, variants: Mapping[str, Variant]) -> None:
        """Keep what could not be made of a FOV."""
        self.without_frames += not made.timed
        for key, reason in made.failures.items():
            variant = variants[key]
            named = {schema.PERTURBATION: variant.name, schema.SEVERITY: variant.severity}
            self.failed.append({**named, schema.FOV_ID: fov, "reason": reason})

    def counts(self) -> dict[tuple[str, float], int]:
        """Return perturbation and severity -> number of FOVs that could not be made."""
        return Counter((row[schema.PERTURBATION], row[schema.SEVERITY]) for row in self.failed)

    def notes(self, perturbations: Mapping[str, Perturbation]) -> list[str]:
        """Return what a reader has to know about the results."""
        by_variant: dict[tuple[str, float], list[str]] = defaultdict(list)
        for row in self.failed:
            by_variant[(row[schema.PERTURBATION], row[schema.SEVERITY])].append(row[schema.FOV_ID])
        notes = [
            f"{name} {severity:g}: {len(fovs)} FOVs could not be prepared and are left out, such as {fovs[0]}"
            for (name, severity), fovs in by_variant.items()
        ]
        timed = [name for name, each in perturbations.items() if each.uses_time]
        if timed and self.without_frames:
            notes.append(
                f"{', '.join(timed)}: {self.without_frames} FOVs have no frames: time is the order of their files"
            )
        return notes


def _prepare(
    model: Model,
    sources: Mapping[str, FovSource],
    variants: Mapping[str, Variant],
    settings: Settings,
    results: _Results,
) -> Iterator[tuple[str, PreparedVariants]]:
    """Yield each FOV with its variants, whose files last until the next one; failures go to the results."""
    executor = build_part(Executor, settings["executor"], "executor")
    recipe, graphs = variants[_AS_IT_IS].recipe, graph_recipe(model.settings["graph"])
    with tempfile.TemporaryDirectory(prefix="locgraph-") as temporary:
        tasks = {
            fov: VariantsTask(
                ExtractTask(source, model.class_names, recipe, Path(temporary), ""),
                variants,
                graphs,
                Path(temporary) / str(place),
                settings["stress"]["seed"],
            )
            for place, (fov, source) in enumerate(sources.items())
        }
        for outcome in progress(executor.run(prepare_variants, tasks), len(tasks), "perturbed FOVs"):
            made, reason = outcome.result, outcome.failure
            if reason is None:
                reason = made.failures.get(_AS_IT_IS) or _wrong_dimensions(model, made)
            if reason is not None:
                results.failures[outcome.fov_id] = reason
                log.warning("left out %s: %s", outcome.fov_id, reason)
            else:
                yield outcome.fov_id, made
            shutil.rmtree(tasks[outcome.fov_id].folder, ignore_errors=True)


def _wrong_dimensions(model: Model, made: PreparedVariants) -> str | None:
    expected, found = model.record["sizes"]["dimensions"], made.counts[_AS_IT_IS][schema.DIMENSIONS]
    return None if found == expected else f"the model was trained in {expected}D, the FOV is in {found}D"


def _predict(
    subject: Subject,
    place: int,
    source: FovSource,
    made: PreparedVariants,
    variants: Mapping[str, Variant],
    settings: Settings,
) -> pl.DataFrame:
    """Return the predictions of a model and its forests for all variants of one FOV."""
    model, tables = subject.model, made.folder / TABLES
    keys = list(made.counts)
    rows = [{schema.FOV_ID: key, schema.PATH: str(source.path), **read_counts(tables, key)} for key in keys]
    manifest = Manifest(manifest_table(rows), model.class_names)
    prepared = Prepared(manifest, tables, made.folder / GRAPHS, {}, model.settings["graph"])
    predicted, _ = model.predict_prepared(
        prepared, keys, batch_size=settings["loader"]["batch_size"], accelerator=settings["trainer"]["accelerator"]
    )
    columns = [schema.PROBABILITY_PREFIX + name for name in model.class_names]
    table = predicted[PREDICTIONS]
    parts = {NETWORK: table.select(schema.FOV_ID, *columns, *({schema.UNLIKE} & {*table.columns}))}
    if subject.forests:
        clouds = [read_positions(tables, key) for key in keys]
        for name, forest in subject.forests.items():
            parts[name] = pl.DataFrame(
                {schema.FOV_ID: keys, **dict(zip(columns, forest.predict(clouds).T, strict=True))}
            )
    about = pl.DataFrame(
        {
            schema.FOV_ID: keys,
            schema.PERTURBATION: [variants[key].name for key in keys],
            schema.SEVERITY: [variants[key].severity for key in keys],
        }
    )
    named = [
        part.cast(dict.fromkeys(columns, pl.Float64)).with_columns(pl.lit(name).alias(schema.METHOD))
        for name, part in parts.items()
    ]
    joined = pl.concat(named, how="diagonal").join(about, on=schema.FOV_ID, maintain_order="left")
    return joined.with_columns(
        pl.lit(source.fov_id).alias(schema.FOV_ID),
        pl.lit(place, pl.Int64).alias(schema.FOLD),
        pl.lit(source.group, pl.String).alias(schema.GROUP),
        pl.lit(source.label).alias(schema.TRUTH),
    )
