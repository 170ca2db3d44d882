"""From folders of runs to their report, with the folders of the rest."""

import pytest

from locgraph.errors import DataError
from locgraph.show.report import folder as folder_module
from locgraph.show.report.folder import recorded_tables, report_runs
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


def report(sweep, **arguments):
    return report_runs(sweep.folder, [sweep.folder / str(fold) for fold in range(3)], 3, **arguments)


def test_a_sweep_becomes_one_page(sweep, written):
    assert report(sweep) == sweep.folder / "report.html"

    ((path, source, options),) = written
    assert path == sweep.folder / "report.html"
    assert source.is_sweep
    assert [run.fold for run in source.runs] == [0, 1, 2]
    assert options == Options()
    assert isinstance(source.places.tables, Absent)


def test_a_run_is_reported_with_the_folders_that_are_given(sweep, written, tmp_path):
    run, page, given = sweep.folder / "1", tmp_path / "page.html", tmp_path / "given"
    given.mkdir()

    report_runs(run, [run], 3, page, Options(wrong=3), tables=sweep.tables, explanations=[given], analysed=given)

    ((path, source, options),) = written
    assert path == page
    assert not source.is_sweep
    assert options.wrong == 3
    assert source.places.tables == sweep.tables
    assert source.places.explanations == (given,)
    assert source.places.analysis == given


def test_tables_are_those_that_the_runs_recorded(sweep):
    runs = [sweep.folder / "0", sweep.folder / "1"]
    with pytest.raises(DataError, match="expected the prepared tables of this run; found none"):
        recorded_tables(runs)
    sweep.edit(1, tables=str(sweep.tables))

    assert recorded_tables(runs) == sweep.tables


def test_an_analysis_may_be_in_the_folder_or_in_the_first_run(sweep, written):
    report(sweep)
    for folder in (sweep.folder / "0", sweep.folder):
        (folder / "analysis").mkdir()
        (folder / "analysis" / "analysis.json").touch()
        report(sweep)

    absent, *found = [source.places.analysis for _, source, _ in written]
    assert "run locgraph analyse" in absent.reason
    assert found == [sweep.folder / "0" / "analysis", sweep.folder / "analysis"]


@pytest.mark.parametrize(("name", "several"), [("tables", False), ("explanations", True), ("analysed", False)])
def test_folders_that_are_absent_are_refused(sweep, name, several):
    gone = sweep.folder / "gone"

    with pytest.raises(DataError, match=f"^{name}: expected a folder; found none at .*gone"):
        report(sweep, **{name: [gone] if several else gone})
