"""Fine-tuning: a network that starts from the weights of another run."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from locgraph import schema
from locgraph.build import TARGET
from locgraph.errors import CheckpointError, ConfigError
from locgraph.learn.checkpoint import Checkpoint
from locgraph.nn.network import Network
from locgraph.provenance import fingerprint

log = logging.getLogger(__name__)

HEAD = "head."
"""Prefix of the names of the weights of the head, which depend on the classes."""

PARTS = ("loc_encoder", "cluster_encoder", "readout")
"""Parts of a network that can be frozen."""

_FOLDERS = ("raw_dir", "featextracted_dir")


def start_from(network: Network, checkpoint: Checkpoint, record: Mapping[str, Any]) -> dict[str, Any]:
    """Load the weights of another run into a new network.

    The head stays new where classes or their order differ, or where the other run had another one, such as that of a
    representation.

    Args:
        network: The new network; changed in place.
        checkpoint: The other run's.
        record: What the new run records.

    Returns:
        Plain values for the record of the new run: where the weights come from.

    Raises:
        CheckpointError: The other run was trained on other inputs, on test FOVs of this one, or on a network of
            another shape.
    """
    _check_inputs(checkpoint, record)
    _check_leak(checkpoint, record)
    before, now = _classes(checkpoint.record, network), _classes(record, network)
    weights = dict(checkpoint.weights)
    kinds = [held["settings"]["model"]["head"].get(TARGET) for held in (checkpoint.record, record)]
    keeps_head = before == now and kinds[0] == kinds[1]
    if kinds[0] != kinds[1]:
        log.info("%s: its head is %s, not %s: the head starts anew", checkpoint.path, *kinds)
    elif before != now:
        log.warning("%s: its classes %s are not %s, in this order: the head starts anew", checkpoint.path, before, now)
    if not keeps_head:
        weights = {name: value for name, value in weights.items() if not name.startswith(HEAD)}
        weights |= {name: value for name, value in network.state_dict().items() if name.startswith(HEAD)}
    _check_shapes(checkpoint, weights, network.state_dict())
    _log_differences(checkpoint, record)
    network.load_state_dict(weights)
    kept = ("class_names", "versions", "settings", "init_from")
    return {"path": str(checkpoint.path.resolve()), "epoch": checkpoint.epoch, "head_kept": keeps_head} | {
        key: checkpoint.record.get(key) for key in kept
    }


def freeze(network: Network, parts: Sequence[str]) -> None:
    """Keep the weights of some parts of a network as they are in training.

    Args:
        network: The network; changed in place.
        parts: Some of ``PARTS``.

    Raises:
        ConfigError: A part is unknown or named twice.
    """
    names = [parts] if isinstance(parts, str) else list(parts)
    if not set(names) <= set(PARTS) or len(set(names)) < len(names):
        raise ConfigError(f"expected some of {list(PARTS)}, each once, found {names}", setting="frozen")
    for name in names:
        getattr(network, name).requires_grad_(False)


def _classes(record: Mapping[str, Any], network: Network) -> list[str]:
    """Return the classes of FOVs and of localisations that the network predicts."""
    predicts = network.predicts
    of_fovs = record["class_names"] if schema.FIELD_OF_VIEW in predicts else []
    if schema.LOCALISATION not in predicts:
        return list(of_fovs)
    indices = map(str, range(record["sizes"].get("localisation_classes", 0)))
    return [*of_fovs, *(f"of localisations: {name}" for name in record.get("localisation_classes") or indices)]


def _check_inputs(checkpoint: Checkpoint, record: Mapping[str, Any]) -> None:
    before, now = checkpoint.record["sizes"]["dimensions"], record["sizes"]["dimensions"]
    if before != now:
        raise CheckpointError(
            f"init_from={checkpoint.path} was trained in {before}D, found data in {now}D; start from a run in {now}D"
        )
    for name in ("cluster_features", "localisation_features"):
        before, now = (list(held["settings"]["graph"][name]) for held in (checkpoint.record, record))
        if before != now:
            raise CheckpointError(
                f"init_from={checkpoint.path} was trained on graph.{name}={_listed(before)}, in this order, "
                f"found {_listed(now)}; set graph.{name}={_listed(before)}, and let config group features measure them"
            )
    before, now = ({name: held["units"][name] for name in held["units"]} for held in (checkpoint.record, record))
    if before != now:
        raise CheckpointError(
            f"init_from={checkpoint.path} was trained on features in the units {before}, found {now}; start from "
            "a run with the same units"
        )


def _listed(names: list[str]) -> str:
    return f"[{','.join(names)}]"


def _check_leak(checkpoint: Checkpoint, record: Mapping[str, Any]) -> None:
    """FOVs of other data may have the same names: only those of the same folder are the same.

    A packed model knows no folder, and fingerprints in place of names.
    """
    folders = [
        {held["settings"]["data"][key] for key in _FOLDERS if held["settings"]["data"].get(key)}
        for held in (checkpoint.record, record)
    ]
    seen = {*checkpoint.record["split"]["train"], *checkpoint.record["split"]["val"]}
    if checkpoint.pack is not None:
        same = [name for name in record["split"]["test"] if fingerprint(name) in seen]
        if same:
            log.warning(
                "%d of the FOVs that this fold tests have names of FOVs that %s was trained on, such as %s: if they "
                "are the same, the test means nothing",
                *(len(same), checkpoint.pack, same[0]),
            )
        return
    both = sorted(seen & set(record["split"]["test"]))
    if folders[0] & folders[1] and both:
        raise CheckpointError(
            f"init_from={checkpoint.path} was trained on {len(both)} of the FOVs that this fold tests, such as "
            f"{both[:3]}, so that the test would mean nothing; start from a run on other data, or of the same fold"
        )


def _check_shapes(checkpoint: Checkpoint, weights: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    problems = [f"{name}: not in the checkpoint" for name in wanted if name not in weights]
    problems += [f"{name}: not in the model" for name in weights if name not in wanted]
    problems += [
        f"{name}: {tuple(weights[name].shape)} in the checkpoint, {tuple(value.shape)} in the model"
        for name, value in wanted.items()
        if name in weights and weights[name].shape != value.shape
    ]
    if problems:
        raise CheckpointError(
            f"init_from={checkpoint.path}: its weights do not fit this model; give it the settings of config "
            "group model that the checkpoint has:\n  " + "\n  ".join(problems)
        )


def _log_differences(checkpoint: Checkpoint, record: Mapping[str, Any]) -> None:
    """Log settings that differ without changing a shape."""
    for group in ("model", "graph"):
        before, now = (_flat(held["settings"][group]) for held in (checkpoint.record, record))
        differences = [
            f"{group}.{key}={now.get(key)!r} (there {before.get(key)!r})"
            for key in sorted({*before, *now})
            if before.get(key) != now.get(key)
        ]
        if differences:
            log.warning("starts from %s, which had other settings: %s", checkpoint.path, ", ".join(differences))
    before, now = (held.get("scaler", {}).get("scales", {}) for held in (checkpoint.record, record))
    if before != now:
        log.warning(
            "starts from %s, whose features were scaled otherwise (scaling.features): %s, here %s",
            *(checkpoint.path, before or schema.MIN_MAX, now),
        )


def _flat(node: Any, path: str = "") -> dict[str, Any]:
    if not isinstance(node, dict):
        return {path: node}
    flat: dict[str, Any] = {}
    for key, child in node.items():
        flat |= _flat(child, f"{path}.{key}".lstrip("."))
    return flat
