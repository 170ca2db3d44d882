"""A run of explanations: a checked plan, explainers fitted to training FOVs, and one FOV after the other explained."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import polars as pl

from locgraph import schema
from locgraph.data.folds import TRAIN
from locgraph.errors import ConfigError, DataError, LocgraphError
from locgraph.explain.base import Example
from locgraph.explain.fovs import Examples, PreparedData, check_fovs, choose_first, choose_random
from locgraph.explain.one_fov import Case, FovExplainer, FovResult, seeded
from locgraph.explain.results import ExplanationResults
from locgraph.explain.settings import (
    EXPLAINERS,
    PREDICTED,
    TRUTH,
    ExplainerSet,
    ExplainSettings,
    build_explainers,
    read_settings,
)
from locgraph.nn.network import Network
from locgraph.preparation.executors import Serial
from locgraph.preparation.stage import Progress, no_progress
from locgraph.provenance import versions

log = logging.getLogger(__name__)

Failures = dict[str, dict[str, str]]
"""Name of the explainer -> ``fov_id`` -> why it failed."""


class TrainedModel(Protocol):
    """A checkpoint, as far as explanations read it."""

    @property
    def record(self) -> dict[str, Any]:
        """The plain values that it holds."""
        ...

    def network(self) -> Network:
        """Return the network with its weights, on the CPU and in evaluation mode."""
        ...


@dataclass(frozen=True)
class Plan:
    """A run of explanations, checked before any work.

    Attributes:
        group: Plain values of the settings.
        settings: The same, checked.
        explainers: The explainers.
        network: The network, in evaluation mode and on the CPU.
        record: Record of the checkpoint.
    """

    group: Mapping[str, Any]
    settings: ExplainSettings
    explainers: ExplainerSet
    network: Network
    record: Mapping[str, Any]

    def _checked(self, cases: Mapping[str, Case]) -> frozenset[str]:
        """Return the FOVs that are explained with random weights too."""
        if self.settings.sanity is None:
            return frozenset()
        classes = {fov_id: str(case.truth) for fov_id, case in cases.items()}
        return frozenset(choose_first(list(cases), classes, self.settings.sanity.fovs))

    def check_fovs(self, evaluated: Sequence[str], sides: Mapping[str, Sequence[str]]) -> None:
        """Refuse names of FOVs that are not evaluated.

        Args:
            evaluated: The FOVs that are evaluated.
            sides: FOVs of each side of the run; empty for new files.

        Raises:
            ConfigError: Lists the unknown names.
        """
        check_fovs(self.settings.fovs, evaluated, sides)

    def explain(
        self,
        prepared: PreparedData,
        predictions: pl.DataFrame,
        training_data: Callable[[], PreparedData],
        progress: Progress = no_progress,
    ) -> ExplanationResults:
        """Fit the explainers that learn, and explain FOVs.

        Args:
            prepared: Manifest, tables and graphs.
            predictions: Predictions of the FOVs that were evaluated.
            training_data: Returns manifest, tables and graphs of the run; called where an explainer learns.
            progress: Shows progress.

        Returns:
            The explanations, which may be none where all FOVs failed.

        Raises:
            LocgraphError: No explainer could be fitted.
        """
        started = time.perf_counter()
        explainers = fit_explainers(self.explainers, self.network, self.settings, self.record, training_data)
        fitted = time.perf_counter()
        cases, failed = make_cases(self, prepared, predictions)
        examples = Examples(self.record, prepared)
        work = FovExplainer(self.network, explainers.explainers, self.settings, examples, self._checked(cases))
        explained, failures = explain_fovs(work, cases, failed, progress)
        record = {
            "settings": {name: value for name, value in self.group.items() if name != EXPLAINERS},
            "explainers": {name: self.group[EXPLAINERS][name] for name in explainers.explainers},
            "units": explainers.units(self.settings.contrast is not None),
            "cautions": explainers.cautions(self.network),
            "left_out": explainers.left_out,
            "fovs": len(cases) + len(failed),
            "failed": len({fov_id for reasons in failures.values() for fov_id in reasons}),
            "failures": failures,
            "partial": {
                fov_id: partial
                for fov_id, by_name in explained.items()
                if (partial := {name: list(each.missing) for name, each in by_name.items() if each.missing})
            },
            "versions": versions(),
            "seconds": {"fit": round(fitted - started, 3), "explain": round(time.perf_counter() - fitted, 3)},
        }
        return ExplanationResults(self.record, self.settings, prepared, predictions, cases, explained, record)


def make_plan(group: Mapping[str, Any], checkpoint: TrainedModel) -> Plan:
    """Check settings and explainers against the model.

    Args:
        group: Plain values of the settings, with at least one explainer.
        checkpoint: The checkpoint.

    Raises:
        ConfigError: A setting cannot work, or none of the explainers can explain the model.
        CheckpointError: The weights do not fit the model that the checkpoint describes.
    """
    settings = read_settings(group, checkpoint.record["class_names"])
    network = checkpoint.network()
    return Plan(group, settings, build_explainers(group[EXPLAINERS], network), network, checkpoint.record)


def fit_explainers(
    chosen: ExplainerSet,
    network: Network,
    settings: ExplainSettings,
    record: Mapping[str, Any],
    training_data: Callable[[], PreparedData],
) -> ExplainerSet:
    """Fit the explainers that learn, on training FOVs of the run alone.

    Args:
        chosen: All explainers.
        network: The network.
        settings: How many training FOVs, and which class.
        record: Record of the checkpoint, with the FOVs it was trained on.
        training_data: Returns manifest, tables and graphs of the run; called where an explainer learns.

    Returns:
        The explainers, without those that could not be fitted.

    Raises:
        ConfigError: None is left.
    """
    learning = [name for name, explainer in chosen.explainers.items() if explainer.trained]
    if not learning:
        return chosen
    left_out: dict[str, str] = {}
    try:
        examples = training_examples(network, settings, record, training_data())
    except LocgraphError as error:
        reason = f"it learns from training FOVs of the run, which are not available: {error}"
        left_out, learning = dict.fromkeys(learning, reason), []
    for name in learning:
        log.info("explainer %s learns from %d training FOVs", name, len(examples))
        try:
            chosen.explainers[name].fit(network, examples, seeded(settings.seed, name))
        except LocgraphError as error:
            left_out[name] = str(error)
    left = {name: explainer for name, explainer in chosen.explainers.items() if name not in left_out}
    for name, reason in left_out.items():
        if not left:
            raise ConfigError(f"{reason}; choose another explainer", setting=f"{EXPLAINERS}.{name}")
        log.warning("explainer %s is left out: %s", name, reason)
    return ExplainerSet(left, chosen.left_out | left_out)


def training_examples(
    network: Network, settings: ExplainSettings, record: Mapping[str, Any], prepared: PreparedData
) -> list[Example]:
    """Return some training FOVs of each class, with the class to explain.

    Raises:
        DataError: The data hold none of them.
    """
    table = prepared.manifest.table
    labels = dict(zip(table[schema.FOV_ID], table[schema.LABEL], strict=True))
    present = [fov_id for fov_id in record["split"][TRAIN] if fov_id in labels]
    if not present:
        raise DataError(f"none of the {len(record['split'][TRAIN])} training FOVs is in the data of the run any more")
    names, examples = list(record["class_names"]), Examples(record, prepared)
    first, against = contrasted(settings, names)

    def target(fov_id: str) -> int:
        if first is not None:
            return first
        if settings.explained_class == PREDICTED:
            return examples.predict(network, fov_id)
        return names.index(labels[fov_id] if settings.explained_class == TRUTH else settings.explained_class)

    chosen = choose_random(present, labels, settings.fit_fovs, settings.seed)
    return [examples(fov_id, target(fov_id), against) for fov_id in chosen]


def contrasted(settings: ExplainSettings, class_names: Sequence[str]) -> tuple[int | None, int | None]:
    """Return the indices of the class to explain and of the one it is explained against; None, None elsewhere."""
    if settings.contrast is None:
        return None, None
    first, against = settings.contrast
    return class_names.index(first), class_names.index(against)


def make_cases(plan: Plan, prepared: PreparedData, predictions: pl.DataFrame) -> tuple[dict[str, Case], dict[str, str]]:
    """Choose the FOVs to explain, each with its class.

    Returns:
        ``fov_id`` -> case, and ``fov_id`` -> why it cannot be explained.
    """
    names = list(plan.record["class_names"])
    rows = {row[schema.FOV_ID]: row for row in predictions.to_dicts()}
    classes = {fov_id: row[schema.TRUTH] or row[schema.PREDICTION] for fov_id, row in rows.items()}
    settings = plan.settings
    first, against = contrasted(settings, names)
    cases: dict[str, Case] = {}
    failed: dict[str, str] = {}
    for fov_id in settings.fovs or choose_first(list(rows), classes, settings.max_fovs):
        if fov_id not in rows:
            failed[fov_id] = prepared.manifest.failures.get(fov_id, "it could not be prepared")
            continue
        truth = rows[fov_id][schema.TRUTH]
        of_truth = None if truth is None else names.index(truth)
        if first is not None:
            cases[fov_id] = Case(fov_id, first, of_truth, against)
            continue
        by_choice = {PREDICTED: rows[fov_id][schema.PREDICTION], TRUTH: truth}
        explained_class = by_choice.get(settings.explained_class, settings.explained_class)
        if explained_class is None:
            failed[fov_id] = f"its class is not known; explained_class={PREDICTED} explains its prediction"
            continue
        cases[fov_id] = Case(fov_id, names.index(explained_class), of_truth)
    return cases, failed


def explain_fovs(
    work: FovExplainer, cases: Mapping[str, Case], failed: Mapping[str, str], progress: Progress
) -> tuple[dict[str, dict[str, FovResult]], Failures]:
    """Explain one FOV after the other; one that fails does not stop the others.

    Args:
        work: Explains one FOV.
        cases: The FOVs.
        failed: FOVs that cannot be explained, with reasons; they count for every explainer.
        progress: Shows progress.

    Returns:
        ``fov_id`` -> name of the explainer -> its explanation; and the failures.
    """
    explained: dict[str, dict[str, FovResult]] = {}
    failures: Failures = {name: dict(failed) for name in work.explainers} if failed else {}
    for outcome in progress(Serial().run(work, cases), len(cases), "explanations"):
        if outcome.failure is not None:
            reasons = dict.fromkeys(work.explainers, outcome.failure)
        else:
            reasons = {name: each.failure for name, each in outcome.result.items() if each.failure is not None}
            good = {name: each.result for name, each in outcome.result.items() if each.failure is None}
            explained |= {outcome.fov_id: good} if good else {}
        for name, reason in reasons.items():
            failures.setdefault(name, {})[outcome.fov_id] = reason
            log.warning("%s: %s failed: %s", outcome.fov_id, name, reason)
    return explained, failures
