"""Known software: names, units and meaning of the columns that each writes into tables and text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from locgraph import schema
from locgraph.io.header import Layout, Sources
from locgraph.io.values import unit_in_name

Choices = Mapping[str, Sequence[Sources]]
"""Canonical name -> names in the file, of different versions, the best first."""


def choose(names: Sequence[str], choices: Choices) -> dict[str, Sources]:
    """Pick the first name, or group of names, that is wholly there.

    Args:
        names: Columns of a file.
        choices: Canonical name -> names in the file, the best first.

    Returns:
        Canonical name -> name in the file; without those of which no choice is there.
    """
    present = set(names)
    chosen: dict[str, Sources] = {}
    for canonical, sources in choices.items():
        for source in sources:
            if present.issuperset((source,) if isinstance(source, str) else source):
                chosen[canonical] = source
                break
    return chosen


def units_in_names(chosen: Mapping[str, Sources]) -> dict[str, str]:
    """Return canonical name -> unit of each length, where the names in the file state it in brackets."""
    units = {
        name: unit_in_name(source if isinstance(source, str) else source[0])
        for name, source in chosen.items()
        if schema.is_length(name)
    }
    return {name: unit for name, unit in units.items() if unit is not None}


def in_nm(chosen: Mapping[str, Sources]) -> dict[str, str]:
    """Return canonical name -> nm, for each length."""
    return {name: "nm" for name in chosen if schema.is_length(name)}


@dataclass(frozen=True)
class KnownTable:
    """Columns of one software.

    Attributes:
        software: Its name, for messages.
        columns: Canonical name -> names in the file, the best first.
        marks: Names of columns by which it is known; where empty, x and y.
        only: Whether ``marks`` are all columns; ``Z`` may be absent.
        units: How lengths get their units.
        other_units: Units that differ from these.
        extras: Further arguments of `Layout`.
    """

    software: str
    columns: Choices
    marks: tuple[str, ...] = ()
    only: bool = False
    units: Callable[[Mapping[str, Sources]], dict[str, str]] = in_nm
    other_units: Mapping[str, str] = field(default_factory=dict)
    extras: Mapping[str, Any] = field(default_factory=dict)

    def recognise(self, names: Sequence[str]) -> Layout | None:
        """Return the layout; None where the columns are not those of this software."""
        is_known = set(self.marks) <= set(names)
        if self.only:
            is_known = tuple(names) in (self.marks, tuple(name for name in self.marks if name != "Z"))
        chosen = choose(names, self.columns)
        if not is_known or not {schema.X, schema.Y} <= chosen.keys():
            return None
        return Layout(self.software, chosen, self.units(chosen) | dict(self.other_units), **self.extras)


def _lengths(name: str) -> tuple[str, ...]:
    return tuple(f"{name} [{unit}]" for unit in ("nm", "um", "px"))


# Ovesny et al. 2014, 10.1093/bioinformatics/btu202. Names and units after MoleculeDescriptor.java of
# zitmen/thunderstorm: users may turn each length into nm, um or px, and intensities into A/D counts, which are left out
# here. Older versions write `uncertainty`, newer `uncertainty_xy`. Others, such as Picasso, write the same format.
_THUNDERSTORM = KnownTable(
    "ThunderSTORM",
    {
        schema.X: _lengths("x"),
        schema.Y: _lengths("y"),
        schema.Z: _lengths("z"),
        schema.FRAME: ("frame",),
        schema.PHOTONS: ("intensity [photon]",),
        schema.PRECISION: (*_lengths("uncertainty_xy"), *_lengths("uncertainty")),
        schema.PRECISION_Z: _lengths("uncertainty_z"),
        schema.SIGMA: (*_lengths("sigma"), *zip(_lengths("sigma1"), _lengths("sigma2"), strict=True)),
        schema.BACKGROUND: ("offset [photon]",),
        schema.N_FRAMES: ("detections",),
    },
    units=units_in_names,
)


def _nanoimager(unit: str) -> KnownTable:
    # NimOS: names after NANOIMAGER_KEYS in src/locan/constants.py of super-resolution/Locan, its test file, and
    # "Features of ONI data" in the README of oubino/locpix_points. Which columns are there is a setting (Export
    # Options).
    return KnownTable(
        "ONI Nanoimager",
        {
            schema.X: (f"X ({unit})",),
            schema.Y: (f"Y ({unit})",),
            schema.Z: ("Z (nm)", "Z (pix)"),
            schema.FRAME: ("Frame",),
            schema.PHOTONS: ("Photons",),
            schema.PRECISION: tuple(
                source
                for unit in ("nm", "pix")
                for source in ((f"X precision ({unit})", f"Y precision ({unit})"), f"X precision ({unit})")
            ),
            schema.PRECISION_Z: ("Z precision (nm)", "Z precision (pix)"),
            schema.SIGMA: (("PSF Sigma X (pix)", "PSF Sigma Y (pix)"), "PSF Sigma X (pix)"),
            schema.BACKGROUND: ("Background",),
            schema.SIGMA_VARIANCE: (("Sigma X var", "Sigma Y var"), "Sigma X var"),
            schema.P_VALUE: ("p-value",),
            schema.CHANNEL: ("Channel",),
        },
        units=units_in_names,
        extras={"pixel_size_from": "the settings of NimOS"},
    )


# ONI CODI, tables of its API: order, meaning, units and names of the columns after explore-one-file.py of
# AlistairCurd/smlm-explore. The names that CODI itself writes are not public. Precision is a variance in nm^2.
_CODI = KnownTable(
    "ONI CODI",
    {
        schema.X: ("x-nm",),
        schema.Y: ("y-nm",),
        schema.Z: ("z-nm",),
        schema.FRAME: ("frame",),
        schema.PHOTONS: ("intensity-mean-photons",),
        schema.PRECISION: (("var-x-nm2", "var-y-nm2"),),
        schema.SIGMA: (("sigma-x-mean-nm", "sigma-y-mean-nm"), ("sigma-x-mean-nm", "sigma-y-mean")),
        schema.BACKGROUND: ("bg-mean-photons",),
        schema.SIGMA_VARIANCE: (("var-sigma-x-nm2", "var-sigma-y-nm2"),),
        schema.N_FRAMES: ("duration-frames",),
        schema.CHANNEL: ("channel",),
        schema.SOURCE_CLUSTER: ("cluster-id",),
    },
    marks=("x-nm", "y-nm", "var-x-nm2", "var-y-nm2"),
    other_units={schema.PRECISION: "nm^2"},
)

# Zeiss ELYRA (ZEN), tab-delimited text in Latin-1 with settings of the microscope behind a NUL byte. Names after
# ELYRA_KEYS in src/locan/constants.py and elyra_io.py of super-resolution/Locan. That `PSF half width` is a standard
# deviation is not stated anywhere, so it is left out, and so is the variance of the background.
_ELYRA = KnownTable(
    "Zeiss ELYRA",
    {
        schema.X: ("Position X [nm]",),
        schema.Y: ("Position Y [nm]",),
        schema.Z: ("Position Z [nm]",),
        schema.FRAME: ("First Frame",),
        schema.PHOTONS: ("Number Photons", "Number photons"),
        schema.PRECISION: ("Precision [nm]",),
        schema.N_FRAMES: ("Number Frames",),
        schema.CHANNEL: ("Channel",),
    },
    marks=("First Frame",),
    extras={"ends_at_nul": True},
)

# Nikon N-STORM (NIS-Elements), tab-delimited text with up to four positions for each localisation, all in nm. Names
# after public readers, such as F-NStxtTranslate.js of cleterrier/ChriSTORM, which takes positions and `Lateral
# Localization Accuracy` as nm. `X` is raw, `c` corrected for drift, `w` warped (chromatic aberration): warped and
# corrected counts, else corrected. `Width`, `Height`, `Area` and `BG` are left out: no unit is known.
_NSTORM_MARKS = ("X", "Y", "Xc", "Yc", "Frame")


def _nstorm(axis: str, *marks: str) -> KnownTable:
    return KnownTable(
        "Nikon N-STORM",
        {
            schema.X: (f"X{axis}",),
            schema.Y: (f"Y{axis}",),
            schema.Z: (f"Z{axis}", "Zc", "Z"),
            schema.FRAME: ("Frame",),
            schema.PHOTONS: ("Photons",),
            schema.PRECISION: ("Lateral Localization Accuracy",),
            schema.N_FRAMES: ("Length",),
            schema.CHANNEL: ("Channel Name", "Name"),
        },
        marks=(*_NSTORM_MARKS, *marks),
    )


# Text that Picasso writes for Nikon's NIS-Elements (export_txt_nis in picasso/io.py of jungmannlab/picasso). Positions
# in nm are taken, and nothing else: since its tables became those of pandas, Picasso writes the other columns in
# another order than their names, so that photons stand below `BG` and frames below `Length`. Its HDF5 has all of them.
_NIS = KnownTable(
    "Picasso (text for NIS)",
    {schema.X: ("X",), schema.Y: ("Y",), schema.Z: ("Z",)},
    marks=("X", "Y", "Z", "Channel", "Width", "BG", "Length", "Area", "Frame"),
    only=True,
)

# SMAP (Ries 2020, 10.1038/s41592-020-0938-1), CSV and text of its plugin export_coordinates.m, in nm. Names after that
# plugin and SMAP_KEYS in src/locan/constants.py of super-resolution/Locan. The columns are fields of `saveloc.loc`, of
# which users choose some. `layer` is what a display shows, and no channel.
_SMAP = KnownTable(
    "SMAP",
    {
        schema.X: ("xnm",),
        schema.Y: ("ynm",),
        schema.Z: ("znm",),
        schema.FRAME: ("frame",),
        schema.PHOTONS: ("phot",),
        schema.PRECISION: (("xnmerr", "ynmerr"), "locprecnm"),
        schema.PRECISION_Z: ("znmerr", "locprecznm"),
        schema.SIGMA: (("PSFxnm", "PSFynm"), "PSFxnm"),
        schema.BACKGROUND: ("bg",),
        schema.CHANNEL: ("channel",),
    },
)

# Localisation microscopy challenges of EPFL (Sage et al. 2019, 10.1038/s41592-019-0364-4), CSV in nm, frames from 1.
# Names after challenge_mapping in decode/utils/emitter_io.py of TuragaLab/DECODE. `intensity` is left out: it is
# photons in some of the files, and arbitrary in others.
_CHALLENGE = KnownTable(
    "EPFL challenge",
    {schema.X: ("xnano",), schema.Y: ("ynano",), schema.Z: ("znano",), schema.FRAME: ("frame",)},
)

KNOWN: Final = (
    *(_THUNDERSTORM, _nanoimager("nm"), _nanoimager("pix"), _CODI, _ELYRA),
    *(_nstorm("wc", "Xwc", "Ywc"), _nstorm("c"), _NIS, _SMAP, _CHALLENGE),
)
"""Software that is known by the names of the columns alone."""
