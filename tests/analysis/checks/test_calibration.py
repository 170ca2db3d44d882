"""The check of calibration, prediction sets and abstention on drawn predictions."""

import numpy as np
import polars as pl
import pytest

from locgraph.analysis.checks.calibration import check_calibration, split_coverage
from locgraph.errors import DataError
from locgraph.show.figures.calibration import draw_calibration
from locgraph.trust.prediction_sets import PredictionSets

CLASSES = ("T", "L", "grid")


def drawn(n: int = 400, power: float = 1.0, seed: int = 0) -> pl.DataFrame:
    """Test predictions: true probabilities to a power, which makes them too sure (above 1) or not sure enough."""
    random = np.random.default_rng(seed)
    true = random.dirichlet([0.4] * 3, n)
    truth = [CLASSES[random.choice(3, p=row)] for row in true]
    shown = true**power / (true**power).sum(axis=1, keepdims=True)
    return pl.DataFrame(
        {"fov_id": [f"fov_{index}" for index in range(n)], "split": ["test"] * n, "truth": truth}
        | {"prediction": [CLASSES[index] for index in shown.argmax(axis=1)]}
        | {f"p_{name}": shown[:, index] for index, name in enumerate(CLASSES)}
    )


def value(check, measure: str, column: str = "value") -> float:
    return check.table.filter(pl.col("measure") == measure)[column].item()


def test_calibrated_predictions_are_within_chance_and_others_are_not():
    good, sure, unsure = (check_calibration(drawn(power=power), CLASSES) for power in (1.0, 4.0, 0.4))

    assert value(good, "ece") < value(good, "ece", "chance_high")
    assert "no more than chance gives perfect calibration" in good.sentence
    assert "more than chance gives" in sure.sentence
    assert "the model is too sure" in sure.sentence
    assert "the model is less sure than right" in unsure.sentence
    for check in (good, sure, unsure):
        assert value(check, "ece", "interval_low") <= value(check, "ece") <= value(check, "ece", "interval_high")


def test_what_it_was_before_calibration_stands_beside_it():
    before = drawn(power=0.4)
    table = drawn().with_columns(before[f"p_{name}"].alias(f"uncalibrated_{name}") for name in CLASSES)

    check = check_calibration(table, CLASSES)

    assert value(check, "ece", "before") > 2 * value(check, "ece")
    assert "before calibration)" in check.sentence
    assert check.warnings == ("prediction sets: the runs have none; train again",)
    assert "before calibration" in check_calibration(before, CLASSES).warnings[0]


def test_coverage_of_the_sets_is_counted():
    table, other = drawn(1000, seed=1), drawn(1000, seed=2)
    columns = [f"p_{name}" for name in CLASSES]
    targets = np.array([CLASSES.index(name) for name in other["truth"]])
    sets = PredictionSets.fit(other.select(columns).to_numpy(), targets)
    inside = sets.contains(table.select(columns).to_numpy(), 0.9)
    named = [[name for name, here in zip(CLASSES, row, strict=True) if here] for row in inside]

    check = check_calibration(table.with_columns(prediction_set=pl.Series(named)), CLASSES, 0.9)

    assert value(check, "coverage") == pytest.approx(0.9, abs=0.03)
    assert value(check, "split_coverage") == pytest.approx(0.9, abs=0.02)
    assert value(check, "coverage", "interval_low") < value(check, "coverage") < 1.0
    assert "0.9 was asked for" in check.sentence


def test_halves_too_small_for_the_coverage_have_none():
    probabilities = np.full((30, 2), 0.5)
    assert split_coverage(probabilities, np.arange(30) % 2, 0.95) is None


def test_fovs_of_one_group_make_the_interval_wider():
    table = drawn(200, power=2.0)
    # ten FOVs of a group are alike: copies of one
    copies = pl.concat([table.head(20).with_columns(group=pl.col("fov_id"))] * 10)
    copies = copies.with_columns(fov_id=pl.int_range(200).cast(pl.String))

    def width(predictions: pl.DataFrame) -> float:
        check = check_calibration(predictions, CLASSES)
        return value(check, "brier", "interval_high") - value(check, "brier", "interval_low")

    assert width(copies) > 2 * width(copies.drop("group"))


def test_no_test_fov_with_a_class():
    table = drawn(20)
    for without in (table.with_columns(split=pl.lit("val")), table.with_columns(truth=pl.lit(None, pl.String))):
        with pytest.raises(DataError, match="calibration: expected test FOVs with a class, found none"):
            check_calibration(without, CLASSES)


def test_the_figure_of_both_kinds_of_tables(tmp_path):
    table = drawn(60)
    draw_calibration(tmp_path / "plain.png", table, CLASSES)
    both = table.with_columns(pl.col(f"p_{name}").alias(f"uncalibrated_{name}") for name in CLASSES)
    draw_calibration(tmp_path / "both.png", both, CLASSES)

    assert (tmp_path / "plain.png").stat().st_size > 10_000
    assert (tmp_path / "both.png").read_bytes() != (tmp_path / "plain.png").read_bytes()
