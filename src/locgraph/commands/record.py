"""What a checkpoint records, so that prediction needs nothing else; and the way back."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from locgraph import schema
from locgraph.commands import assemble
from locgraph.commands.prepare import Prepared
from locgraph.data.datamodule import GraphDataModule
from locgraph.errors import CheckpointError
from locgraph.models.sizes import DataSizes
from locgraph.provenance import versions
from locgraph.training.checkpoint import FORMAT

_SETTINGS = ("name", "seed", "data", "columns", "labels", "groups", "clustering", "features", "views", "model", "fold")


def make_record(cfg: DictConfig, prepared: Prepared, data: GraphDataModule, sizes: DataSizes) -> dict[str, Any]:
    """Plain values: settings, names, units, scaler and fold.

    Args:
        cfg: The whole configuration.
        prepared: What training started from.
        data: The data module; its scaler is fitted here if it was not before.
        sizes: What the network was built with.

    Returns:
        The record, of tensors and plain values alone.
    """
    settings = {name: assemble.plain(cfg[name]) for name in _SETTINGS}
    # absolute, so that the run can be evaluated from any folder
    settings["paths"] = {"prepared_dir": str(Path(cfg.paths.prepared_dir).resolve())}
    for key in ("raw_dir", "featextracted_dir"):
        if key in settings["data"]:
            settings["data"][key] = str(Path(settings["data"][key]).resolve())
    settings["graph"] = dict(prepared.graph_settings)
    used = [*settings["graph"]["cluster_features"], *settings["graph"]["localisation_features"]]
    return {
        "format": FORMAT,
        "versions": versions(),
        "class_names": list(data.class_names),
        "sizes": asdict(sizes),
        "scaler": data.fitted_scaler().to_plain(),
        "units": {name: prepared.units.get(name, "1") for name in used},
        "position_unit": schema.LOCALISATION_COLUMNS[schema.X].unit,
        "split": {side: list(names) for side, names in asdict(data.split).items()},
        "settings": settings,
    }


def check_targets(node: Any, trusted: list[str], where: str) -> None:
    """Refuses a record that names classes outside the trusted packages: making them could run any code.

    Raises:
        CheckpointError: A ``_target_`` is not of a trusted package.
    """
    if isinstance(node, dict):
        target = str(node.get("_target_", ""))
        if target and target.split(".")[0] not in trusted:
            raise CheckpointError(
                f"ckpt_path={where}: names {target}, which is not of the packages {trusted}; if you trust this "
                f"checkpoint, add the package: trusted_packages=[{','.join([*trusted, target.split('.')[0]])}]"
            )
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in children:
        check_targets(child, trusted, where)
