"""The chapter on other reasons than shape: sentences, pictures and tables, or how to make them."""

import polars as pl
import pytest
from PIL import Image

from locgraph.analysis.checks.check import Check
from locgraph.show.report.confounders import confounders_section


@pytest.fixture
def folder(sweep):
    return sweep.read().folder / "trust"


def test_what_was_not_asked_is_named_with_the_way_to_ask(sweep, words):
    missing = words(confounders_section(sweep.read()), "missing")

    assert len(missing) == 5
    for call in (
        "study.chance()",
        "study.learning_curve()",
        "study.confounders()",
        "study.matched()",
        "locgraph check-labels",
    ):
        assert sum(f"run locgraph trust on this folder, or {call}." in text for text in missing) == 1


def test_sentences_warnings_picture_and_table(sweep, folder, parts, words):
    table = pl.DataFrame({"known": ["count"], "asked": ["class"], "value": [0.49]})
    Check(table, ("Count names the class.",), ("no groups",)).write(folder / "confounders.parquet")
    Image.new("RGB", (40, 20), "white").save(folder / "confounders.png")

    section = confounders_section(sweep.read())

    (facts,) = parts(section, "facts")
    assert facts.rows == (("Do count, density, precision or the batch name the class?", "Count names the class."),)
    assert words(section, "warning") == ["Not known: no groups"]
    assert len(words(section, "missing")) == 4
    (pictures,) = parts(section, "pictures")
    assert pictures.pictures[0].uri.startswith("data:image/")
    (shown,) = parts(section, "table")
    assert (shown.header, shown.words) == (("known", "asked", "value"), 2)
    assert shown.rows[0][:2] == ("count", "class")
    assert shown.caption == "1 row of confounders.parquet."


def test_of_a_long_table_the_first_rows_are_shown(sweep, folder, parts):
    table = pl.DataFrame({"fov_id": [f"f{i}" for i in range(100)], "quality": [0.5] * 100})
    Check(table, ("Nothing is contradicted.",)).write(folder / "labels.parquet")

    (shown,) = parts(confounders_section(sweep.read()), "table")

    assert len(shown.rows) == 60
    assert shown.caption == "The first 60 of 100 rows of labels.parquet."


def test_a_damaged_result_is_named(sweep, folder, words):
    folder.mkdir(exist_ok=True)
    (folder / "matched.parquet").write_bytes(b"PAR1 no table")
    Check(pl.DataFrame({"known": ["a"]}), ("One.",)).write(folder / "chance.parquet")
    (folder / "chance.png").write_bytes(b"no picture")

    missing = words(confounders_section(sweep.read()), "missing")

    assert any("equal count, density and precision? The result cannot be read" in text for text in missing)
    assert any("chance.png cannot be read" in text for text in missing)
