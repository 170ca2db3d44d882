"""Labels that follow from annotations of one or several people."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Final

import polars as pl

from locgraph.errors import ConfigError, DataError
from locgraph.io.annotations.consensus import Consensus
from locgraph.io.annotations.derive import Derived, choose_annotators, derive_labels, fov_statements
from locgraph.io.annotations.statements import Annotated, PartLabels, stated_labels, to_statements
from locgraph.io.annotations.table import read_annotations
from locgraph.io.annotations.votes import CROWDLAB, MAJORITY, RULES, describe
from locgraph.io.header import RawFile
from locgraph.io.labels import Labelling
from locgraph.io.lookup import find_owners
from locgraph.schema import annotation as columns
from locgraph.settings import check_choice, check_flag, check_whole

log = logging.getLogger(__name__)

OF_FOVS: Final = "fov"
OF_LOCALISATIONS: Final = "localisation"
_SHOWN: Final = 5


class AnnotationLabels:
    """Labels from a table of annotations; FOVs and localisations of which nothing is stated have none.

    Args:
        path: The table, as `locgraph annotate` writes it; it may lie in the raw folder.
        target: ``fov``: each FOV gets a label. ``localisation``: each localisation gets one, from lassos, polygons,
            brushes, points and clusters.
        rule: ``majority``, ``unanimous`` or ``crowdlab``: how annotators are joined; see `decide` and `Consensus`.
        annotators: Those that count; None takes all.
        min_annotators: With fewer statements there is no label.
        class_names: The classes, in the order of their indices; None takes all that are stated, in alphabetical order.
        check_data: Whether a FOV fails whose raw file is not the one that was annotated.
        predictions: Folder of a sweep, whose predictions of test FOVs the rule ``crowdlab`` needs.

    Raises:
        ConfigError: A setting is none of these, or does not go with another one.
        MissingPackageError: The rule needs a package that is not installed.
    """

    def __init__(
        self,
        path: str | Path,
        target: str = OF_FOVS,
        rule: str = MAJORITY,
        annotators: Sequence[str] | None = None,
        min_annotators: int = 1,
        class_names: Sequence[str] | None = None,
        check_data: bool = True,
        predictions: str | Path | None = None,
    ) -> None:
        self._path, self._target = Path(path), check_choice("target", target, (OF_FOVS, OF_LOCALISATIONS))
        self._rule = check_choice("rule", rule, RULES)
        self._min = check_whole("min_annotators", min_annotators, at_least=1)
        self._annotators, self._check_data = _names("annotators", annotators), check_flag("check_data", check_data)
        self._class_names = _names("class_names", class_names)
        self._consensus = _make_consensus(rule, target, predictions)
        self.tables = (self._path,)

    def labels(self, files: Sequence[RawFile]) -> Labelling:
        """Derive the labels of all FOVs.

        Raises:
            DataError: The table is absent or damaged, or a class is stated that is not among ``class_names``.
            ConfigError: An annotator has made no statement.
        """
        try:
            table = choose_annotators(read_annotations(self._path), self._annotators)
        except DataError as error:
            error.setting = "path"
            raise
        wanted = pl.col(columns.TARGET) == columns.OF_FOV
        table = table.filter(wanted if self._target == OF_FOVS else ~wanted)
        owners = find_owners(files, dict.fromkeys(table[columns.FOV_ID].unique(maintain_order=True)))
        _warn_of_strangers(self._path, set(table[columns.FOV_ID]) - set(owners))
        table = table.filter(pl.col(columns.FOV_ID).is_in(list(owners))).with_columns(
            pl.col(columns.FOV_ID).replace_strict(owners, return_dtype=pl.String)
        )
        by_fov = {str(fov_id): rows for (fov_id,), rows in table.group_by(columns.FOV_ID, maintain_order=True)}
        if self._target == OF_FOVS:
            return self._label_fovs(table, by_fov, files)
        return self._label_parts(by_fov, files)

    def _label_fovs(
        self, table: pl.DataFrame, by_fov: Mapping[str, pl.DataFrame], files: Sequence[RawFile]
    ) -> Labelling:
        stated = fov_statements(table)
        class_names = self._classes({label for own in stated.values() for label in own.values()})
        if self._consensus is None:
            derived = derive_labels(stated, self._rule, self._min)
        else:
            derived = self._consensus.derive_labels(stated, class_names, self._min)
        self._report(derived, class_names, len(files))
        annotated = {
            fov_id: Annotated(self._digests(by_fov[fov_id]), derived.shares[fov_id]) for fov_id in derived.shares
        }
        labels = {file.fov_id: derived.labels.get(file.fov_id) for file in files}
        # classes without a FOV of any would be taken for those of localisations
        return Labelling(class_names if derived.labels else (), labels, {}, annotated=annotated)

    def _label_parts(self, by_fov: Mapping[str, pl.DataFrame], files: Sequence[RawFile]) -> Labelling:
        statements = {fov_id: to_statements(rows) for fov_id, rows in by_fov.items()}
        class_names = self._classes({label for own in statements.values() for label in stated_labels(own)})
        annotated = {file.fov_id: Annotated(parts=PartLabels()) for file in files}
        for fov_id, own in statements.items():
            parts = PartLabels(own, self._rule, self._min)
            annotated[fov_id] = Annotated(self._digests(by_fov[fov_id]), parts=parts)
        log.info("%s: localisations of %d of %d FOVs are annotated", self._path, len(by_fov), len(files))
        labels: dict[str, str | None] = dict.fromkeys(annotated, None)
        return Labelling(class_names, labels, {}, by_localisation=True, annotated=annotated)

    def _classes(self, stated: Collection[str]) -> tuple[str, ...]:
        """Return all classes.

        Raises:
            DataError: Some that are stated are not among those of the setting.
        """
        if self._class_names is None:
            return tuple(sorted(stated))
        others = sorted(set(stated) - set(self._class_names))
        if others:
            raise DataError(
                f"{self._path}: expected annotations of the classes {', '.join(self._class_names)}; found "
                f"{', '.join(others)}. Add them, annotate these FOVs again, or leave out the annotators",
                setting="class_names",
            )
        return self._class_names

    def _digests(self, rows: pl.DataFrame) -> tuple[str, ...]:
        known = rows[columns.DATA_FINGERPRINT].drop_nulls().unique().sort()
        return tuple(known) if self._check_data else ()

    def _report(self, derived: Derived, class_names: Sequence[str], n_files: int) -> None:
        """Log how many FOVs have a label, and why others have none."""
        log.info(
            "%s: %d of %d FOVs have a label by the rule %s, %d are not annotated",
            self._path,
            len(derived.labels),
            n_files,
            self._rule,
            n_files - len(derived.shares),
        )
        if derived.reasons:
            log.warning("%s: annotated FOVs without a label: %s", self._path, describe(derived.reasons))
        empty = sorted(set(class_names) - set(derived.labels.values()))
        if empty and derived.labels:
            log.warning("%s: classes that no FOV is of by the rule %s: %s", self._path, self._rule, ", ".join(empty))


def _make_consensus(rule: str, target: str, predictions: str | Path | None) -> Consensus | None:
    """Return what joins annotators with predictions; None where the rule needs none.

    Raises:
        ConfigError: The rule does not go with the target, or predictions are missing or without effect.
    """
    if rule != CROWDLAB:
        if predictions is not None:
            raise ConfigError(
                f"has no effect with rule={rule}; set it to null, or take rule={CROWDLAB}", setting="predictions"
            )
        return None
    if target != OF_FOVS:
        raise ConfigError(
            f"{CROWDLAB} joins labels of FOVs; choose majority or unanimous, or target={OF_FOVS}", setting="rule"
        )
    if predictions is None:
        raise ConfigError(
            f"rule={CROWDLAB} needs the folder of a sweep with predictions of these FOVs; found none",
            setting="predictions",
        )
    return Consensus(Path(predictions))


def _names(setting: str, values: Sequence[str] | None) -> tuple[str, ...] | None:
    """Return different names as text, as YAML may hold numbers.

    Raises:
        ConfigError: There are none, or one is empty or there twice.
    """
    if values is None:
        return None
    names = () if isinstance(values, str) else tuple("" if value is None else str(value) for value in values)
    if not names or not all(names) or len(set(names)) < len(names):
        raise ConfigError(f"expected different names, such as [a, b], or null; found {values!r}", setting=setting)
    return names


def _warn_of_strangers(path: Path, strangers: Collection[str]) -> None:
    if strangers:
        some = ", ".join(map(repr, sorted(strangers)[:_SHOWN]))
        log.warning("%s: %d annotated FOVs have no file that can be read, such as %s", path, len(strangers), some)
