"""All layouts together: one for each table, with a unit for each length."""

import json

import pytest

from locgraph import schema
from locgraph.io.columns import MAPPABLE
from locgraph.io.file_columns import FileColumns
from locgraph.io.header import PREAMBLE, Header
from locgraph.io.layouts.known import LAYOUTS, recognise

UNITS = {name: column.unit for name, column in schema.LOCALISATION_COLUMNS.items()}
DECODED = '# DECODE EmitterSet\n# {}\n# {"xy_unit": "nm", "px_size": null}'
SAVED = "application_id: 1\tlocation_units: NM\tintensity_units: PHOTONS"
TABLES = {
    "locgraph": (list(MAPPABLE), {"units": json.dumps(UNITS)}),
    "ThunderSTORM": (["x [nm]", "y [nm]", "z [nm]", "uncertainty [nm]", "sigma1 [nm]", "sigma2 [nm]", "frame"], {}),
    "ONI Nanoimager": (["X (nm)", "Y (nm)", "Z (nm)", "X precision (nm)", "Y precision (nm)", "Frame"], {}),
    "ONI CODI": (["x-nm", "y-nm", "var-x-nm2", "var-y-nm2", "sigma-x-mean-nm", "sigma-y-mean-nm"], {}),
    "Zeiss ELYRA": (["First Frame", "Position X [nm]", "Position Y [nm]", "Precision [nm]"], {}),
    "Nikon N-STORM": (["X", "Y", "Xc", "Yc", "Z", "Frame", "Lateral Localization Accuracy"], {}),
    "Picasso (text for NIS)": (["X", "Y", "Channel", "Width", "BG", "Length", "Area", "Frame"], {}),
    "SMAP": (["xnm", "ynm", "znm", "locprecnm", "locprecznm", "PSFxnm", "PSFynm"], {}),
    "DECODE": (["x", "y", "z", "x_sig", "y_sig", "z_sig"], {PREAMBLE: DECODED}),
    "Micro-Manager": (["x", "y", "z", "intensity", "x_precision"], {PREAMBLE: SAVED}),
    "EPFL challenge": (["xnano", "ynano", "znano", "frame"], {}),
}


def test_every_layout_has_an_example():
    assert len(TABLES) == len(LAYOUTS)


@pytest.mark.parametrize("software", TABLES)
def test_exactly_one_layout_knows_a_table(software):
    found = [layout for known in LAYOUTS if (layout := known(*TABLES[software])) is not None]

    assert [layout.software for layout in found] == [software]
    assert recognise(*TABLES[software]) == found[0]


@pytest.mark.parametrize("software", TABLES)
def test_every_length_has_a_unit_and_nothing_else_has(software):
    layout = recognise(*TABLES[software])

    assert set(layout.names) <= set(MAPPABLE)
    assert set(layout.units) == {name for name in layout.names if schema.is_length(name)}
    names, metadata = TABLES[software]
    columns = FileColumns().for_file(Header(tuple(names), metadata, layout), "a.csv")
    assert set(columns.present(names)) == set(layout.names)


@pytest.mark.parametrize("names", [[], ["x", "y"], ["x", "y", "z", "frame", "photons"], ["X", "Y"]])
def test_tables_that_do_not_say_their_unit(names):
    assert recognise(names, {}) is None
