"""What was trained on what."""

import dataclasses

import polars as pl

from locgraph.show.report import data_set
from locgraph.show.report.absent import Absent


def test_classes_with_their_sizes(source, parts):
    (table,) = parts(data_set.section(source), "table")

    assert table.rows == (
        ("T", "6", "–", "24", "24 – 24", "3", "3 – 3"),
        ("L", "6", "–", "24", "24 – 24", "3", "3 – 3"),
        ("all", "12", "–", "24", "24 – 24", "3", "3 – 3"),
    )


def test_median_range_groups_and_fovs_without_a_class():
    manifest = pl.DataFrame(
        {
            "fov_id": list("abcd"),
            "label": ["T", "T", "T", None],
            "group": ["p1", "p1", "p2", "p3"],
            "n_localisations": [10, 1500, 100, 7],
            "n_clusters": [1, 2, 4, 3],
        }
    )

    table = data_set.class_table(manifest, ("T", "L"))

    assert table.rows[0] == ("T", "3", "2", "100", "10 – 1\u202f500", "2", "1 – 4")
    assert [row[0] for row in table.rows] == ["T", "without a class", "all"]
    assert table.rows[2][1:3] == ("4", "3")


def test_parts_of_the_model_in_words(source, parts):
    data, model = (dict(part.rows) for part in parts(data_set.section(source), "facts"))

    assert data["data"] == "raw/demo"
    assert data["clustering"] == "KMeans (n_clusters 3)"
    assert data["features of clusters"] == "size, pca"
    assert model["readout"] == "Pooled (reduce mean/max)"
    assert model["optimiser"] == "AdamW (lr 0.003)"
    assert model["parameters"] == "1\u202f234"
    assert "fold.index=0" in model["given on the command line"]


def test_without_tables_it_says_why_and_shows_the_rest(without_tables, parts, words):
    section = data_set.section(without_tables)

    assert words(section, "missing") == ["Classes and sizes of the FOVs cannot be shown. The tables are gone."]
    assert len(parts(section, "facts")) == 2


def test_a_run_without_configuration_has_dashes(source, parts):
    runs = tuple(dataclasses.replace(run, config={}, about={}) for run in source.runs)
    section = data_set.section(dataclasses.replace(source, runs=runs, manifest=Absent("gone")))

    assert dict(parts(section, "facts")[1].rows)["readout"] == "–"


def test_what_is_no_part():
    assert data_set.part_words(None) == "–"
    assert data_set.part_words({"_target_": "a.b.C", "_partial_": True, "x": None}) == "C"
