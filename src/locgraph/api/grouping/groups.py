"""Groups of structures: from settings to groups, and to a folder with tables, pictures and localisations."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from locgraph import schema
from locgraph.analysis.fov_features import Aggregation
from locgraph.analysis.grouping.algorithms import Grouper
from locgraph.analysis.grouping.examples import read_examples
from locgraph.analysis.grouping.groups import Groups, GroupSettings, find_groups
from locgraph.analysis.grouping.matrix import MatrixSettings
from locgraph.analysis.grouping.number import NumberSettings
from locgraph.analysis.grouping.units import Units
from locgraph.api.config import Settings, compose
from locgraph.api.grouping.relabelled import write_relabelled
from locgraph.api.grouping.sources import AUTO, GroupSource, read_source
from locgraph.api.objects.counts import ExportSettings
from locgraph.build import build_part
from locgraph.errors import DataError, within
from locgraph.io.manifest import Manifest
from locgraph.provenance import write_json
from locgraph.run_folder import (
    EMBEDDINGS,
    GROUP_COMPOSITION_PICTURE,
    GROUP_DIFFERENCES_PICTURE,
    GROUP_NUMBERS_PICTURE,
    GROUPS,
    GROUPS_PAGE,
    GROUPS_PICTURE,
    GROUPS_RECORD,
    LOCS,
    find_runs,
)
from locgraph.settings import check_choice, check_flag

if TYPE_CHECKING:
    from matplotlib.figure import Figure

log = logging.getLogger(__name__)

_NUMBER: Final = "number"
_AGGREGATION: Final = "aggregation"


@dataclass(frozen=True, repr=False)
class StructureGroups(Groups):
    """Groups of structures that can be drawn and written; see `locgraph.analysis.grouping.groups.Groups`.

    Attributes:
        tables: Folder of the prepared tables; None where the units are vectors alone.
        manifest: Its FOVs.
        relabelled: Whether `write` writes localisations with their group.
        export: Formats of other software that `write` writes.
        problems: What could not be drawn or written, with the reason.
    """

    tables: Path | None = None
    manifest: Manifest | None = None
    relabelled: bool = True
    export: ExportSettings = field(default_factory=ExportSettings)
    problems: dict[str, str] = field(default_factory=dict)

    def plot(self) -> Figure:
        """Return a matplotlib figure: a row for each group, its medoid and members at growing distances.

        Raises:
            DataError: The tables of the units are not there, or cannot be read.
        """
        from locgraph.show.figures.grouping import MOST_GROUPS, members_figure

        if self.tables is None:
            raise DataError("expected prepared tables, which hold the localisations to draw; found none")
        examples, failed = read_examples(self.table, self.tables, MOST_GROUPS)
        self.problems.update({f"picture of {name}": reason for name, reason in failed.items()})
        sizes = [int((self.labels == group).sum()) for group in range(self.n_groups)]
        return members_figure(examples, sizes, self.units.words)

    def write(self, folder: Path) -> None:
        """Write tables, pictures, a page, and localisations with their group into a folder, which exists.

        What cannot be drawn or written is in ``problems``, and stops nothing else.

        Raises:
            StorageError: The folder cannot be written to.
        """
        from locgraph.show.report.groups_page import write_groups_page

        super().write(folder)
        for name, figure in self._figures().items():
            self._draw(folder / name, figure)
        if self.tables is not None and self.manifest is not None:
            self.problems.update(
                write_relabelled(self, self.tables, self.manifest, folder, self.relabelled, self.export)
            )
        for name, reason in self.problems.items():
            log.warning("%s: %s", name, reason)
        write_json(folder / GROUPS_RECORD, self.record() | {"problems": self.problems})
        write_groups_page(folder, folder / GROUPS_PAGE, datetime.now(UTC))

    def _figures(self) -> dict[str, Callable[[], Figure]]:
        from locgraph.show.figures import grouping

        drawn: dict[str, Callable[[], Figure]] = {
            GROUP_NUMBERS_PICTURE: lambda: grouping.numbers_figure(self.number.table),
            GROUP_DIFFERENCES_PICTURE: lambda: grouping.differences_figure(self.differences),
            GROUP_COMPOSITION_PICTURE: lambda: grouping.composition_figure(self.composition.table),
        }
        return drawn | ({} if self.tables is None else {GROUPS_PICTURE: self.plot})

    def _draw(self, path: Path, figure: Callable[[], Figure]) -> None:
        from locgraph.show.figures.style import save_figure

        try:
            save_figure(figure(), path)
        except DataError as error:
            self.problems[path.name] = str(error)


def groups(source: str | Path | Units, *config: str | Mapping[str, Any]) -> StructureGroups:
    """Find groups of structures without labels; see ``locgraph group``.

    Args:
        source: Prepared tables, a run or sweep, a folder with ``embeddings.parquet``, a folder of raw files, or
            `locgraph.analysis.grouping.units.Units`.
        *config: Overrides such as ``"group.n_groups=7"`` and ``"grouping=hdbscan"``, or a mapping with all settings of
            ``configs/group.yaml``.

    Returns:
        The groups: ``table``, ``number``, ``differences``, ``composition``, ``agreement``, ``plot()``,
        ``write(folder)``.

    Raises:
        LocgraphError: There is nothing to group, or a setting cannot work.
    """
    mapping = len(config) == 1 and isinstance(config[0], Mapping)
    settings = compose("group", *config, *(() if mapping else ("folder=null",)))
    choice, aggregation = _choice(settings)
    grouper: Any = build_part(Grouper, settings["grouping"], "grouping")
    export = ExportSettings(formats=settings["export"], **settings["exported"])
    relabelled = check_flag("relabelled", settings["relabelled"])
    check_choice("unit", settings["unit"], (AUTO, *schema.UNITS))
    weights = choice.matrix.weights
    if isinstance(source, Units):
        read, where = GroupSource(source, None, None), "tables"
    else:
        folder = Path(source).resolve()
        read, where = (
            read_source(folder, settings, None if weights is None else list(weights), aggregation),
            str(folder),
        )
    about = {
        "source": where,
        "tables": None if read.tables is None else str(read.tables),
        "grouping": settings["grouping"],
        "settings": settings["group"],
    }
    with within("group"):
        groups_of_units = find_groups(read.units, grouper, choice, about)
    parts = {each.name: getattr(groups_of_units, each.name) for each in fields(Groups)}
    return StructureGroups(**parts, tables=read.tables, manifest=read.manifest, relabelled=relabelled, export=export)


def _choice(settings: Settings) -> tuple[GroupSettings, Aggregation]:
    """Return the settings of the group ``group``, checked."""
    given = dict(settings["group"])
    with within("group"):
        with within(_AGGREGATION):
            aggregation = Aggregation(**given.pop(_AGGREGATION))
        with within(_NUMBER):
            number = NumberSettings(**given.pop(_NUMBER))
        names = {each.name for each in fields(MatrixSettings)}
        matrix = MatrixSettings(**{name: value for name, value in given.items() if name in names})
        others = {name: value for name, value in given.items() if name not in names}
        return GroupSettings(matrix=matrix, number=number, **others), aggregation


def output_folder(folder: Path, settings: Settings) -> Path:
    """Return where groups of a folder are written."""
    if settings["output"] is not None:
        return Path(str(settings["output"])).resolve()
    ours = (folder / LOCS).is_dir() or (folder / EMBEDDINGS).is_file() or bool(find_runs(folder))
    return (folder if ours else Path(settings["paths"]["output_dir"]).resolve()) / GROUPS
