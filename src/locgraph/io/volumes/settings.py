"""Settings of label volumes: which part of a file is the volume, and how its objects become points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from locgraph import schema
from locgraph.errors import ConfigError, DataError
from locgraph.settings import check_length, check_number, check_whole

LABEL = schema.SOURCE_CLUSTER
"""Column with the label of the object."""
SHAPE_COLUMNS = (
    *(schema.OBJECT_DIAMETER, schema.SURFACE_DIAMETER),
    *schema.AXIS_LENGTHS,
    schema.SKELETON_LENGTH,
)
MEASURES = (*SHAPE_COLUMNS, *schema.INTENSITIES)
"""Measures of the object that each point lies on."""


@dataclass(frozen=True)
class VolumeSettings:
    """How the objects of a label volume become points: the settings of `VolumeColumns`.

    Attributes:
        voxel_nm: Size of a voxel in nm along z, y, x, or y, x; None takes that of each file.
        points_per_object: Points drawn on the surface of each object; None where ``density`` is given.
        density: Points per nm^2 of surface (3D), or per nm of outline (2D), at least 1 for each object; None for a
            fixed number.
        seed: Seed of the points. Those of an object depend on this, its label and its surface alone.
        table: Path of the array within a file of HDF5 or Zarr, or number of the image in a TIFF; None where there is
            one alone.
        channel: Channel that is taken, from 0; None where there is one alone.
        timepoint: The same of the times.
        intensity: Folder of intensity volumes, each with the name of its mask, whatever its suffix; None for none.
        leave_out: Columns that are not read; without ``skeleton_length`` no skeleton is computed.

    Raises:
        ConfigError: A value cannot work.
    """

    voxel_nm: Sequence[float] | None = None
    points_per_object: int | None = 128
    density: float | None = None
    seed: int = 0
    table: str | None = None
    channel: int | None = None
    timepoint: int | None = None
    intensity: str | None = None
    leave_out: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.voxel_nm is not None:
            given = self.voxel_nm
            if isinstance(given, (str, int, float)) or len(given) not in (2, 3):
                raise ConfigError(
                    f"expected the size of a voxel in nm along z, y, x, or y, x; found {given!r}", setting="voxel_nm"
                )
            object.__setattr__(self, "voxel_nm", tuple(check_length("voxel_nm", size) for size in given))
        if (self.points_per_object is None) == (self.density is None):
            raise ConfigError(
                f"expected either points_per_object or density, the other one null; found {self.points_per_object} and "
                f"{self.density}",
                setting="density",
            )
        if self.points_per_object is not None:
            check_whole("points_per_object", self.points_per_object, at_least=1)
        else:
            check_number("density", self.density, above=0)
        check_whole("seed", self.seed, at_least=0)
        for name in ("channel", "timepoint"):
            if getattr(self, name) is not None:
                check_whole(name, getattr(self, name), at_least=0)
        optional = (LABEL, *MEASURES)
        wrong = [name for name in self.leave_out if name not in optional]
        if wrong:
            raise ConfigError(f"expected some of {', '.join(optional)}; found {', '.join(wrong)}", setting="leave_out")

    def intensity_path(self, path: Path) -> Path | None:
        """Return the intensity volume of a mask: the file in the folder with the name, and last folders, of the mask.

        Raises:
            DataError: There is no such file, or several.
        """
        if self.intensity is None:
            return None
        folder = Path(self.intensity)
        parts = path.with_suffix("").parts[1:] if path.is_absolute() else path.with_suffix("").parts
        for first in range(len(parts)):
            place = folder.joinpath(*parts[first:])
            beside = place.parent.iterdir() if place.parent.is_dir() else ()
            same = sorted(each for each in beside if each.with_suffix("") == place and each.resolve() != path.resolve())
            if len(same) > 1:
                raise DataError(
                    f"{path}: expected one intensity volume; found {', '.join(map(str, same))}", setting="intensity"
                )
            if same:
                return same[0]
        raise DataError(
            f"{path}: expected an intensity volume called {path.with_suffix('').name} below {folder}; found none",
            setting="intensity",
        )
