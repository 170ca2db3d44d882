"""Objects of new files counted by predicted class: tables, pictures, and files for other software."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from locgraph import schema
from locgraph.analysis.objects import columns as c
from locgraph.analysis.objects.results import CountedObjects
from locgraph.api.objects.parents import ParentFovs
from locgraph.errors import ConfigError, DataError, LocgraphError, within
from locgraph.io.writers.groups import groups_of
from locgraph.io.writers.source import source_of
from locgraph.io.writers.write import BY_CLASS, BY_OBJECT, WRITERS, write_localisations
from locgraph.preparation.objects.extract import FovObjects
from locgraph.provenance import write_json
from locgraph.run_folder import COUNTS_RECORD, EXPORTS, OBJECT_PICTURES
from locgraph.settings import check_choice, check_length
from locgraph.show.figures.style import save_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

log = logging.getLogger(__name__)

_SUFFIX: Final = ".png"
_SHOWN: Final = 6


@dataclass(frozen=True)
class ExportSettings:
    """How localisations are written for other software; see `locgraph.io.writers.write.write_localisations`.

    Attributes:
        formats: ``picasso``, ``thunderstorm``, ``parquet``; none writes nothing.
        group_by: What numbers the groups: ``class`` or ``object``.
        one_file_per_class: Whether each class gets a file of its own.
        keep_outside: Whether localisations in no object are written.
        pixel_size_nm: Side of a camera pixel, for formats in pixels whose source does not state it.
        precision_nm: Localisation precision, where the source has none and the format needs it.

    Raises:
        ConfigError: There is no such format, a value is out of range, or one would have no effect.
    """

    formats: Sequence[str] = ()
    group_by: str = BY_CLASS
    one_file_per_class: bool = False
    keep_outside: bool = True
    pixel_size_nm: float | None = None
    precision_nm: float | None = None

    def __post_init__(self) -> None:
        unknown = [name for name in self.formats if name not in WRITERS]
        if unknown:
            raise ConfigError(f"expected formats among {', '.join(WRITERS)}, found {unknown}", setting="export")
        with within("exported"):
            check_choice("group_by", self.group_by, (BY_CLASS, BY_OBJECT))
            for name in ("pixel_size_nm", "precision_nm"):
                if getattr(self, name) is not None:
                    check_length(name, getattr(self, name))
        others = [each for each in fields(self) if each.name != "formats"]
        if not self.formats and any(getattr(self, each.name) != each.default for each in others):
            raise ConfigError("has no effect without formats to write; set export=[picasso]", setting="exported")


class Counts:
    """Objects counted by predicted class.

    Args:
        counted: Their numbers.
        records: FOV -> its objects.
        parents: Reads FOVs again.
        about: What counted them, for the record: plain values.

    Attributes:
        counted: The same.
        problems: What could not be drawn or written, with the reason.
    """

    def __init__(
        self,
        counted: CountedObjects,
        records: Mapping[str, FovObjects],
        parents: ParentFovs,
        about: Mapping[str, Any] | None = None,
    ) -> None:
        self.counted = counted
        self.problems: dict[str, str] = {}
        self._records, self._parents, self._about = records, parents, dict(about or {})

    def __repr__(self) -> str:
        shown = self.summary.head(_SHOWN)
        more = self.fovs.height - shown.height
        failed = f"; {len(self.failures)} FOVs failed" if self.failures else ""
        with pl.Config(tbl_hide_dataframe_shape=True, tbl_rows=_SHOWN, tbl_cols=-1, tbl_hide_column_data_types=True):
            return f"Counts({self.fovs.height} FOVs{failed})\n{shown}" + (f"\nand {more} more" if more > 0 else "")

    def _repr_html_(self) -> str:
        return f"<p>Counts({self.fovs.height} FOVs, {len(self.failures)} failed)</p>{self.summary._repr_html_()}"

    @property
    def objects(self) -> pl.DataFrame:
        """One row for each object, used or not: `locgraph.analysis.objects.columns.OBJECTS`, and ``p_<class>``."""
        return self.counted.objects

    @property
    def fovs(self) -> pl.DataFrame:
        """One row for each FOV: what became of its objects and localisations, area and density."""
        return self.counted.fovs

    @property
    def table(self) -> pl.DataFrame:
        """One row for each FOV and class: counts and fractions with intervals, densities."""
        return self.counted.counts

    @property
    def conditions(self) -> pl.DataFrame:
        """One row for each condition and class: fractions with intervals over FOVs."""
        return self.counted.conditions

    @property
    def neighbours(self) -> pl.DataFrame:
        """Nearest neighbours within and between classes against randomness."""
        return self.counted.neighbours

    @property
    def failures(self) -> Mapping[str, str]:
        """FOV that could not be counted -> why."""
        return self.counted.failures

    @property
    def summary(self) -> pl.DataFrame:
        """One row for each FOV: number of objects of each class, undecided, left out and failed."""
        numbers = self.table.pivot(on=c.CLASS, index=schema.FOV_ID, values=c.N)
        names = [schema.FOV_ID, c.N_OBJECTS, c.N_UNDECIDED, c.N_LEFT_OUT, c.N_FAILED]
        return (
            self.fovs.select(names)
            .join(numbers, on=schema.FOV_ID, how="left", maintain_order="left")
            .select(schema.FOV_ID, c.N_OBJECTS, *self.counted.class_names, c.N_UNDECIDED, c.N_LEFT_OUT, c.N_FAILED)
        )

    def keep(self) -> None:
        """Read the localisations of all FOVs now, since their files will be removed."""
        self._parents.keep()

    def plot(self, fov_id: str) -> Figure:
        """Draw a FOV with its objects in the colours of their classes.

        Raises:
            DataError: There is no such FOV, or its file cannot be read any more.
        """
        if fov_id not in self._records:
            raise DataError(f"expected one of {', '.join(self._records)}, found {fov_id!r}", setting="fov_id")
        from locgraph.show.figures.objects import objects_figure

        points = self._parents.points(fov_id)
        return objects_figure(points, self._objects_with_rows(fov_id), self.counted.class_names, fov_id)

    def write(self, folder: str | Path, export: ExportSettings | None = None, most_pictures: int | None = None) -> None:
        """Write tables, the record, a picture of each FOV, and files for other software.

        What cannot be drawn or written is in ``problems``, and stops nothing else.

        Args:
            folder: Where to write.
            export: Formats of other software; None writes none.
            most_pictures: How many FOVs are drawn at most; None draws all.

        Raises:
            StorageError: The folder cannot be written to.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.counted.write(folder)
        for fov_id in list(self._records)[:most_pictures]:
            with self._problem(f"picture of {fov_id}"):
                save_figure(self.plot(fov_id), folder / OBJECT_PICTURES / f"{fov_id}{_SUFFIX}")
        files: dict[str, list[str]] = {}
        for format in () if export is None else export.formats:
            for fov_id in self._records:
                with self._problem(f"{format} of {fov_id}"):
                    written = self._export(folder / EXPORTS / format / fov_id, fov_id, format, export)
                    files.setdefault(fov_id, []).extend(str(path.relative_to(folder)) for path in written)
        record = self.counted.record() | self._about | {"exports": files, "problems": self.problems}
        write_json(folder / COUNTS_RECORD, record)

    def _export(self, path: Path, fov_id: str, format: str, settings: ExportSettings | None) -> list[Path]:
        localisations = self._parents.read(fov_id)
        objects = self._objects_with_rows(fov_id).rename({schema.DECISION: schema.PREDICTED_CLASS})
        path.parent.mkdir(parents=True, exist_ok=True)
        options = asdict(settings or ExportSettings())
        del options["formats"]
        export = write_localisations(
            path,
            localisations.table,
            groups_of(objects, self.counted.class_names),
            source_of(localisations),
            format=format,
            provenance=self._about | {"settings": self.counted.settings.to_plain()},
            **options,
        )
        return list(export.files.values())

    def _objects_with_rows(self, fov_id: str) -> pl.DataFrame:
        """Return the objects of a FOV that were used, with their rows among its localisations."""
        rows = self._records[fov_id].table.select(schema.OBJECT, schema.ROWS)
        used = pl.col(c.STATUS).is_in((c.COUNTED, c.UNDECIDED))
        own = self.objects.filter(pl.col(schema.FOV_ID) == fov_id, used)
        return own.join(rows, on=schema.OBJECT, how="left", maintain_order="left")

    @contextmanager
    def _problem(self, what: str) -> Iterator[None]:
        try:
            yield
        except LocgraphError as error:
            self.problems[what] = str(error)
            log.warning("%s: %s", what, error)
