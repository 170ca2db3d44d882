"""``locgraph report``: from settings to one call; pages themselves are tested with `locgraph.show.report`."""

import pytest

from locgraph.cli import report
from locgraph.cli.main import as_overrides


@pytest.fixture
def called(monkeypatch, tmp_path):
    """Catches the call instead of writing a page."""
    calls = []

    def catch(folder, output, options, **rest):
        page = tmp_path / "caught.html"
        page.write_text("page")
        calls.append((folder, output, options, rest))
        return [page]

    monkeypatch.setattr(report, "report_folder", catch)
    return calls


def test_a_sweep_becomes_one_page(swept, run, tmp_path):
    page = tmp_path / "page.html"

    run(swept.folder, "report", f"folder={swept.run_dir}", f"output={page}", "umap=false")

    text = page.read_text(encoding="utf-8")
    assert page.stat().st_size < 15_000_000
    assert "Cross-validation, 3 of 3 folds" in text
    assert "The prepared tables" not in text
    assert not (swept.run_dir / "report.html").exists()


def test_settings_become_arguments(run, called, tmp_path):
    run(tmp_path, "report", "folder=run", "wrong=3", "tables=tables", "explanations=[a,b]", "analysed=c")

    ((folder, output, options, rest),) = called
    assert (folder, output, options.wrong) == (tmp_path / "run", None, 3)
    assert rest.pop("find_tables") is report.find_tables
    assert rest == {
        "tables": tmp_path / "tables",
        "explanations": [tmp_path / "a", tmp_path / "b"],
        "analysed": tmp_path / "c",
    }


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ([], "folder: expected the folder of a run or sweep; found none. Call it as: locgraph report FOLDER"),
        (["folder=gone"], "folder: expected the folder of a run or sweep; found none at"),
        (["folder=.", "tables=[.,..]"], "tables: expected one folder; found 2"),
        (["folder=.", "analysed=[.,..]"], "analysed: expected one folder; found 2"),
        (["folder=.", "wrong=-1"], "wrong: expected a whole number of at least 0, found -1"),
    ],
)
def test_settings_that_cannot_work_are_one_clear_error(overrides, expected, fails, tmp_path):
    assert expected in fails(tmp_path, "report", *overrides)


def test_the_folder_may_stand_alone():
    assert as_overrides(["outputs/run", "umap=false"], ("folder",)) == (["folder='outputs/run'", "umap=false"], [])
