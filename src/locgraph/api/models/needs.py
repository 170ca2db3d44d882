"""What a model needs of data: columns, dimensions, channels and scale, in words for cards and errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from locgraph import schema
from locgraph.api.recipes import RAW, table_recipe, table_settings
from locgraph.build import TARGET
from locgraph.data.scaling import Scaler
from locgraph.errors import DataError
from locgraph.io.featextracted import read_fov


@dataclass(frozen=True)
class Needs:
    """What a model needs of data.

    Attributes:
        dimensions: 2 or 3.
        columns: Columns of localisations beside the positions, in locgraph's names.
        channels: Indices of the channels that its features name.
        extent_nm: `schema.EXTENT` of a typical FOV in training; None where each FOV is scaled by its own.
    """

    dimensions: int
    columns: tuple[str, ...]
    channels: tuple[int, ...]
    extent_nm: float | None

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Self:
        """Return what the record of a checkpoint states."""
        settings, columns, channels = record["settings"], [], set()
        if settings["data"]["kind"] == RAW:
            recipe = table_recipe(table_settings(settings))
            columns = [name for part in recipe.preprocess.values() for name in part.needs]
            columns += [*recipe.clusterer.needs, *recipe.features.needs]
            channels = set(_named_channels(settings["features"]))
        dimensions = int(record["sizes"]["dimensions"])
        extra = [name for name in dict.fromkeys(columns) if name not in schema.position_columns(dimensions)]
        extent = Scaler.from_plain(record["scaler"]).nm_per_unit
        return cls(dimensions, tuple(extra), tuple(sorted(channels)), extent)

    def words(self) -> str:
        """Return what is needed, as a part of a sentence."""
        named = ", ".join((*schema.position_columns(self.dimensions), *self.columns))
        channels = f", with localisations in the channels {', '.join(map(str, self.channels))}" if self.channels else ""
        extent = ""
        if self.extent_nm:
            extent = (
                f"; in training they lay about {self.extent_nm:,.3g} nm (root mean square) from the centre of a FOV"
            )
        return f"localisations in {self.dimensions}D with the columns {named}, lengths read as nm{channels}{extent}"

    @contextmanager
    def named(self) -> Iterator[None]:
        """Add what is needed to the message of data that the block refuses."""
        try:
            yield
        except DataError as error:
            error.args = (f"{error.args[0]}; this model needs {self.words()}",)
            raise

    def check_channels(self, tables: Path, fov_ids: list[str]) -> None:
        """Refuse FOVs of which none has localisations in one of the channels.

        Args:
            tables: Folder of their featextracted tables.
            fov_ids: The FOVs.

        Raises:
            DataError: A channel is empty in all of them.
        """
        missing = set(self.channels)
        for fov_id in fov_ids:
            if not missing:
                return
            missing -= set(read_fov(tables, fov_id).locs[schema.CHANNEL].unique())
        if missing:
            raise DataError(
                f"found no localisation in channel {', '.join(map(str, sorted(missing)))} of {len(fov_ids)} FOVs; this "
                f"model needs {self.words()}"
            )


def _named_channels(node: Any) -> Iterator[int]:
    """Yield the indices of all channels that features name."""
    if not isinstance(node, Mapping):
        return
    for key, value in node.items():
        if key == "channels" and isinstance(value, Mapping) and TARGET not in value:
            yield from map(int, value)
        else:
            yield from _named_channels(value)
