"""Parts that cannot be shown: each is named in its place, and stops nothing else."""

import json
from datetime import UTC, datetime

import pytest

from locgraph.show.report import page
from locgraph.show.report.page import Options, compose, render
from locgraph.show.report.source import Absent

MADE = datetime(2026, 1, 2, tzinfo=UTC)
RUN_FILES = ("metrics.csv", "config.yaml", "folds.json")
TABLES = ("fov_vectors.parquet", "attributions.parquet", "explanation_metrics.parquet")


@pytest.fixture(autouse=True)
def _without_plotly(monkeypatch):
    monkeypatch.setattr(page, "_plotly", lambda: "/* plotly */")


def write(source):
    """The page, after it was rendered, and its chapters by name."""
    made = compose(source, Options(umap=False), MADE)
    assert render(made)
    return made, {section.name: section for section in made.sections}


def test_a_page_of_almost_nothing_names_what_is_missing(sweep, words):
    for fold in range(3):
        for name in RUN_FILES:
            (sweep.folder / str(fold) / name).unlink()
        (sweep.folder / str(fold) / "run.json").write_text(json.dumps({"family": "f", "n_folds": 3}))
    for name in TABLES:
        (sweep.folder / "0" / name).unlink()
    source = sweep.read(tables=Absent("The tables are gone."), analysis=Absent("None was made."))

    made, chapters = write(source)

    assert all(section.parts for section in made.sections)
    expected = {
        "data": ["Classes and sizes of the FOVs cannot be shown. The tables are gone."],
        "maps": [
            "Maps of the features of clusters cannot be shown. The tables are gone.",
            "Maps of learned vectors cannot be shown: no run folder holds fov_vectors.parquet",
        ],
        "calibration": ["before calibration: the runs are of an", "prediction sets: the runs have none"],
        "gallery": [
            "Localisations cannot be drawn. The tables are gone.",
            "Explanations are not drawn. No attributions.parquet was found",
        ],
        "explanations": ["Explanations cannot be shown. No attributions.parquet was found"],
        "features": ["Feature plots and tests cannot be shown. None was made."],
        "confounders": [
            "Are classes known above chance? Not asked: run locgraph trust",
            "How many FOVs would it take? Not asked: run locgraph trust",
            "Do count, density, precision or the batch name the class? Not asked: run locgraph trust",
            "Does the network know FOVs of equal count, density and precision? Not asked: run locgraph trust",
            "Do predictions contradict given classes? Not asked: run locgraph trust",
        ],
        "training": [f"Training of fold {fold} cannot be shown. There is no metrics.csv" for fold in range(3)],
        "configuration": ["There is no config.yaml in "],
        "versions": ["No run records the versions of its packages."],
    }
    missing = {name: texts for name, section in chapters.items() if (texts := words(section, "missing"))}
    assert missing.keys() == expected.keys()
    for name, starts in expected.items():
        assert [text[: len(start)] for text, start in zip(missing[name], starts, strict=True)] == starts
    assert dict(chapters["data"].parts[2].rows)["readout"] == "–"
    assert not {"No groups", "The data set"} & {note.text[:12] for note in made.notices}


def test_a_model_of_localisations_has_no_chapters_on_fovs(sweep, words, parts):
    for fold in range(3):
        folder = sweep.folder / str(fold)
        (folder / "predictions.parquet").rename(folder / "localisation_predictions.parquet")
        sweep.edit(fold, scored="localisations", controls=[], no_controls="they need FOVs")

    made, chapters = write(sweep.read())

    assert made.headlines[-2].label == "test localisations"
    assert words(chapters["maps"]) == ["Maps cannot be shown. The model classifies localisations, not FOVs."]
    assert words(chapters["gallery"]) == ["There is no gallery. The model classifies localisations, not FOVs."]
    assert "see localisation_predictions.parquet" in words(chapters["predictions"])[0]
    assert "test localisations" in parts(chapters["calibration"], "plot")[0].alt
    assert "There are no controls: they need FOVs." in words(chapters["scores"], "missing")[0]
    texts = [note.text for note in made.notices]
    assert any(text.startswith("Localisations of one FOV are not independent") for text in texts)
    assert not any(text.startswith("Fewer than") for text in texts)
