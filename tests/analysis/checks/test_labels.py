"""FOVs whose class may be wrong, and FOVs to label next."""

import numpy as np
import polars as pl
import pytest

from locgraph.analysis.checks.labels import check_labels, choose_next
from locgraph.errors import ConfigError, DataError

CLASSES = ("a", "b")


def predictions(rows, split="test"):
    """FOV, fold, class, probability of class b."""
    names, folds, truth, p_b = zip(*rows, strict=True)
    columns = {"fov_id": names, "fold": folds, "truth": truth, "p_a": [1 - p for p in p_b], "p_b": p_b}
    calls = ["ab"[p > 0.5] for p in p_b]
    return pl.DataFrame(columns | {"split": [split] * len(rows), "prediction": calls})


ROWS = [(f"a{i}", i % 2, "a", 0.1) for i in range(5)] + [(f"b{i}", i % 2, "b", 0.8) for i in range(5)]


def test_a_contradicted_class_comes_first():
    check = check_labels(predictions([*ROWS, ("wrong", 1, "a", 0.95), ("weak", 0, "b", 0.45)]), CLASSES)

    assert check.table.row(0, named=True) == {
        "fov_id": "wrong",
        "fold": 1,
        "given": "a",
        "suggested": "b",
        "quality": pytest.approx(0.05),
        "p_of_suggested": 0.95,
        "issue": True,
    }
    # predicted otherwise, but not confidently
    assert check.table.row(1, named=True)["fov_id"] == "weak"
    assert check.table["issue"].sum() == 1
    assert check.sentence.startswith("Of 12 FOVs 1 has a class that predictions of networks")
    assert "wrong (given a, rather b)" in check.sentence


def test_tests_of_one_fov_count_together_and_validation_not_at_all():
    twice = [*ROWS, ("b0", 3, "b", 0.2), ("b0", 4, "b", 0.2)]
    table = pl.concat([predictions(twice), predictions([("a0", 0, "a", 0.99)], "val")])

    check = check_labels(table, CLASSES).table

    assert check.height == 10
    assert dict(check.select("fov_id", "quality").iter_rows())["b0"] == pytest.approx(0.4)
    assert dict(check.select("fov_id", "quality").iter_rows())["a0"] == pytest.approx(0.9)


def test_nothing_is_contradicted():
    check = check_labels(predictions(ROWS), CLASSES)

    assert not check.table["issue"].any()
    assert check.sentence == (
        "Of 10 FOVs 0 have a class that predictions of networks which did not train on them contradict."
    )


def test_two_fovs_of_a_class_are_enough():
    check = check_labels(predictions([("a0", 0, "a", 0.1), ("a1", 1, "a", 0.9), *ROWS[5:]]), CLASSES)

    assert check.table.filter(pl.col("issue"))["fov_id"].to_list() == ["a1"]


@pytest.mark.parametrize("rows", [ROWS[:5], [("x", 0, None, 0.5)]])
def test_one_class_cannot_be_checked(rows):
    with pytest.raises(DataError, match="expected test FOVs of two classes at least, found"):
        check_labels(predictions(rows), CLASSES)


def test_the_next_are_uncertain_and_differ():
    """Of two equal uncertain FOVs one is enough; the other kind of uncertainty comes before it."""
    p = [[0.5, 0.5, 0.0], [0.5, 0.5, 0.0], [0.0, 0.55, 0.45], [1.0, 0.0, 0.0]]
    table = pl.DataFrame(
        {"fov_id": list("xyzw"), "truth": [None] * 4, "prediction": list("aaba")}
        | {f"p_{name}": column for name, column in zip("abc", np.transpose(p), strict=True)},
        schema_overrides={"truth": pl.String},
    )

    chosen = choose_next(table, ("a", "b", "c"), 2)

    assert chosen["fov_id"].to_list() == ["x", "z"]
    assert chosen["rank"].to_list() == [1, 2]
    assert chosen["entropy"].to_list() == pytest.approx([np.log(2) / np.log(3), 0.6264], abs=1e-3)
    assert chosen["margin"].to_list() == pytest.approx([0.0, 0.1])
    assert choose_next(table, ("a", "b", "c"), 99).height == 4


def test_vectors_tell_which_fovs_differ():
    rows = [(name, 0, None, 0.5) for name in "xyz"]
    vectors = pl.DataFrame({"fov_id": list("xyz"), "v_0": [0.0, 0.1, 5.0], "v_1": [1.0, 1.0, 1.0]})

    assert choose_next(predictions(rows, "new"), CLASSES, 2, vectors)["fov_id"].to_list() == ["x", "z"]


@pytest.mark.parametrize(
    ("table", "classes", "number", "error", "message"),
    [
        (predictions(ROWS), CLASSES, 3, DataError, "expected FOVs without a class, found none among 10"),
        (predictions(ROWS), ("a", "c"), 3, DataError, r"classes \['a', 'c'\], found no column \['p_c'\]"),
        (predictions(ROWS), CLASSES, 0, ConfigError, "number: expected .*found 0"),
    ],
)
def test_what_cannot_be_chosen_from(table, classes, number, error, message):
    with pytest.raises(error, match=message):
        choose_next(table, classes, number)
