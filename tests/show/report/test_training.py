"""The chapter on training."""

import plotly.graph_objects
import polars as pl

from locgraph.show.report import training


def test_rows_of_one_epoch_are_put_together(sweep):
    table = training.by_epoch(pl.read_csv(sweep.folder / "0" / "metrics.csv"))

    assert table.select("epoch", "train/loss", "val/loss").rows() == [(0, 0.8, 0.9), (1, 0.6, 0.7)]
    assert training.best_epochs({0: table}) == {0: (1, 0.7, 1)}


def test_a_line_for_each_fold_and_side(source, parts):
    loss, accuracy = parts(training.training_section(source), "plot")

    figure = plotly.graph_objects.Figure(loss.data, loss.layout)
    assert [trace.name for trace in figure.data].count("validation") == 3
    assert [trace.showlegend for trace in figure.data].count(True) == 2
    assert list(figure.data[1].y) == [0.9, 0.7]
    assert {trace["name"] for trace in accuracy.data} == {"validation"}
    assert "fold 0: 0.750" in accuracy.alt


def test_a_missing_history_is_named_and_the_others_are_drawn(sweep, parts, words):
    (sweep.folder / "1" / "metrics.csv").unlink()
    (sweep.folder / "2" / "metrics.csv").write_text("a,b\n1,2\n")

    section = training.training_section(sweep.read())

    missing = words(section, "missing")
    assert missing[0].startswith("Training of fold 1 cannot be shown. There is no metrics.csv")
    assert missing[1].startswith("Training of fold 2 cannot be shown: metrics.csv has no epochs")
    assert len(parts(section, "plot")) == 2


def test_a_history_without_numbers_draws_nothing(sweep, parts):
    for fold in range(3):
        (sweep.folder / str(fold) / "metrics.csv").write_text("epoch,val/loss\n0,\n")

    section = training.training_section(sweep.read())

    assert parts(section, "plot") == []
    assert parts(section, "table") == []
