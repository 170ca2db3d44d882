"""How structures lie in the field: random rotations, and places that keep structures apart."""

from __future__ import annotations

import numpy as np

from locgraph.errors import ConfigError

_LAYOUTS = 20
_TRIES = 500


def draw_rotation(max_tilt_deg: float, rng: np.random.Generator) -> np.ndarray:
    """A random rotation: any angle about z, and a tilt of the structure's z axis away from the optical axis.

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
    """Binding sites of one structure in a random pose.

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
    """Random places for structures that neither overlap nor leave the field.

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
            f"a structure {2 * radius_nm:.0f} nm across does not fit in a field of {_size(field)} nm: "
            "raise field_nm (in 3D also depth_nm)"
        )
    for _ in range(_LAYOUTS):
        centres = _draw_layout(count, radius_nm, gap_nm, field, rng)
        if len(centres) == count:
            return centres
    raise ConfigError(
        f"{count} structures {2 * radius_nm:.0f} nm across, {gap_nm:g} nm apart, do not fit in a field of "
        f"{_size(field)} nm: lower structures_per_fov or gap_nm, or raise field_nm"
    )


def _draw_layout(
    count: int, radius_nm: float, gap_nm: float, field: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Up to ``count`` centres; fewer where ``_TRIES`` draws in a row found no free place."""
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
