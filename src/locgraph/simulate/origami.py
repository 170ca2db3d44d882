"""Simulated fields of view of DNA origami: one class of structure each, in random poses, seen by DNA-PAINT."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.errors import ConfigError
from locgraph.settings import check_flag, check_number, check_whole
from locgraph.simulate.paint import Paint, check_load, draw_background, draw_localisations
from locgraph.simulate.pose import draw_centres, draw_structure
from locgraph.simulate.structures import Sites, Structure, name_channels, read_classes

_PAINT: Final = tuple(Paint.__dataclass_fields__)


class Origami:
    """Draws FOVs of named classes of origami.

    Args:
        classes: Names of templates, which name the classes too; or class name -> binding sites: a template's name,
            plain coordinates in nm, or a mapping from channel index to either, for structures painted in several
            colours. The order is the order of the classes.
        paint: Settings of the imaging, as ``Paint`` or its plain values; what is left out has its default.
        dimensions: 2, or 3; flat templates lie in a plane in 3D.
        structures_per_fov: Structures of the same class in one FOV; they do not overlap.
        field_nm: Edge length of the square field, in nm.
        depth_nm: Axial extent of the field in nm; None takes ``field_nm``. 3D only.
        gap_nm: Least free space between two structures, in nm.
        max_tilt_deg: Largest tilt of a structure against the optical axis, in degrees. None takes 0 in 2D, where a tilt
            foreshortens, and 180 (every orientation) in 3D.
        channels: Names of the channels, in the order of their indices; None names as many as the classes use.
        equalise_counts: Scale the events per site of each class so that the mean number of localisations in a FOV is
            that of the average class: then the number of localisations says (nearly) nothing of the class.

    Raises:
        ConfigError: A value that cannot work, an unknown template, or structures that do not fit in the field.
    """

    kind = "origami"
    empty_remedy = "raise paint.events_per_site or paint.site_incorporation"

    def __init__(
        self,
        classes: Sequence[str] | Mapping[str, Sites | Mapping[int, Sites]],
        paint: Paint | Mapping[str, Any] | None = None,
        dimensions: int = 2,
        structures_per_fov: int = 1,
        field_nm: float = 200.0,
        depth_nm: float | None = None,
        gap_nm: float = 20.0,
        max_tilt_deg: float | None = None,
        channels: Sequence[str] | None = None,
        equalise_counts: bool = True,
    ) -> None:
        if dimensions not in (2, 3):
            raise ConfigError(f"dimensions must be 2 or 3, found {dimensions!r}: change dimensions")
        if dimensions == 2 and depth_nm is not None:
            raise ConfigError(
                f"depth_nm is {depth_nm!r}, but a 2D field has no depth: unset it, or set dimensions to 3"
            )
        self.dimensions = dimensions
        self.structures_per_fov = check_whole("structures_per_fov", structures_per_fov, at_least=1)
        self.gap_nm = check_number("gap_nm", gap_nm, at_least=0)
        self.max_tilt_deg = _tilt(max_tilt_deg, dimensions)
        self.field_nm = _field(field_nm, depth_nm, dimensions)
        self.paint = _paint(paint)
        self.equalise_counts = check_flag("equalise_counts", equalise_counts)
        self.structures = read_classes(classes, dimensions)
        self.channels = name_channels(channels, self.structures)
        self.events_per_site = self._scale_events()
        self._check_fits()

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, in their order."""
        return tuple(self.structures)

    def draw_sites(self, class_name: str, rng: np.random.Generator) -> np.ndarray:
        """True places of all binding sites of a FOV, whether they carry a docking strand or not.

        Args:
            class_name: One of ``class_names``.
            rng: Source of random numbers.

        Returns:
            Positions (M * S, D) float64 in nm: the S sites of the first structure, then of the next. ``simulate_fov``
            begins with this call, so that a generator in the same state gives the truth behind its localisations.

        Raises:
            ConfigError: No such class.
        """
        structure = self._structure(class_name)
        centres = draw_centres(self.structures_per_fov, structure.radius_nm, self.gap_nm, self.field_nm, rng)
        return np.concatenate([draw_structure(structure.sites, centre, self.max_tilt_deg, rng) for centre in centres])

    def simulate_fov(self, class_name: str, rng: np.random.Generator) -> pl.DataFrame:
        """Localisations of one FOV.

        Args:
            class_name: One of ``class_names``.
            rng: Source of random numbers; the FOV depends on nothing else.

        Returns:
            One row for each localisation, sorted by frame, with the columns and units of
            ``schema.LOCALISATION_COLUMNS``. ``site`` is the row in ``draw_sites``: structure ``site // S``, site
            ``site % S`` of the S sites of its class; -1 is background.

        Raises:
            ConfigError: No such class, or no place found for its structures.
        """
        sites = self.draw_sites(class_name, rng)
        channels = np.tile(self._structure(class_name).channels, self.structures_per_fov)
        signal = draw_localisations(sites, channels, self.paint, self.events_per_site[class_name], rng)
        background = draw_background(self.field_nm, len(self.channels), self.paint, rng)
        return pl.concat([signal, background]).sort(schema.FRAME, maintain_order=True)

    def settings(self) -> dict[str, Any]:
        """Everything that decides what is drawn, as plain values: equal settings draw equal FOVs."""
        return {
            "class_names": list(self.class_names),
            "sites": {name: (found.sites.round(6) + 0.0).tolist() for name, found in self.structures.items()},
            "site_channels": {name: found.channels.tolist() for name, found in self.structures.items()},
            "paint": asdict(self.paint),
            "dimensions": self.dimensions,
            "structures_per_fov": self.structures_per_fov,
            "field_nm": self.field_nm.tolist(),
            "gap_nm": self.gap_nm,
            "max_tilt_deg": self.max_tilt_deg,
            "channels": list(self.channels),
            "equalise_counts": self.equalise_counts,
        }

    def _structure(self, class_name: str) -> Structure:
        if class_name not in self.structures:
            raise ConfigError(f"no class is named {class_name!r}: classes holds {', '.join(self.structures)}")
        return self.structures[class_name]

    def _scale_events(self) -> dict[str, float]:
        """Mean number of binding events per site, for each class."""
        n_sites = {name: len(structure.sites) for name, structure in self.structures.items()}
        average = sum(n_sites.values()) / len(n_sites)
        events = self.paint.events_per_site
        scaled = {name: events * average / n if self.equalise_counts else events for name, n in n_sites.items()}
        check_load(self.paint, max(scaled.values()))
        return scaled

    def _check_fits(self) -> None:
        """Finds out now, rather than in some later FOV, that the largest structure does not fit."""
        radius = max(structure.radius_nm for structure in self.structures.values())
        draw_centres(self.structures_per_fov, radius, self.gap_nm, self.field_nm, np.random.default_rng(0))


def _tilt(max_tilt_deg: float | None, dimensions: int) -> float:
    if max_tilt_deg is None:
        return 0.0 if dimensions == 2 else 180.0
    # beyond 90 degrees a flat structure would be seen from below: in 2D a mirror image, another class
    return check_number("max_tilt_deg", max_tilt_deg, at_least=0, at_most=90 if dimensions == 2 else 180)


def _field(field_nm: float, depth_nm: float | None, dimensions: int) -> np.ndarray:
    edge = check_number("field_nm", field_nm, above=0)
    depth = edge if depth_nm is None else check_number("depth_nm", depth_nm, above=0)
    return np.array([edge, edge, depth][:dimensions])


def _paint(paint: Paint | Mapping[str, Any] | None) -> Paint:
    if isinstance(paint, Paint):
        return paint
    if paint is not None and not isinstance(paint, Mapping):
        raise ConfigError(f"paint must map settings to values, found {paint!r}: choose from {', '.join(_PAINT)}")
    given = dict(paint or {})
    unknown = [name for name in given if name not in _PAINT]
    if unknown:
        raise ConfigError(f"paint has no setting {', '.join(map(repr, unknown))}: choose from {', '.join(_PAINT)}")
    return Paint(**given)
