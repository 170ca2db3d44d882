"""Columns that may fit a file of unknown software, by their names."""

import pytest

from locgraph.io.problems import ColumnSuggestion, suggest_columns


@pytest.mark.parametrize(
    ("names", "chosen", "unit"),
    [
        (
            ("Channel", "Frame", "X (nm)", "Y (nm)", "Z (nm)", "Photons", "Background"),
            {
                "x": "X (nm)",
                "y": "Y (nm)",
                "z": "Z (nm)",
                "frame": "Frame",
                "photons": "Photons",
                "background": "Background",
                "channel": "Channel",
            },
            "nm",
        ),
        (("x", "y"), {"x": "x", "y": "y"}, None),
        (("x_nm", "y_nm"), {"x": "x_nm", "y": "y_nm"}, "nm"),
        (("X [µm]", "Y [µm]"), {"x": "X [µm]", "y": "Y [µm]"}, "um"),
        (("x (pix)", "y (pix)"), {"x": "x (pix)", "y": "y (pix)"}, "px"),
        (("x [nm]", "y (pix)"), {"x": "x [nm]", "y": "y (pix)"}, None),
        (
            ("Position X [nm]", "Position Y [nm]", "Index"),
            {"x": "Position X [nm]", "y": "Position Y [nm]"},
            "nm",
        ),
    ],
)
def test_names_are_recognised(names, chosen, unit):
    assert suggest_columns(names) == ColumnSuggestion(chosen, unit)


@pytest.mark.parametrize("names", [(), ("a", "b"), ("x", "b"), ("count", "area"), ("x'", "y'"), ('x"', 'y"')])
def test_nothing_is_made_up(names):
    assert suggest_columns(names) is None
