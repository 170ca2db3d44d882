"""From a folder to its reports: runs that belong together, and the folders of the rest."""

import json
import shutil

import pytest

from locgraph.errors import ConfigError, DataError
from locgraph.show.report import folder as folder_module
from locgraph.show.report.folder import recorded_tables, report_folder
from locgraph.show.report.page import Options
from locgraph.show.report.source import Absent


@pytest.fixture
def written(monkeypatch):
    """Catches the pages instead of writing them: path, content and options."""
    pages = []
    monkeypatch.setattr(
        folder_module, "write_report", lambda path, source, options, made: pages.append((path, source, options))
    )
    return pages


def test_a_sweep_becomes_one_page(sweep, written):
    assert report_folder(sweep.folder) == [sweep.folder / "report.html"]

    ((path, source, options),) = written
    assert path == sweep.folder / "report.html"
    assert source.is_sweep
    assert [run.fold for run in source.runs] == [0, 1, 2]
    assert options == Options()
    assert isinstance(source.places.tables, Absent)


def test_a_run_is_reported_alone_with_what_is_given(sweep, written, tmp_path):
    run, page, given = sweep.folder / "1", tmp_path / "page.html", tmp_path / "given"
    given.mkdir()

    report_folder(run, page, Options(wrong=3), tables=sweep.tables, explanations=[given], analysed=given)

    ((path, source, options),) = written
    assert path == page
    assert not source.is_sweep
    assert options.wrong == 3
    assert source.places.tables == sweep.tables
    assert source.places.explanations == (given,)
    assert source.places.analysis == given


def test_tables_are_those_that_the_runs_recorded(sweep, written):
    runs = [sweep.folder / "0", sweep.folder / "1"]
    with pytest.raises(DataError, match="expected the prepared tables of this run; found none"):
        recorded_tables(runs)
    sweep.edit(1, tables=str(sweep.tables))

    assert recorded_tables(runs) == sweep.tables


def test_an_analysis_may_be_in_the_folder_or_in_the_first_run(sweep, written):
    report_folder(sweep.folder)
    for folder in (sweep.folder / "0", sweep.folder):
        (folder / "analysis").mkdir()
        (folder / "analysis" / "analysis.json").touch()
        report_folder(sweep.folder)

    absent, *found = [source.places.analysis for _, source, _ in written]
    assert "run locgraph analyse" in absent.reason
    assert found == [sweep.folder / "0" / "analysis", sweep.folder / "analysis"]


def test_several_sweeps_get_a_page_each(sweep, written, tmp_path):
    both = tmp_path / "both"
    for name in "ab":
        shutil.copytree(sweep.folder, both / name)
        for path in (both / name).rglob("run.json"):
            record = json.loads(path.read_text())
            path.write_text(json.dumps(record | {"family": name, "overrides": [f"seed={name}"]}))

    pages = report_folder(both)

    assert pages == [both / "summaries" / f"seed={name}" / "report.html" for name in "ab"]
    assert all(len(source.runs) == 3 for _, source, _ in written)
    with pytest.raises(ConfigError, match=r"^output: .*holds 2 sweeps"):
        report_folder(both, tmp_path / "page.html")


@pytest.mark.parametrize(
    ("make", "expected"),
    [(False, "expected the folder of a run or sweep; found none"), (True, "no run found in .* expected run.json")],
)
def test_a_folder_without_runs_is_refused(make, expected, tmp_path):
    if make:
        (tmp_path / "gone").mkdir()

    with pytest.raises(DataError, match=f"^folder: {expected}"):
        report_folder(tmp_path / "gone")


@pytest.mark.parametrize(("name", "several"), [("tables", False), ("explanations", True), ("analysed", False)])
def test_folders_that_are_absent_are_refused(sweep, name, several):
    gone = sweep.folder / "gone"

    with pytest.raises(DataError, match=f"^{name}: expected a folder; found none at .*gone"):
        report_folder(sweep.folder, **{name: [gone] if several else gone})
