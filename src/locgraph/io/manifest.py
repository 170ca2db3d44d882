"""The manifest: one row for each field of view (FOV) that was prepared, and what failed."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import polars as pl

from locgraph import __version__, schema
from locgraph.errors import ConfigError, DataError, TooManyFailuresError
from locgraph.io.readers.columnar import is_parquet, read_parquet
from locgraph.io.refused import RefusedRows
from locgraph.provenance import whole_file

META_FAILURES: Final = "failures"  # JSON: FOV -> reason
META_FAILED_LABELS: Final = "failed_labels"  # JSON: FOV -> class
META_REFUSED: Final = "rows_refused"  # JSON: see `RefusedRows`
_SHOWN: Final = 10


@dataclass
class Manifest:
    """The FOVs of a data set.

    Attributes:
        table: One row for each FOV, sorted by ``fov_id``: the columns of ``schema.MANIFEST_COLUMNS``.
        class_names: All classes, in the order of their indices.
        failures: FOV -> why it is not in the table.
        refused: Rows of the raw files that were refused, as far as it is known.
        failed_labels: FOV that failed -> its class, where that is known all the same.

    Raises:
        DataError: The table lacks a column, names a FOV twice, or holds a label outside ``class_names``.
    """

    table: pl.DataFrame
    class_names: tuple[str, ...]
    failures: dict[str, str] = field(default_factory=dict)
    refused: RefusedRows = field(default_factory=RefusedRows)
    failed_labels: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.class_names = tuple(self.class_names)
        added = [name for name in schema.ADDED_TO_MANIFEST if name not in self.table.columns]
        self.table = self.table.with_columns(pl.lit(None).alias(name) for name in added)
        missing = [name for name in schema.MANIFEST_COLUMNS if name not in self.table.columns]
        if missing:
            raise DataError(
                f"manifest: expected the columns {', '.join(schema.MANIFEST_COLUMNS)}; {', '.join(missing)} missing"
            )
        columns = schema.MANIFEST_COLUMNS.values()
        self.table = self.table.select(pl.col(column.name).cast(column.dtype) for column in columns).sort(schema.FOV_ID)
        twice = self.table.filter(pl.col(schema.FOV_ID).is_duplicated())[schema.FOV_ID].unique().sort()
        if len(twice):
            raise DataError(f"manifest: expected each FOV once; found several rows for {', '.join(twice.head(_SHOWN))}")
        labels = set(self.table[schema.LABEL].drop_nulls())
        if not labels <= set(self.class_names):
            raise DataError(
                f"manifest: expected labels among {', '.join(self.class_names) or 'none'}; found "
                f"{', '.join(sorted(labels - set(self.class_names)))}"
            )

    def write(self, path: Path) -> None:
        """Write the manifest as parquet, whole or not at all; classes and failures are in its metadata."""
        metadata = {
            schema.META_LABEL_MAP: json.dumps(dict(enumerate(self.class_names)), ensure_ascii=False),
            META_FAILURES: json.dumps(self.failures, ensure_ascii=False),
            META_REFUSED: self.refused.to_json(),
            META_FAILED_LABELS: json.dumps(self.failed_labels, ensure_ascii=False),
            schema.META_VERSION: __version__,
        }
        with whole_file(path) as temporary:
            self.table.write_parquet(temporary, metadata=metadata)

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """Read a manifest.

        Raises:
            DataError: There is none at ``path``, or it is not one.
        """
        if not path.is_file():
            raise DataError(f"{path}: expected a manifest; found no file. Prepare the data first, or check the paths")
        if not is_parquet(path):
            raise DataError(f"{path}: expected a manifest; found a file that is not parquet. Prepare the data again")
        table, metadata = read_parquet(path)
        try:
            names = json.loads(metadata[schema.META_LABEL_MAP])
            failures = json.loads(metadata[META_FAILURES])
            class_names = tuple(names[str(index)] for index in range(len(names)))
            failed_labels = json.loads(metadata.get(META_FAILED_LABELS, "{}"))  # of earlier versions: none
            refused = RefusedRows.from_json(metadata[META_REFUSED]) if META_REFUSED in metadata else RefusedRows()
        except (KeyError, ValueError) as error:
            raise DataError(
                f"{path}: expected a manifest with {schema.META_LABEL_MAP} and {META_FAILURES} in its metadata; found "
                f"{', '.join(metadata) or 'none'}. Prepare the data again"
            ) from error
        return cls(table, class_names, failures, refused, failed_labels)

    def check_failures(self, max_failed_fraction: float) -> None:
        """Check that not too many FOVs failed.

        Args:
            max_failed_fraction: Largest part of all FOVs, 0 to 1, that may have failed.

        Raises:
            ConfigError: The fraction is not between 0 and 1.
            TooManyFailuresError: More failed; the message gives the first ten with their reasons.
        """
        if not 0 <= max_failed_fraction <= 1:
            raise ConfigError(f"expected 0 to 1; found {max_failed_fraction}", setting="max_failed_fraction")
        total = self.table.height + len(self.failures)
        if len(self.failures) <= max_failed_fraction * total:
            return
        shown = "".join(f"\n  {name}: {reason}" for name, reason in sorted(self.failures.items())[:_SHOWN])
        more = len(self.failures) - _SHOWN
        raise TooManyFailuresError(
            f"expected at most {max_failed_fraction:.2%} of {total} FOVs to fail; found {len(self.failures)}. Mend "
            f"them, or raise the limit:{shown}" + (f"\n  and {more} more" if more > 0 else ""),
            setting="max_failed_fraction",
        )
