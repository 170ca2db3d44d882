"""Checkpoints: weights, and a record of plain values that prediction needs; never pickled code."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any

import torch
from lightning.fabric.plugins.io import TorchCheckpointIO

from locgraph import schema
from locgraph.build import TARGET, build, find_class
from locgraph.data.datamodule import GraphDataModule
from locgraph.errors import CheckpointError, ConfigError
from locgraph.learn.module import CHECKPOINT_KEY
from locgraph.learn.tasks import task_class
from locgraph.learn.tasks.base import Task
from locgraph.nn.network import Network
from locgraph.nn.sizes import DataSizes
from locgraph.provenance import versions, whole_file
from locgraph.run_folder import THREADS
from locgraph.trust.trust import Trust

FORMAT = 5
"""Version of the record; raised when versions of locgraph before could not read it rightly."""

READABLE = (3, 4, FORMAT)
"""Versions of the record that this version reads.

3 knew neither scales of features nor the largest FOV, and 4 not how far predictions can be trusted.
"""

RECORDED = (
    *("name", "seed", "data", "limits", "loader", "columns", "labels", "groups"),
    *("preprocess", "objects", "clustering", "features", "views", "model", "fold"),
)
"""Groups of settings that a checkpoint records, beside those of graphs."""

_PATHS = (
    ("objects", "path"),
    ("data", "raw_dir"),
    ("data", "featextracted_dir"),
    ("labels", "path"),
    ("groups", "path"),
)

TRUST = "trust"
"""Key of what is known of how far predictions can be trusted, which is fitted after training; None before."""

INIT_FROM = "init_from"
"""Key of the run that the weights started from, with its settings; None where they started at random."""


@dataclass(frozen=True)
class Checkpoint:
    """Content of a checkpoint.

    Attributes:
        path: The file.
        weights: Parameters of the network.
        record: Plain values: class names, sizes, scaler, feature names, settings, versions.
        epoch: Epoch after which it was written.
        pack: ``NAME:VERSION`` where it is of a packed model, which knows neither its data nor the names of its FOVs.
    """

    path: Path
    weights: dict[str, torch.Tensor]
    record: dict[str, Any]
    epoch: int
    pack: str | None = None

    def network(self) -> Network:
        """Return the network with its weights, on the CPU and in evaluation mode.

        Raises:
            CheckpointError: The weights do not fit the model that the record describes.
        """
        network: Network = build(self.record["settings"]["model"], "model", sizes=DataSizes(**self.record["sizes"]))
        load_weights(network, self)
        return network.float().eval()

    def task(self, network: Network) -> Task:
        """Return the task of the network."""
        return task_class(network.predicts).from_record(self.record)

    def trust(self) -> Trust | None:
        """Return how far predictions can be trusted; None where nothing was fitted, as before version 5."""
        plain = self.record.get(TRUST)
        return None if plain is None else Trust.from_plain(plain)


def make_record(
    settings: Mapping[str, Any],
    graph_settings: Mapping[str, Any],
    units: Mapping[str, str],
    data: GraphDataModule,
    sizes: DataSizes,
) -> dict[str, Any]:
    """Return the record of a run: tensors and plain values alone.

    Args:
        settings: All settings.
        graph_settings: Settings of graphs, with what was left open filled in.
        units: Unit of each column of the tables.
        data: The data of the fold; its scaler is fitted here if it was not before.
        sizes: What the network was built with.
    """
    recorded = {name: _copy(settings[name]) for name in RECORDED}
    # absolute, so that the run can be evaluated from any folder
    recorded["paths"] = {"prepared_dir": str(Path(settings["paths"]["prepared_dir"]).resolve())}
    for group, key in _PATHS:
        if recorded[group] and recorded[group].get(key) is not None:
            recorded[group][key] = str(Path(recorded[group][key]).resolve())
    recorded["graph"] = dict(graph_settings)
    used = [*graph_settings["cluster_features"], *graph_settings["localisation_features"]]
    return {
        "format": FORMAT,
        "versions": versions(),
        "class_names": list(data.class_names),
        "localisation_classes": list(data.localisation_classes),
        "sizes": asdict(sizes),
        "scaler": data.fitted_scaler().to_plain(),
        "units": {name: units.get(name, "1") for name in used},
        "position_unit": schema.LOCALISATION_COLUMNS[schema.X].unit,
        "split": {side: list(names) for side, names in asdict(data.split).items()},
        "settings": recorded,
        THREADS: settings["trainer"][THREADS],
        INIT_FROM: None,
        TRUST: None,
    }


def _copy(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {key: _copy(value) for key, value in node.items()}
    return [_copy(value) for value in node] if isinstance(node, (list, tuple)) else node


def read_checkpoint(path: Path, setting: str = "ckpt_path") -> Checkpoint:
    """Read a checkpoint that training wrote.

    Args:
        path: The ``.ckpt`` file.
        setting: The argument that named it, for messages.

    Returns:
        Its content.

    Raises:
        CheckpointError: The file is absent, damaged, holds more than plain values and tensors, is no locgraph
            checkpoint, or is of a format that this version cannot read.
    """
    named = f"{setting}={path}"
    if not path.is_file():
        raise CheckpointError(f"{named}: no such file; expected RUN/checkpoints/best.ckpt of a training run")
    if not zipfile.is_zipfile(path):
        raise CheckpointError(f"{named}: cannot be read: it is truncated, or no checkpoint at all")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{named}: refused: it holds more than plain values and tensors, which could run code ({error})"
        ) from error
    except (OSError, RuntimeError, EOFError, zipfile.BadZipFile, KeyError) as error:
        raise CheckpointError(f"{named}: cannot be read, it may be damaged ({error})") from error
    record = content.get(CHECKPOINT_KEY) if isinstance(content, dict) else None
    if not isinstance(record, dict) or "format" not in record or not {"state_dict", "epoch"} <= content.keys():
        raise CheckpointError(f"{named}: not a locgraph checkpoint; expected one that training wrote")
    upgrade_record(record, named)
    prefix = "network."
    weights = {name[len(prefix) :]: value for name, value in content["state_dict"].items() if name.startswith(prefix)}
    return Checkpoint(path, weights, record, int(content["epoch"]))


def upgrade_record(record: dict[str, Any], where: str) -> None:
    """Bring a record of an earlier version to the form of this one, in place.

    Args:
        record: The record of a checkpoint.
        where: The file, for messages.

    Raises:
        CheckpointError: It is of a format that this version cannot read.
    """
    if record["format"] not in READABLE:
        raise CheckpointError(
            f"{where}: written in format {record['format']} by locgraph {record['versions']['locgraph']}, this version "
            f"reads the formats {', '.join(map(str, READABLE))}; use a version of locgraph that fits, or train again"
        )
    settings = record.get("settings", {})
    if record["format"] < FORMAT:
        settings["limits"].setdefault("max_localisations", None)
    settings.setdefault("objects", None)  # of checkpoints before objects: whole FOVs


def add_trust(path: Path, trust: Trust) -> None:
    """Add to a checkpoint how far its predictions can be trusted; all else stays.

    Raises:
        StorageError: The file cannot be written.
    """
    content = torch.load(path, map_location="cpu", weights_only=True)
    content[CHECKPOINT_KEY][TRUST] = trust.to_plain()
    WholeFileIO().save_checkpoint(content, path)


class WholeFileIO(TorchCheckpointIO):
    """Writes checkpoints under another name and renames them: a kill or a full disk leaves the one before.

    Lightning's own way writes to the folder for temporary files, which is often on another disk.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Write a checkpoint.

        Args:
            checkpoint: Its content.
            path: The file.
            storage_options: Of no effect.

        Raises:
            StorageError: The file cannot be written.
        """
        with whole_file(Path(path)) as temporary, temporary.open("wb") as handle:
            torch.save(checkpoint, handle)


def check_continues(checkpoint: Checkpoint, record: Mapping[str, Any]) -> None:
    """Refuse to continue an interrupted run whose data have changed since.

    Args:
        checkpoint: The last checkpoint of the run.
        record: What the run would record now.

    Raises:
        CheckpointError: Classes or features, also in another order, sizes, or the sides of the fold differ.
    """
    for key in ("class_names", "localisation_classes", "units", "sizes", "split"):
        before, now = checkpoint.record.get(key), record.get(key)
        # names of features count in their order, which dicts do not compare
        if before != now or (isinstance(before, dict) and list(before) != list(now or {})):
            raise CheckpointError(
                f"{checkpoint.path}: this run cannot go on, its data have changed: `{key}` was {_shortened(before)}, "
                f"is {_shortened(now)}; bring the data back, or choose another run folder"
            )


def _shortened(value: Any) -> str:
    return shorten(str(value), 300, placeholder=" ...")


def load_weights(network: torch.nn.Module, checkpoint: Checkpoint) -> None:
    """Load the weights of a checkpoint into a network of the same shape.

    Raises:
        CheckpointError: The shapes or names differ.
    """
    try:
        network.load_state_dict(checkpoint.weights)
    except RuntimeError as error:
        raise CheckpointError(f"{checkpoint.path}: its weights do not fit the model it describes: {error}") from error


def check_targets(node: Any, trusted: Sequence[str], where: str) -> None:
    """Refuse a record that names anything but classes of the trusted packages: building it could run any code.

    Args:
        node: Settings of the record.
        trusted: Names of packages.
        where: The checkpoint, for messages.

    Raises:
        CheckpointError: A ``_target_`` is not a class of a trusted package, or a text holds an interpolation, which
            could hide one.
    """
    if isinstance(node, str) and "${" in node:
        raise CheckpointError(f"{where}: refused: its settings hold the interpolation {node!r}")
    if isinstance(node, dict):
        if TARGET in node:
            _check_target(str(node[TARGET]), trusted, where)
        node = list(node.values())
    for child in node if isinstance(node, (list, tuple)) else ():
        check_targets(child, trusted, where)


def _check_target(target: str, trusted: Sequence[str], where: str) -> None:
    package = target.split(".")[0]
    if package not in trusted:
        raise CheckpointError(
            f"{where}: names {target}, which is not of the packages {list(trusted)}; if you trust this "
            f"checkpoint, add the package: trusted_packages=[{','.join([*trusted, package])}]"
        )
    try:
        cls = find_class(target)
    except ConfigError as error:
        raise CheckpointError(f"{where}: names {target}, which is not there: {error}") from error
    # a module of ours also leads to what it imported, such as `os.system`
    if not isinstance(cls, type) or cls.__module__.split(".")[0] not in trusted:
        raise CheckpointError(f"{where}: refused: names {target}, which is no class of the packages {list(trusted)}")
