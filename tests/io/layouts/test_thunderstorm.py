"""ThunderSTORM: names with units, old and new."""

import math

import pytest

from locgraph.io.file_columns import FileColumns
from locgraph.io.layouts.thunderstorm import recognise
from locgraph.io.read import read_localisations

OLD = ["id", "frame", "x [nm]", "y [nm]", "sigma [nm]", "intensity [photon]", "offset [photon]", "bkgstd [photon]"]
THREE_D = ["frame", "x [nm]", "y [nm]", "z [nm]", "sigma1 [nm]", "sigma2 [nm]", "uncertainty_xy [nm]"]


def test_two_dimensions():
    layout = recognise([*OLD, "chi2", "uncertainty [nm]", "detections"], {})

    assert layout.names == {
        "x": "x [nm]",
        "y": "y [nm]",
        "frame": "frame",
        "photons": "intensity [photon]",
        "precision": "uncertainty [nm]",
        "sigma": "sigma [nm]",
        "background": "offset [photon]",
        "n_frames": "detections",
    }
    assert layout.units == dict.fromkeys(("x", "y", "precision", "sigma"), "nm")


def test_three_dimensions():
    layout = recognise([*THREE_D, "uncertainty_z [nm]"], {})

    assert layout.names["z"] == "z [nm]"
    assert layout.names["sigma"] == ("sigma1 [nm]", "sigma2 [nm]")
    assert layout.names["precision"] == "uncertainty_xy [nm]"
    assert layout.names["precision_z"] == "uncertainty_z [nm]"


def test_each_length_has_the_unit_of_its_name():
    layout = recognise(["x [um]", "y [px]", "uncertainty [nm]", "intensity [ADU]"], {})

    assert layout.units == {"x": "um", "y": "px", "precision": "nm"}
    assert "photons" not in layout.names


@pytest.mark.parametrize("names", [["x [nm]", "frame"], ["x", "y"], ["x [ADU]", "y [ADU]"], []])
def test_other_tables(names):
    assert recognise(names, {}) is None


def test_real_file(test_data):
    found = read_localisations(test_data / "formats" / "thunderstorm_dstorm.csv", FileColumns(), 0.0)

    assert found.table.height == 19
    assert found.dimensions == 2
    assert found.table.row(0, named=True) == {
        "x": 1320.109670647555,
        "y": 26344.7124618434,
        "frame": 0,
        "photons": 296.55843680038157,
        "precision": 22.93255128689051,
        "sigma": 143.3057892573866,
        "background": 31.3024090311172,
    }


def test_3d_in_micrometres(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('"frame","x [um]","y [um]","z [um]","sigma1 [um]","sigma2 [um]"\n1,1,2,-0.5,0.1,0.2\n')

    found = read_localisations(path, FileColumns(), 0.0)

    row = found.table.row(0, named=True)
    assert (row["x"], row["y"], row["z"]) == (1000.0, 2000.0, -500.0)
    assert row["sigma"] == pytest.approx(math.sqrt((100**2 + 200**2) / 2))
