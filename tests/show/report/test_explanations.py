"""Explanations in numbers, and what is missing of them."""

import json

import plotly.graph_objects
import polars as pl
import pytest
from PIL import Image

from locgraph.show.report import explanations

ROOM = 1_000_000


def section(source, room=ROOM):
    return explanations.explanations_section(source, explanations.read_explanations(source), room)


def test_means_of_the_metrics_by_explainer(source, parts):
    table = parts(section(source), "table")[0]

    assert table.header == ("metric", "better", "definition", "random", "occlusion")
    assert table.rows[0] == ("FOVs", "–", "", "4", "4")
    name, better, meaning, *numbers = table.rows[1]
    assert (name, better, numbers) == ("fidelity plus", "higher", ["0.5", "0.5"])
    assert "without the selected clusters" in meaning
    assert table.rows[3] == ("own metric", "–", "", "–", "–")


def test_features_by_the_size_of_their_score(source, parts, words):
    (plot,) = parts(section(source), "plot")

    plotly.graph_objects.Figure(plot.data, plot.layout)
    assert plot.data[0]["y"] == ["linearity", "radius of gyration"]
    assert plot.data[0]["x"] == pytest.approx([-0.4, 0.1])
    assert words(section(source))[0] == "4 FOVs explained by random, occlusion."


def test_the_explainer_that_is_drawn(source):
    table = explanations.read_explanations(source).attributions

    assert explanations.drawn_explainer(table) == "occlusion"
    assert explanations.drawn_explainer(table.filter(pl.col("explainer") == "random")) == "random"
    assert explanations.drawn_explainer(table.filter(pl.col("level") == "feature")) is None


def test_scores_of_one_fov(source):
    found = explanations.scores_of(explanations.read_explanations(source).attributions, "occlusion")

    assert set(found) == {(name, 0) for name in ("T_0", "L_1", "T_2", "L_3")}
    assert found["T_0", 0]["score"].to_list() == [-0.5, 0.5, 1.5]


def test_damaged_and_strange_tables_are_named(sweep, words):
    path = sweep.folder / "0" / "attributions.parquet"
    pl.DataFrame({"fov_id": ["a"]}).write_parquet(path)
    assert "has no column" in words(section(sweep.read()), "missing")[0]
    path.write_bytes(b"no parquet")
    assert "cannot be read" in words(section(sweep.read()), "missing")[0]
    path.unlink()
    assert "No attributions.parquet was found" in words(section(sweep.read()), "missing")[0]


def test_agreement_and_features_of_classes_are_tables(sweep, parts):
    folder = sweep.folder / "0"
    pair = {"fov_id": ["a", "b"], "first": ["x", "x"], "second": ["y", "y"], "spearman": [0.25, 0.75]}
    pl.DataFrame(pair).write_parquet(folder / "explainer_agreement.parquet")
    summary = {"explainer": ["x"] * 50, "feature": ["count"] * 50, "effect": [0.5] * 50}
    pl.DataFrame(summary).write_csv(folder / "explained_features.csv")

    _, agreement, features = parts(section(sweep.read()), "table")

    assert agreement.rows == (("x", "y", "0.500"),)
    assert (len(features.rows), features.words) == (30, 2)
    assert features.caption.startswith("The first 30 of 50 rows")


def test_what_explainers_could_not_do_is_named(sweep, words):
    about = {"left_out": {"attention": "the model has none"}, "failures": {"occlusion": {"T_9": "one cluster"}}}
    about["cautions"] = {"random": "a control"}
    (sweep.folder / "0" / "explanations.json").write_text(json.dumps(about))

    texts = words(section(sweep.read()), "missing")

    assert words(section(sweep.read()), "info").count("random: a control") == 1
    assert "attention was left out: the model has none" in texts
    assert "occlusion failed for 1 FOV, such as T_9: one cluster" in texts


def add_figures(folder):
    (folder / "explanations" / "occlusion").mkdir(parents=True)
    for name in ("gallery", "occlusion/T_0"):
        Image.new("RGB", (40, 20), "white").save(folder / "explanations" / f"{name}.png")


@pytest.mark.parametrize(("room", "shown"), [(ROOM, ["gallery"]), (10, [])])
def test_the_gallery_is_within_the_page_and_single_figures_are_named(sweep, parts, words, room, shown):
    add_figures(sweep.folder / "0")

    found = section(sweep.read(), room)

    assert [picture.caption for part in parts(found, "pictures") for picture in part.pictures] == shown
    assert any(text.startswith("2 figures at print quality are in ") for text in words(found))


def test_figures_alone_are_shown_where_there_are_no_scores(sweep, parts):
    add_figures(sweep.folder / "0")
    (sweep.folder / "0" / "attributions.parquet").unlink()
    (sweep.folder / "0" / "explanations" / "occlusion" / "L_1.png").write_text("no picture")

    (pictures,) = parts(section(sweep.read()), "pictures")

    assert [picture.caption for picture in pictures.pictures] == ["gallery", "T 0"]
