"""``locgraph analyse``: statistics, maps, simple classifiers and figures from the tables, without the network."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from omegaconf import DictConfig, OmegaConf

from locgraph import schema
from locgraph.cli import assemble
from locgraph.cli.analysis_classifiers import Classified, add_classifiers
from locgraph.cli.analysis_console import show
from locgraph.cli.analysis_features import FeatureSets, read_features
from locgraph.cli.analysis_findings import Findings
from locgraph.cli.analysis_settings import AnalysisSettings, read_settings
from locgraph.cli.analysis_source import Material, read_material
from locgraph.cli.analysis_statistics import add_statistics, ranked, statistics_of
from locgraph.errors import ConfigError
from locgraph.provenance import versions, write_json
from locgraph.show.figures.analysis import FIGURES, AnalysisContent, analysis_figures

log = logging.getLogger(__name__)

FOLDER: Final = "analysis"
RECORD: Final = "analysis.json"
TABLES: Final = (
    "fov_features",
    "feature_tests",
    "class_summary",
    "correlations",
    "localisation_features",
    "localisation_tests",
    "pca",
    "pca_loadings",
    "umap",
    "clustering",
    "classifiers",
    "classifier_folds",
    "classifier_predictions",
    "importance",
    "representatives",
    "misclassified",
)
"""Every table that an analysis may write."""


def run(cfg: DictConfig) -> list[Path]:
    """Analyses a run, a sweep, or tables.

    Returns:
        Folders that hold an analysis: one for each set of settings that differs in more than the fold.

    Raises:
        LocgraphError: The folder holds nothing to analyse, or a setting cannot work.
    """
    group = assemble.plain(cfg.analysis)
    settings = read_settings(group)
    folder = _path(cfg, "folder")
    if folder is None:
        raise ConfigError(
            "folder: expected that of a run, of a sweep, or of prepared tables; found none. Call it as: "
            "locgraph analyse FOLDER"
        )
    output = _path(cfg, "output")
    materials = read_material(folder, _path(cfg, "tables"))
    if len(materials) > 1 and output is not None:
        raise ConfigError(
            f"output={output}: {folder} holds {len(materials)} sweeps of different settings, which get an analysis "
            "each; leave output out, or analyse one of them"
        )
    return [analyse(material, settings, group, output or material.folder / FOLDER) for material in materials]


def analyse(material: Material, settings: AnalysisSettings, group: dict[str, Any], folder: Path) -> Path:
    """Analyses what belongs together.

    Args:
        material: What is analysed.
        settings: How.
        group: The same as plain values, for the record.
        folder: Where tables and figures go.

    Returns:
        The folder.
    """
    findings = Findings(folder)
    findings.warn(*material.warnings)
    log.info("%s %s, %d FOVs", material.kind, material.folder, material.manifest.table.height)
    with findings.part("reading"):
        sets = read_features(material, settings, findings)
    columns = [] if sets.hand_made is None else sets.hand_made.columns
    feature_of = statistics_of(columns, settings.aggregation.prefixes)
    add_statistics(sets, settings, material.class_names, findings)
    done = add_classifiers(material, sets, settings, feature_of, findings)
    with findings.part("figures"):
        for name, make in analysis_figures(_content(material, sets, settings, feature_of, done, findings)).items():
            findings.draw(name, make)
    written = findings.write()
    findings.remove_outdated({*TABLES, *FIGURES})
    tests = findings.tables.get("feature_tests")
    top = [] if tests is None else ranked(tests, feature_of)[: settings.top_features]
    write_json(folder / RECORD, _record(material, group, findings, done, written, top))
    show(folder, findings.tables.get("classifiers"), top, findings.warnings)
    return folder


def _content(
    material: Material,
    sets: FeatureSets,
    settings: AnalysisSettings,
    feature_of: Mapping[str, str],
    done: Classified,
    findings: Findings,
) -> AnalysisContent:
    """Return the results that figures are drawn from."""
    tables = findings.tables
    localisation_tests = tables.get("localisation_tests")
    return AnalysisContent(
        tables=tables,
        class_names=material.class_names,
        manifest=material.manifest.table,
        prepared=material.tables,
        hand_made=sets.hand_made,
        localisations=sets.localisations,
        top_features=ranked(tables["feature_tests"], feature_of) if "feature_tests" in tables else (),
        top_localisations=ranked(localisation_tests, {}) if localisation_tests is not None else (),
        feature_of=feature_of,
        n_features=settings.top_features,
        style=settings.style,
        best_classifier=done.best,
        chance=done.chance,
    )


def _record(
    material: Material,
    group: dict[str, Any],
    findings: Findings,
    done: Classified,
    written: Sequence[str],
    top: Sequence[dict[str, Any]],
) -> dict[str, Any]:
    table = material.manifest.table
    counts = table.drop_nulls(schema.LABEL)[schema.LABEL].value_counts(sort=True).rows()
    return {
        "folder": str(material.folder),
        "kind": material.kind,
        "tables": str(material.tables),
        "runs": {str(fold): str(result.folder) for fold, result in material.results.items()},
        "folds": list(done.folds),
        "fovs": table.height,
        "classes": dict(counts),
        "groups": table[schema.GROUP].drop_nulls().n_unique(),
        "best_classifier": done.best,
        "top_features": [row["feature"] for row in top],
        "warnings": findings.warnings,
        "files": list(written),
        "figures": findings.figures,
        "settings": group,
        "seconds": findings.seconds,
        "versions": versions(),
    }


def _path(cfg: DictConfig, name: str) -> Path | None:
    if OmegaConf.is_missing(cfg, name) or cfg[name] is None or not str(cfg[name]).strip():
        return None
    return Path(str(cfg[name])).resolve()
