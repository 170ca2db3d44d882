"""The folder of an analysis, whole, half and absent."""

import json

import polars as pl
from PIL import Image

from locgraph.show.report.analysis import analysis_section

ROOM = 1_000_000


def add_analysis(folder):
    folder.mkdir()
    (folder / "analysis.json").write_text(json.dumps({"warnings": ["constant features\nwere left out"]}))
    table = {"feature": [f"f{index}" for index in range(60)], "p_value": [0.01] * 60}
    pl.DataFrame(table).write_csv(folder / "feature_tests.csv")
    pl.DataFrame({"method": ["forest"], "accuracy": [0.75]}).write_csv(folder / "classifiers.csv")
    Image.new("RGB", (40, 20), "white").save(folder / "features_by_class.png")
    (folder / "broken.png").write_text("no picture")
    (folder / "importance.csv").write_bytes(b"")
    return folder


def test_tables_figures_and_warnings(sweep, tmp_path, parts, words):
    section = analysis_section(sweep.read(analysis=add_analysis(tmp_path / "analysis")), ROOM)

    tests, classifiers = parts(section, "table")
    assert (len(tests.rows), tests.words, tests.folded) == (40, 1, "Do features differ between the classes?")
    assert "The first 40 of 60 rows of feature_tests.csv" in tests.caption
    assert classifiers.rows == (("forest", "0.75"),)
    (pictures,) = parts(section, "pictures")
    assert pictures.pictures[0].alt == "Figure features by class of the analysis"
    assert words(section, "warning") == ["constant features were left out"]


def test_what_is_missing_is_named(sweep, tmp_path, words):
    folder = add_analysis(tmp_path / "analysis")

    texts = words(analysis_section(sweep.read(analysis=folder), ROOM), "missing")

    assert any("broken.png (cannot be read)" in text for text in texts)
    (text,) = [text for text in texts if text.startswith(f"Not in {folder}")]
    assert "clustering.csv" in text
    assert "importance.csv cannot be read" in text
    assert "classifiers.csv" not in text


def test_figures_keep_to_their_room(sweep, tmp_path, parts, words):
    section = analysis_section(sweep.read(analysis=add_analysis(tmp_path / "analysis")), 10)

    assert parts(section, "pictures") == []
    assert any("too large: broken.png (cannot be read), features_by_class.png" in text for text in words(section))


def test_an_empty_folder_is_named(sweep, tmp_path, words):
    folder = tmp_path / "empty"
    folder.mkdir()

    texts = words(analysis_section(sweep.read(analysis=folder), ROOM), "missing")

    assert texts[0] == f"There is no figure in {folder}."
