"""DNA-PAINT imaging of binding sites: which are there, when they are bright, how precisely they are localised.

The way of simulating follows Schnitzbauer et al. 2017 (10.1038/nprot.2017.024), at the level of localisations rather
than camera images: neighbouring sites that are bright in the same frame stay two localisations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.errors import ConfigError, within
from locgraph.settings import check_number, check_whole

NO_SITE: Final = -1
"""Ground truth of a background localisation."""


@dataclass(frozen=True)
class Paint:
    """Settings of the imaging.

    Attributes:
        site_incorporation: Probability that a site of the template carries its docking strand.
        events_per_site: Mean number of binding events of one site in the whole acquisition (Poisson).
        bright_frames: Mean length of a binding event, in frames, at least 1 (geometric: no memory); one localisation
            for each frame.
        frames: Length of the acquisition, in frames.
        photons: Mean number of photons of one localisation.
        photon_spread: Standard deviation of the logarithm of the photons (log-normal); 0 makes all alike.
        psf_sigma_nm: Width (standard deviation) of the point-spread function, in nm.
        axial_factor: Axial precision in units of the lateral one; used in 3D.
        background_localisations: Mean number of localisations in a FOV that come from no site (Poisson), uniform in
            the field and in time, spread evenly over the channels.
        background_photons: Mean background photons per camera pixel (Poisson).

    Raises:
        ConfigError: A value that cannot work.
    """

    site_incorporation: float = 0.85
    events_per_site: float = 10.0
    bright_frames: float = 2.5
    frames: int = 10_000
    photons: float = 2_000.0
    photon_spread: float = 0.4
    psf_sigma_nm: float = 130.0
    axial_factor: float = 2.5
    background_localisations: float = 10.0
    background_photons: float = 50.0

    def __post_init__(self) -> None:
        self._keep("site_incorporation", above=0, at_most=1)
        self._keep("bright_frames", at_least=1)
        check_whole("frames", self.frames, at_least=1)
        for name in ("events_per_site", "photons", "psf_sigma_nm", "axial_factor"):
            self._keep(name, above=0)
        for name in ("photon_spread", "background_localisations", "background_photons"):
            self._keep(name, at_least=0)
        check_load(self, self.events_per_site)

    def _keep(self, name: str, **limits: float) -> None:
        """Check a setting and keep it as float, so that 2 and 2.0 are the same setting in every fingerprint."""
        object.__setattr__(self, name, check_number(name, getattr(self, name), **limits))


_NAMES: Final = tuple(Paint.__dataclass_fields__)


def read_paint(paint: Paint | Mapping[str, Any] | None) -> Paint:
    """Return settings of the imaging from plain values; what is left out has its default.

    Raises:
        ConfigError: A value that cannot work, or an unknown name.
    """
    if isinstance(paint, Paint):
        return paint
    if paint is not None and not isinstance(paint, Mapping):
        raise ConfigError(f"expected values of some of {', '.join(_NAMES)}; found {paint!r}", setting="paint")
    given = dict(paint or {})
    unknown = [name for name in given if name not in _NAMES]
    if unknown:
        raise ConfigError(
            f"expected settings among {', '.join(_NAMES)}; found {', '.join(map(repr, unknown))}", setting="paint"
        )
    with within("paint"):
        return Paint(**given)


def check_load(paint: Paint, events_per_site: float) -> None:
    """Refuse sites that would be bright for more than half of the acquisition: their events would run together.

    Raises:
        ConfigError: ``events_per_site`` events of the mean length need more than half of the frames.
    """
    bright = events_per_site * paint.bright_frames
    if bright > paint.frames / 2:
        raise ConfigError(
            f"a site would be bright in {bright:.0f} of {paint.frames} frames ({events_per_site:.1f} events of "
            f"{paint.bright_frames:g} frames), expected at most half: raise frames, or lower events_per_site or "
            "bright_frames",
            setting="frames",
        )


def draw_events(
    n_sites: int, paint: Paint, events_per_site: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw when each site is bright.

    The events of one site are placed uniformly in the acquisition and never overlap, since a docking strand holds one
    imager at a time.

    Args:
        n_sites: Number of sites S in the FOV.
        paint: The settings.
        events_per_site: Mean number of events of one site that is there (takes the place of the one in ``paint``).
        rng: Source of random numbers.

    Returns:
        Site (N,) int64, from 0, and frame (N,) int64, from 0, of each localisation.
    """
    is_there = rng.random(n_sites) < paint.site_incorporation
    events = np.where(is_there, rng.poisson(events_per_site, n_sites), 0)
    site = np.repeat(np.arange(n_sites), events)
    length = rng.geometric(1.0 / paint.bright_frames, len(site))
    bright = np.zeros(n_sites, dtype=np.int64)
    np.add.at(bright, site, length)
    # cutting all bright frames out leaves a shorter film, in which the events are points in any order
    points = rng.integers(0, np.maximum(paint.frames - bright, 0)[site] + 1)
    points = points[np.lexsort((points, site))]
    start = points + _sum_before(length, events)
    frame = np.repeat(start, length) + _count_up(length)
    kept = frame < paint.frames
    return np.repeat(site, length)[kept], frame[kept]


def _count_up(lengths: np.ndarray) -> np.ndarray:
    """Return 0, 1, ... lengths[0] - 1, 0, 1, ... lengths[1] - 1, and so on."""
    ends = np.cumsum(lengths)
    return np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - lengths, lengths)


def _sum_before(values: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return for each value the sum of those before it in its group; groups of ``sizes`` follow one another."""
    before = np.cumsum(values) - values
    firsts = np.cumsum(sizes) - sizes
    return before - np.repeat(before[firsts[sizes > 0]], sizes[sizes > 0])


def localise(
    truth: np.ndarray, frame: np.ndarray, channel: np.ndarray, site: np.ndarray, paint: Paint, rng: np.random.Generator
) -> pl.DataFrame:
    """Draw the localisations of emitters at known places, as camera and fit give them.

    The precision is ``psf_sigma_nm / sqrt(photons)`` (Thompson et al. 2002, 10.1016/S0006-3495(02)75618-X, without
    pixels and background), the scatter is normal with that standard deviation, and the fitted width scatters by
    ``psf_sigma_nm / sqrt(2 photons)``.

    Args:
        truth: Positions (N, D) float64 in nm of the emitters; D is 2 or 3.
        frame: Frame (N,) int64 of each.
        channel: Channel (N,) int64 of each.
        site: Binding site (N,) int64 of each, ``NO_SITE`` for background.
        paint: The settings.
        rng: Source of random numbers.

    Returns:
        Table of N rows, with the columns and units of ``schema.LOCALISATION_COLUMNS``.
    """
    n, dimensions = truth.shape
    photons = rng.lognormal(np.log(paint.photons) - paint.photon_spread**2 / 2, paint.photon_spread, n)
    precision = paint.psf_sigma_nm / np.sqrt(photons)
    scatter = np.column_stack([precision, precision, paint.axial_factor * precision])[:, :dimensions]
    seen = truth + scatter * rng.standard_normal((n, dimensions))
    columns = {
        **{name: seen[:, axis] for axis, name in enumerate(schema.position_columns(dimensions))},
        schema.FRAME: frame,
        schema.PHOTONS: photons,
        schema.PRECISION: precision,
        schema.SIGMA: np.abs(paint.psf_sigma_nm + precision / np.sqrt(2) * rng.standard_normal(n)),
        schema.BACKGROUND: np.asarray(rng.poisson(paint.background_photons, n), dtype=np.float64),
        schema.CHANNEL: channel,
        schema.SITE: site,
    }
    if dimensions == 3:
        columns[schema.PRECISION_Z] = scatter[:, 2]
    known = schema.LOCALISATION_COLUMNS
    return pl.DataFrame({name: columns[name] for name in known if name in columns}, schema_overrides=_dtypes(columns))


def _dtypes(columns: dict[str, np.ndarray]) -> dict[str, type[pl.DataType] | pl.DataType]:
    return {name: schema.LOCALISATION_COLUMNS[name].dtype for name in columns}


def draw_localisations(
    sites: np.ndarray, channels: np.ndarray, paint: Paint, events_per_site: float, rng: np.random.Generator
) -> pl.DataFrame:
    """Draw the localisations of the binding sites of a FOV, without background.

    Args:
        sites: Positions (S, D) float64 in nm; D is 2 or 3.
        channels: Channel (S,) int64 of each site.
        paint: The settings.
        events_per_site: Mean number of binding events of one site that is there.
        rng: Source of random numbers.

    Returns:
        Table as from ``localise``; ``site`` is the row in ``sites``.
    """
    site, frame = draw_events(len(sites), paint, events_per_site, rng)
    return localise(sites[site], frame, channels[site], site, paint, rng)


def draw_background(field: np.ndarray, n_channels: int, paint: Paint, rng: np.random.Generator) -> pl.DataFrame:
    """Draw localisations that come from no site: uniform in the field, the frames and the channels.

    Args:
        field: Edge lengths of the field (D,) float64 in nm; D is 2 or 3.
        n_channels: Number of channels.
        paint: The settings.
        rng: Source of random numbers.

    Returns:
        Table as from ``localise``; ``site`` is ``NO_SITE``.
    """
    n = rng.poisson(paint.background_localisations)
    truth = rng.uniform(0.0, 1.0, (n, len(field))) * field
    frame = rng.integers(0, paint.frames, n)
    return localise(truth, frame, rng.integers(0, n_channels, n), np.full(n, NO_SITE), paint, rng)
