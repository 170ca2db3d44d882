"""Which FOVs the gallery shows, and the table of all predictions."""

import dataclasses

import polars as pl
import pytest

from locgraph.show.report import fovs
from locgraph.show.report.explanations import read_explanations
from locgraph.show.report.source import Source


def gallery(source: Source, wrong: int = 24, right: int = 14):
    return fovs.gallery_section(source, read_explanations(source), wrong, right)


def test_wrong_and_right_fovs(source, parts):
    wrong, right = parts(gallery(source), "cards")

    assert [card.name for card in wrong.cards] == ["L_1", "L_5", "T_0"]
    assert all(not card.right for card in wrong.cards)
    assert wrong.caption == "3 of 3 wrong FOVs, those with the highest confidence first."
    assert all(card.right for card in right.cards)
    # explained FOVs come first
    assert {card.name for card in right.cards[:2]} == {"T_2", "L_3"}
    assert wrong.cards[0].bars == (("T", 0.9), ("L", pytest.approx(0.1)))
    assert [len(part.cards) for part in parts(gallery(source, wrong=1, right=2), "cards")] == [1, 2]


def test_explained_fovs_have_a_second_picture(source, parts):
    cards = {card.name: card for part in parts(gallery(source), "cards") for card in part.cards}

    assert len(cards["L_1"].pictures) == 2
    assert cards["L_1"].pictures[1].alt == "Scores of occlusion of L_1 for class L"
    assert cards["L_1"].details.startswith("fold 0, ")
    assert cards["L_1"].details.endswith("24 localisations, explained for L")
    assert len(cards["L_5"].pictures) == 1
    assert cards["L_5"].details.endswith("not explained")


def test_right_ones_are_typical_then_doubtful():
    names = [f"{name}{index}" for name in "TL" for index in range(3)]
    table = pl.DataFrame(
        {
            "fov_id": names,
            "fold": [0] * 6,
            "truth": [name[0] for name in names],
            "confidence": [0.5, 0.7, 0.9, 0.6, 0.8, 1.0],
        }
    )

    chosen = fovs.choose_right(table, ("T", "L"), 9, set())

    assert [row["fov_id"] for row in chosen] == ["T1", "L1", "T0", "L0"]
    assert [row["fov_id"] for row in fovs.choose_right(table, ("T", "L"), 9, {("T2", 0)})] == ["T2", "L1", "L0"]


def test_all_right_and_all_wrong_are_named(source, parts, words):
    right = source.predictions.with_columns(prediction=pl.col("truth"))
    wrong = source.predictions.with_columns(truth=pl.lit("L"), prediction=pl.lit("T"))

    all_right = gallery(dataclasses.replace(source, predictions=right))
    all_wrong = gallery(dataclasses.replace(source, predictions=wrong))

    assert "No prediction is wrong: all 12 test FOVs are correct." in words(all_right)
    assert "No test FOV is predicted correctly." in words(all_wrong)
    assert len(parts(all_right, "cards")) == len(parts(all_wrong, "cards")) == 1


def test_a_fov_whose_table_is_gone_keeps_its_card(source, parts):
    lost = source.predictions.with_columns(pl.col("fov_id").str.replace("T_0", "gone"))

    cards = {
        card.name: card
        for part in parts(gallery(dataclasses.replace(source, predictions=lost)), "cards")
        for card in part.cards
    }

    assert cards["gone"].pictures == ()
    assert "cannot be drawn" in cards["gone"].details


def test_wrong_rows_come_first(source, parts):
    (table,) = parts(fovs.predictions_section(source), "table")

    assert [row[0] for row in table.rows[:3]] == ["L_1", "L_5", "T_0"]
    assert table.rows[0] == ("L_1", "L", "T", "wrong", "0.900", "0")
    assert {row[3] for row in table.rows[3:]} == {"right"}
    assert len(table.rows) == 12
    assert table.searchable


def test_fovs_without_a_class_come_last(source, parts):
    some = source.predictions.with_columns(truth=pl.when(pl.col("fov_id") != "T_0").then("truth"))

    (table,) = parts(fovs.predictions_section(dataclasses.replace(source, predictions=some)), "table")

    assert table.rows[-1][:4] == ("T_0", "–", "L", "–")


def test_many_rows_are_cut_and_counted(source, parts, monkeypatch):
    monkeypatch.setattr(fovs, "MOST_ROWS", 5)

    (table,) = parts(fovs.predictions_section(source), "table")

    assert len(table.rows) == 5
    assert table.caption.startswith("5 of 12 test FOVs")
