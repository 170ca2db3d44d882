"""FOVs with classes and groups, and the cut of a training side."""

import numpy as np
import pytest

from locgraph.data.group_draws import draw_validation
from locgraph.data.labelled import LabelledFovs
from locgraph.errors import FoldError


def labelled(labels, groups=None):
    names = np.array([f"f{i:03}" for i in range(len(labels))], dtype=object)
    return LabelledFovs(names, np.array(labels, dtype=object), np.array(groups or [None] * len(labels), dtype=object))


def test_sorted_by_name_and_without_the_unlabelled(make_manifest):
    found = LabelledFovs.of(make_manifest({"b": "B", "c": None, "a": "A"}, {"b": "p"}))

    assert found.fov_ids.tolist() == ["a", "b"]
    assert found.labels.tolist() == ["A", "B"]
    assert found.groups.tolist() == [None, "p"]
    assert found.names(np.array([1, 0])) == ("a", "b")


def test_inner_cuts_the_given_rows_in_proportion():
    fovs = labelled(["a", "b"] * 20)
    rows = np.arange(10, 30)

    train, val = fovs.inner(rows, 0.2, seed=0)

    assert sorted([*train, *val]) == rows.tolist()
    assert sorted(fovs.labels[val]) == ["a", "a", "b", "b"]
    assert (fovs.inner(rows, 0.2, seed=0)[1] == val).all()


@pytest.mark.parametrize(("fraction", "parts"), [(0.2, 5), (0.3, 3), (0.5, 2), (0.9, 2)])
def test_inner_grouped_takes_one_part_of_as_many_as_the_fraction_asks_for(fraction, parts):
    fovs = labelled(["a", "b"] * 30, [f"p{i // 2:02}" for i in range(60)])
    rows = np.arange(60)

    train, val = draw_validation(fovs, rows, fraction, seed=0)

    assert sorted([*train, *val]) == rows.tolist()
    assert len(val) == 60 // parts
    assert not set(fovs.groups[train]) & set(fovs.groups[val])


def test_small_class_may_be_absent_from_grouped_validation():
    fovs = labelled(["a"] * 18 + ["b"] * 2, [f"p{i}" for i in range(20)])

    train, val = draw_validation(fovs, np.arange(20), 0.2, seed=0)

    assert len(val) == 4
    assert "b" in fovs.labels[train]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda fovs: fovs.check_class_sizes(3), r"n_folds: 3 folds need .* found \{'b': 2\}"),
        (lambda fovs: fovs.inner(np.array([0, 4]), 0.5, 0), "2 FOVs cannot be split .*validation_fraction=0.5"),
        (lambda fovs: draw_validation(fovs, np.array([0, 1, 2]), 0.5, 0), r"n_folds: .* has \['p'\] and 3 FOVs"),
        (lambda fovs: draw_validation(fovs, np.array([0, 4]), 0.5, 0), r"has \['p', 'q'\] and 1 FOVs of its largest"),
    ],
)
def test_too_small_to_be_cut(call, message):
    fovs = labelled(["a", "a", "a", "a", "b", "b"], ["p", "p", "p", "q", "q", "q"])

    with pytest.raises(FoldError, match=message):
        call(fovs)
