"""Simulated fields of view whose class is a motif, an arrangement of a few clusters, planted among other clusters.

It is known of each localisation whether its class rests on it, so that explanations can be compared with the truth, as
with motifs planted in random graphs (Ying et al. 2019, arXiv 1903.03894).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import polars as pl
from scipy.spatial.distance import cdist, pdist

from locgraph import schema
from locgraph.errors import ConfigError
from locgraph.settings import check_number, check_whole
from locgraph.simulate.paint import NO_SITE, Paint, localise
from locgraph.simulate.structures import read_sites

OTHER: Final = 0
"""``loc_label`` of a localisation that is of no motif: of another cluster, or background."""

MOTIF: Final = 1
"""``loc_label`` of a localisation of the motif."""

_CAMERA: Final = Paint()
"""Frames, photons and precisions: the same in all classes."""

_LAYOUTS: Final = 50
_TRIES: Final = 200

_HEIGHT: Final = np.sqrt(0.75)

NAMED: Final[Mapping[str, tuple[tuple[float, float], ...]]] = MappingProxyType(
    {
        "pair": ((0, 0), (1, 0)),
        "line": ((0, 0), (1, 0), (2, 0)),
        "triangle": ((0, 0), (1, 0), (0.5, _HEIGHT)),
        "corner": ((0, 0), (1, 0), (0, 1)),
        "row": ((0, 0), (1, 0), (2, 0), (3, 0)),
        "square": ((0, 0), (1, 0), (1, 1), (0, 1)),
        "rhombus": ((0, 0), (1, 0), (1.5, _HEIGHT), (0.5, _HEIGHT)),
        "star": ((0, 0), (1, 0), (-0.5, _HEIGHT), (-0.5, -_HEIGHT)),
        "zigzag": ((0, 0), (1, 0), (1, 1), (2, 1)),
    }
)
"""Arrangements by name: places of clusters in units of the distance between neighbours."""

Arrangement = str | Sequence[Sequence[float]] | None
"""A name, one ``[x, y]`` in nm for each cluster, or None for no arrangement at all."""


class Motif:
    """Draws FOVs of clusters, of which a few are arranged as in the class.

    The number of clusters, the sizes of clusters and the numbers of localisations are drawn alike in all classes.
    Everywhere but in the motif clusters keep a distance from each other, and no set of them comes near the motif of any
    class.

    Args:
        classes: Names of arrangements, which name the classes too; or class name -> arrangement: its name, one
            ``[x, y]`` in nm for each cluster, or None for a class without a motif. The order is that of the classes.
        size_nm: Distance between neighbours in a named arrangement, in nm.
        clusters_per_fov: Least and largest number of clusters of a FOV, the motif among them (uniform). A wide range
            shows a network FOVs with few clusters, as explainers do.
        cluster_width_nm: Standard deviation of the molecules of a cluster about its centre, along each axis, in nm;
            the localisation precision, about 3 nm, comes on top.
        localisations_per_cluster: Mean number of localisations of a cluster (Poisson).
        background_localisations: Mean number of localisations outside clusters (Poisson), uniform in the field.
        jitter_nm: Standard deviation by which each cluster of a motif is off its place, along each axis, in nm.
        field_nm: Edge length of the square field, in nm.
        gap_nm: Least distance between two clusters that are not both of the motif, in nm.
        tolerance_nm: A set of clusters whose distances from each other are all this near to those of a motif, in nm,
            counts as that motif, and is planted only.

    Raises:
        ConfigError: A value that cannot work, an unknown arrangement, or clusters that do not fit in the field.
    """

    kind = "motif"
    empty_remedy = "raise localisations_per_cluster"
    dimensions = 2
    channels = ("channel_0",)

    def __init__(
        self,
        classes: Sequence[str] | Mapping[str, Arrangement],
        size_nm: float = 100.0,
        clusters_per_fov: Sequence[int] = (5, 18),
        cluster_width_nm: float = 8.0,
        localisations_per_cluster: float = 40.0,
        background_localisations: float = 20.0,
        jitter_nm: float = 4.0,
        field_nm: float = 1000.0,
        gap_nm: float = 100.0,
        tolerance_nm: float = 25.0,
    ) -> None:
        self.size_nm = check_number("size_nm", size_nm, above=0)
        self.clusters_per_fov = _range(clusters_per_fov)
        self.cluster_width_nm = check_number("cluster_width_nm", cluster_width_nm, at_least=0)
        self.localisations_per_cluster = check_number("localisations_per_cluster", localisations_per_cluster, above=0)
        self.background_localisations = check_number("background_localisations", background_localisations, at_least=0)
        self.jitter_nm = check_number("jitter_nm", jitter_nm, at_least=0)
        self.field_nm = check_number("field_nm", field_nm, above=0)
        self.gap_nm = check_number("gap_nm", gap_nm, at_least=0)
        self.tolerance_nm = check_number("tolerance_nm", tolerance_nm, at_least=0)
        self.arrangements = _read_classes(classes, self.size_nm)
        self._signatures = [signature(places) for places in self.arrangements.values() if len(places)]
        self._check()

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, in their order."""
        return tuple(self.arrangements)

    def draw_clusters(self, class_name: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return where the clusters of a FOV are, and which of them are the motif.

        Args:
            class_name: One of ``class_names``.
            rng: Source of random numbers. ``simulate_fov`` begins with this call, so that a generator in the same state
                gives the truth behind its localisations.

        Returns:
            Centres (C, 2) float64 in nm, and (C,) bool, whether each is of the motif: these come first.

        Raises:
            ConfigError: No such class, or no place for its clusters.
        """
        if class_name not in self.arrangements:
            raise ConfigError(
                f"expected one of {', '.join(self.arrangements)}; found {class_name!r}", setting="class_name"
            )
        return self._draw_layout(class_name, self._draw_count(rng), rng)

    def draw_factors(self, class_name: str, rng: np.random.Generator) -> dict[str, float]:
        """Return ``n_clusters`` of the FOV that ``simulate_fov`` draws from a generator in the same state."""
        return {schema.N_CLUSTERS: float(self._draw_count(rng))}

    def simulate_fov(self, class_name: str, rng: np.random.Generator) -> pl.DataFrame:
        """Return the localisations of one FOV.

        Args:
            class_name: One of ``class_names``.
            rng: Source of random numbers; the FOV depends on nothing else.

        Returns:
            One row for each localisation, sorted by frame, with the columns and units of
            ``schema.LOCALISATION_COLUMNS``. ``site`` is the row in ``draw_clusters``, -1 for background; ``loc_label``
            is ``MOTIF`` or ``OTHER``.

        Raises:
            ConfigError: No such class, or no place for its clusters.
        """
        centres, in_motif = self.draw_clusters(class_name, rng)
        of_clusters = np.repeat(np.arange(len(centres)), rng.poisson(self.localisations_per_cluster, len(centres)))
        scatter = self.cluster_width_nm * rng.standard_normal((len(of_clusters), 2))
        background = rng.uniform(0.0, self.field_nm, (rng.poisson(self.background_localisations), 2))
        truth = np.concatenate([centres[of_clusters] + scatter, background])
        site = np.concatenate([of_clusters, np.full(len(background), NO_SITE)])
        frame = rng.integers(0, _CAMERA.frames, len(site))
        table = localise(truth, frame, np.zeros_like(site), site, _CAMERA, rng)
        label = np.where(np.append(in_motif, False)[site], MOTIF, OTHER)
        return table.with_columns(pl.Series(schema.LOC_LABEL, label, pl.Int64)).sort(schema.FRAME, maintain_order=True)

    def settings(self) -> dict[str, Any]:
        """Return everything that decides what is drawn, as plain values: equal settings draw equal FOVs."""
        return {
            "class_names": list(self.class_names),
            "arrangements": {name: (places.round(6) + 0.0).tolist() for name, places in self.arrangements.items()},
            "clusters_per_fov": list(self.clusters_per_fov),
            "cluster_width_nm": self.cluster_width_nm,
            "localisations_per_cluster": self.localisations_per_cluster,
            "background_localisations": self.background_localisations,
            "jitter_nm": self.jitter_nm,
            "field_nm": self.field_nm,
            "gap_nm": self.gap_nm,
            "tolerance_nm": self.tolerance_nm,
        }

    def _draw_count(self, rng: np.random.Generator) -> int:
        low, high = self.clusters_per_fov
        return int(rng.integers(low, high + 1))

    def _draw_layout(self, class_name: str, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Do as ``draw_clusters``, with ``count`` clusters."""
        for _ in range(_LAYOUTS):
            centres: np.ndarray | None = self._draw_motif(class_name, rng)
            while centres is not None and len(centres) < count:
                centres = self._with_another(centres, rng)
            if centres is not None:
                return centres, np.arange(count) < len(self.arrangements[class_name])
        raise ConfigError(
            f"{count} clusters {self.gap_nm:g} nm apart that form no motif do not fit in a field of {self.field_nm:g} "
            "nm: lower it, gap_nm or tolerance_nm, or raise field_nm",
            setting="clusters_per_fov",
        )

    def _draw_motif(self, class_name: str, rng: np.random.Generator) -> np.ndarray:
        """Return the motif (K, 2) inside the field, turned by any angle, each cluster a little off its place."""
        places = self.arrangements[class_name]
        if not len(places):
            return places
        angle = rng.uniform(0.0, 2 * np.pi)
        cos, sin = np.cos(angle), np.sin(angle)
        turned = places @ np.array([[cos, sin], [-sin, cos]])
        centre = rng.uniform(-turned.min(axis=0), self.field_nm - turned.max(axis=0))
        return turned + centre + self.jitter_nm * rng.standard_normal(places.shape)

    def _with_another(self, centres: np.ndarray, rng: np.random.Generator) -> np.ndarray | None:
        """Return the clusters and one more that keeps its distance and makes no motif; None if there is no place."""
        for _ in range(_TRIES):
            place = rng.uniform(0.0, self.field_nm, 2)
            apart = np.linalg.norm(centres - place, axis=1)
            if np.all(apart >= self.gap_nm) and not completes(place, centres, self._signatures, self.tolerance_nm):
                return np.vstack([centres, place])
        return None

    def _check(self) -> None:
        """Find out now, rather than in some later FOV, whether a motif does not fit or two are one."""
        for name, places in self.arrangements.items():
            across = np.linalg.norm(places, axis=1).max(initial=0.0) * 2
            if across > self.field_nm:
                raise ConfigError(
                    f"the motif of class {name!r}, {across:.0f} nm across, does not fit in a field of "
                    f"{self.field_nm:g} nm: lower size_nm, or raise field_nm",
                    setting="field_nm",
                )
            if len(places) > self.clusters_per_fov[0]:
                raise ConfigError(
                    f"the motif of class {name!r} has {len(places)} clusters, more than the least number of a FOV, "
                    f"{self.clusters_per_fov[0]}",
                    setting="clusters_per_fov",
                )
        self._check_different()
        draws = np.random.default_rng(0)
        for name in self.class_names:
            self._draw_layout(name, self.clusters_per_fov[1], draws)

    def _check_different(self) -> None:
        named = [(name, signature(places) if len(places) else None) for name, places in self.arrangements.items()]
        for index, (name, own) in enumerate(named):
            for other, theirs in named[:index]:
                alike = own is None and theirs is None
                if own is not None and theirs is not None and len(own) == len(theirs):
                    alike = bool(np.abs(own - theirs).max() <= self.tolerance_nm)
                if alike:
                    raise ConfigError(
                        f"expected different motifs; those of {other!r} and {name!r} are alike within "
                        f"tolerance_nm={self.tolerance_nm:g}: change one, or lower tolerance_nm",
                        setting="classes",
                    )


def _range(given: Any) -> tuple[int, int]:
    """Return the least and largest number of clusters."""
    if isinstance(given, str) or not isinstance(given, Sequence) or len(given) != 2:
        raise ConfigError(f"expected two whole numbers, such as [12, 18]; found {given!r}", setting="clusters_per_fov")
    low = check_whole("clusters_per_fov[0]", given[0], at_least=2)
    return low, check_whole("clusters_per_fov[1]", given[1], at_least=low)


def _read_classes(classes: Any, size_nm: float) -> dict[str, np.ndarray]:
    """Return class name -> places (K, 2) in nm about the origin; K is 0 for a class without a motif."""
    if isinstance(classes, Sequence) and not isinstance(classes, str):
        classes = {str(name): str(name) for name in classes}
    if not isinstance(classes, Mapping) or not classes:
        raise ConfigError(
            f"expected at least one class, as {{name: arrangement}}; found {classes!r}", setting="classes"
        )
    return {str(name): read_arrangement(given, size_nm, f"classes.{name}") for name, given in classes.items()}


def read_arrangement(given: Arrangement, size_nm: float, setting: str) -> np.ndarray:
    """Return places of clusters from a name or from plain coordinates.

    Args:
        given: A key of ``NAMED``; one ``[x, y]`` in nm for each of at least two clusters; or None.
        size_nm: Distance between neighbours in a named one; coordinates are taken as they are.
        setting: The setting that holds it, for messages.

    Returns:
        Places (K, 2) float64 in nm with their mean at the origin; K is 0 for None.

    Raises:
        ConfigError: There is no such name, or the coordinates are none, or not those of two places in the plane.
    """
    if given is None:
        return np.empty((0, 2))
    if isinstance(given, str):
        if given not in NAMED:
            raise ConfigError(f"expected one of {', '.join(NAMED)}, or null; found {given!r}", setting=setting)
        places = np.array(NAMED[given]) * size_nm
        return places - places.mean(axis=0)
    places = read_sites(given, setting)
    if places.shape[1] != 2 or len(places) < 2 or pdist(places).min() <= 0:
        raise ConfigError(f"expected different [x, y] of at least two clusters; found {given!r}", setting=setting)
    return places


def signature(places: np.ndarray) -> np.ndarray:
    """Return all distances between places (K, D), in order: the same wherever and however turned an arrangement lies.

    Returns:
        (K (K - 1) / 2,) float64, in the unit of the places.
    """
    return np.sort(pdist(places))


def completes(place: np.ndarray, others: np.ndarray, signatures: Sequence[np.ndarray], tolerance: float) -> bool:
    """Return whether a further place makes an arrangement with some of the others.

    Args:
        place: (D,) float64.
        others: (C, D) float64, in the same unit.
        signatures: Those of the arrangements to look for, as from ``signature``.
        tolerance: Largest difference of any of the distances.

    Returns:
        True where some of the others and the place have the distances of one of the arrangements.
    """
    return any(_completes(place, others, wanted, tolerance) for wanted in signatures)


def _completes(place: np.ndarray, others: np.ndarray, wanted: np.ndarray, tolerance: float) -> bool:
    size = round((1 + np.sqrt(1 + 8 * len(wanted))) / 2)
    near = others[cdist(place[None], others)[0] <= wanted[-1] + tolerance]
    chosen = np.array(list(combinations(range(len(near)), size - 1)), dtype=np.int64).reshape(-1, size - 1)
    sets = np.concatenate([near[chosen], np.broadcast_to(place, (len(chosen), 1, len(place)))], axis=1)
    first, second = np.triu_indices(size, 1)
    distances = np.sort(np.linalg.norm(sets[:, first] - sets[:, second], axis=2), axis=1)
    return bool(np.any(np.abs(distances - wanted).max(axis=1, initial=0.0) <= tolerance))
