"""Simulated rings as nuclear pore complexes show them, and variants: other symmetry, flattened, incomplete.

A nuclear pore complex holds 32 copies of Nup96: 16 in each of two rings, 107 nm across and 50 nm apart along the axis,
as eight corners of two copies 12 nm apart. Source: Thevathasan et al. 2019 (10.1038/s41592-019-0574-9).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import polars as pl

from locgraph.errors import ConfigError, within
from locgraph.settings import check_number, check_whole
from locgraph.simulate.origami import Origami
from locgraph.simulate.paint import Paint, check_load

DIAMETER_NM: Final = 107.0
PAIR_NM: Final = 12.0
SEPARATION_NM: Final = 50.0
"""Of the rings of Nup96; see the source above."""

Span = tuple[float, float]
"""Least and largest value of a factor; equal where it does not vary."""

_LIMITS: Final[Mapping[str, Mapping[str, float]]] = {
    "aspect": {"above": 0, "at_most": 1},
    "diameter_nm": {"above": 0},
    "separation_nm": {"at_least": 0},
    "twist_deg": {"at_least": -180, "at_most": 180},
    "labelled": {"above": 0, "at_most": 1},
}
"""Factors that a class states as a number, or as [least, largest] to draw one for each FOV."""


class Rings(Origami):
    """Draws FOVs of rings with corners, one kind of ring for each class; posed and seen as `Origami` is.

    Args:
        classes: Class name -> ``corners``, their number; ``present``, how many of them in a row are there, None for
            all; and factors, each a number, or ``[least, largest]`` to draw one for each FOV (uniform): ``aspect``, the
            short axis over the long one of a flattened ring of the same circumference; ``diameter_nm``;
            ``separation_nm``; ``twist_deg``; ``labelled``. What is left out is ``corners: 8, present: null, aspect: 1``
            and the values below. The order is the order of the classes.
        diameter_nm: Diameter of a round ring in nm, or ``[least, largest]``.
        pair_nm: Distance between both copies of a corner, in nm.
        separation_nm: Distance of both rings along the axis in nm, or ``[least, largest]``. In 2D they lie on each
            other, also when tilted.
        twist_deg: Angle about the axis by which the second ring is turned in degrees, or ``[least, largest]``.
        labelled: Probability that a copy is labelled, or ``[least, largest]``; None takes ``paint.site_incorporation``.
        size_spread: Standard deviation of the size of a ring, as a part of it (normal).
        paint: As for `Origami`, and so are all others.
        dimensions: 2 or 3.
        structures_per_fov: Rings in one FOV.
        field_nm: Edge length of the square field, in nm.
        depth_nm: Axial extent of the field in nm; 3D only.
        gap_nm: Least free space between two rings, in nm.
        max_tilt_deg: Largest tilt against the optical axis, in degrees.
        equalise_counts: Whether classes, and FOVs with other ``labelled``, have the same mean number of localisations.

    Raises:
        ConfigError: A value that cannot work.
    """

    kind = "rings"

    def __init__(
        self,
        classes: Mapping[str, Mapping[str, Any]],
        diameter_nm: float | Sequence[float] = DIAMETER_NM,
        pair_nm: float = PAIR_NM,
        separation_nm: float | Sequence[float] = SEPARATION_NM,
        twist_deg: float | Sequence[float] = 0.0,
        labelled: float | Sequence[float] | None = None,
        size_spread: float = 0.0,
        paint: Paint | Mapping[str, Any] | None = None,
        dimensions: int = 2,
        structures_per_fov: int = 1,
        field_nm: float = 250.0,
        depth_nm: float | None = None,
        gap_nm: float = 20.0,
        max_tilt_deg: float | None = None,
        equalise_counts: bool = True,
    ) -> None:
        if not isinstance(classes, Mapping) or not classes:
            raise ConfigError(f"expected {{class: {{corners: 8}}, ...}}; found {classes!r}", setting="classes")
        given = {"aspect": 1.0, "diameter_nm": diameter_nm, "separation_nm": separation_nm, "twist_deg": twist_deg}
        shared = {name: _read_span(name, value) for name, value in given.items()}
        if labelled is not None:
            shared["labelled"] = _read_span("labelled", labelled)
        self.pair_nm = check_number("pair_nm", pair_nm, at_least=0)
        self.size_spread = check_number("size_spread", size_spread, at_least=0, at_most=0.3)
        self.variants = {str(name): _read_variant(str(name), variant, shared) for name, variant in classes.items()}
        largest = {name: self._build_sites(each, each.largest(), dimensions) for name, each in self.variants.items()}
        super().__init__(
            {name: sites[:, :dimensions].tolist() for name, sites in largest.items()},
            paint,
            dimensions,
            structures_per_fov,
            field_nm,
            depth_nm,
            gap_nm,
            max_tilt_deg,
            equalise_counts=equalise_counts,
        )
        self._check_load()

    def draw_sites(self, class_name: str, rng: np.random.Generator) -> np.ndarray:
        """Return the true places of all copies of a FOV, as `Origami.draw_sites`; each ring has a size of its own."""
        return self._draw(class_name, rng)[0]

    def draw_factors(self, class_name: str, rng: np.random.Generator) -> dict[str, float]:
        """Return shape and labelling of the rings of a FOV; diameter and separation are means of its rings."""
        return self._draw(class_name, rng)[1]

    def simulate_fov(self, class_name: str, rng: np.random.Generator) -> pl.DataFrame:
        """Return the localisations of one FOV, as `Origami.simulate_fov`."""
        sites, factors = self._draw(class_name, rng)
        labelled = factors["labelled"]
        paint = replace(self.paint, site_incorporation=labelled)
        return self._image(class_name, sites, paint, self._events(class_name, labelled), rng)

    def settings(self) -> dict[str, Any]:
        """Return everything that decides what is drawn, as plain values."""
        varied = {name: each.varied() for name, each in self.variants.items() if each.varied()}
        own = {"size_spread": self.size_spread}
        # absent where nothing varies, as in the records of earlier versions
        return super().settings() | own | ({"varied": varied} if varied else {})

    def _draw(self, class_name: str, rng: np.random.Generator) -> tuple[np.ndarray, dict[str, float]]:
        structure = self._structure(class_name)
        variant = self.variants[class_name]
        values = variant.draw(rng)
        sites = self._pose(self._build_sites(variant, values, self.dimensions), structure.radius_nm, rng)
        sizes = np.ones((self.structures_per_fov, 1, 1))
        if self.size_spread > 0:
            sizes = rng.normal(1.0, self.size_spread, sizes.shape)
            rings = sites.reshape(self.structures_per_fov, -1, self.dimensions)
            centres = rings.mean(axis=1, keepdims=True)
            sites = (centres + (rings - centres) * sizes).reshape(sites.shape)
        lengths = {name: values.pop(name) * float(sizes.mean()) for name in ("diameter_nm", "separation_nm")}
        if self.dimensions == 2:
            del lengths["separation_nm"]  # of no effect
        counts = {"corners": float(variant.corners), "present": float(variant.present)}
        return sites, counts | {"labelled": self.paint.site_incorporation} | values | lengths

    def _events(self, class_name: str, labelled: float) -> float:
        """Return the mean number of events of a copy that is labelled, where the part ``labelled`` of all is."""
        events = self.events_per_site[class_name]
        return events * self.paint.site_incorporation / labelled if self.equalise_counts else events

    def _check_load(self) -> None:
        """Refuse events of the fewest copies that are labelled, if these would run together."""
        for name, variant in self.variants.items():
            if "labelled" in variant.spans:
                with within(f"classes.{name}.labelled"):
                    check_load(self.paint, self._events(name, variant.spans["labelled"][0]))

    def _build_sites(self, variant: Variant, values: Mapping[str, float], dimensions: int) -> np.ndarray:
        """Return the copies (S, 3) in nm of both rings about their mean; z is 0 in 2D."""
        corners, present = variant.corners, variant.present
        flat = ring_sites(corners, present, values["aspect"], values["diameter_nm"], self.pair_nm)
        angle = np.deg2rad(values["twist_deg"])
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        sites = np.concatenate([flat, flat @ turn if angle else flat])
        height = values["separation_nm"] if dimensions == 3 else 0.0
        sites = np.column_stack([sites, np.repeat([-height / 2, height / 2], len(flat))])
        return sites - sites.mean(axis=0)


@dataclass(frozen=True)
class Variant:
    """One kind of ring.

    Attributes:
        corners: Number of corners of a whole ring.
        present: How many of them in a row are there.
        spans: Factors by name, those of ``_LIMITS``; ``labelled`` only where the class states it.
    """

    corners: int
    present: int
    spans: Mapping[str, Span]

    def draw(self, rng: np.random.Generator) -> dict[str, float]:
        """Draw the factors of a FOV; of those that do not vary nothing is drawn."""
        return {name: low if low == high else float(rng.uniform(low, high)) for name, (low, high) in self.spans.items()}

    def largest(self) -> dict[str, float]:
        """Return the largest value of each factor, of rings that need the most space."""
        return {name: high for name, (_, high) in self.spans.items()} | {"aspect": self.spans["aspect"][0]}

    def varied(self) -> dict[str, list[float]]:
        """Return the factors that sites at the largest values do not determine."""
        return {name: [low, high] for name, (low, high) in self.spans.items() if low < high or name == "labelled"}


def _read_span(name: str, given: Any) -> Span:
    """Return the least and largest value of a factor given as a number or as two."""
    limits = _LIMITS[name]
    if isinstance(given, Sequence) and not isinstance(given, str):
        if len(given) != 2:
            raise ConfigError(f"expected a number, or [least, largest]; found {given!r}", setting=name)
        low, high = (check_number(f"{name}[{index}]", value, **limits) for index, value in enumerate(given))
        if low > high:
            raise ConfigError(f"expected [least, largest]; found {given!r}", setting=name)
        return low, high
    value = check_number(name, given, **limits)
    return value, value


def _read_variant(name: str, variant: Mapping[str, Any] | None, shared: Mapping[str, Span]) -> Variant:
    """Return the kind of ring that a class describes; ``shared`` are factors that hold where it states none."""
    given = {"corners": 8, "present": None} | dict(variant or {})
    known = ("corners", "present", *_LIMITS)
    unknown = [key for key in given if key not in known]
    if unknown:
        raise ConfigError(
            f"expected some of {', '.join(known)}; found {', '.join(map(repr, unknown))}", setting=f"classes.{name}"
        )
    with within(f"classes.{name}"):
        corners = check_whole("corners", given["corners"], at_least=3)
        present = corners if given["present"] is None else check_whole("present", given["present"], at_least=1)
        if present > corners:
            raise ConfigError(f"expected at most the {corners} corners; found {present}", setting="present")
        own = {key: _read_span(key, given[key]) for key in _LIMITS if key in given}
    spans = {**shared, **own}
    return Variant(corners, present, {key: spans[key] for key in _LIMITS if key in spans})


def ring_sites(corners: int, present: int, aspect: float, diameter_nm: float, pair_nm: float) -> np.ndarray:
    """Return both copies of each corner of a ring.

    Args:
        corners: Number of corners that a whole ring has, evenly round it.
        present: How many of them in a row are there.
        aspect: Short axis over long axis; 1 is round. The circumference stays that of the round ring, by Ramanujan's
            second approximation.
        diameter_nm: Diameter of the round ring, in nm.
        pair_nm: Distance between both copies, along the tangent of the round ring, in nm.

    Returns:
        Positions (2 * present, 2) float64 in nm about the centre of the ring.
    """
    angle = 2 * np.pi * np.arange(present) / corners
    radial = np.column_stack([np.cos(angle), np.sin(angle)])
    tangent = np.column_stack([-np.sin(angle), np.cos(angle)])
    half = pair_nm / 2 * tangent
    both = np.concatenate([diameter_nm / 2 * radial - half, diameter_nm / 2 * radial + half])
    h = ((1 - aspect) / (1 + aspect)) ** 2
    long = 2.0 / ((1 + aspect) * (1 + 3 * h / (10 + np.sqrt(4 - 3 * h))))
    return both * np.array([long, long * aspect])
