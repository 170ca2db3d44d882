"""Names, folders and classes may look like numbers."""

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from locgraph.api.config import compose
from locgraph.api.texts import quote_texts, with_texts
from locgraph.errors import ConfigError

NUMBERS = ["20260101", "007", "1e3", "2026_01", "-1", "3.50", ".5", "true", "False", "nan", "inf", "1_0.0_1"]


@pytest.mark.parametrize("value", NUMBERS)
@pytest.mark.parametrize("setting", ["name", "data.raw_dir", "+paths.run_dir", "labels.path", "ckpt_path"])
def test_a_text_is_taken_letter_by_letter(setting, value):
    (override,) = OverridesParser.create().parse_overrides([quote_texts(f"{setting}={value}")])

    assert override.value() == value


@pytest.mark.parametrize(
    "override",
    [
        "name=run",
        "name=null",
        "name=1,2",
        "name='1'",
        "seed=1",
        "fold.index=0",
        "-m",
        "~labels",
        "1",
        "thumbnail=false",
    ],
)
def test_other_overrides_stay(override):
    assert quote_texts(override) == override


def test_settings_of_files_and_sweeps_become_texts():
    settings = {"name": 1, "data": {"raw_dir": 2024, "class_names": [0, "b"]}, "seed": 1, "x": [{"path": True}]}
    expected = {"name": "1", "data": {"raw_dir": "2024", "class_names": ["0", "b"]}, "seed": 1, "x": [{"path": "true"}]}
    assert with_texts(settings) == expected
    assert with_texts({"class_weights": {0: 1.5, 1: 2}}) == {"class_weights": {"0": 1.5, "1": 2}}
    assert with_texts({"fovs": 7, "init_from": None}) == {"fovs": "7", "init_from": None}


def test_a_list_is_no_text():
    with pytest.raises(ConfigError, match=r"^name: expected a text, found \['/x'\]; put .*: \"name='\[a\]'\""):
        with_texts({"name": ["/x"]})


def test_a_command_gets_them_as_texts():
    settings = compose("train", "name=007", "data.raw_dir=2024", "labels=folders", "paths.output_dir=1e3")

    assert (settings["name"], settings["data"]["raw_dir"]) == ("007", "2024")
    assert settings["paths"]["prepared_dir"] == "1e3/prepared"
