"""What a checkpoint records, so that prediction needs nothing else; and the way back."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from hydra.utils import get_object
from omegaconf import DictConfig

from locgraph import schema
from locgraph.cli import assemble
from locgraph.cli.prepare import Prepared
from locgraph.data.datamodule import GraphDataModule
from locgraph.errors import CheckpointError
from locgraph.learn.checkpoint import FORMAT
from locgraph.nn.sizes import DataSizes
from locgraph.provenance import versions

_PATHS = (("data", "raw_dir"), ("data", "featextracted_dir"), ("labels", "path"), ("groups", "path"))
_SETTINGS = (
    *("name", "seed", "data", "columns", "labels", "groups"),
    *("preprocess", "clustering", "features", "views", "model", "fold"),
)

INIT_FROM = "init_from"
"""Key of the run that the weights started from, with its settings; None where they started at random."""


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
    for group, key in _PATHS:
        if key in settings[group]:
            settings[group][key] = str(Path(settings[group][key]).resolve())
    settings["graph"] = dict(prepared.graph_settings)
    # about the first weights, not about the network
    settings["model"].pop(INIT_FROM, None)
    used = [*settings["graph"]["cluster_features"], *settings["graph"]["localisation_features"]]
    of_localisations = {"localisation_classes": list(data.localisation_classes)} if data.localisation_classes else {}
    return {
        **of_localisations,
        "format": FORMAT,
        "versions": versions(),
        "class_names": list(data.class_names),
        "sizes": asdict(sizes),
        "scaler": data.fitted_scaler().to_plain(),
        "units": {name: prepared.units.get(name, "1") for name in used},
        "position_unit": schema.LOCALISATION_COLUMNS[schema.X].unit,
        "split": {side: list(names) for side, names in asdict(data.split).items()},
        "settings": settings,
        INIT_FROM: None,
    }


def check_targets(node: Any, trusted: list[str], where: str) -> None:
    """Refuses a record that names anything but classes of the trusted packages: making it could run any code.

    Raises:
        CheckpointError: A ``_target_`` is no class of a trusted package, or a text holds an interpolation, which could
            hide one.
    """
    if isinstance(node, str) and "${" in node:
        raise CheckpointError(f"ckpt_path={where}: refused: its settings hold the interpolation {node!r}")
    if isinstance(node, dict):
        if "_target_" in node:
            _check_target(str(node["_target_"]), trusted, where)
        node = list(node.values())
    for child in node if isinstance(node, (list, tuple)) else ():
        check_targets(child, trusted, where)


def _check_target(target: str, trusted: list[str], where: str) -> None:
    package = target.split(".")[0]
    if package not in trusted:
        raise CheckpointError(
            f"ckpt_path={where}: names {target}, which is not of the packages {trusted}; if you trust this "
            f"checkpoint, add the package: trusted_packages=[{','.join([*trusted, package])}]"
        )
    try:
        found = get_object(target)
    except (ImportError, ValueError) as error:
        raise CheckpointError(f"ckpt_path={where}: names {target}, which is not there: {error}") from error
    # a module of ours also leads to what it imported, such as `os.system`
    if not isinstance(found, type) or found.__module__.split(".")[0] not in trusted:
        raise CheckpointError(
            f"ckpt_path={where}: refused: names {target}, which is no class of the packages {trusted}"
        )
