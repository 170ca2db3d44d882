"""Confusion matrix, training curves and gallery of a run."""

import numpy as np
import polars as pl
import pytest

from locgraph.errors import DataError
from locgraph.io.featextracted import read_fov
from locgraph.show.figures import run
from locgraph.show.figures.run import confusion_figure, draw_run, loss_curves
from locgraph.show.figures.style import read_picture

COUNTS = np.array([[8, 2, 0], [0, 5, 0], [0, 0, 0]])
NAMES = ["one", "two", "three"]
METRICS = {"experiment": "demo", "fold": 1, "class_names": ["T", "L"], "confusion_matrix": [[3, 1], [0, 2]]}


def counts(axes):
    """(column, row) -> text."""
    return {tuple(map(int, text.get_position())): text.get_text() for text in axes.texts if text.get_text().isdigit()}


def history(**changes):
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


def test_counts_are_written_where_there_are_any_and_colours_are_fractions_of_rows():
    axes = confusion_figure(COUNTS, NAMES, "A sweep").axes[0]

    assert counts(axes) == {(0, 0): "8", (1, 0): "2", (1, 1): "5"}
    colours = {text.get_text(): text.get_color() for text in axes.texts}
    assert (colours["8"], colours["2"]) == ("white", "black"), "light on dark, dark on light"
    np.testing.assert_allclose(axes.images[0].get_array(), [[0.8, 0.2, 0], [0, 1, 0], [0, 0, 0]])
    assert axes.images[0].get_clim() == (0, 1)
    assert axes.get_title(loc="left") == "A sweep"
    assert "accuracy 86.7% of 15 FOVs" in [text.get_text() for text in axes.texts]


def test_rows_are_truth_and_columns_predictions():
    axes = confusion_figure(COUNTS, NAMES, "").axes[0]

    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "true (number)")
    assert [label.get_text() for label in axes.get_xticklabels()] == NAMES
    assert [label.get_text() for label in axes.get_yticklabels()] == ["one (10)", "two (5)", "three (0)"]


@pytest.mark.parametrize(("name", "rotation"), [("a rather long name of a class", 45), ("a", 0)])
def test_long_names_are_turned(name, rotation):
    axes = confusion_figure(np.eye(2, dtype=int), [name, "b"], "").axes[0]
    assert axes.get_xticklabels()[0].get_rotation() == rotation


def test_very_many_classes_are_drawn_without_numbers():
    figure = confusion_figure(np.eye(30, dtype=int), [str(index) for index in range(30)], "")
    assert not counts(figure.axes[0])
    assert figure.get_size_inches()[0] < 7.3


@pytest.mark.parametrize(("number", "step"), [(30, 1), (70, 2)])
def test_names_of_many_classes_do_not_lie_on_each_other(number, step):
    names = [f"class {index}" for index in range(number)]

    axes = confusion_figure(np.eye(number, dtype=int), names, "").axes[0]

    assert [label.get_text() for label in axes.get_xticklabels()] == names[::step]
    assert [label.get_text() for label in axes.get_yticklabels()] == [f"{name} (1)" for name in names[::step]]


def test_a_matrix_of_zeros_has_no_accuracy():
    axes = confusion_figure(np.zeros((2, 2), dtype=int), ["a", "b"], "").axes[0]
    assert "no FOV" in [text.get_text() for text in axes.texts]


@pytest.mark.parametrize("matrix", [np.eye(3), np.ones((2, 3)), np.array([[1, -1], [0, 1]])])
def test_a_matrix_that_does_not_fit_is_refused(matrix):
    with pytest.raises(DataError, match=r"shape \(2, 2\)"):
        confusion_figure(matrix, ["a", "b"], "")


def test_losses_and_accuracy_have_a_panel_each_and_the_lowest_loss_is_marked():
    losses, accuracies = loss_curves(history()).axes

    assert lines(losses) == {
        "training": [[0, 2.0], [1, 1.0], [2, 0.5]],
        "validation": [[0, 2.5], [1, 1.5], [2, 1.75]],
    }
    assert lines(accuracies) == {"validation": [[0, 0.2], [1, 0.6], [2, 0.7]]}
    assert accuracies.get_xlabel() == "epoch"
    assert losses.get_title(loc="right") == "lowest validation loss 1.5 at epoch 1"
    assert [1, 1.5] in [line.get_xydata().tolist()[0] for line in losses.lines if len(line.get_xdata()) == 1]


def test_several_rows_of_an_epoch_are_averaged_and_nan_is_left_out():
    steps = history(**{"train/loss": [2.0, 4.0, 1.0, 1.0, float("nan"), None]})
    assert lines(loss_curves(steps).axes[0])["training"] == [[0, 3.0], [1, 1.0]]


def test_training_alone_has_one_panel_and_no_mark():
    (axes,) = loss_curves(history().select("epoch", "train/loss")).axes
    assert axes.get_title(loc="right") == ""
    assert list(lines(axes)) == ["training"]


def test_one_epoch_is_a_dot():
    axes = loss_curves(history().head(2)).axes[0]
    assert {line.get_marker() for line in axes.lines if line.get_label() in ("training", "validation")} == {"o"}
    assert np.isfinite(axes.get_ylim()).all()


@pytest.mark.parametrize(
    "table",
    [
        history().drop("epoch"),
        history().select("epoch", "step"),
        history().head(0),
        history().select("epoch", "val/accuracy"),
    ],
)
def test_a_history_without_losses_is_refused(table):
    with pytest.raises(DataError, match="train/loss or val/loss"):
        loss_curves(table)


@pytest.mark.parametrize("curves", [["loss_curves.png"], []])
def test_figures_of_a_run_are_in_its_folder(tmp_path, curves):
    if curves:
        history().write_csv(tmp_path / "metrics.csv")

    draw_run(tmp_path, METRICS)

    pictures = sorted(tmp_path.glob("*.png"))
    assert [path.name for path in pictures] == ["confusion_matrix.png", *curves]
    assert all(read_picture(path).std() > 0 for path in pictures)


def test_the_gallery_shows_the_first_test_fovs_of_each_class(prepared, tmp_path, monkeypatch):
    names = ["L_1", "T_8", "T_6", "T_4", "T_2", "T_0", "L_3"]
    predictions = pl.DataFrame({"fov_id": names, "truth": [name[0] for name in names], "prediction": ["T"] * 7})
    drawn = []
    monkeypatch.setattr(run, "read_fov", lambda tables, name: drawn.append(name) or read_fov(tables, name))

    run.draw_gallery(tmp_path, prepared, predictions, ("T", "L"))

    assert sorted(drawn) == ["L_1", "L_3", "T_0", "T_2", "T_4"]
    assert read_picture(tmp_path / "gallery.png").std() > 0


def test_a_summary_has_bars_and_the_pooled_confusion_matrix(source, tmp_path):
    run.draw_summary(tmp_path, source.summary)

    assert sorted(path.name for path in tmp_path.glob("*.png")) == ["confusion_matrix.png", "summary.png"]
