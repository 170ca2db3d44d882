"""Tables that programs for localisation write: names, units and meaning of their columns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from locgraph import schema
from locgraph.io.software import Choices, KnownTable, in_px, units_in_names


def _lengths(name: str, brackets: str = "[]") -> tuple[str, ...]:
    return tuple(f"{name} {brackets[0]}{unit}{brackets[1]}" for unit in ("nm", "um", "px"))


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
    without=("amplitude [photon]", "intDemixing [photon]", "ratio_demixing"),
    units=units_in_names,
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

# Picasso (Schnitzbauer et al. 2017, 10.1038/nprot.2017.024), columns of its HDF5 after docs/table01.csv of
# jungmannlab/picasso; `picasso hdf2csv` (picasso/__main__.py) writes the same into CSV, without the YAML that holds the
# size of a pixel. Lengths are camera pixels, but for z.
PICASSO: Final[Choices] = {
    schema.X: ("x",),
    schema.Y: ("y",),
    schema.Z: ("z",),
    schema.FRAME: ("frame",),
    schema.PHOTONS: ("photons",),
    schema.PRECISION: (("lpx", "lpy"), "lpx"),
    schema.PRECISION_Z: ("lpz",),
    schema.SIGMA: (("sx", "sy"), "sx"),
    schema.BACKGROUND: ("bg",),
    schema.N_FRAMES: ("len",),
    schema.SOURCE_CLUSTER: ("group",),
    schema.PICK: ("group_input",),  # of picks whose localisations were clustered: `group` is the cluster then
}
PICASSO_MOLECULES: Final = frozenset({"std_frame"})
"""Column of molecular maps of all versions (``docs/table02.csv``): there a row is a molecule, a frame the mean over its
localisations, and ``n`` their number."""
NOT_OF_MOLECULES: Final = (schema.SOURCE_CLUSTER, schema.PRECISION_Z)
PICASSO_IN_NM: Final = (schema.Z, schema.PRECISION_Z)


def _picasso(software: str, columns: Choices, *, marks: Iterable[str] = (), without: Iterable[str] = ()) -> KnownTable:
    return KnownTable(
        software,
        columns,
        marks=("x", "y", "frame", "lpx", "lpy", *marks),
        without=tuple(without),
        units=in_px,
        other_units=dict.fromkeys(PICASSO_IN_NM, "nm"),
        extras={"pixel_size_from": "the YAML of its HDF5 (Pixelsize)"},
    )


_PICASSO_LOCS = _picasso("Picasso (CSV)", PICASSO, without=PICASSO_MOLECULES)
_PICASSO_MOLECULES = _picasso(
    "Picasso (CSV of a molecular map)",
    {name: sources for name, sources in PICASSO.items() if name not in NOT_OF_MOLECULES},
    marks=PICASSO_MOLECULES,
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

# storm-analysis (Zhuang lab), fields of its HDF5 after storm_analysis/sa_library/sa_h5py.py and docs/output_files.rst
# of ZhuangLab/storm-analysis: x, y and widths in camera pixels, z in um, `sum` and `background` in photo-electrons.
# hdf5_to_txt.py below storm_analysis/sa_utilities writes them into CSV, behind `index`.
STORM_ANALYSIS: Final[Choices] = {
    schema.X: ("x",),
    schema.Y: ("y",),
    schema.Z: ("z",),
    schema.FRAME: ("frame", "frame_number"),
    schema.PHOTONS: ("sum",),
    schema.SIGMA: (("xsigma", "ysigma"), "xsigma"),
    schema.BACKGROUND: ("background",),
    schema.SOURCE_CLUSTER: ("track_id",),
}
STORM_ANALYSIS_UNITS: Final = {schema.X: "px", schema.Y: "px", schema.SIGMA: "px", schema.Z: "um"}
_STORM_ANALYSIS = KnownTable(
    "storm-analysis",
    {**STORM_ANALYSIS, schema.N_FRAMES: ("track_length",), schema.CHANNEL: ("category",)},
    marks=("index", "x", "y"),
    any_of=("xsigma", "significance", "track_length"),
    other_units=STORM_ANALYSIS_UNITS,
    extras={"pixel_size_from": "its HDF5 (attribute pixel_size)"},
)

# GDSC SMLM (Etheridge et al. 2022, 10.12688/wellcomeopenres.18327.1), tables of ImageJ and text below comments. Names
# after TextFilePeakResults.java of aherbert/gdsc-smlm: the user chooses the units, and each name states its own; older
# versions state none.
_GDSC = KnownTable(
    "GDSC SMLM",
    {
        schema.X: (*_lengths("X", "()"), "X"),
        schema.Y: (*_lengths("Y", "()"), "Y"),
        schema.Z: _lengths("Z", "()"),
        schema.FRAME: ("Frame", "T"),
        schema.PHOTONS: ("Intensity (photon)",),
        schema.PRECISION: ("Precision (nm)",),
        schema.SIGMA: (*zip(_lengths("Sx", "()"), _lengths("Sy", "()"), strict=True), *_lengths("S", "()")),
        schema.BACKGROUND: ("Background (photon)",),
        schema.SOURCE_CLUSTER: ("Id",),
    },
    marks=("origX", "origY", "origValue"),
    units=units_in_names,
    extras={"pixel_size_from": "its calibration (nmPerPixel)"},
)

# PYME (python-microscopy), text after to_csv in PYME/IO/tabular.py: names behind `#`, in nm. `t` is the frame, `A` an
# amplitude, and no number of photons.
PYME: Final[Choices] = {
    schema.X: ("x", "fitResults_x0"),
    schema.Y: ("y", "fitResults_y0"),
    schema.Z: ("z", "fitResults_z0"),
    schema.FRAME: ("t", "tIndex"),
    schema.PHOTONS: ("nPhotons",),
    schema.PRECISION: (("error_x", "error_y"), ("fitError_x0", "fitError_y0"), "error_x"),
    schema.PRECISION_Z: ("error_z", "fitError_z0"),
    schema.SIGMA: ("sig", "fitResults_sigma"),
}
_PYME = KnownTable(
    "PYME",
    PYME,
    marks=("x", "y", "t", "error_x"),
    any_of=("A", "sig", "tIndex", "nPhotons", "fitResults_x0"),
)

# pyMINFLUX, CSV after pyminflux/writer/_writer.py and _reader.py: positions in nm, `tid` is the trace, `tim` the time
# in seconds, and there is no frame.
PYMINFLUX: Final[Choices] = {
    schema.X: ("x",),
    schema.Y: ("y",),
    schema.Z: ("z",),
    schema.SOURCE_CLUSTER: ("tid",),
    schema.CHANNEL: ("fluo",),
}
_PYMINFLUX = KnownTable(
    "pyMINFLUX",
    PYMINFLUX,
    marks=("tid", "tim", "x", "y", "efo", "cfr"),
)

# QuickPALM (Henriques et al. 2010, 10.1038/nmeth0510-339), table of ImageJ. Names after MyFunctions.java: the widths
# are half widths at half maximum, and the intensity has no unit.
_QUICKPALM = KnownTable(
    "QuickPALM",
    {
        schema.X: ("X (nm)",),
        schema.Y: ("Y (nm)",),
        schema.Z: ("Z (nm)",),
        schema.FRAME: ("Frame Number",),
    },
    marks=("Left-Width (px)", "Up-Height (px)"),
)

# Text of Locan has its own names of properties (PROPERTY_KEYS in src/locan/constants.py of super-resolution/Locan), and
# states no unit.
_LOCAN = KnownTable(
    "Locan",
    {
        schema.X: ("position_x",),
        schema.Y: ("position_y",),
        schema.Z: ("position_z",),
        schema.FRAME: ("frame",),
        schema.PRECISION: (("uncertainty_x", "uncertainty_y"), "uncertainty"),
        schema.PRECISION_Z: ("uncertainty_z",),
        schema.CHANNEL: ("channel",),
    },
    units=units_in_names,
)

PROGRAMS: Final = (
    *(_THUNDERSTORM, _NIS, _PICASSO_LOCS, _PICASSO_MOLECULES, _SMAP, _CHALLENGE),
    *(_STORM_ANALYSIS, _GDSC, _PYME, _PYMINFLUX, _QUICKPALM, _LOCAN),
)
"""Tables of programs that localise molecules; of two for the same software the first counts."""
