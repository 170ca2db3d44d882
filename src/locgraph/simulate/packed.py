"""Simulated nuclei packed with points after a rule, as the synthetic set of Vasan et al. 2025.

That set (10.1038/s41592-025-02729-9, figure 2) fills nuclear shapes with spheres by six rules: random, radial (near the
centroid), surface (near the boundary), and planar at 0, 45 and 90 degrees (falling with the distance from a plane).
Here are two more, radial outwards and clustered, shapes of our own, and localisations of the points.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import numpy as np
import polars as pl
from scipy.spatial.distance import cdist

from locgraph import schema
from locgraph.errors import ConfigError, within
from locgraph.settings import check_choice, check_number, check_whole
from locgraph.simulate.nuclei import SHAPES, Nucleus, draw_nucleus
from locgraph.simulate.origami import draw_structure
from locgraph.simulate.paint import Paint, check_load, draw_background, draw_localisations, read_paint

RULES: Final = (
    *("random", "planar_0", "planar_45", "planar_90"),
    *("radial_in", "radial_out", "surface", "clustered"),
)
"""Rules by name; ``planar_N`` may have any whole angle to the longest axis, 0 to 90 degrees."""

N_FOCI: Final = 6
"""Number of foci of the clustered rule."""

_PLANAR: Final = re.compile(r"planar_(\d|[1-8]\d|90)")
_CANDIDATES: Final = 4096
_STUCK: Final = 20


class Packed:
    """Draws FOVs of one nucleus each, in which points lie after the rule of the class.

    The density falls as ``exp(-t / decay)``, where ``t`` is 0 where the rule packs most densely and 1 at the far end of
    the nucleus: of a plane that touches one end (``planar_N``: its normal is N degrees from the longest axis of the
    nucleus, towards the shortest), the centroid (``radial_in``), the place farthest from the centroid
    (``radial_out``), the surface (``surface``). ``clustered`` has Gaussian foci of width ``decay`` times the mean
    radius. Directions are those of the nucleus, which is oriented at random, and number of points, shape and size are
    drawn alike for all rules.

    Args:
        classes: Names of rules, which name the classes: of ``RULES``, or ``planar_N`` with an angle in degrees.
        shapes: Kinds of nuclei, each as often: some of ``SHAPES``. In a sphere planar rules of all angles are one.
        diameter_nm: Least and largest diameter of the ball of the same volume in nm (uniform).
        aspect: Least and largest shortest axis of the ellipsoid over its longest (uniform).
        decay: Least and largest decay of the density, as a part of the way across (uniform); smaller is clearer.
        points_per_fov: Least and largest number of points (uniform).
        point_nm: Least distance of two points, in nm: spheres of this diameter do not overlap.
        paint: Settings of the imaging, as ``Paint`` or its plain values; each point is a binding site.
        field_nm: Edge length of the cubic field, in nm.

    Raises:
        ConfigError: A value that cannot work, an unknown rule or shape, or nuclei that do not fit in the field.
    """

    kind = "packed"
    empty_remedy = "raise paint.events_per_site or points_per_fov"
    dimensions = 3
    channels = ("channel_0",)

    def __init__(
        self,
        classes: Sequence[str] = RULES,
        shapes: Sequence[str] = ("ellipsoid", "lobed"),
        diameter_nm: Sequence[float] = (8000.0, 12000.0),
        aspect: Sequence[float] = (0.35, 0.55),
        decay: Sequence[float] = (0.08, 0.15),
        points_per_fov: Sequence[int] = (200, 400),
        point_nm: float = 150.0,
        paint: Paint | Mapping[str, Any] | None = None,
        field_nm: float = 30000.0,
    ) -> None:
        self.class_names = _read_names("classes", classes)
        for name in self.class_names:
            if name not in RULES and not _PLANAR.fullmatch(name):
                known = ", ".join(RULES)
                raise ConfigError(f"expected some of {known}, or planar_N; found {name!r}", setting="classes")
        self.shapes = _read_names("shapes", shapes)
        for name in self.shapes:
            check_choice("shapes", name, SHAPES)
        self.diameter_nm = _read_limits("diameter_nm", diameter_nm)
        self.aspect = _read_limits("aspect", aspect, at_most=1)
        self.decay = _read_limits("decay", decay)
        self.points_per_fov = _read_counts(points_per_fov)
        self.point_nm = check_number("point_nm", point_nm, at_least=0)
        self.paint = read_paint(paint)
        with within("paint"):
            check_load(self.paint, self.paint.events_per_site)
        self.field_nm = np.full(3, check_number("field_nm", field_nm, above=0))
        self._check_fits()

    def draw_sites(self, class_name: str, rng: np.random.Generator) -> np.ndarray:
        """Return the true places (P, 3) float64 in nm of the points of a FOV.

        ``simulate_fov`` begins with this call, so that a generator in the same state gives the truth behind its
        localisations.

        Raises:
            ConfigError: No such class, or no place for its points.
        """
        nucleus, decay, n_points, _ = self._draw_nucleus(class_name, rng)
        points = pack(nucleus, class_name, decay, n_points, self.point_nm, rng)
        self._check_size(nucleus)
        centre = rng.uniform(nucleus.radius_nm, self.field_nm - nucleus.radius_nm)
        return draw_structure(points, centre, 180.0, rng)

    def draw_factors(self, class_name: str, rng: np.random.Generator) -> dict[str, float]:
        """Return size and shape of the nucleus, decay of the density, and number of points of a FOV.

        ``aspect`` and ``middle`` are the extents along the shortest and the middle principal axis over that along the
        longest, lobes included.
        """
        return self._draw_nucleus(class_name, rng)[3]

    def simulate_fov(self, class_name: str, rng: np.random.Generator) -> pl.DataFrame:
        """Return the localisations of one FOV.

        Returns:
            One row for each localisation, sorted by frame, with the columns and units of
            ``schema.LOCALISATION_COLUMNS``. ``site`` is the row in ``draw_sites``, -1 for background.

        Raises:
            ConfigError: No such class, or no place for its points.
        """
        sites = self.draw_sites(class_name, rng)
        channels = np.zeros(len(sites), dtype=np.int64)
        signal = draw_localisations(sites, channels, self.paint, self.paint.events_per_site, rng)
        background = draw_background(self.field_nm, 1, self.paint, rng)
        return pl.concat([signal, background]).sort(schema.FRAME, maintain_order=True)

    def settings(self) -> dict[str, Any]:
        """Return everything that decides what is drawn, as plain values: equal settings draw equal FOVs."""
        return {
            "class_names": list(self.class_names),
            "shapes": list(self.shapes),
            **{name: list(getattr(self, name)) for name in ("diameter_nm", "aspect", "decay", "points_per_fov")},
            "point_nm": self.point_nm,
            "paint": asdict(self.paint),
            "field_nm": self.field_nm.tolist(),
        }

    def _draw_nucleus(self, class_name: str, rng: np.random.Generator) -> tuple[Nucleus, float, int, dict[str, float]]:
        """Draw what is known of a FOV before its points: alike for all rules."""
        if class_name not in self.class_names:
            known = ", ".join(self.class_names)
            raise ConfigError(f"expected one of {known}; found {class_name!r}", setting="class_name")
        diameter, aspect, decay = (
            float(rng.uniform(*limits)) for limits in (self.diameter_nm, self.aspect, self.decay)
        )
        n_points = int(rng.integers(self.points_per_fov[0], self.points_per_fov[1] + 1))
        shape = self.shapes[int(rng.integers(len(self.shapes)))]
        nucleus = draw_nucleus(shape, diameter, aspect, float(rng.uniform(aspect, 1.0)), rng)
        long, middle, short = nucleus.extents
        factors = {
            "diameter_nm": diameter,
            "aspect": float(short / long),
            "middle": float(middle / long),
            "lobes": float(len(nucleus.lobes)),
            "decay": decay,
            "points": float(n_points),
        }
        return nucleus, decay, n_points, factors

    def _check_fits(self) -> None:
        """Find out now, rather than in some later FOV, whether the longest nuclei or the most points do not fit."""
        rng = np.random.default_rng(0)
        for shape in self.shapes:
            self._check_size(draw_nucleus(shape, self.diameter_nm[1], self.aspect[0], self.aspect[0], rng))
        small = draw_nucleus(self.shapes[0], self.diameter_nm[0], self.aspect[0], self.aspect[0], rng)
        for name in self.class_names:
            pack(small, name, self.decay[0], self.points_per_fov[1], self.point_nm, rng)

    def _check_size(self, nucleus: Nucleus) -> None:
        if 2 * nucleus.radius_nm > self.field_nm[0]:
            raise ConfigError(
                f"a nucleus {2 * nucleus.radius_nm:.0f} nm across does not fit in a field of {self.field_nm[0]:g} nm: "
                "raise it, or lower diameter_nm",
                setting="field_nm",
            )


def pack(
    nucleus: Nucleus, rule: str, decay: float, n_points: int, point_nm: float, rng: np.random.Generator
) -> np.ndarray:
    """Return points in a nucleus that follow a rule and keep their distance.

    Places are drawn with the density of the rule one after the other, and kept where they are free.

    Args:
        nucleus: The solid.
        rule: One of ``RULES``, or ``planar_N``.
        decay: Decay of the density; see `Packed`.
        n_points: Number of points P.
        point_nm: Least distance of two points, in nm.
        rng: Source of random numbers.

    Returns:
        (P, 3) float64 in nm, in the frame of the nucleus: its centroid is the origin, its longest axis x.

    Raises:
        ConfigError: There is no place for so many points.
    """
    foci = _draw_foci(nucleus, rng) if rule == "clustered" else np.empty((0, 3))
    points, stuck = np.empty((0, 3)), 0
    while len(points) < n_points and stuck < _STUCK:
        before = len(points)
        places = nucleus.draw_places(_CANDIDATES, rng)
        places = places[rng.random(len(places)) < density(nucleus, rule, decay, foci, places)]
        points = _add_free(points, places, n_points, point_nm)
        stuck = stuck + 1 if len(points) == before else 0
    if len(points) == n_points:
        return points
    raise ConfigError(
        f"{n_points} points {point_nm:g} nm apart do not fit in a nucleus by the rule {rule}: lower it or point_nm, or "
        "raise decay or diameter_nm",
        setting="points_per_fov",
    )


def density(nucleus: Nucleus, rule: str, decay: float, foci: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return the density (N,) of points at places (N, 3) in nm, 1 where the rule packs most densely; see `Packed`."""
    if rule == "random":
        return np.ones(len(places))
    if rule == "clustered":
        mean_radius = np.linalg.norm(nucleus.surface, axis=1).mean()
        return np.asarray(np.exp(-0.5 * (cdist(places, foci).min(axis=1) / mean_radius / decay) ** 2))
    if rule == "surface":
        return np.asarray(np.exp((nucleus.share_of_radius(places) - 1) / decay))
    if rule in ("radial_in", "radial_out"):
        way = np.linalg.norm(places, axis=1) / nucleus.radius_nm
        return np.asarray(np.exp(-(way if rule == "radial_in" else 1 - way) / decay))
    angle = np.deg2rad(int(rule.removeprefix("planar_")))
    normal = np.array([np.cos(angle), 0.0, np.sin(angle)])
    heights = nucleus.surface @ normal
    return np.asarray(np.exp(-(heights.max() - places @ normal) / np.ptp(heights) / decay))


def _draw_foci(nucleus: Nucleus, rng: np.random.Generator) -> np.ndarray:
    """Return uniform places (N_FOCI, 3) in nm in the nucleus."""
    places = np.empty((0, 3))
    while len(places) < N_FOCI:
        places = np.concatenate([places, nucleus.draw_places(8 * N_FOCI, rng)])
    return places[:N_FOCI]


def _add_free(points: np.ndarray, places: np.ndarray, count: int, point_nm: float) -> np.ndarray:
    """Return the points and those of the places that keep their distance, in order, up to ``count`` in all."""
    kept = np.empty((count, 3))
    n = len(points)
    kept[:n] = points
    for place in places:
        if n == count:
            break
        if ((kept[:n] - place) ** 2).sum(axis=1).min(initial=np.inf) >= point_nm**2:
            kept[n] = place
            n += 1
    return kept[:n]


def _read_names(setting: str, given: Any) -> tuple[str, ...]:
    if isinstance(given, str) or not isinstance(given, Sequence) or not given or len(set(given)) < len(given):
        raise ConfigError(f"expected a list of different names; found {given!r}", setting=setting)
    return tuple(str(name) for name in given)


def _read_limits(setting: str, given: Any, at_most: float | None = None) -> tuple[float, float]:
    low, high = _two(setting, given)
    low = check_number(f"{setting}[0]", low, above=0, at_most=at_most)
    return low, check_number(f"{setting}[1]", high, at_least=low, at_most=at_most)


def _read_counts(given: Any) -> tuple[int, int]:
    low, high = _two("points_per_fov", given)
    low = check_whole("points_per_fov[0]", low, at_least=1)
    return low, check_whole("points_per_fov[1]", high, at_least=low)


def _two(setting: str, given: Any) -> tuple[Any, Any]:
    if isinstance(given, str) or not isinstance(given, Sequence) or len(given) != 2:
        raise ConfigError(f"expected two numbers, [least, largest]; found {given!r}", setting=setting)
    return given[0], given[1]
