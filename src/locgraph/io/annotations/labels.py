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
OF_OBJECTS: Final = "object"
_NAMES: Final = {OF_FOVS: "FOV", OF_OBJECTS: "object"}
_SHOWN: Final = 5


class AnnotationLabels:
    """Labels from a table of annotations; FOVs and localisations of which nothing is stated have none.

    Args:
        path: The table, as `locgraph annotate` writes it; it may lie in the raw folder.
        target: ``fov``: each FOV gets a label. ``localisation``: each localisation gets one, from lassos, polygons,
            brushes, points and clusters. ``object``: each object of a FOV gets one, which is annotated under the name
            ``<FOV>/<object>``, as in prepared data.
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
        self._path, self._target = Path(path), check_choice("target", target, (OF_FOVS, OF_LOCALISATIONS, OF_OBJECTS))
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
        whole = pl.col(columns.TARGET) == columns.OF_FOV
        table = table.filter(~whole if self._target == OF_LOCALISATIONS else whole)
        table, units = _match(table, files, self._path, objects=self._target == OF_OBJECTS)
        digests = self._digests(table, units)
        if self._target == OF_LOCALISATIONS:
            return self._label_parts(table, digests, files)
        stated = fov_statements(table)
        class_names = self._classes({label for own in stated.values() for label in own.values()})
        if self._consensus is None:
            derived = derive_labels(stated, self._rule, self._min)
        else:
            derived = self._consensus.derive_labels(stated, class_names, self._min)
        self._report(derived, class_names, len(files))
        if self._target == OF_OBJECTS:
            return _of_objects(derived, units, digests, class_names, files)
        annotated = {fov_id: Annotated(digests.get(fov_id, ()), own) for fov_id, own in derived.shares.items()}
        labels = {file.fov_id: derived.labels.get(file.fov_id) for file in files}
        # classes without a FOV of any would be taken for those of localisations
        return Labelling(class_names if derived.labels else (), labels, {}, annotated=annotated)

    def _label_parts(
        self, table: pl.DataFrame, digests: Mapping[str, tuple[str, ...]], files: Sequence[RawFile]
    ) -> Labelling:
        by_fov = {str(name): rows for (name,), rows in table.group_by(columns.FOV_ID, maintain_order=True)}
        statements = {fov_id: to_statements(rows) for fov_id, rows in by_fov.items()}
        class_names = self._classes({label for own in statements.values() for label in stated_labels(own)})
        annotated = {file.fov_id: Annotated(parts=PartLabels()) for file in files}
        for fov_id, own in statements.items():
            parts = PartLabels(own, self._rule, self._min)
            annotated[fov_id] = Annotated(digests.get(fov_id, ()), parts=parts)
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

    def _digests(self, table: pl.DataFrame, units: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
        """Return FOV -> digests of its raw file when each annotator looked at it last."""
        if not self._check_data:
            return {}
        last = table.unique([columns.FOV_ID, columns.ANNOTATOR], keep="last", maintain_order=True)
        digests: dict[str, set[str]] = {}
        for unit, digest in last.select(columns.FOV_ID, columns.DATA_FINGERPRINT).drop_nulls().iter_rows():
            digests.setdefault(units[unit], set()).add(digest)
        return {fov_id: tuple(sorted(own)) for fov_id, own in digests.items()}

    def _report(self, derived: Derived, class_names: Sequence[str], n_files: int) -> None:
        """Log how many FOVs or objects have a label, and why others have none."""
        labelled, bare = len(derived.labels), n_files - len(derived.shares)
        if self._target == OF_FOVS:
            text = f"{labelled} of {n_files} FOVs have a label by the rule {self._rule}, {bare} are not annotated"
        else:
            text = f"{labelled} of {len(derived.shares)} annotated objects have a label by the rule {self._rule}"
        log.info("%s: %s", self._path, text)
        if derived.reasons:
            log.warning(
                "%s: annotated %ss without a label: %s", self._path, _NAMES[self._target], describe(derived.reasons)
            )
        empty = sorted(set(class_names) - set(derived.labels.values()))
        if empty and derived.labels:
            log.warning("%s: classes without a label by the rule %s: %s", self._path, self._rule, ", ".join(empty))


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
    if target == OF_LOCALISATIONS:
        raise ConfigError(
            f"{CROWDLAB} joins labels of FOVs or objects; choose majority or unanimous, or target={OF_FOVS}",
            setting="rule",
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


def _match(
    table: pl.DataFrame, files: Sequence[RawFile], path: Path, *, objects: bool
) -> tuple[pl.DataFrame, dict[str, str]]:
    """Return the statements about FOVs that have a file, or about their objects, and the FOV of each of these.

    Args:
        table: Statements under the names of the table.
        files: The FOVs.
        path: The table, for the message.
        objects: Whether each name is of an object: the FOV, a slash and its own.
    """
    names = table[columns.FOV_ID].unique(maintain_order=True).to_list()
    split = {name: name.rpartition("/")[::2] if objects else (name, "") for name in names}
    owners = find_owners(files, dict.fromkeys(fov for fov, _ in split.values()))
    strangers = sorted(name for name, (fov, _) in split.items() if fov not in owners)
    if strangers:
        some = ", ".join(map(repr, strangers[:_SHOWN]))
        log.warning("%s: %d annotated FOVs have no file that can be read, such as %s", path, len(strangers), some)
    units, fovs = {}, {}
    for name, (fov, part) in split.items():
        if fov in owners:
            units[name] = f"{owners[fov]}/{part}" if objects else owners[fov]
            fovs[units[name]] = owners[fov]
    own = pl.col(columns.FOV_ID)
    table = table.filter(own.is_in(list(units))).with_columns(own.replace_strict(units, return_dtype=pl.String))
    return table, fovs


def _of_objects(
    derived: Derived,
    fovs: Mapping[str, str],
    digests: Mapping[str, tuple[str, ...]],
    class_names: tuple[str, ...],
    files: Sequence[RawFile],
) -> Labelling:
    """Return the labels of objects, and the shares of their annotators.

    Args:
        derived: Labels and shares of ``<FOV>/<object>``.
        fovs: ``<FOV>/<object>`` -> FOV.
        digests: FOV -> digests of its raw file as it was annotated.
        class_names: All classes.
        files: All FOVs.
    """
    labels: dict[str, dict[str, str]] = {file.fov_id: {} for file in files}
    objects: dict[str, dict[str, Mapping[str, float]]] = {}
    for unit, own in derived.shares.items():
        fov_id = fovs[unit]
        name = unit.removeprefix(f"{fov_id}/")
        objects.setdefault(fov_id, {})[name] = own
        if unit in derived.labels:
            labels[fov_id][name] = derived.labels[unit]
    annotated = {fov_id: Annotated(digests.get(fov_id, ()), objects=own) for fov_id, own in objects.items()}
    return Labelling(class_names, dict.fromkeys(labels), {}, by_object=labels, annotated=annotated)
