"""The group ``explain``: what is refused, and in which words."""

import pytest

from locgraph.cli import assemble
from locgraph.cli.explain_settings import near, read_settings
from locgraph.errors import ConfigError
from locgraph.explain.metrics.selection import Selection
from locgraph.explain.metrics.stability import Stability

CLASSES = ("T", "L", "grid")


@pytest.fixture
def settings(composed):
    """Reads the settings of ``explain=[]`` with overrides."""

    def read(*overrides):
        cfg = composed("eval", "ckpt_path=best.ckpt", *(f"explain.{override}" for override in overrides))
        return read_settings(assemble.plain(cfg.explain), CLASSES)

    return read


def test_the_settings_that_come_with_it_are_taken(settings):
    found = settings()
    assert found.fovs is None
    assert found.explained_class == "predicted"
    assert found.judging.selection == Selection("subgraph", 0.2)
    assert found.stability == Stability(2, 1.0, in_nm=True)


@pytest.mark.parametrize(
    ("given", "expected"), [("[a,b,a]", ("a", "b")), ("a", ("a",)), ("[7]", ("7",)), ("null", None)]
)
def test_names_of_fovs(settings, given, expected):
    assert settings(f"fovs={given}").fovs == expected


def test_stability_can_be_left_out(settings):
    assert settings("stability.repeats=0").stability is None


@pytest.mark.parametrize("name", ["predicted", "truth", "grid"])
def test_classes_that_can_be_explained(settings, name):
    assert settings(f"explained_class={name}").explained_class == name


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("fovs=[]", r"explain\.fovs must be a list of names of FOVs.*found \[\]"),
        ("fovs=[null]", r"explain\.fovs must be a list"),
        ("max_fovs=0", r"explain\.max_fovs must be a whole number of at least 1, found 0"),
        ("max_fovs=1.5", r"explain\.max_fovs must be a whole number"),
        (
            "explained_class=gird",
            r"explained_class=gird is no class.*predicted, truth or one of T, L, grid \(near it: grid\)",
        ),
        ("selection.by=best", r"explain\.selection\.by must be one of count, fraction"),
        ("selection.amount=2", r"explain\.selection\.amount .*at most 1, found 2"),
        ("characterisation.plus=0", r"explain\.characterisation\.plus must be a number above 0"),
        ("curve_points=1", r"explain\.curve_points must be a whole number of at least 2"),
        ("stability.repeats=-1", r"explain\.stability\.repeats must be a whole number of at least 0"),
        ("stability.jitter_nm=0", r"explain\.stability\.jitter_nm must be a number above 0, found 0"),
        ("sanity=1", r"explain\.sanity must be true or false, found 1"),
        ("fit_fovs=0", r"explain\.fit_fovs must be a whole number of at least 1"),
        ("seed=-1", r"explain\.seed must be a whole number of at least 0"),
        ("figures=many", r"explain\.figures must be a whole number of at least 0, found 'many'"),
    ],
)
def test_what_cannot_work_is_refused_by_name(settings, override, message):
    with pytest.raises(ConfigError, match=message):
        settings(override)


def test_an_unknown_part_of_the_selection_is_told(composed):
    group = assemble.plain(composed("eval", "ckpt_path=best.ckpt").explain)
    with pytest.raises(ConfigError, match=r"explain: .*'top'.*--cfg job"):
        read_settings(group | {"selection": {"top": 3}}, CLASSES)


def test_what_is_near_a_name():
    assert near("L_33", ["L_3", "T_1", "L_31"]) in (" (near it: L_3, L_31)", " (near it: L_31, L_3)")
    assert near("nothing", ["L_3", "T_1"]) == ""
