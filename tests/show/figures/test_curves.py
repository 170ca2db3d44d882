import numpy as np
import polars as pl
import pytest

from locgraph.errors import DataError
from locgraph.show.figures.curves import loss_curves


def log(**changes):
    """Three epochs as the CSV logger writes them: training and validation in rows of their own."""
    columns = {
        "epoch": [0, 0, 1, 1, 2, 2],
        "step": [4, 4, 9, 9, 14, 14],
        "train/loss": [2.0, None, 1.0, None, 0.5, None],
        "val/loss": [None, 2.5, None, 1.5, None, 1.75],
        "val/accuracy": [None, 0.2, None, 0.6, None, 0.7],
    }
    return pl.DataFrame(columns | changes)


def lines(axes):
    return {line.get_label(): line.get_xydata().tolist() for line in axes.lines if not line.get_label().startswith("_")}


def test_losses_and_accuracy_stand_in_two_panels():
    losses, accuracies = loss_curves(log()).axes
    assert lines(losses) == {
        "training": [[0, 2.0], [1, 1.0], [2, 0.5]],
        "validation": [[0, 2.5], [1, 1.5], [2, 1.75]],
    }
    assert lines(accuracies) == {"validation": [[0, 0.2], [1, 0.6], [2, 0.7]]}
    assert accuracies.get_xlabel() == "epoch"


def test_the_lowest_validation_loss_is_marked():
    axes = loss_curves(log()).axes[0]
    assert axes.get_title(loc="right") == "lowest validation loss 1.5 at epoch 1"
    assert [1, 1.5] in [line.get_xydata().tolist()[0] for line in axes.lines if len(line.get_xdata()) == 1]


def test_several_rows_of_an_epoch_are_averaged_and_nan_is_left_out():
    steps = log(**{"train/loss": [2.0, 4.0, 1.0, 1.0, float("nan"), None]})
    assert lines(loss_curves(steps).axes[0])["training"] == [[0, 3.0], [1, 1.0]]


def test_training_alone_has_one_panel_and_no_mark():
    figure = loss_curves(log().select("epoch", "train/loss"))
    assert len(figure.axes) == 1
    assert figure.axes[0].get_title(loc="right") == ""
    assert list(lines(figure.axes[0])) == ["training"]


def test_one_epoch_is_a_dot():
    axes = loss_curves(log().head(2)).axes[0]
    assert {line.get_marker() for line in axes.lines if line.get_label() in ("training", "validation")} == {"o"}
    assert np.isfinite(axes.get_ylim()).all()


@pytest.mark.parametrize(
    "table", [log().drop("epoch"), log().select("epoch", "step"), log().head(0), log().select("epoch", "val/accuracy")]
)
def test_a_log_without_losses_is_refused(table):
    with pytest.raises(DataError, match="train/loss or val/loss"):
        loss_curves(table)
