"""Folds: every FOV once, classes in proportion, groups whole; plans in a file."""

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from locgraph.data.fold_classes import absent_classes, check_classes
from locgraph.data.folds import (
    FromFile,
    HoldOut,
    LearningCurve,
    Split,
    Stratified,
    StratifiedGroup,
    check_plan,
    read_plan,
    write_plan,
)
from locgraph.data.group_draws import draw_tests
from locgraph.data.labelled import LabelledFovs
from locgraph.data.leave_group_out import LeaveGroupOut
from locgraph.errors import ConfigError, FoldError


def fovs(**counts):
    """So many FOVs of each class, the classes mixed."""
    names = [(label, i) for label, count in counts.items() for i in range(count)]
    return {f"{i:03}_{label}": label for label, i in sorted(names, key=lambda item: item[1])}


def patients(labels, n):
    """Each FOV to one of n groups, in turn."""
    return {name: f"p{i % n}" for i, name in enumerate(labels)}


LABELS = fovs(a=30, b=20)
SPLITTERS = [Stratified(5), StratifiedGroup(5), LeaveGroupOut(5), HoldOut(0.2), HoldOut(0.3, n_folds=3)]


@pytest.mark.parametrize("splitter", SPLITTERS, ids=lambda splitter: type(splitter).__name__)
def test_every_fov_on_exactly_one_side(splitter, make_manifest):
    grouped = isinstance(splitter, (StratifiedGroup, LeaveGroupOut))
    manifest = make_manifest(LABELS, patients(LABELS, 25) if grouped else None)

    plan = splitter.plan(manifest)

    assert len(plan) == splitter.n_folds
    for split in plan:
        assert sorted(split.train + split.val + split.test) == sorted(LABELS)
        assert split.train == tuple(sorted(split.train))


@pytest.mark.parametrize("splitter", [Stratified(5), StratifiedGroup(5), LeaveGroupOut(), LeaveGroupOut(7)])
def test_every_fov_tested_once_over_all_folds(splitter, make_manifest):
    plan = splitter.plan(make_manifest(LABELS, {name: name for name in LABELS}))

    assert sorted(name for split in plan for name in split.test) == sorted(LABELS)


def test_stratified_is_that_of_scikit_learn_on_sorted_names(make_manifest):
    mixed = dict(sorted(LABELS.items(), key=lambda item: hash(item[0])))
    names = np.array(sorted(LABELS))
    expected = StratifiedKFold(5, shuffle=True, random_state=0).split(names, [LABELS[name] for name in names])

    plan = Stratified(5, seed=0).plan(make_manifest(mixed))

    assert [split.test for split in plan] == [tuple(names[test]) for _, test in expected]


@pytest.mark.parametrize(
    ("splitter", "test", "val"),
    [
        (Stratified(5, validation_fraction=0.25), {"a": 6, "b": 4}, {"a": 6, "b": 4}),
        (HoldOut(0.2, validation_fraction=0.5), {"a": 6, "b": 4}, {"a": 12, "b": 8}),
        (StratifiedGroup(5, validation_fraction=0.25), {"a": 6, "b": 4}, {"a": 6, "b": 4}),
    ],
)
def test_classes_in_proportion(splitter, test, val, make_manifest):
    groups = {name: name for name in LABELS}
    for split in splitter.plan(make_manifest(LABELS, groups)):
        for side, expected in ((split.test, test), (split.val, val)):
            assert {label: sum(LABELS[name] == label for name in side) for label in "ab"} == expected


@pytest.mark.parametrize("kind", [Stratified, StratifiedGroup])
def test_plan_depends_on_the_seed_alone(kind, make_manifest):
    manifest = make_manifest(LABELS, {name: name for name in LABELS})

    assert kind(5, index=3, seed=1).plan(manifest) == kind(5, index=0, seed=1).plan(manifest)
    tests = [[split.test for split in kind(5, seed=seed).plan(manifest)] for seed in (1, 2)]
    assert tests[0] != tests[1]


def test_learning_curve_has_fewer_on_the_training_side_and_the_same_test(make_manifest):
    manifest = make_manifest(LABELS)
    whole = Stratified(5).plan(manifest)
    plans = {n: LearningCurve(n, 5).plan(manifest) for n in (5, 10, 100)}

    assert plans[100] == whole
    for n in (5, 10):
        for split, reference in zip(plans[n], whole, strict=True):
            assert split.test == reference.test
            side = [*split.train, *split.val]
            assert sorted(LABELS[name] for name in side) == ["a"] * n + ["b"] * n
            assert set(side) <= {*reference.train, *reference.val}
            assert len(split.val) == 2 * n // 5
    for few, more in zip(plans[5], plans[10], strict=True):
        assert {*few.train, *few.val} < {*more.train, *more.val}


def test_draws_of_hold_out_differ(make_manifest):
    plan = HoldOut(0.2, n_folds=3).plan(make_manifest(LABELS))

    assert len({split.test for split in plan}) == 3
    assert HoldOut(0.2, n_folds=3, index=2).plan(make_manifest(LABELS)) == plan


def test_fovs_without_label_left_out(make_manifest):
    plan = Stratified(5).plan(make_manifest(LABELS | {"c": None}))

    assert all("c" not in split.train + split.val + split.test for split in plan)


def test_groups_on_one_side(make_manifest):
    groups = patients(LABELS, 12)

    for split in StratifiedGroup(4, validation_fraction=0.3).plan(make_manifest(LABELS, groups)):
        train, val, test = ({groups[name] for name in side} for side in (split.train, split.val, split.test))
        assert train
        assert val
        assert test
        assert not train & val
        assert not train & test
        assert not val & test


@pytest.mark.parametrize("splitter", [Stratified(5), HoldOut(0.2)])
def test_groups_are_not_torn_in_silence(splitter, make_manifest):
    with pytest.raises(
        FoldError,
        match=r"fold 0 has the groups \['p\d', .*\] in train and in \w+; use fold=stratified_group, or choose another",
    ):
        splitter.plan(make_manifest(LABELS, patients(LABELS, 10)))


@pytest.mark.parametrize("splitter", [Stratified(5), HoldOut(0.2)])
def test_groups_of_one_fov_tear_nothing(splitter, make_manifest):
    assert splitter.plan(make_manifest(LABELS, {name: name for name in LABELS})) == splitter.plan(make_manifest(LABELS))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Stratified(1), "n_folds: expected at least 2, found 1"),
        (lambda: HoldOut(0.2, n_folds=0), "n_folds: expected at least 1, found 0"),
        (lambda: Stratified(5, index=5), r"index: expected one of the 5 folds, 0 to 4, found 5"),
        (lambda: StratifiedGroup(5, index=-1), "index: expected one of .*found -1"),
        (lambda: HoldOut(0.2, index=1), "index: expected one of .*found 1"),
        (
            lambda: Stratified(5, validation_fraction=0.0),
            "validation_fraction: expected a number .*found 0",
        ),
        (lambda: LeaveGroupOut(1), "n_folds: expected at least 2, or null for one of each group, found 1"),
        (lambda: LeaveGroupOut(3, index=3), "index: expected one of the 3 folds"),
        (lambda: LearningCurve(1, 5), "per_class: expected at least 2.*found 1"),
        (lambda: HoldOut(1.0), "test_fraction: expected a number between 0 and 1, found 1"),
        (lambda: HoldOut(0.5, validation_fraction=1.5), "validation_fraction: expected a number between 0 and 1"),
    ],
)
def test_settings_out_of_range(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


@pytest.mark.parametrize(
    ("splitter", "labels", "groups", "message"),
    [
        (Stratified(5), fovs(a=9, b=3), {}, r"n_folds: 5 folds need .* class, found \{'b': 3\}; set fold.n_folds=3$"),
        (Stratified(5), fovs(a=9, b=1), {}, r"found \{'b': 1\}; leave out its FOVs, or record more of them"),
        (Stratified(2, 0, 0, 0.95), fovs(a=9, b=9), {}, "cannot be split into training and validation with validation"),
        (HoldOut(0.2), fovs(a=9, b=1), {}, "test_fraction: 0.2 does not fit these FOVs"),
        (StratifiedGroup(5), LABELS, {"000_a": "p"}, r"needs a group for every FOV; 49 have none, such as \['000_b'"),
        (
            StratifiedGroup(5),
            LABELS,
            patients(LABELS, 4),
            "n_folds: 5 folds need as many groups, found ..p0', 'p1', 'p2', 'p3'.; set fold.n_folds=4$",
        ),
        (StratifiedGroup(2), LABELS, patients(LABELS, 2), "at least 3 groups, one each .* found ..p0', 'p1'.; choose"),
        (LeaveGroupOut(), LABELS, {}, r"leave_group_out needs a group for every FOV; 50 have none, such as \['000_a'"),
        (LeaveGroupOut(), LABELS, patients(LABELS, 1), r"leave_group_out needs at least 3 groups.* found \['p0'\]"),
        (LeaveGroupOut(5), LABELS, patients(LABELS, 4), "n_folds: 5 folds need as many groups.*set fold.n_folds=4$"),
        (
            LeaveGroupOut(),
            {f"{day}{i}": "ab"[i % 2] if day < 3 else "c" for day in range(4) for i in range(4)},
            {f"{day}{i}": f"day{day}" for day in range(4) for i in range(4)},
            "every class in at least two groups, found classes of one alone: 'c' in 'day3'",
        ),
        (
            LeaveGroupOut(2),
            {
                f"{day}{label}{i}": label
                for day, own in enumerate(("ab", "ac", "bc"))
                for label in own
                for i in range(4)
            },
            {f"{day}{label}{i}": f"day{day}" for day in range(3) for label in "abc" for i in range(4)},
            r"n_folds: a fold that leaves out the groups \['day\d', 'day\d'\] leaves no FOV of \['[abc]'\] to train on",
        ),
        (StratifiedGroup(5), fovs(a=9, b=4), {}, "n_folds: 5 folds need at least that many FOVs of each class"),
    ],
)
def test_data_that_cannot_be_split(splitter, labels, groups, message, make_manifest):
    with pytest.raises(FoldError, match=message):
        splitter.plan(make_manifest(labels, groups))


def test_each_fold_leaves_one_group_out(make_manifest):
    groups = patients(LABELS, 4)

    plan = LeaveGroupOut(index=3).plan(make_manifest(LABELS, groups))

    assert plan == LeaveGroupOut(4).plan(make_manifest(LABELS, groups))
    for place, split in enumerate(plan):
        assert split.test == tuple(sorted(name for name in LABELS if groups[name] == f"p{place}"))
        train, val = ({groups[name] for name in side} for side in (split.train, split.val))
        assert (len(train), len(val)) == (2, 1)
        assert not train & val


def test_several_groups_are_left_out_at_once(make_manifest):
    groups = patients(LABELS, 9)

    plan = LeaveGroupOut(3).plan(make_manifest(LABELS, groups))

    left_out = [{groups[name] for name in split.test} for split in plan]
    assert [len(names) for names in left_out] == [3, 3, 3]
    assert sorted(set.union(*left_out)) == sorted(set(groups.values()))


def test_there_are_as_many_folds_to_leave_out_as_groups(make_manifest):
    with pytest.raises(ConfigError, match="index: expected one of the 4 folds, 0 to 3, found 4"):
        LeaveGroupOut(index=4).plan(make_manifest(LABELS, patients(LABELS, 4)))


def test_plan_from_file(tmp_path, make_manifest):
    plan = Stratified(5).plan(make_manifest(LABELS))
    write_plan(tmp_path / "folds.json", plan)

    splitter = FromFile(str(tmp_path / "folds.json"), index=4)

    assert (splitter.n_folds, splitter.index) == (5, 4)
    assert splitter.plan(make_manifest(LABELS)) == plan
    assert json.loads((tmp_path / "folds.json").read_text())["folds"][1]["val"] == list(plan[1].val)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (None, "FileNotFoundError"),
        ("a,b", "JSONDecodeError"),
        ("[1]", "TypeError"),
        ('{"folds": [{"train": ["a"], "test": ["b"]}]}', "KeyError: 'val'"),
        ('{"folds": []}', "no folds"),
        ('{"folds": [{"train": 1, "val": [], "test": []}]}', "TypeError"),
    ],
)
def test_file_that_is_no_plan(content, found, tmp_path):
    path = tmp_path / "folds.json"
    if content is not None:
        path.write_text(content)

    with pytest.raises(FoldError, match=rf'folds.json: expected {{"folds": .*{found}.*change path'):
        read_plan(path)


def test_file_with_another_number_of_folds(tmp_path):
    write_plan(tmp_path / "folds.json", [Split(("a",), ("b",), ("c",))] * 3)

    assert FromFile(str(tmp_path / "folds.json"), n_folds=3).n_folds == 3
    with pytest.raises(ConfigError, match=r"n_folds: .*folds.json holds 3 folds, found 5"):
        FromFile(str(tmp_path / "folds.json"), n_folds=5)


def test_file_without_this_fold(tmp_path):
    write_plan(tmp_path / "folds.json", [Split(("a",), ("b",), ("c",))])

    with pytest.raises(ConfigError, match=r"index: expected one of the 1 folds"):
        FromFile(str(tmp_path / "folds.json"), index=1)


@pytest.mark.parametrize(
    ("split", "message"),
    [
        (Split(("a", "x"), ("b",), ("c",)), r"mine: fold 1 names 1 FOVs for train that.*\['x'\]; they failed, or"),
        (Split(("a",), ("b",), ("none",)), r"names 1 FOVs for test that the manifest does not hold with a label"),
        (Split(("a", "d", "a"), ("b",), ("c",)), r"names \['a'\] more than once for train; change path"),
        (Split(("a",), (), ("c",)), "fold 1 has no FOV for val; change path"),
        (Split(("a",), ("b", "a"), ("c",)), r"has \['a'\] in train and in val; change path"),
        (Split(("a",), ("c",), ("c",)), r"has \['c'\] in val and in test"),
        (Split(("a",), ("b",), ("d",)), r"has the groups \['p0'\] in train and in test; use fold=stratified_group"),
    ],
)
def test_plan_that_does_not_fit_the_manifest(split, message, make_manifest):
    labels = {"a": "A", "b": "B", "c": "A", "d": "B", "none": None}
    manifest = make_manifest(labels, {"a": "p0", "d": "p0"})
    good = Split(("a",), ("b",), ("c",))
    check_plan([good], manifest, "mine")

    with pytest.raises(FoldError, match=message):
        check_plan([good, split], manifest, "mine")


@pytest.mark.parametrize(
    ("split", "message"),
    [
        (Split(("a1", "b1"), ("a2",), ("c1",)), r"classes \['C'\] are in test but not in training \(which has \['A', "),
        (Split(("a1", "b1"), ("c1",), ("a2",)), r"classes \['C'\] are in val but not in training"),
        (Split(("a1",), ("a2",), ("a3",)), r"training has the single class \['A'\].*labels"),
    ],
)
def test_classes_that_training_never_sees(split, message):
    labels = {"a1": "A", "a2": "A", "a3": "A", "b1": "B", "c1": "C"}
    check_classes(Split(("a1", "b1"), ("a2",), ("a3",)), labels)

    with pytest.raises(FoldError, match=message):
        check_classes(split, labels)


@pytest.mark.parametrize("splitter", SPLITTERS, ids=lambda splitter: type(splitter).__name__)
def test_where_only_localisations_have_classes_fovs_are_split_as_one_class(splitter, make_manifest):
    unlabelled = dict.fromkeys(LABELS)
    manifest = replace(make_manifest(unlabelled, patients(LABELS, 25)), class_names=("bound", "free"))
    if not isinstance(splitter, (StratifiedGroup, LeaveGroupOut)):
        manifest = replace(manifest, table=manifest.table.with_columns(group=pl.lit(None, pl.String)))

    plan = splitter.plan(manifest)

    assert len(plan) == splitter.n_folds
    for split in plan:
        assert sorted(split.train + split.val + split.test) == sorted(LABELS)
        assert min(len(split.train), len(split.val), len(split.test)) >= 7
        check_plan([split], manifest, "here")


def classes_of(names, labels):
    return {labels[name] for name in names}


@pytest.mark.parametrize("n_groups", [3, 4, 5])
def test_as_many_groups_as_folds_are_enough(n_groups, make_manifest):
    groups = patients(LABELS, n_groups)

    for split in StratifiedGroup(min(5, n_groups)).plan(make_manifest(LABELS, groups)):
        sides = [{groups[name] for name in side} for side in (split.train, split.val, split.test)]
        assert [len(side) for side in sides] == [n_groups - 2, 1, 1]
        assert len(set.union(*sides)) == n_groups


@pytest.mark.parametrize("n_fovs", [2, 3])
def test_the_number_of_folds_that_is_suggested_works(n_fovs, make_manifest):
    labels = fovs(a=n_fovs, b=n_fovs)
    with pytest.raises(FoldError, match=f"set fold.n_folds={n_fovs}"):
        Stratified(5).plan(make_manifest(labels))
    if n_fovs == 2:
        labels |= fovs(c=9)

    for split in Stratified(n_fovs).plan(make_manifest(labels)):
        assert classes_of(split.train, labels) == classes_of(split.test, labels) == set(labels.values())
        check_classes(split, labels)
        lacking = {"val": ["a", "b"]} if n_fovs == 2 else {}
        assert absent_classes(split, labels) == lacking


@pytest.mark.parametrize("splitter", [Stratified(5), HoldOut(0.2, n_folds=5)])
def test_a_rare_class_is_on_every_side(splitter, make_manifest):
    labels = fovs(a=200, b=100, c=5)

    for split in splitter.plan(make_manifest(labels)):
        assert absent_classes(split, labels) == {}
        assert "c" in classes_of(split.train, labels)
        assert sorted(split.train + split.val + split.test) == sorted(labels)


def test_patients_of_one_class_each_are_on_every_side(make_manifest):
    """Scikit-learn's parts of one patient each would have one class alone in every validation side."""
    labels = {f"{patient}_{i}": "sick" if patient < 3 else "well" for patient in range(6) for i in range(4)}
    groups = {name: name[0] for name in labels}

    for seed in range(5):
        for split in StratifiedGroup(3, seed=seed).plan(make_manifest(labels, groups)):
            assert absent_classes(split, labels) == {}
            assert classes_of(split.train, labels) == {"sick", "well"}


def test_a_draw_with_every_class_is_chosen_where_there_is_one(make_manifest):
    """The example of scikit-learn's issue 28218."""
    classes, groups = ["1", "1", "0", "0", "2", "2"], ["a", "b", "b", "c", "c", "d"]
    theirs = StratifiedGroupKFold(2, shuffle=True, random_state=3).split(classes, classes, groups)
    assert min(len({classes[row] for row in test}) for _, test in theirs) == 2
    names = [f"f{row}" for row in range(6)]
    manifest = make_manifest(dict(zip(names, classes, strict=True)), dict(zip(names, groups, strict=True)))

    sides = draw_tests(LabelledFovs.of(manifest), 2, seed=3)

    for side in (side for fold in sides for side in fold):
        assert {classes[row] for row in side} == {"0", "1", "2"}


def test_a_draw_that_lacks_nothing_is_kept(make_manifest):
    groups = patients(LABELS, 25)
    names = sorted(LABELS)
    theirs = StratifiedGroupKFold(5, shuffle=True, random_state=3)
    expected = theirs.split(names, [LABELS[name] for name in names], [groups[name] for name in names])

    plan = StratifiedGroup(5, seed=3).plan(make_manifest(LABELS, groups))

    assert [split.test for split in plan] == [tuple(np.array(names)[test]) for _, test in expected]


def test_a_class_of_one_patient_is_named_where_it_lacks(make_manifest):
    labels = {f"{patient}_{i}": "rare" if patient == 0 else "ab"[i % 2] for patient in range(6) for i in range(4)}
    groups = {name: name[0] for name in labels}

    plan = StratifiedGroup(3).plan(make_manifest(labels, groups))

    lacking = [absent_classes(split, labels) for split in plan]
    assert sorted(lacking, key=len) == [{"val": ["rare"]}] + [{"val": ["rare"], "test": ["rare"]}] * 2
