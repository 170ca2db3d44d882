"""The chapter on chance and the number of FOVs: what was checked, and what is damaged."""

import polars as pl
from PIL import Image

from locgraph.analysis.checks.check import Check
from locgraph.show.report.evidence import evidence_sections


def test_what_was_checked_is_shown(sweep, parts, words):
    folder = sweep.read().folder / "trust"
    assert evidence_sections(sweep.read()) == ()

    Check(pl.DataFrame(), ("Above chance.",), ("6 arrangements",)).write(folder / "chance.parquet")
    Image.new("RGB", (40, 20), "white").save(folder / "chance.png")

    (section,) = evidence_sections(sweep.read())
    assert (words(section, "info"), words(section, "warning")) == (["Above chance."], ["6 arrangements."])
    (pictures,) = parts(section, "pictures")
    assert pictures.pictures[0].uri.startswith("data:image/")

    Check(pl.DataFrame(), ("About 400.",)).write(folder / "learning_curve.parquet")
    (section,) = evidence_sections(sweep.read())
    assert words(section, "info") == ["Above chance.", "About 400."]
    assert "learning_curve.png" in words(section, "missing")[0]
