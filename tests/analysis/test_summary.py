"""Summary of a sweep: numbers by hand, missing folds, files and text."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from locgraph.analysis.sweeps.runs import Failure, FoldResult
from locgraph.analysis.sweeps.summary import summarise, write_summary
from locgraph.analysis.sweeps.summary_text import interval, markdown_table, number, summary_markdown
from locgraph.errors import DataError
from locgraph.stats.paired import corrected_t_test

ACCURACIES = [0.9, 1.0, 0.8]


def result(fold, accuracy=0.9, **changes):
    """Ten test FOVs of two classes, of which ``10 * accuracy`` are right."""
    right = round(10 * accuracy)
    settings = {
        "fold": fold,
        "folder": Path(f"run/{fold}"),
        "metrics": {"loss": 1.5 + fold, "accuracy": accuracy, "balanced_accuracy": accuracy},
        "confusion": np.array([[right - 3, 10 - right], [0, 3]]),
        "class_names": ("one", "two"),
        "controls": {"majority_class": 0.5, "pair_distances": 0.7 + 0.1 * fold},
        "controls_balanced": {"pair_distances": 0.6},
        "experiment": "digits",
        "n_folds": 3,
    }
    return FoldResult(**settings | changes)


def three():
    return [result(fold, accuracy) for fold, accuracy in enumerate(ACCURACIES)]


def row(summary, source, metric="accuracy"):
    return summary.table.filter((pl.col("source") == source) & (pl.col("metric") == metric)).to_dicts()[0]


def test_a_complete_sweep_by_hand():
    summary = summarise(three(), range(3))
    assert summary.complete
    assert (
        repr(summary) == "Summary('digits': 3 of 3 folds, mean test accuracy 0.900, best control pair_distances 0.800)"
    )
    assert "<table" in summary._repr_html_()
    assert (summary.experiment, summary.missing, summary.reasons, summary.failures) == ("digits", [], {}, ())
    found = row(summary, "model")
    # Student's t of 97.5 % with two degrees of freedom is 4.3027, the training sides of three folds overlap by 1 / 2;
    # the upper end is cut at 1.
    assert found == pytest.approx(
        {
            "source": "model",
            "metric": "accuracy",
            "n_folds": 3,
            "n_runs": 3,
            "mean": 0.9,
            "standard_deviation": 0.1,
            "seed_deviation": None,
            "interval_low": 0.9 - 4.3027 * 0.1 * (1 / 3 + 1 / 2) ** 0.5,
            "interval_high": 1.0,
            "no_interval": None,
            "fold_0": 0.9,
            "fold_1": 1.0,
            "fold_2": 0.8,
        },
        abs=1e-4,
    )
    np.testing.assert_array_equal(summary.confusion, [[18, 3], [0, 9]])
    assert summary.pooled.estimate == pytest.approx(27 / 30)
    assert (summary.pooled.low, summary.pooled.high) == pytest.approx((0.7438, 0.9654), abs=1e-4)


def test_controls_stand_beside_the_model():
    table = summarise(three(), range(3)).table
    assert list(zip(table["source"], table["metric"], strict=True)) == [
        ("model", "accuracy"),
        ("model", "balanced_accuracy"),
        ("model", "loss"),
        ("pair_distances", "accuracy"),
        ("pair_distances", "balanced_accuracy"),
        ("majority_class", "accuracy"),
    ]


def test_missing_and_failed_folds_are_named():
    runs = [result(1), Failure(Path("run/2"), "out of memory", 2), Failure(Path("run/x"), "no metrics.json")]
    summary = summarise(runs, range(4))
    assert not summary.complete
    assert summary.missing == [0, 2, 3]
    assert summary.reasons[2] == "out of memory (run/2)"
    assert summary.reasons[0] == summary.reasons[3] == "perhaps one of the runs without a fold: run/x"
    assert len(summary.failures) == 2
    assert row(summary, "model")["standard_deviation"] is None
    assert summarise([result(0)], range(2)).reasons == {1: "no run of it was found"}


def test_nothing_completed():
    summary = summarise([Failure(Path("run/0"), "out of memory", 0)], [0, 1])
    assert summary.missing == [0, 1]
    assert summary.pooled is None
    assert summary.table.is_empty()
    assert summary.confusion.shape == (0, 0)
    assert summary.folds() == {}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"class_names": ("two", "one")}, r"class orders.*run/0.*run/1"),
        ({"experiment": "letters"}, "different experiments: digits in run/0 and letters in run/1"),
        ({"n_folds": 10}, "numbers of folds"),
        ({"fold": 0}, "one completed run of fold 0, found run/0 and run/1"),
        ({"fold": 7}, r"expected folds \[0, 1\], found fold 7"),
    ],
)
def test_runs_that_do_not_belong_together_are_refused(changes, message):
    with pytest.raises(DataError, match=message):
        summarise([result(0), result(**{"fold": 1, "folder": Path("run/1")} | changes)], range(2))


def test_written_files_hold_the_same_numbers(tmp_path):
    summary = summarise([*three(), Failure(Path("run/3"), "out\nof memory", 3)], range(4))
    write_summary(tmp_path, summary)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["summary.csv", "summary.json", "summary.md"]
    content = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    assert content == summary.content()
    assert content["missing"] == [3]
    assert content["failures"] == [{"folder": "run/3", "fold": 3, "reason": "out\nof memory"}]
    assert pl.read_csv(tmp_path / "summary.csv").cast(summary.table.schema).equals(summary.table)
    assert "fold 3: out of memory (run/3)" in (tmp_path / "summary.md").read_text(encoding="utf-8")


def test_counts_of_localisations_have_no_interval(tmp_path):
    summary = summarise([result(fold, of_localisations=True) for fold in range(3)], range(3))

    write_summary(tmp_path, summary)

    assert summary.pooled is None
    assert json.loads((tmp_path / "summary.json").read_text())["pooled_accuracy"] is None
    text = (tmp_path / "summary.md").read_text()
    assert "## Test localisations of all folds\n\n30 localisations." in text
    assert "interval" not in text.partition("## Test localisations")[2]
    assert row(summary, "model")["mean"] == pytest.approx(0.9)


def test_better_than_the_best_control_is_better_than_each():
    runs = [
        result(fold, accuracy, controls={"pair_distances": low, "count_alone": high, "majority_class": 1.0})
        for fold, (accuracy, low, high) in enumerate([(0.9, 0.5, 0.8), (1.0, 0.8, 0.8), (0.8, 0.3, 0.7)])
    ]
    summary = summarise(runs, range(3))

    better = summary.better_than_controls()

    tests = [corrected_t_test(values, 1 / 2).p for values in ([0.4, 0.2, 0.5], [0.1, 0.2, 0.1])]
    assert (better["p"], better["p_folds"]) == pytest.approx((max(tests), max(tests)))
    assert (better["p_fovs"], better["hardest"], better["of"]) == (None, "count_alone", 2)
    assert summary.content()["better_than_controls"] == better
    assert (
        f"Test that the model is better than each of the 2, the largest p-value: p = {max(tests):.2f} over folds "
        "(corrected resampled t)." in summary.headline()
    )
    assert summarise([result(0, controls={})], range(1)).better_than_controls() is None


CONTENT = {
    "experiment": "digits",
    "expected_folds": [0, 1, 2],
    "missing": [2],
    "reasons": {"2": "out of\nmemory"},
    "seeds": [0],
    "fold_seeds": [0],
    "analysed": False,
    "best_control": {
        "source": "count_alone",
        "mean": 0.5,
        "of": 1,
        "lead": {"difference": 0.4, "low": 0.3, "high": 0.5, "no_interval": None},
    },
    "table": [
        {
            "source": source,
            "metric": metric,
            "n_folds": 2,
            "mean": mean,
            "standard_deviation": 0.1,
            "interval_low": low,
            "interval_high": high,
            "no_interval": None if low else "all folds are equal",
            "fold_0": mean,
            "fold_1": None,
        }
        for source, metric, mean, low, high in (
            ("model", "accuracy", 0.9, 0.85, 0.95),
            ("model", "loss", 0.4, None, None),
            ("count_alone", "accuracy", 0.5, 0.4, 0.6),
        )
    ],
    "class_names": ["one", "two"],
    "confusion_matrix": [[9, 1], [0, 10]],
    "pooled_accuracy": {"accuracy": 0.95, "low": 0.76, "high": 0.99, "no_interval": None},
}


def test_the_text_of_an_incomplete_sweep():
    assert (
        summary_markdown(CONTENT)
        == """\
# digits

**Incomplete: 2 of 3 folds.** The numbers below leave out:

- fold 2: out of memory

Accuracy of the model: 0.900 (95 % interval 0.850 to 0.950), over 2 folds. The only simple classifier that ran is \
`count_alone`, 0.500: the model is ahead by 0.400 (95 % interval 0.300 to 0.500). Classifiers of `locgraph analyse` \
are not among them: it was not run on these folds.

## Accuracy

|  | mean | s.d. of folds | 95 % interval of the mean | folds | fold 0 | fold 1 |
| :-- | --: | --: | --: | --: | --: | --: |
| model | 0.900 | 0.100 | 0.850 to 0.950 | 2 of 3 | 0.900 | – |
| count_alone | 0.500 | 0.100 | 0.400 to 0.600 | 2 of 3 | 0.500 | – |

## Other metrics of the model

|  | mean | s.d. of folds | 95 % interval of the mean | folds | fold 0 | fold 1 |
| :-- | --: | --: | --: | --: | --: | --: |
| loss | 0.400 | 0.100 | – | 2 of 3 | 0.400 | – |

No interval: all folds are equal.

## Test FOVs of all folds

Accuracy over 20 tests of FOVs: 0.950, 95 % interval 0.760 to 0.990.

| truth / prediction | one | two |
| :-- | --: | --: |
| one | 9 | 1 |
| two | 0 | 10 |

## The controls

- `count_alone`: forest on the number of localisations.
"""
    )


def test_a_table_has_a_header_a_rule_and_escaped_cells():
    assert markdown_table(["", "a"], [["x|y", "1"], ["two\nlines", "2"]]).splitlines() == [
        "|  | a |",
        "| :-- | --: |",
        "| x\\|y | 1 |",
        "| two lines | 2 |",
    ]


def test_numbers_and_intervals():
    assert number(0.12345) == "0.123"
    assert number(2.0, digits=1) == "2.0"
    assert number(None) == "–"
    assert interval(0.5, 1) == "0.500 to 1.000"
    assert interval(None, 1) == interval(0, None) == "–"


def test_the_interval_of_a_loss_does_not_go_below_0():
    runs = [result(fold, metrics={"accuracy": 0.9, "balanced_accuracy": 0.9, "loss": 0.3 * fold}) for fold in range(3)]

    found = row(summarise(runs, range(3)), "model", "loss")

    assert found["interval_low"] == 0.0
    assert found["interval_high"] > 0.6
