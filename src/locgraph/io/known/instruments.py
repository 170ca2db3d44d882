"""Tables that the software of microscopes writes: names, units and meaning of their columns."""

from __future__ import annotations

from typing import Final

from locgraph import schema
from locgraph.io.software import KnownTable, units_in_names


def _nanoimager(unit: str) -> KnownTable:
    # NimOS: names after NANOIMAGER_KEYS in src/locan/constants.py of super-resolution/Locan, its test file, and
    # "Features of ONI data" in the README of oubino/locpix_points. Which columns are there is a setting (Export
    # Options), so any of those that no other software has will do.
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
        any_of=(
            *("Photons", "Background", "Channel", "p-value", "Sigma X var", "PSF Sigma X (pix)"),
            *("X (pix)", "X raw (pix)", "X precision (nm)", "X precision (pix)"),
        ),
        without=("Int (photon)", "origX", "Left-Width (px)"),
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
# corrected counts, else corrected. `Width`, `Height`, `Area` and `BG` are left out: no unit is known. Lists of Insight3
# share `X` to `Zc`, in pixels: only names that Insight3 does not write tell N-STORM.
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
        marks=("X", "Y", "Xc", "Yc", "Frame", *marks),
        any_of=("Channel Name", "Lateral Localization Accuracy", "Xwc"),
    )


# Abbelight NEO, CSV in the style of ThunderSTORM, but with the widths along x and y under other names, and columns for
# the separation of colours by their ratio. Names after F-TranslateAB-TS.js of cleterrier/ChriSTORM.
_ABBELIGHT = KnownTable(
    "Abbelight NEO",
    {
        schema.X: ("x [nm]",),
        schema.Y: ("y [nm]",),
        schema.Z: ("z [nm]",),
        schema.FRAME: ("frame",),
        schema.PHOTONS: ("intensity [photon]",),
        schema.PRECISION: ("uncertainty_xy [nm]",),
        schema.SIGMA: (("sigma_x [nm]", "sigma_y [nm]"), "sigma [nm]"),
        schema.BACKGROUND: ("offset [photon]",),
        schema.N_FRAMES: ("detections",),
    },
    any_of=("amplitude [photon]", "intDemixing [photon]", "ratio_demixing"),
)

INSTRUMENTS: Final = (
    *(_nanoimager("nm"), _nanoimager("pix"), _CODI, _ELYRA),
    *(_nstorm("wc", "Xwc", "Ywc"), _nstorm("c"), _ABBELIGHT),
)
"""Tables of the software of microscopes; of two for the same software the first counts."""
