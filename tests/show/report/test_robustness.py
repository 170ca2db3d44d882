"""The chapter on perturbed FOVs: there where a result is, and complete or with what is missing."""

import json

import polars as pl
import pytest
from PIL import Image

from locgraph.analysis.stress import STRESS_COLUMNS
from locgraph.show.report.robustness import robustness_sections


@pytest.fixture
def folder(sweep):
    return sweep.read().folder / "trust"


def add_result(folder, table=True):
    folder.mkdir(parents=True, exist_ok=True)
    record = {"sentences": {"drift": "drift: falls at 20 nm."}, "notes": ["drift: 3 FOVs have no frames"]}
    (folder / "stress.json").write_text(json.dumps(record))
    Image.new("RGB", (40, 20), "white").save(folder / "stress.png")
    columns = {column.name: column.dtype for column in STRESS_COLUMNS.values()}
    row = dict.fromkeys(columns) | {"perturbation": "drift", "severity": 0.0, "neutral": True, "method": "network"}
    scored = row | {"n_fovs": 9, "accuracy": 0.9, "accuracy_low": 0.8, "accuracy_high": 0.95, "ece": 0.02, "nll": 0.3}
    empty = row | {"severity": 20.0, "neutral": False, "n_fovs": 0}
    if table:
        pl.DataFrame([scored, empty], schema=columns).write_parquet(folder / "stress.parquet")


def test_there_is_no_chapter_without_a_result(sweep):
    assert robustness_sections(sweep.read()) == ()


def test_sentences_picture_and_scores(sweep, folder, parts, words):
    add_result(folder)
    (section,) = robustness_sections(sweep.read())
    assert words(section, "info") == ["drift: falls at 20 nm."]
    assert words(section, "warning") == ["drift: 3 FOVs have no frames."]
    (pictures,) = parts(section, "pictures")
    assert pictures.pictures[0].uri.startswith("data:image/")
    (table,) = parts(section, "table")
    assert table.rows[0][:5] == ("drift", "network", "0 (as it is)", "9", "0.900")
    assert table.rows[1][2:5] == ("20", "0", "")


def test_a_damaged_result_is_named(sweep, folder, words):
    add_result(folder, table=False)
    (section,) = robustness_sections(sweep.read())
    assert "stress.parquet" in words(section, "missing")[0]
