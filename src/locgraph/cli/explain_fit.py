"""Explainers that learn are given training FOVs of the run, and no others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from locgraph import schema
from locgraph.cli.examples import Examples
from locgraph.cli.explain_fov import seeded
from locgraph.cli.explain_settings import PREDICTED, TRUTH, ExplainSettings
from locgraph.cli.explained_fovs import draw
from locgraph.cli.explainers import Chosen
from locgraph.cli.prepare import Prepared
from locgraph.data.folds import TRAIN
from locgraph.errors import ConfigError, DataError, LocgraphError
from locgraph.explain.base import Example
from locgraph.nn.network import Network

log = logging.getLogger(__name__)


def fit(
    chosen: Chosen,
    network: Network,
    settings: ExplainSettings,
    record: Mapping[str, Any],
    training_data: Callable[[], Prepared],
) -> Chosen:
    """Fits the explainers that learn.

    Args:
        chosen: All explainers.
        network: The network.
        settings: How many training FOVs, and which class.
        record: What the checkpoint records: which FOVs it was trained on.
        training_data: Gives manifest, tables and graphs of the run; called where an explainer learns.

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
        reason = f"it learns from training FOVs of the run, which cannot be had: {error}"
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
            raise ConfigError(f"explain.explainers.{name}: {reason}; choose another explainer")
        log.warning("explainer %s is left out: %s", name, reason)
    return Chosen(left, chosen.left_out | left_out)


def training_examples(
    network: Network, settings: ExplainSettings, record: Mapping[str, Any], prepared: Prepared
) -> Sequence[Example]:
    """Some training FOVs of each class.

    Raises:
        DataError: None is there.
    """
    table = prepared.manifest.table
    labels = dict(zip(table[schema.FOV_ID], table[schema.LABEL], strict=True))
    there = [fov_id for fov_id in record["split"][TRAIN] if fov_id in labels]
    if not there:
        raise DataError(f"none of the {len(record['split'][TRAIN])} training FOVs is in the data of the run any more")
    names = list(record["class_names"])
    examples = Examples(record, prepared)
    found = []
    for fov_id in draw(there, labels, settings.fit_fovs, settings.seed):
        if settings.explained_class == PREDICTED:
            target = examples.predicted(network, fov_id)
        else:
            target = names.index(labels[fov_id] if settings.explained_class == TRUTH else settings.explained_class)
        found.append(examples(fov_id, target))
    return found
