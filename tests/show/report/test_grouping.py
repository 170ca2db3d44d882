"""The chapter on groups without labels, in a report and on a page of its own, and what is missing."""

import json
from datetime import UTC, datetime

import pytest
from PIL import Image

from builders.grouping import planted_units
from locgraph.analysis.grouping.algorithms import KMeans
from locgraph.analysis.grouping.groups import GroupSettings, find_groups
from locgraph.analysis.grouping.number import NumberSettings
from locgraph.show.report.grouping import grouping_sections
from locgraph.show.report.groups_page import write_groups_page
from locgraph.show.report.page import Options, compose


@pytest.fixture
def write():
    """Write groups into a folder: the tables, the record, one picture."""

    def write(folder, number=None):
        folder.mkdir(parents=True)
        settings = GroupSettings(5, number=number or NumberSettings(bootstraps=0, null_draws=0), permutations=9)
        about = {"source": "here", "grouping": {"_target_": "a.b.KMeans"}}
        find_groups(planted_units(6), KMeans(), settings, about).write(folder)
        Image.new("RGB", (40, 20), "white").save(folder / "groups.png")
        return folder

    return write


def test_there_is_no_chapter_without_groups(tmp_path):
    assert grouping_sections(tmp_path) == ()


def test_the_chapter_has_number_members_differences_and_composition(write, tmp_path, parts):
    (section,) = grouping_sections(write(tmp_path / "groups", NumberSettings(bootstraps=2, null_draws=19)))
    (facts,) = parts(section, "facts")
    rows = dict(facts.rows)
    assert rows["number of groups"] == "5: given"
    assert rows["weights"] == "shape 1"
    assert rows["agreement with the classes"].startswith("matched accuracy 1.000")
    assert rows["against one cloud without groups"].endswith("p = 0.050")
    members, differences, classes, tests = parts(section, "table")
    assert [row[3] for row in members.rows] == ["6"] * 5
    assert all(row[2].startswith("planted") for row in members.rows)
    assert {row[0] for row in differences.rows} <= {"c0", "c1", "c2", "c3"}
    assert len(classes.rows) == 25
    assert tests.rows[0][0] == "all"
    assert parts(section, "pictures")[0].pictures[0].uri.startswith("data:image/")


def test_what_is_damaged_or_could_not_be_written_is_named(write, tmp_path, words):
    folder = write(tmp_path / "groups")
    record = json.loads((folder / "groups.json").read_text()) | {"problems": {"picasso of a": "no precision"}}
    (folder / "groups.json").write_text(json.dumps(record))
    (folder / "group_differences.parquet").unlink()
    (folder / "group_composition_tests.parquet").write_bytes(b"no table")
    (folder / "groups.png").write_bytes(b"no picture")
    (section,) = grouping_sections(folder)
    missing = " ".join(words(section, "missing"))
    for part in ("group_differences.parquet", "group_composition_tests.parquet", "groups.png", "picasso of a"):
        assert part in missing


def test_the_report_of_a_run_holds_the_chapter(sweep, write):
    source = sweep.read()
    write(source.folder / "groups")
    page = compose(source, Options(umap=False), datetime(2026, 1, 1, tzinfo=UTC))
    assert "groups" in [section.name for section in page.sections]


def test_a_page_of_its_own(write, tmp_path):
    folder = write(tmp_path / "groups")
    write_groups_page(folder, folder / "groups.html", datetime(2026, 1, 1, tzinfo=UTC))
    text = (folder / "groups.html").read_text()
    assert "matched accuracy" in text
    assert "2026-01-01" in text
