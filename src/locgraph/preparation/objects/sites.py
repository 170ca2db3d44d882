"""Sites: objects that are found by their density, without anyone picking them."""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy.spatial import cKDTree

from locgraph import schema
from locgraph.errors import ConfigError
from locgraph.preparation.clustering.backend import CPU
from locgraph.preparation.clustering.dbscan import DBSCAN
from locgraph.preparation.objects.base import ObjectFinder, ObjectRows
from locgraph.settings import check_length, check_number, check_whole

_CLUSTERING_SEED = 0  # DBSCAN on the CPU draws nothing


class Sites(ObjectFinder):
    """Dense groups of localisations, each an object: DBSCAN at the scale of whole objects (Ester et al. 1996).

    Not the maxima of a blurred density map, as of SMAP's SiteAutoDetect (https://github.com/jries/SMAP/pull/34): those
    depend on the place of the pixels, and a ring wider than the blur has several. Groups depend neither on pixels nor
    on the order of rows, and a hollow structure is one group. Groups are then judged, since two structures in one crop,
    or half of one, are classified with confidence and wrongly: what is too small, too large, or too close to another is
    left out with the reason. One density limit holds for the whole FOV, so that faintly labelled structures are missed:
    look at the picture of a FOV before trusting its counts.

    Sites are named 1, 2, ... by the left and then the lower border of each group, those that are left out too. So the
    names depend on no row order, and change where ``eps_nm`` or ``min_samples`` do.

    Args:
        eps_nm: Localisations within this distance belong together (in 3D with z). Larger than gaps within a structure,
            smaller than those between structures.
        min_samples: Localisations within ``eps_nm`` that make a dense place. Larger leaves out sparse groups.
        min_diameter_nm: A smaller group is left out. Diameter is twice the largest distance from the mean position.
        max_diameter_nm: A larger group is left out, most often several structures that touch; None leaves out none.
        gap_nm: Groups closer than this to each other are left out, both; above ``eps_nm``. None allows any that are not
            joined.
        crop_radius_nm: An object is every localisation, also of the background, within this distance in x and y of the
            middle of a group, as in a round pick: for models that were trained on picks. Groups whose circles overlap
            are left out, both. None takes the localisations of the group alone.
        min_localisations: A group or object with fewer is left out. As a group it is background then, which no other is
            left out for.
        max_localisations: An object with more is left out; None leaves out none.

    Raises:
        ConfigError: A setting is out of range.
    """

    def __init__(
        self,
        eps_nm: float,
        min_samples: int,
        min_diameter_nm: float = 0.0,
        max_diameter_nm: float | None = None,
        gap_nm: float | None = None,
        crop_radius_nm: float | None = None,
        min_localisations: int = 1,
        max_localisations: int | None = None,
    ) -> None:
        super().__init__(min_localisations, max_localisations)
        self.eps_nm = check_length("eps_nm", eps_nm)
        self.min_samples = check_whole("min_samples", min_samples, at_least=1)
        self.min_diameter_nm = check_number("min_diameter_nm", min_diameter_nm, at_least=0)
        self.max_diameter_nm = None if max_diameter_nm is None else check_length("max_diameter_nm", max_diameter_nm)
        if self.max_diameter_nm is not None and self.max_diameter_nm <= self.min_diameter_nm:
            raise ConfigError(
                f"expected more than min_diameter_nm = {min_diameter_nm:g}, found {max_diameter_nm:g}",
                setting="max_diameter_nm",
            )
        self.gap_nm = None if gap_nm is None else check_length("gap_nm", gap_nm)
        if self.gap_nm is not None and self.gap_nm <= self.eps_nm:
            raise ConfigError(
                f"expected more than eps_nm = {eps_nm:g}, within which all are one site, found {gap_nm:g}",
                setting="gap_nm",
            )
        self.crop_radius_nm = None if crop_radius_nm is None else check_length("crop_radius_nm", crop_radius_nm)

    def assign(self, table: pl.DataFrame, dimensions: int, fov_id: str) -> ObjectRows:
        """Return an object for each site that is neither too small, too large, nor too close to another."""
        points = np.ascontiguousarray(table.select(schema.position_columns(dimensions)).to_numpy())
        labels = DBSCAN(self.eps_nm, self.min_samples, CPU)(points, _CLUSTERING_SEED)
        groups = ObjectRows.from_labels(_number_by_place(points, labels))
        if not len(groups):
            return groups
        grouped, owners = points[groups.rows], np.repeat(np.arange(len(groups)), groups.sizes)
        reasons = np.full(len(groups), "", dtype=object)
        sizes = groups.sizes
        small = sizes < self.min_localisations
        for size in np.unique(sizes[small]):
            reasons[sizes == size] = self._size_reason(int(size))
        diameters = _diameters(grouped, groups.offsets)
        reasons[~small & (diameters < self.min_diameter_nm)] = f"smaller than {self.min_diameter_nm:g} nm"
        if self.max_diameter_nm is not None:
            reasons[~small & (diameters > self.max_diameter_nm)] = f"larger than {self.max_diameter_nm:g} nm"
        alone = reasons == ""
        if self.gap_nm is not None:
            close = _are_close(grouped, owners, ~small, self.gap_nm)
            reasons[alone & close] = f"within {self.gap_nm:g} nm of another site"
        if self.crop_radius_nm is None:
            return _keep(groups, reasons)
        centres = _middles(grouped, groups.offsets)[:, :2]
        close = _are_close(centres, np.arange(len(groups)), ~small, 2 * self.crop_radius_nm)
        reasons[alone & close] = f"a circle of {self.crop_radius_nm:g} nm overlaps that of another site"
        site_of = np.full(len(points), schema.NOISE)
        site_of[groups.rows] = np.where(small, schema.NOISE, np.arange(len(groups)))[owners]
        return _crop(points[:, :2], centres, _keep(groups, reasons), self.crop_radius_nm, site_of)


def _number_by_place(points: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return labels (N,) numbered 1, 2, ... by the smallest coordinates of each cluster, x first; -1 stays."""
    clusters = ObjectRows.from_labels(labels)
    if not len(clusters):
        return labels
    corners = np.minimum.reduceat(points[clusters.rows], clusters.offsets[:-1])
    numbers = np.empty(len(clusters), np.int64)
    numbers[np.lexsort(corners.T[::-1])] = np.arange(1, len(clusters) + 1)
    return np.where(labels < 0, schema.NOISE, numbers[labels])


def _diameters(points: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Return twice the largest distance from the mean of each group (G,) nm; groups one after the other."""
    sizes = np.diff(offsets)
    means = np.add.reduceat(points, offsets[:-1]) / sizes[:, None]
    squares = np.square(points - np.repeat(means, sizes, axis=0)).sum(axis=1)
    return 2 * np.sqrt(np.maximum.reduceat(squares, offsets[:-1]))


def _middles(points: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Return the middle of the bounding box of each group (G, D) nm, which noise in a dense half does not move."""
    low, high = np.minimum.reduceat(points, offsets[:-1]), np.maximum.reduceat(points, offsets[:-1])
    return low / 2 + high / 2


def _are_close(points: np.ndarray, owners: np.ndarray, counts: np.ndarray, limit: float) -> np.ndarray:
    """Return which groups (G,) bool have a point within ``limit`` nm of a point of another group.

    Args:
        points: Positions (N, D) nm.
        owners: Group of each point (N,).
        counts: Groups (G,) bool that count; the others are close to none.
        limit: Distance in nm, itself included.
    """
    chosen = counts[owners]
    points, owners = points[chosen], owners[chosen]
    close = np.zeros(len(counts), dtype=bool)
    if len(points):
        # joined at this distance: a component of several groups holds those that are close to another
        joined = DBSCAN(limit, 1, CPU)(points, _CLUSTERING_SEED)
        pairs = np.unique(np.column_stack([joined, owners]), axis=0)
        close[pairs[np.bincount(pairs[:, 0])[pairs[:, 0]] > 1, 1]] = True
    return close


def _keep(groups: ObjectRows, reasons: np.ndarray) -> ObjectRows:
    """Return the groups without a reason (G,), and the reasons of the others."""
    named = {name: reason for name, reason in zip(groups.names, reasons.tolist(), strict=True) if reason}
    return groups.keep(reasons == "", named) if named else groups


def _crop(
    points: np.ndarray, centres: np.ndarray, groups: ObjectRows, radius: float, site_of: np.ndarray
) -> ObjectRows:
    """Return the objects of all points within a radius of the middle of each group that is kept.

    Args:
        points: Positions (N, 2) nm.
        centres: Middles of all groups (G, 2) nm.
        groups: Those that are kept, named by their number from 1.
        radius: Radius in nm.
        site_of: Group of each point (N,); -1 is background. Circles that hold points of another one are left out.
    """
    if not len(groups):
        return groups
    own = np.array([int(name) - 1 for name in groups.names])
    inside = cKDTree(points).query_ball_point(centres[own], radius, return_sorted=True)
    sizes = np.array([len(rows) for rows in inside])
    rows = np.concatenate([np.asarray(rows, np.int64) for rows in inside])
    crops = ObjectRows(groups.names, rows, np.append(0, np.cumsum(sizes)).astype(np.int64), groups.left_out)
    circle = np.repeat(np.arange(len(own)), sizes)
    foreign = (site_of[rows] >= 0) & (site_of[rows] != own[circle])
    mixed = np.bincount(circle[foreign], minlength=len(own)) > 0
    reason = f"a circle of {radius:g} nm holds localisations of another site"
    return crops.keep(~mixed, {crops.names[index]: reason for index in np.flatnonzero(mixed)}) if mixed.any() else crops
