"""The records of checkpoints as JSON and tensors, without what concerns the machine and the data they were trained on.

Tensors, and lists of many numbers, go into the file of weights; JSON holds a mark in their place. Names of FOVs, which
may be those of patients, become fingerprints: members of an ensemble still know which FOVs they share.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import torch

from locgraph.api.packs.archive import PACK_RECORD, PACK_WEIGHTS, Archive
from locgraph.api.sources import class_target
from locgraph.build import TARGET
from locgraph.errors import CheckpointError
from locgraph.io.groups import NoGroups
from locgraph.io.labels import NoLabels
from locgraph.learn.checkpoint import INIT_FROM, Checkpoint, upgrade_record
from locgraph.provenance import fingerprint

NETWORKS: Final = "networks"
_TENSOR, _NUMBERS = "$tensor", "$numbers"
_FEW: Final = 64
"""Lists of up to so many numbers stay in JSON, where people read them."""
_KEPT_OF_START: Final = ("epoch", "head_kept", "class_names", "versions")


def private_texts(record: Mapping[str, Any]) -> list[str]:
    """Return the paths that a record holds, which no packed model may repeat."""
    settings, start = record["settings"], record.get(INIT_FROM) or {}
    held = [
        *(settings["data"].get(name) for name in ("raw_dir", "featextracted_dir")),
        *((settings[group] or {}).get("path") for group in ("labels", "groups", "fold", "objects")),
        settings["paths"].get("prepared_dir"),
        start.get("path"),
    ]
    return [str(path) for path in held if path]


def without_places(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record without paths and names of FOVs: all that prediction needs stays."""
    public = copy.deepcopy(dict(record))
    settings = public["settings"]
    settings["data"] |= {name: None for name in ("raw_dir", "featextracted_dir") if name in settings["data"]}
    settings["paths"] = {"prepared_dir": None}
    settings["fold"].pop("path", None)
    settings["groups"] = {TARGET: class_target(NoGroups)}
    if settings["labels"].get("path") is not None:
        settings["labels"] = {TARGET: class_target(NoLabels)}
    if (settings["objects"] or {}).get("path") is not None:
        settings["objects"] = None  # a table of regions is about FOVs of the training alone
    public["split"] = {side: [fingerprint(name) for name in names] for side, names in public["split"].items()}
    if public.get(INIT_FROM) is not None:
        public[INIT_FROM] = {name: public[INIT_FROM].get(name) for name in _KEPT_OF_START}
    return public


def pack_networks(checkpoints: Sequence[Checkpoint]) -> tuple[bytes, bytes]:
    """Return networks as the members `PACK_RECORD` and `PACK_WEIGHTS`.

    Args:
        checkpoints: The networks, with records from `without_places`.

    Raises:
        CheckpointError: A record holds values that JSON and tensors cannot.
    """
    from safetensors.torch import save

    tensors: dict[str, torch.Tensor] = {}
    networks = []
    for place, checkpoint in enumerate(checkpoints):
        record = checkpoint.record
        networks.append({"epoch": checkpoint.epoch, "record": _taken_apart(record, f"{place}/record", tensors)})
        tensors |= {f"{place}/weights/{name}": value for name, value in checkpoint.weights.items()}
        if _text(_put_together(json.loads(json.dumps(networks[-1]["record"])), tensors)) != _text(record):
            raise CheckpointError(f"{checkpoint.path}: its record holds values that a packed model cannot")
    plain = json.dumps({NETWORKS: networks}, indent=1, ensure_ascii=False) + "\n"
    return plain.encode(), save({name: value.detach().clone().contiguous() for name, value in tensors.items()})


def _text(record: Any) -> str:
    return json.dumps(record, default=lambda value: value.tolist(), sort_keys=True)


def _taken_apart(node: Any, path: str, tensors: dict[str, torch.Tensor]) -> Any:
    """Return plain values with marks in place of tensors and long lists, which go to ``tensors``."""
    if isinstance(node, torch.Tensor):
        tensors[path] = node
        return {_TENSOR: path}
    numbers = _as_numbers(node)
    if numbers is not None:
        tensors[path] = numbers
        return {_NUMBERS: path}
    if isinstance(node, Mapping):
        return {key: _taken_apart(value, f"{path}/{key}", tensors) for key, value in node.items()}
    if isinstance(node, (list, tuple)):
        return [_taken_apart(value, f"{path}/{place}", tensors) for place, value in enumerate(node)]
    return node


def _as_numbers(node: Any) -> torch.Tensor | None:
    """Return a list of many numbers of one type, nested or not, as float64 or int64; None for all else."""
    if not isinstance(node, (list, tuple)):
        return None
    leaves, level = [node], 0
    while leaves and all(isinstance(each, (list, tuple)) for each in leaves):
        leaves, level = [child for each in leaves for child in each], level + 1
    types = {type(leaf) for leaf in leaves}
    if len(leaves) <= _FEW or types not in ({int}, {float}):
        return None
    try:
        array = np.array(node)
    except (ValueError, OverflowError):
        return None
    return torch.from_numpy(array) if array.ndim == level and array.dtype in (np.int64, np.float64) else None


def _put_together(node: Any, tensors: Mapping[str, torch.Tensor]) -> Any:
    """Return plain values with tensors and lists in place of their marks."""
    if isinstance(node, Mapping):
        if node.keys() == {_TENSOR}:
            return tensors[node[_TENSOR]]
        if node.keys() == {_NUMBERS}:
            return tensors[node[_NUMBERS]].tolist()
        return {key: _put_together(value, tensors) for key, value in node.items()}
    return [_put_together(value, tensors) for value in node] if isinstance(node, list) else node


def unpack_networks(archive: Archive) -> list[Checkpoint]:
    """Return the networks of an archive, as checkpoints.

    Raises:
        CheckpointError: Weights or records are not what a packed model holds, or are of a format that cannot be read.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    path, pack = archive.path, f"{archive.manifest['name']}:{archive.manifest['version']}"
    try:
        tensors = load(archive.members[PACK_WEIGHTS])
    except (SafetensorError, ValueError, KeyError) as error:
        raise CheckpointError(f"{path}: {PACK_WEIGHTS} cannot be read as safetensors ({error})") from error
    try:
        networks = [
            (_put_together(each["record"], tensors), int(each["epoch"])) for each in archive.json(PACK_RECORD)[NETWORKS]
        ]
        for record, _ in networks:
            upgrade_record(record, str(path))
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{path}: {PACK_RECORD} is no record of networks ({type(error).__name__} {error})"
        ) from error
    if not networks:
        raise CheckpointError(f"{path}: {PACK_RECORD} holds no network")
    return [
        Checkpoint(path, _weights(tensors, f"{place}/weights/"), record, epoch, pack)
        for place, (record, epoch) in enumerate(networks)
    ]


def _weights(tensors: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
