"""New raw files for a trained model: their labels, where there are any, are those of the model or are left out."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from locgraph import schema
from locgraph.api.config import Settings
from locgraph.api.prepare import object_tables, scan_folder
from locgraph.build import build
from locgraph.errors import DataError
from locgraph.io.catalogue import Catalogue
from locgraph.io.columns import ColumnSource
from locgraph.io.groups import NoGroups
from locgraph.io.header import RawFile
from locgraph.io.labels import Labelling, LabelSource
from locgraph.io.read import read_header

log = logging.getLogger(__name__)


def read_new(settings: Settings, class_names: Sequence[str]) -> Catalogue:
    """List new raw files; those without a label are predicted without one.

    Args:
        settings: The settings of the checkpoint, with ``data.raw_dir`` of the new files.
        class_names: Classes of the checkpoint; none where it learned without labels, so that any label is kept.

    Returns:
        The files, with the class names of the checkpoint in its order.

    Raises:
        DataError: No file can be read.
    """
    columns = build(settings["columns"], "columns")
    labels = OptionalLabels(build(settings["labels"], "labels"))
    tables = object_tables(settings.get("objects"))
    listed = scan_folder(settings["data"]["raw_dir"], columns, labels, NoGroups(), tables)
    sources = []
    for source in listed.sources:
        if source.by_localisation and source.parts is None:
            source = replace(source, by_localisation=_has_classes(source.path, columns))
        if class_names and source.label not in (None, *class_names):
            log.warning(
                "%s: label %r is no class of the checkpoint (%s): predicted, not scored",
                source.fov_id,
                source.label,
                ", ".join(class_names),
            )
            source = replace(source, label=None)
        if class_names and source.by_object:
            known = {name: label for name, label in source.by_object.items() if label in class_names}
            if len(known) < len(source.by_object):
                others = sorted(set(source.by_object.values()) - set(class_names))
                log.warning("%s: objects of classes that are none of the checkpoint's: %s", source.fov_id, others)
            source = replace(source, by_object=known)
        sources.append(source)
    unlabelled = sum(source.label is None and not source.by_localisation for source in sources)
    if unlabelled:
        log.info("%d of %d new FOVs have no known label: predicted, not scored", unlabelled, len(sources))
    return Catalogue(tuple(sources), tuple(class_names) or listed.class_names, listed.failures)


def _has_classes(path: Path, columns: ColumnSource) -> bool:
    """Return whether a file has a column with the classes of its localisations."""
    header = read_header(path, columns)
    return columns.for_file(header, str(path)).names.get(schema.LOC_LABEL) in header.names


@dataclass(frozen=True)
class OptionalLabels:
    """A label source that gives no label where the one it wraps fails.

    Attributes:
        source: The other label source.
    """

    source: LabelSource

    @property
    def tables(self) -> tuple[Path, ...]:
        """Tables that are no FOVs themselves."""
        return self.source.tables

    def labels(self, files: Sequence[RawFile]) -> Labelling:
        """Return labels where there are any; new files need not come with the table of the training files."""
        try:
            labelling = self.source.labels(files)
        except DataError as error:
            log.info("no labels for the new files: %s", error)
            labelling = Labelling((), {}, {})
        by_fov: Mapping[str, str | None] = {file.fov_id: labelling.by_fov.get(file.fov_id) for file in files}
        return replace(labelling, by_fov=dict(by_fov), failures={})
