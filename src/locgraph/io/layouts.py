"""Recognition of the software that wrote a table: by its columns alone (`locgraph.io.known`), or with its metadata.

Metadata are needed for locgraph's own files, DECODE (units in comments), Micro-Manager (units in a first line) and
PALMTracer (size of a pixel in a first line); Insight3 is known by a name that holds the number of molecules.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from locgraph import schema
from locgraph.io.header import PREAMBLE, Layout
from locgraph.io.known.instruments import INSTRUMENTS
from locgraph.io.known.programs import PROGRAMS
from locgraph.io.software import Choices, choose, in_nm, units_in_names


def _own(names: Sequence[str], metadata: Mapping[str, str]) -> Layout | None:
    """Recognise locgraph's own tables by ``schema.META_UNITS`` in the metadata, which only locgraph writes."""
    try:
        units = json.loads(metadata[schema.META_UNITS])
    except (KeyError, ValueError, RecursionError):
        return None
    if not isinstance(units, dict):
        return None
    canonical = schema.LOCALISATION_COLUMNS.keys() - {schema.VIEW, schema.CLUSTER_ID}
    known = [name for name in names if name in canonical and name in units]
    if not {schema.X, schema.Y} <= set(known):
        return None
    lengths = {name: str(units[name]) for name in known if schema.is_length(name)}
    return Layout("locgraph", {name: name for name in known}, lengths)


def _decode(names: Sequence[str], metadata: Mapping[str, str]) -> Layout | None:
    """Recognise CSV of DECODE (10.1038/s41592-021-01236-x) by its comments, without which nothing tells the unit.

    After ``save_csv`` in ``decode/utils/emitter_io.py`` and ``EmitterSet`` in ``decode/generic/emitter.py`` of
    TuragaLab/DECODE: the third comment is JSON with ``xy_unit`` (nm or px) and ``px_size`` (nm along x and y); z is
    always in nm. ``*_sig`` are standard deviations, ``*_cr`` Cramer-Rao bounds of the variance.
    """
    preamble = metadata.get(PREAMBLE, "")
    if not preamble.startswith("# DECODE EmitterSet") or not {"x", "y"} <= set(names):
        return None
    choices: Choices = {
        schema.X: ("x",),
        schema.Y: ("y",),
        schema.Z: ("z",),
        schema.FRAME: ("frame_ix",),
        schema.PHOTONS: ("phot",),
        schema.PRECISION: (("x_sig", "y_sig"), ("x_cr", "y_cr")),
        schema.PRECISION_Z: ("z_sig", "z_cr"),
        schema.BACKGROUND: ("bg",),
    }
    chosen = choose(names, choices)
    meta = _decode_comment(preamble)
    unit, sizes = meta.get("xy_unit"), meta.get("px_size") or [None]
    units = {}
    for name, source in chosen.items():
        if schema.is_length(name):
            plain = "nm" if name in (schema.Z, schema.PRECISION_Z) else str(unit)
            is_variance = (source if isinstance(source, str) else source[0]).endswith("_cr")
            units[name] = f"{plain}^2" if is_variance else plain
    trouble = ""
    if unit not in ("nm", "px"):
        trouble = (
            f"expected xy_unit nm or px in the comments that DECODE writes; found {unit!r}. Choose columns=custom with "
            "columns.names and columns.unit"
        )
    elif unit == "px" and (len(set(sizes)) > 1 or len(sizes) > 2):  # DECODE multiplies z by a third value
        trouble = (
            f"expected square pixels; found {' x '.join(map(str, sizes))} nm in the comments. Save the emitters in nm "
            "(xyz_nm)"
        )
    size = sizes[0] if unit == "px" and isinstance(sizes[0], int | float) else None
    return Layout("DECODE", chosen, units, size, "its third comment (px_size)", trouble)


def _decode_comment(preamble: str) -> dict[str, Any]:
    """Return the JSON of the comment with the unit."""
    for line in preamble.splitlines():
        try:
            content = json.loads(line.lstrip("# "))
        except (ValueError, RecursionError):
            continue
        if isinstance(content, dict) and "xy_unit" in content:
            return content
    return {}


_MICROMANAGER: Final = (
    {
        schema.X: ("x",),
        schema.Y: ("y",),
        schema.Z: ("z",),
        schema.FRAME: ("frame",),
        schema.PHOTONS: ("intensity",),
        schema.PRECISION: ("x_precision",),
        schema.BACKGROUND: ("background",),
        schema.CHANNEL: ("channel",),
    },
    {
        schema.X: ("X (nm)",),
        schema.Y: ("Y (nm)",),
        schema.Z: ("Z (nm)",),
        schema.FRAME: ("Frame",),
        schema.PHOTONS: ("Int (photon)",),
        schema.PRECISION: ("Sigma (nm)",),
        schema.BACKGROUND: ("Background",),
        schema.CHANNEL: ("Channel",),
    },
)
"""Columns of text that Micro-Manager saves, and of tables of ImageJ that it fills."""


def _micromanager(names: Sequence[str], metadata: Mapping[str, str]) -> Layout | None:
    """Recognise Localization Microscopy of Micro-Manager by ``location_units: NM`` before the header, or by columns.

    After ``saveDataAsText`` in ``LoadAndSave.java``, ``Terms.java`` and ``SpotData.java`` below ``plugins/Gaussian`` of
    micro-manager/micro-manager: positions and the estimated error (``sigma_``, called ``x_precision`` or ``Sigma``) are
    in nm, and the first of two header lines states it. ``width`` is left out: nothing states that it is a standard
    deviation.
    """
    entries = dict(entry.split(": ", 1) for entry in metadata.get(PREAMBLE, "").split("\t") if ": " in entry)
    is_saved = entries.get("location_units") == "NM" and entries.get("intensity_units") == "PHOTONS"
    chosen = choose(names, _MICROMANAGER[0 if is_saved else 1])
    if not {schema.X, schema.Y, schema.PHOTONS} <= chosen.keys():
        return None
    return Layout("Micro-Manager", chosen, in_nm(chosen))


_INSIGHT3: Final = re.compile(r"Cas\d+")


def _insight3(names: Sequence[str], metadata: Mapping[str, str]) -> Layout | None:
    """Recognise lists of Insight3 by their first name, ``Cas`` with the number of molecules.

    After ``i3dtype.py`` and ``readinsight3.py`` below ``storm_analysis/sa_library`` of ZhuangLab/storm-analysis: X, Y
    and the drift-corrected Xc, Yc are camera pixels, z and Zc nm, and ``Cas`` is the category. ``Height``, ``Area``,
    ``Width``, ``BG`` and ``I`` are left out: they are camera counts, or full widths, and storm-analysis writes the
    error of its fit into ``I`` (ZhuangLab/storm-analysis issue 43).
    """
    if not names or not _INSIGHT3.fullmatch(names[0]):
        return None
    choices: Choices = {
        schema.X: ("Xc", "X"),
        schema.Y: ("Yc", "Y"),
        schema.Z: ("Zc", "Z"),
        schema.FRAME: ("Frame",),
        schema.N_FRAMES: ("Length",),
        schema.CHANNEL: (names[0],),
    }
    chosen = choose(names, choices)
    if not {schema.X, schema.Y} <= chosen.keys():
        return None
    units = {schema.X: "px", schema.Y: "px"} | ({schema.Z: "nm"} if schema.Z in chosen else {})
    return Layout("Insight3", chosen, units, pixel_size_from="")


_PALMTRACER: Final[Choices] = {
    schema.X: ("X (px)", "CentroidX (px)"),
    schema.Y: ("Y (px)", "CentroidY (px)"),
    schema.Z: ("Z (um)", "CentroidZ (um)"),
    schema.FRAME: ("Plane",),
    schema.SIGMA: (("SigmaX (px)", "SigmaY (px)"),),
}
_PALMTRACER_MARKS: Final = frozenset({"Plane", "Integrated_Intensity"})
_PALMTRACER_PIXEL: Final = "Pixel_Size(um)"


def _palmtracer(names: Sequence[str], metadata: Mapping[str, str]) -> Layout | None:
    """Recognise PALMTracer by its columns; names and values of the acquisition stand in two lines above them.

    After ``create_locPALMTracer.py`` and readers of ``locPALMTracer.txt`` on public code hosts. ``Channel`` is -1 where
    there is one only, and the intensity has no unit: both are left out.
    """
    chosen = choose(names, _PALMTRACER)
    if not set(names) >= _PALMTRACER_MARKS or not {schema.X, schema.Y} <= chosen.keys():
        return None
    lines = [line.split("\t") for line in metadata.get(PREAMBLE, "").splitlines()]
    stated = dict(zip(*lines[:2], strict=False)) if len(lines) > 1 else {}
    try:
        size = 1000 * float(stated[_PALMTRACER_PIXEL])
    except (KeyError, ValueError):
        size = None
    return Layout("PALMTracer", chosen, units_in_names(chosen), size, f"its second line ({_PALMTRACER_PIXEL})")


_BY_METADATA: Final[tuple[Callable[[Sequence[str], Mapping[str, str]], Layout | None], ...]] = (
    *(_own, _insight3, _decode, _micromanager, _palmtracer),
)


def find_layouts(names: Sequence[str], metadata: Mapping[str, str]) -> list[Layout]:
    """Return a layout for each software that writes such columns: one at most, as each is known by its own.

    Args:
        names: Names of the columns.
        metadata: Metadata of the file.
    """
    recognisers = (*_BY_METADATA, *(table.recognise for table in (*INSTRUMENTS, *PROGRAMS)))
    layouts: dict[str, Layout] = {}
    for recogniser in recognisers:
        layout = recogniser(names, metadata)
        if layout is not None:
            layouts.setdefault(layout.software, layout)
    return list(layouts.values())


def recognise(names: Sequence[str], metadata: Mapping[str, str]) -> Layout | None:
    """Return what the columns of a table are; None where no known software writes such columns.

    A table that fits several, such as one that was joined from two, is none that can be read without the user.

    Args:
        names: Names of the columns.
        metadata: Metadata of the file.
    """
    layouts = find_layouts(names, metadata)
    if len(layouts) < 2:
        return layouts[0] if layouts else None
    software = " and ".join(layout.software for layout in layouts)
    return replace(
        layouts[0],
        software=software,
        trouble=(
            f"expected columns of one software; found those of {software}. Choose columns=custom with "
            "columns.names and columns.unit"
        ),
    )
