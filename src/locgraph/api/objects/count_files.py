"""Counting as ``locgraph count`` does: from settings to a folder with tables, pictures and exports."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from locgraph.api.config import Settings
from locgraph.api.models.load import load
from locgraph.api.objects.counts import Counts, ExportSettings
from locgraph.api.packs.cache import locate
from locgraph.settings import check_whole

FOV: Final = "fov"
"""Choice of the config group ``objects`` that takes whole FOVs; its settings are null."""


def count_settings(settings: Settings, folder: Path) -> Counts:
    """Count the objects of the files that settings name, and write everything into a folder.

    Args:
        settings: Settings of ``count``.
        folder: Where to write.

    Raises:
        LocgraphError: The model, the files or a setting cannot be used.
    """
    export = ExportSettings(formats=settings["export"], **settings["exported"])
    if settings["pictures"] is not None:
        check_whole("pictures", settings["pictures"], at_least=0)
    files = settings["files"]
    objects = settings.get("objects")
    if "objects" in settings and objects is None:
        objects = FOV
    counts = load(locate(settings["ckpt_path"], "ckpt_path"), settings["trusted_packages"]).count(
        files[0] if len(files) == 1 else files,
        objects=objects,
        min_probability=settings["min_probability"],
        abstain=settings["abstain"],
        conditions=settings["conditions"],
        area=settings["area"],
        simulations=settings["simulations"],
        seed=settings["seed"],
        columns=settings.get("columns"),
        batch_size=settings["loader"]["batch_size"],
        accelerator=settings["trainer"]["accelerator"],
    )
    counts.write(folder, export, settings["pictures"])
    return counts
