"""The whole page: every chapter in it, nothing outside it, nothing that could break out of it."""

import dataclasses
import json
import re
from datetime import UTC, datetime
from html.parser import HTMLParser

import numpy as np
import polars as pl
import pytest

from locgraph.errors import ConfigError
from locgraph.show.report import page
from locgraph.show.report.page import Options, compose, render, write_report
from locgraph.show.report.parts import Matrix

MADE = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
QUICK = Options(umap=False)
CHAPTERS = [
    *("data", "folds", "scores", "confusion", "calibration", "maps", "gallery", "predictions", "explanations"),
    *("features", "confounders", "limits", "training", "configuration", "versions"),
]
VOID = {"meta", "input", "img", "br", "link"}


class Reader(HTMLParser):
    """Elements of a page; complains about those that are not closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.found = [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def all(self, tag):
        return [attributes for found, attributes in self.found if found == tag]


@pytest.fixture
def small(monkeypatch):
    """The page without the megabytes of plotly."""
    monkeypatch.setattr(page, "_plotly", lambda: "/* plotly */")


def payload(text):
    return json.loads(re.search(r'id="payload">(.*?)</script>', text, re.DOTALL)[1])


@pytest.mark.usefixtures("small")
def test_every_chapter_is_there_and_linked(source):
    reader = Reader(render(compose(source, QUICK, MADE)))

    sections = [attributes["id"] for attributes in reader.all("section")]
    assert sections == ["notices", *CHAPTERS]
    assert [attributes["href"] for attributes in reader.all("a") if attributes.get("class") != "skip"] == [
        f"#{name}" for name in sections
    ]


@pytest.mark.usefixtures("small")
def test_nothing_is_fetched_from_anywhere(source):
    reader = Reader(render(compose(source, QUICK, MADE)))

    for _, attributes in reader.found:
        for name in ("src", "href", "data", "action", "poster"):
            assert attributes.get(name, "#").startswith(("#", "data:image/png;base64,"))
    (policy,) = [found["content"] for found in reader.all("meta") if "http-equiv" in found]
    assert policy.startswith("default-src 'none';")
    assert "http" not in policy


@pytest.mark.usefixtures("small")
def test_what_is_drawn_can_be_read_without_seeing_it(source):
    reader = Reader(render(compose(source, QUICK, MADE)))

    assert all(attributes["alt"] for attributes in reader.all("img"))
    identifiers = [attributes["id"] for _, attributes in reader.found if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    labels = {attributes["for"] for attributes in reader.all("label")}
    assert labels == {attributes["id"] for tag in ("input", "select") for attributes in reader.all(tag)}
    for attributes in reader.all("section"):
        assert attributes["aria-labelledby"] in identifiers
    plots = [attributes for attributes in reader.all("div") if "plot" in attributes.get("class", "").split()]
    assert all(attributes["role"] == "img" and attributes["aria-label"] for attributes in plots)


@pytest.mark.usefixtures("small")
def test_every_plot_has_its_place(source):
    text = render(compose(source, QUICK, MADE))

    found = payload(text)
    places = [attributes["data-plot"] for attributes in Reader(text).all("div") if "data-plot" in attributes]
    assert sorted(places) == sorted(found["plots"])
    assert len(places) == 6
    assert set(found["explorer"]["pictures"]) == set(source.manifest.table["fov_id"])


@pytest.mark.usefixtures("small")
def test_names_cannot_break_out_of_the_page(source):
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
    predictions = source.predictions.with_columns(pl.col("fov_id").str.replace("^T_0$", evil.replace("$", "$$")))

    text = render(compose(dataclasses.replace(source, predictions=predictions), QUICK, MADE))

    assert "<script>alert" not in text
    assert "<img src=x" not in text
    assert evil in {record["name"] for record in payload(text)["explorer"]["records"]}
    Reader(text)


@pytest.mark.usefixtures("small")
def test_headlines_have_the_interval_of_folds_or_of_one_run(sweep, source):
    accuracy, control, tested, calibration = compose(source, QUICK, MADE).headlines
    found = compose(sweep.read_fold(0), QUICK, MADE)

    assert (accuracy.value, accuracy.detail) == ("0.750", "95 % interval 0.000 to 1.000 over 3 folds")
    assert (control.value, control.detail) == ("0.500", "pair distances and count")
    assert control.label == "best of 2 simple classifiers that ran"
    assert (tested.value, tested.detail) == ("12", "2 classes")
    assert calibration.label == "calibration error"
    assert calibration.detail.endswith("right 0.750")
    assert found.subtitle == "One run, fold 0"
    assert found.headlines[0].detail == "95 % interval 0.150 to 0.850 over 1 fold"


def test_the_page_holds_plotly_once_and_keeps_to_its_size(source, tmp_path):
    path = tmp_path / "below" / "report.html"

    write_report(path, source, QUICK, MADE)

    text = path.read_text(encoding="utf-8")
    assert text.count("plotly.js v") == 1
    assert path.stat().st_size < 8_000_000
    assert "on 2026-01-02 03:04 from" in text
    assert [other.name for other in path.parent.iterdir()] == ["report.html"]


def test_thumbnails_that_do_not_fit_are_named(source):
    pictures, note = page._thumbnails(source, 3000)

    assert 0 < len(pictures) < 12
    assert next(iter(pictures)) in ("T_0", "L_1", "L_5")
    assert note.startswith(f"{12 - len(pictures)} FOVs have no picture")


@pytest.mark.parametrize(("setting", "value"), [("max_megabytes", 2.0), ("wrong", -1), ("most_fovs", 2)])
def test_settings_that_cannot_work(setting, value):
    with pytest.raises(ConfigError, match=rf"^{setting}: expected .* at least .*, found {value}"):
        Options(**{setting: value})


def test_rows_of_a_confusion_matrix_have_counts_and_fractions():
    matrix = Matrix(("T", "L"), np.array([[3, 1], [0, 0]]), "")

    assert matrix.rows == [("T", 4, [(3, 0.75), (1, 0.25)]), ("L", 0, [(0, 0.0), (0, 0.0)])]
