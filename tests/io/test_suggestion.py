"""Settings that may fit: they are ones that can be used as they stand, but for what only the user knows."""

import shlex

import polars as pl
import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from locgraph.cli.app import config_dir
from locgraph.io.suggestion import suggest_columns

ONI = ("Channel", "Frame", "X (nm)", "Y (nm)", "Z (nm)", "Photons", "Background")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (
            ONI,
            'columns=custom \'columns.names={x: "X (nm)", y: "Y (nm)", z: "Z (nm)", frame: "Frame", photons: '
            '"Photons", background: "Background", channel: "Channel"}\' columns.unit=nm',
        ),
        (("x", "y"), 'columns=custom \'columns.names={x: "x", y: "y"}\' columns.unit=???'),
        (("x_nm", "y_nm"), 'columns=custom \'columns.names={x: "x_nm", y: "y_nm"}\' columns.unit=nm'),
        (("X [µm]", "Y [µm]"), 'columns=custom \'columns.names={x: "X [µm]", y: "Y [µm]"}\' columns.unit=um'),
        (
            ("x (pix)", "y (pix)"),
            'columns=custom \'columns.names={x: "x (pix)", y: "y (pix)"}\' columns.unit=px columns.pixel_size_nm=???',
        ),
        (("x [nm]", "y (pix)"), 'columns=custom \'columns.names={x: "x [nm]", y: "y (pix)"}\' columns.unit=???'),
        (
            ("Position X [nm]", "Position Y [nm]", "Index"),
            'columns=custom \'columns.names={x: "Position X [nm]", y: "Position Y [nm]"}\' columns.unit=nm',
        ),
    ],
)
def test_names_are_recognised(names, expected):
    assert suggest_columns(names) == expected


@pytest.mark.parametrize("names", [(), ("a", "b"), ("x", "b"), ("count", "area"), ("x'", "y'"), ('x"', 'y"')])
def test_nothing_is_made_up(names):
    assert suggest_columns(names) == ""


def test_a_suggestion_can_be_used():
    overrides = shlex.split(suggest_columns(ONI))
    with initialize_config_dir(version_base="1.3", config_dir=str(config_dir())):
        columns = instantiate(compose("inspect", overrides).columns, _convert_="all")

    table = columns.to_canonical(pl.DataFrame({name: [1.0, 2.0] for name in ONI}), "here")

    assert table.columns == ["x", "y", "z", "frame", "photons", "background", "channel"]
