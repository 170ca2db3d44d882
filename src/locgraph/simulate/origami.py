"""Simulated fields of view of DNA origami: one class of structure each, in random poses, seen by DNA-PAINT."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.errors import ConfigError, within
from locgraph.settings import check_flag, check_number, check_whole
from locgraph.simulate.paint import Paint, check_load, draw_background, draw_localisations, read_paint
from locgraph.simulate.structures import Sites, Structure, name_channels, read_classes

_LAYOUTS = 20
_TRIES = 500


class Origami:
    """Draws FOVs of named classes of origami.

    Args:
        classes: Class name -> binding sites: a template's name, plain coordinates in nm, or a mapping from channel
            index to either, for structures painted in several colours; or a list of such mappings and of names of
            templates, which name the class too. The order is the order of the classes.
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
            that of the average class: then the number of localisations holds (nearly) no information on the class.

    Raises:
        ConfigError: A value that cannot work, an unknown template, or structures that do not fit in the field.
    """

    kind = "origami"
    empty_remedy = "raise paint.events_per_site or paint.site_incorporation"

    def __init__(
        self,
        classes: Sequence[str | Mapping[str, Any]] | Mapping[str, Sites | Mapping[int, Sites]],
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
            raise ConfigError(f"expected 2 or 3; found {dimensions!r}", setting="dimensions")
        if dimensions == 2 and depth_nm is not None:
            raise ConfigError(
                f"expected null, as a 2D field has no depth; found {depth_nm!r}: unset it, or set dimensions to 3",
                setting="depth_nm",
            )
        self.dimensions = dimensions
        self.structures_per_fov = check_whole("structures_per_fov", structures_per_fov, at_least=1)
        self.gap_nm = check_number("gap_nm", gap_nm, at_least=0)
        self.max_tilt_deg = _tilt(max_tilt_deg, dimensions)
        self.field_nm = _field(field_nm, depth_nm, dimensions)
        self.paint = read_paint(paint)
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
        """Return the true places of all binding sites of a FOV, whether they carry a docking strand or not.

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
        return self._pose(structure.sites, structure.radius_nm, rng)

    def draw_factors(self, class_name: str, rng: np.random.Generator) -> dict[str, float]:
        """Return no factor: structures of a class differ in nothing but pose and labelling."""
        return {}

    def simulate_fov(self, class_name: str, rng: np.random.Generator) -> pl.DataFrame:
        """Return the localisations of one FOV.

        Args:
            class_name: One of ``class_names``.
            rng: Source of random numbers; the FOV depends on nothing else.

        Returns:
            One row for each localisation, sorted by frame, with the columns and units of
            ``schema.LOCALISATION_COLUMNS``. ``site`` is the row in ``draw_sites``: structure ``site // S``, site
            ``site % S`` of the S sites of its class; -1 is background.

        Raises:
            ConfigError: No such class, or no place for its structures.
        """
        sites = self.draw_sites(class_name, rng)
        return self._image(class_name, sites, self.paint, self.events_per_site[class_name], rng)

    def settings(self) -> dict[str, Any]:
        """Return everything that decides what is drawn, as plain values: equal settings draw equal FOVs."""
        return {
            "class_names": list(self.class_names),
            "sites": {name: (each.sites.round(6) + 0.0).tolist() for name, each in self.structures.items()},
            "site_channels": {name: each.channels.tolist() for name, each in self.structures.items()},
            "paint": asdict(self.paint),
            "dimensions": self.dimensions,
            "structures_per_fov": self.structures_per_fov,
            "field_nm": self.field_nm.tolist(),
            "gap_nm": self.gap_nm,
            "max_tilt_deg": self.max_tilt_deg,
            "channels": list(self.channels),
            "equalise_counts": self.equalise_counts,
        }

    def _pose(self, sites: np.ndarray, radius_nm: float, rng: np.random.Generator) -> np.ndarray:
        """Return sites (S, 3) about the origin as (M * S, D): all structures of a FOV, each in a pose of its own."""
        centres = draw_centres(self.structures_per_fov, radius_nm, self.gap_nm, self.field_nm, rng)
        return np.concatenate([draw_structure(sites, centre, self.max_tilt_deg, rng) for centre in centres])

    def _image(
        self, class_name: str, sites: np.ndarray, paint: Paint, events_per_site: float, rng: np.random.Generator
    ) -> pl.DataFrame:
        """Return the localisations of the sites (M * S, D) of a FOV and of its background, sorted by frame."""
        channels = np.tile(self._structure(class_name).channels, self.structures_per_fov)
        signal = draw_localisations(sites, channels, paint, events_per_site, rng)
        background = draw_background(self.field_nm, len(self.channels), paint, rng)
        return pl.concat([signal, background]).sort(schema.FRAME, maintain_order=True)

    def _structure(self, class_name: str) -> Structure:
        if class_name not in self.structures:
            raise ConfigError(
                f"expected one of {', '.join(self.structures)}; found {class_name!r}", setting="class_name"
            )
        return self.structures[class_name]

    def _scale_events(self) -> dict[str, float]:
        """Return the mean number of binding events per site, for each class."""
        n_sites = {name: len(structure.sites) for name, structure in self.structures.items()}
        average = sum(n_sites.values()) / len(n_sites)
        events = self.paint.events_per_site
        scaled = {name: events * average / n if self.equalise_counts else events for name, n in n_sites.items()}
        with within("paint"):
            check_load(self.paint, max(scaled.values()))
        return scaled

    def _check_fits(self) -> None:
        """Find out now, rather than in some later FOV, whether the largest structure does not fit."""
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


def draw_rotation(max_tilt_deg: float, rng: np.random.Generator) -> np.ndarray:
    """Return a random rotation: any angle about z, and a tilt of the structure's z axis away from the optical axis.

    The tilt direction is uniform on the spherical cap of half-angle ``max_tilt_deg``, so that 0 rotates in the plane
    alone and 180 gives every orientation with the same probability (the Haar measure in z-y-z Euler angles).

    Args:
        max_tilt_deg: Largest tilt, in degrees, 0 to 180.
        rng: Source of random numbers.

    Returns:
        Rotation matrix (3, 3) float64, never a reflection: structures keep their handedness.
    """
    first, last = rng.uniform(0.0, 2 * np.pi, 2)
    cos_tilt = rng.uniform(np.cos(np.deg2rad(max_tilt_deg)), 1.0)
    sin_tilt = np.sqrt(1.0 - cos_tilt**2)
    tilt = np.array([[cos_tilt, 0.0, sin_tilt], [0.0, 1.0, 0.0], [-sin_tilt, 0.0, cos_tilt]])
    return _about_z(last) @ tilt @ _about_z(first)


def _about_z(angle: float) -> np.ndarray:
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])


def draw_structure(sites: np.ndarray, centre: np.ndarray, max_tilt_deg: float, rng: np.random.Generator) -> np.ndarray:
    """Return the binding sites of one structure in a random pose.

    Args:
        sites: Sites (S, 3) float64 in nm, about the origin; flat structures have z = 0.
        centre: Where the origin of the structure comes to lie, (D,) float64 in nm; D is 2 or 3.
        max_tilt_deg: Largest tilt against the optical axis, in degrees; see ``draw_rotation``.
        rng: Source of random numbers.

    Returns:
        Sites (S, D) float64 in nm. In 2D they are projected along the optical axis, so that a tilt foreshortens them.
    """
    return (sites @ draw_rotation(max_tilt_deg, rng).T)[:, : len(centre)] + centre


def draw_centres(
    count: int, radius_nm: float, gap_nm: float, field: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Return random places for structures that neither overlap nor leave the field.

    Places are drawn one after the other and kept where they fit; a layout that gets stuck is begun anew.

    Args:
        count: Number of structures M.
        radius_nm: Distance of the outermost site from the structure's centre.
        gap_nm: Free space between the circles (spheres) round two structures.
        field: Edge lengths of the field (D,) float64 in nm.
        rng: Source of random numbers.

    Returns:
        Centres (M, D) float64 in nm, at least ``2 * radius_nm + gap_nm`` apart and ``radius_nm`` from each border.

    Raises:
        ConfigError: The structures do not fit in the field.
    """
    if np.any(field < 2 * radius_nm):
        raise ConfigError(
            f"a structure {2 * radius_nm:.0f} nm across does not fit in a field of {_size(field)} nm: raise it (in 3D "
            "also depth_nm)",
            setting="field_nm",
        )
    for _ in range(_LAYOUTS):
        centres = _draw_layout(count, radius_nm, gap_nm, field, rng)
        if len(centres) == count:
            return centres
    raise ConfigError(
        f"{count} structures {2 * radius_nm:.0f} nm across, {gap_nm:g} nm apart, do not fit in a field of "
        f"{_size(field)} nm: lower it or gap_nm, or raise field_nm",
        setting="structures_per_fov",
    )


def _draw_layout(
    count: int, radius_nm: float, gap_nm: float, field: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Return up to ``count`` centres; fewer where ``_TRIES`` draws in a row gave no free place."""
    centres = np.empty((0, len(field)))
    while len(centres) < count:
        for _ in range(_TRIES):
            place = rng.uniform(radius_nm, field - radius_nm)
            if np.all(np.linalg.norm(centres - place, axis=1) >= 2 * radius_nm + gap_nm):
                centres = np.vstack([centres, place])
                break
        else:
            break
    return centres


def _size(field: np.ndarray) -> str:
    return " x ".join(f"{edge:g}" for edge in field)
