"""Every test FOV in one table."""

import dataclasses

import polars as pl

from locgraph.show.report import predictions_table
from locgraph.show.report.absent import Absent


def test_wrong_ones_come_first(source, parts):
    (table,) = parts(predictions_table.section(source), "table")

    assert [row[0] for row in table.rows[:3]] == ["L_1", "L_5", "T_0"]
    assert table.rows[0] == ("L_1", "L", "T", "wrong", "0.900", "0")
    assert {row[3] for row in table.rows[3:]} == {"right"}
    assert len(table.rows) == 12
    assert table.searchable


def test_fovs_without_a_class_come_last(source, parts):
    some = source.predictions.with_columns(truth=pl.when(pl.col("fov_id") != "T_0").then("truth"))

    (table,) = parts(predictions_table.section(dataclasses.replace(source, predictions=some)), "table")

    assert table.rows[-1][:4] == ("T_0", "–", "L", "–")


def test_many_rows_are_cut_and_counted(source, parts, monkeypatch):
    monkeypatch.setattr(predictions_table, "MOST_ROWS", 5)

    (table,) = parts(predictions_table.section(source), "table")

    assert len(table.rows) == 5
    assert table.caption.startswith("5 of 12 test FOVs")


def test_a_model_of_localisations(source, words):
    section = predictions_table.section(dataclasses.replace(source, predictions=Absent("none")))

    assert "localisation_predictions.parquet" in words(section, "missing")[0]
