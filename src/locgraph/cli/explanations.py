"""From a checkpoint and prepared FOVs to explanations: tables, figures, and a table on the console."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from locgraph import schema
from locgraph.cli import assemble, explain_fit, explanation_tables
from locgraph.cli.examples import Examples
from locgraph.cli.explain_found import Found
from locgraph.cli.explain_fov import Case, ExplainFov, Told
from locgraph.cli.explain_settings import PREDICTED, TRUTH, ExplainSettings, read_settings
from locgraph.cli.explained_fovs import check_names, spread
from locgraph.cli.explainers import Chosen, choose
from locgraph.cli.fit import timed
from locgraph.cli.prepare import Prepared, progress
from locgraph.errors import DataError
from locgraph.learn.checkpoint import Checkpoint, load_weights
from locgraph.nn.network import Network
from locgraph.nn.sizes import DataSizes
from locgraph.preparation.executors import Serial
from locgraph.provenance import versions, write_json
from locgraph.show.figures.explanations import draw_explanations

log = logging.getLogger(__name__)

RECORD = "explanations.json"

_SHOWN = 3

Failures = dict[str, dict[str, str]]
"""Name of the explainer -> ``fov_id`` -> why it failed."""


@dataclass(frozen=True)
class Plan:
    """What is to be explained by what, checked before any work.

    Attributes:
        group: Plain values of the group ``explain``.
        settings: The same, checked.
        chosen: The explainers.
        network: The network, in evaluation mode and on the CPU.
        record: What the checkpoint records.
    """

    group: dict[str, Any]
    settings: ExplainSettings
    chosen: Chosen
    network: Network
    record: Mapping[str, Any]

    def check_fovs(self, evaluated: Sequence[str], sides: Mapping[str, Sequence[str]]) -> None:
        """Refuses names of FOVs that are not evaluated.

        Args:
            evaluated: The FOVs there are.
            sides: FOVs of each side of the run; none for new files.

        Raises:
            ConfigError: Names what is not there.
        """
        check_names(self.settings.fovs, evaluated, sides)

    def explain(
        self, prepared: Prepared, predictions: pl.DataFrame, folder: Path, training_data: Callable[[], Prepared]
    ) -> dict[str, Any]:
        """Explains FOVs and writes what was found.

        Args:
            prepared: Manifest, tables and graphs.
            predictions: ``predictions.parquet`` of the FOVs that were evaluated.
            folder: Where to write.
            training_data: Gives manifest, tables and graphs of the run; called where an explainer learns.

        Returns:
            What ``metrics.json`` says of it: numbers of FOVs and failures, means of the metrics of each explainer.

        Raises:
            LocgraphError: No explainer could be fitted, or no FOV could be explained.
        """
        seconds: dict[str, float] = {}
        with timed(seconds, "fit"):
            chosen = explain_fit.fit(self.chosen, self.network, self.settings, self.record, training_data)
        plan = replace(self, chosen=chosen)
        cases, lost = make_cases(plan, prepared, predictions)
        with timed(seconds, "explain"):
            explained, failures = explain_fovs(plan, prepared, cases, lost)
        about = _about(plan, len(cases) + len(lost), failures)
        write_json(folder / RECORD, about)
        if not explained:
            raise DataError(f"explain: none of {about['fovs']} FOVs could be explained, such as {_first(failures)}")
        with timed(seconds, "write"):
            found = Found(self.record, self.settings, prepared, predictions, cases, explained)
            tables = explanation_tables.make_tables(found)
            explanation_tables.write_tables(folder, tables)
            drawn = spread(list(explained), _classes(found), self.settings.figures)
            figures, not_drawn = draw_explanations(folder, found, drawn, progress)
        means = explanation_tables.means(tables[explanation_tables.METRICS])
        about |= {
            "metrics": {row[schema.EXPLAINER]: _without(row, schema.EXPLAINER) for row in means.to_dicts()},
            "figures": figures,
            "not_drawn": not_drawn,
            "seconds": {name: round(value, 3) for name, value in seconds.items()},
        }
        write_json(folder / RECORD, about)
        explanation_tables.show(means, about, folder)
        return {name: about[name] for name in ("fovs", "failed", "left_out", "metrics")}


def make_plan(group: dict[str, Any], checkpoint: Checkpoint) -> Plan:
    """Checks settings and explainers against the model.

    Args:
        group: Plain values of the group ``explain``, with at least one explainer.
        checkpoint: The checkpoint.

    Raises:
        ConfigError: A setting cannot work, or none of the explainers can explain the model.
        CheckpointError: The weights do not fit the model that the checkpoint describes.
    """
    record = checkpoint.record
    settings = read_settings(group, record["class_names"])
    network: Network = assemble.build(record["settings"]["model"], sizes=DataSizes(**record["sizes"]))
    chosen = choose(group["explainers"], network)
    load_weights(network, checkpoint)
    return Plan(group, settings, chosen, network.float().cpu().eval(), record)


def make_cases(plan: Plan, prepared: Prepared, predictions: pl.DataFrame) -> tuple[dict[str, Case], dict[str, str]]:
    """The FOVs to explain, each with its class.

    Returns:
        ``fov_id`` -> case, and ``fov_id`` -> why it cannot be explained.
    """
    names = list(plan.record["class_names"])
    rows = {row[schema.FOV_ID]: row for row in predictions.to_dicts()}
    classes = {fov_id: row[schema.TRUTH] or row[schema.PREDICTION] for fov_id, row in rows.items()}
    settings, cases, lost = plan.settings, {}, {}
    for fov_id in settings.fovs or spread(list(rows), classes, settings.max_fovs):
        if fov_id not in rows:
            lost[fov_id] = prepared.manifest.failures.get(fov_id, "it could not be prepared")
            continue
        truth = rows[fov_id][schema.TRUTH]
        wanted = {PREDICTED: rows[fov_id][schema.PREDICTION], TRUTH: truth}.get(
            settings.explained_class, settings.explained_class
        )
        if wanted is None:
            lost[fov_id] = "its class is not known; explain.explained_class=predicted explains its prediction"
            continue
        cases[fov_id] = Case(fov_id, names.index(wanted), None if truth is None else names.index(truth))
    return cases, lost


def explain_fovs(
    plan: Plan, prepared: Prepared, cases: Mapping[str, Case], lost: Mapping[str, str]
) -> tuple[dict[str, dict[str, Told]], Failures]:
    """Explains one FOV after the other; one that fails does not stop the others."""
    n_features = len(plan.record["settings"]["graph"]["cluster_features"])
    work = ExplainFov(plan.network, plan.chosen.explainers, plan.settings, Examples(plan.record, prepared), n_features)
    explained: dict[str, dict[str, Told]] = {}
    failures: Failures = {name: dict(lost) for name in plan.chosen.explainers} if lost else {}
    for outcome in progress(Serial().run(work, cases), len(cases), "explanations"):
        if outcome.failure is not None:
            found = dict.fromkeys(plan.chosen.explainers, outcome.failure)
        else:
            found = {name: told.failure for name, told in outcome.result.items() if told.failure is not None}
            good = {name: told.result for name, told in outcome.result.items() if told.failure is None}
            explained |= {outcome.fov_id: good} if good else {}
        for name, reason in found.items():
            failures.setdefault(name, {})[outcome.fov_id] = reason
            log.warning("%s: %s failed: %s", outcome.fov_id, name, reason)
    return explained, failures


def _about(plan: Plan, n_fovs: int, failures: Failures) -> dict[str, Any]:
    return {
        "settings": _without(plan.group, "explainers"),
        "explainers": {name: plan.group["explainers"][name] for name in plan.chosen.explainers},
        "left_out": plan.chosen.left_out,
        "fovs": n_fovs,
        "failed": len({fov_id for found in failures.values() for fov_id in found}),
        "failures": failures,
        "versions": versions(),
    }


def _first(failures: Failures) -> str:
    found = [f"{name}, {fov_id}: {why}" for name, reasons in failures.items() for fov_id, why in reasons.items()]
    return "; ".join(found[:_SHOWN])


def _without(values: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name != key}


def _classes(found: Found) -> dict[str, str]:
    """``fov_id`` -> true class, the predicted one where that is not known."""
    return {
        fov_id: found.rows[fov_id][schema.TRUTH] or found.rows[fov_id][schema.PREDICTION] for fov_id in found.explained
    }
