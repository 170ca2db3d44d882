"""Agreement of annotators, from a table of annotations and the raw files that it is about."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from locgraph.analysis.annotators import columns
from locgraph.analysis.annotators.agreement import (
    AnnotatorAgreement,
    CompareSettings,
    compare_annotators,
    find_annotators,
    rename_classes,
)
from locgraph.analysis.annotators.values import Annotators, SortedUnits, outlined_localisations
from locgraph.api.annotations.raw_files import RawFiles, find_raw_files
from locgraph.api.config import Settings, compose
from locgraph.errors import DataError, LocgraphError, within
from locgraph.io.annotations.derive import choose_annotators
from locgraph.io.annotations.table import read_annotations
from locgraph.provenance import file_digest
from locgraph.run_folder import AGREEMENT_PICTURE, ANNOTATIONS, DISPUTED_PICTURE
from locgraph.schema import annotation
from locgraph.settings import check_length, check_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

log = logging.getLogger(__name__)

_FOLDER: Final = "agreement"
_SHOWN: Final = 3


@dataclass(frozen=True)
class DrawnAgreement(AnnotatorAgreement):
    """Agreement of annotators that can be drawn; see `locgraph.analysis.annotators.agreement.AnnotatorAgreement`.

    Attributes:
        statements: What annotators state, in the order of time.
        raw: The raw files; None where they are not known.
        pictures: How many disputed FOVs are drawn.
    """

    statements: pl.DataFrame = field(default_factory=pl.DataFrame)
    raw: RawFiles | None = None
    pictures: int = 0

    def plot(self) -> Figure:
        """Return a matplotlib figure: a matrix of the pairs and a line for each class, of all that was compared."""
        from locgraph.show.figures.annotators.agreement import agreement_figure

        return agreement_figure(self)

    def plot_disputed(self) -> Figure:
        """Return a matplotlib figure of the most disputed FOVs, with a panel for each annotator.

        Raises:
            DataError: There is none, or their raw files are not known or cannot be read.
        """
        from locgraph.show.figures.annotators.disputes import DisputedFov, disputes_figure

        if self.raw is None:
            raise DataError("expected the folder of the raw files, which hold the localisations to draw; found none")
        drawn, problems = [], []
        chosen = self.disputed.filter(pl.col(columns.DISAGREEMENT) > 0).head(self.pictures)
        for fov_id, disagreement in chosen.select(annotation.FOV_ID, columns.DISAGREEMENT).iter_rows():
            try:
                positions = self.raw.positions(fov_id)
            except LocgraphError as error:
                problems.append(f"{fov_id}: {error}")
                continue
            rows = self.statements.filter(pl.col(annotation.FOV_ID) == fov_id)
            drawn.append(DisputedFov(fov_id, positions, rows, disagreement))
        if problems and not drawn:
            raise DataError(f"none of {len(problems)} disputed FOVs can be drawn, such as {problems[0]}")
        return disputes_figure(drawn, self.class_names)

    def write(self, folder: Path) -> None:
        """Write tables, record and pictures into a folder, which exists; pictures of an earlier comparison go.

        Raises:
            StorageError: The folder cannot be written to.
        """
        from locgraph.show.figures.style import save_figure

        super().write(folder)
        wanted = {AGREEMENT_PICTURE: self.plot}
        if self.raw is not None and self.pictures and (self.disputed[columns.DISAGREEMENT] > 0).any():
            wanted[DISPUTED_PICTURE] = self.plot_disputed
        for name in (AGREEMENT_PICTURE, DISPUTED_PICTURE):
            (folder / name).unlink(missing_ok=True)
        for name, draw in wanted.items():
            try:
                save_figure(draw(), folder / name)
            except DataError as error:
                log.warning("%s: %s", name, error)


def agreement(path: str | Path, *config: str | Mapping[str, Any]) -> DrawnAgreement:
    """Compare what annotators state; see ``locgraph agreement``.

    Args:
        path: A table of annotations, or a folder that holds ``annotations.parquet``.
        *config: Overrides such as ``"raw_dir=raw"`` and ``"agreement.radius_nm=50"``, or a mapping with all settings of
            ``configs/agreement.yaml``.

    Returns:
        The agreement: ``table``, ``disputed``, ``notes``, ``plot()``, ``plot_disputed()``, ``write(folder)``.

    Raises:
        LocgraphError: There is nothing to compare, or a setting cannot work.
    """
    mapping = len(config) == 1 and isinstance(config[0], Mapping)
    settings = compose("agreement", *config, *(() if mapping else ("path=null",)))
    path = Path(path).resolve()
    path = path / ANNOTATIONS if path.is_dir() else path
    with within("agreement"):
        how = _check(settings["agreement"])
        table = choose_annotators(read_annotations(path), settings["agreement"]["annotators"])
        table = rename_classes(table, settings["agreement"]["rename"] or {})
    raw = find_raw_files(settings, path)
    with within("agreement"):
        about, notes = find_annotators(table, {} if raw is None else raw.groups, str(path))
    units, left_out = _read_regions(table, about, raw)
    notes += _not_compared(table, raw, how, left_out)
    if not units and not _has_others(table, how):
        without_radius = how.radius_nm is None and _shared(table, annotation.OF_POINT)
        setting = "agreement.radius_nm" if without_radius else None
        setting = "raw_dir" if _shared(table, annotation.OF_REGION) else setting
        reason = "; ".join(notes) or "two annotators state nothing of the same kind about one FOV"
        raise DataError(f"{path}: nothing can be compared: {reason}", setting=setting)
    record = {
        "path": str(path),
        "raw_dir": None if raw is None else str(settings["raw_dir"]),
        "settings": settings["agreement"],
        "left_out": left_out,
    }
    result = compare_annotators(table, about, units, how, notes, record)
    parts = {each.name: getattr(result, each.name) for each in fields(AnnotatorAgreement)}
    return DrawnAgreement(**parts, statements=table, raw=raw, pictures=settings["agreement"]["pictures"])


def output_folder(settings: Settings) -> Path:
    """Return where agreement is written."""
    if settings["output"] is not None:
        return Path(str(settings["output"])).resolve()
    return Path(settings["paths"]["output_dir"]).resolve() / _FOLDER


def _check(settings: Settings) -> CompareSettings:
    check_whole("pictures", settings["pictures"], at_least=0)
    radius = settings["radius_nm"]
    radius = None if radius is None else check_length("radius_nm", radius)
    return CompareSettings(radius, check_whole("seed", settings["seed"], at_least=0))


def _shared(table: pl.DataFrame, target: str) -> list[str]:
    """Return the FOVs in which at least two annotators made statements of one kind."""
    rows = table.filter(pl.col(annotation.TARGET) == target)
    numbers = rows.group_by(annotation.FOV_ID).agg(pl.col(annotation.ANNOTATOR).n_unique())
    return sorted(numbers.filter(pl.col(annotation.ANNOTATOR) >= 2)[annotation.FOV_ID])


def _has_others(table: pl.DataFrame, how: CompareSettings) -> bool:
    levels = [annotation.OF_FOV, annotation.OF_CLUSTER, *([annotation.OF_POINT] if how.radius_nm is not None else [])]
    return any(_shared(table, level) for level in levels)


def _not_compared(
    table: pl.DataFrame, raw: RawFiles | None, how: CompareSettings, left_out: Mapping[str, str]
) -> list[str]:
    notes = []
    if left_out:
        some = [f"{fov_id} ({reason})" for fov_id, reason in list(left_out.items())[:_SHOWN]]
        notes.append(f"regions of {len(left_out)} FOVs are not compared: {'; '.join(some)}")
    if raw is None and (regions := _shared(table, annotation.OF_REGION)):
        notes.append(
            f"regions of {len(regions)} FOVs are not compared: they are compared on localisations; give raw_dir, the "
            "folder of the raw files"
        )
    if how.radius_nm is None and (points := _shared(table, annotation.OF_POINT)):
        notes.append(
            f"points of {len(points)} FOVs are not compared: give agreement.radius_nm, how far apart two marks of one "
            "thing may lie"
        )
    return notes


def _read_regions(
    table: pl.DataFrame, about: Annotators, raw: RawFiles | None
) -> tuple[list[SortedUnits], dict[str, str]]:
    """Return the localisations in the regions of each FOV that two annotators drew in, and why a FOV has none."""
    units: list[SortedUnits] = []
    left_out: dict[str, str] = {}
    if raw is None:
        return units, left_out
    for fov_id in _shared(table, annotation.OF_REGION):
        own = (pl.col(annotation.FOV_ID) == fov_id) & (pl.col(annotation.TARGET) == annotation.OF_REGION)
        try:
            units.append(_outlined(table.filter(own), about, raw, fov_id))
        except LocgraphError as error:
            left_out[fov_id] = str(error)
    return units, left_out


def _outlined(rows: pl.DataFrame, about: Annotators, raw: RawFiles, fov_id: str) -> SortedUnits:
    """Return the localisations in the regions of one FOV.

    Raises:
        DataError: Its raw file is absent, cannot be read, or is not the one that was annotated.
    """
    positions: np.ndarray = raw.positions(fov_id)
    annotated = set(rows[annotation.DATA_FINGERPRINT].drop_nulls())
    if annotated and annotated != {file_digest(raw.paths[fov_id])}:
        raise DataError("its raw file is not the one that was annotated")
    return outlined_localisations(rows, positions, about, fov_id)
