"""Which FOVs are explained."""

import pytest

from locgraph.cli.explained_fovs import check_names, draw, spread
from locgraph.errors import ConfigError

FOVS = ["a1", "a2", "a3", "a4", "b1", "c1", "c2"]
CLASSES = {name: name[0] for name in FOVS}


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (1, ["a1"]),
        (3, ["a1", "b1", "c1"]),
        (5, ["a1", "a2", "b1", "c1", "c2"]),
        (6, ["a1", "a2", "a3", "b1", "c1", "c2"]),
        (99, FOVS),
        (0, []),
    ],
)
def test_classes_take_turns(number, expected):
    assert spread(FOVS, CLASSES, number) == expected


def test_fovs_without_a_class_are_a_class_of_their_own():
    assert spread(["x", "y", "a1", "a2"], {"a1": "a", "a2": "a", "x": None}, 2) == ["x", "a1"]
    assert spread([], {}, 3) == []


def test_a_draw_is_spread_and_depends_on_the_seed_alone():
    fovs = [f"{label}{index}" for label in "ab" for index in range(50)]
    classes = {name: name[0] for name in fovs}
    drawn = draw(fovs, classes, 10, seed=1)
    assert sorted(name[0] for name in drawn) == ["a"] * 5 + ["b"] * 5
    assert drawn == draw(fovs[::-1], classes, 10, seed=1)
    assert drawn != draw(fovs, classes, 10, seed=2)


def test_names_that_are_there_and_none_at_all_are_taken():
    check_names(("a1", "c2"), FOVS, {"train": ["d1"]})
    check_names(None, FOVS, {})


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            ("a11",),
            r"among the 7 FOVs that are evaluated, such as a1, a2, a3; found: 'a11' is not there \(near it: a1",
        ),
        (("d1",), r"'d1' is a FOV of the train side"),
        (("zzz", "a1"), r"found: 'zzz' is not there$"),
        (tuple("qrstuvw"), r"'u' is not there; and 2 more"),
    ],
)
def test_names_that_are_not_there_are_told_with_what_is_near(names, message):
    with pytest.raises(ConfigError, match=message):
        check_names(names, FOVS, {"train": ["d1"], "test": FOVS})
