"""``locgraph report``: from settings to one call; pages themselves are tested with `locgraph.show.report`."""

import json

import pytest

from locgraph.cli.main import as_overrides


@pytest.fixture
def called(monkeypatch, tmp_path):
    """Catches the calls instead of writing pages: folder of the study, page, and arguments."""
    calls = []

    def catch(study, output, **arguments):
        page = tmp_path / "caught.html"
        page.write_text("page")
        calls.append((study.folder, output, arguments))
        return page

    monkeypatch.setattr("locgraph.api.studies.study.Study.report", catch)
    return calls


@pytest.fixture
def make_run(tmp_path):
    """Makes what identifies a run: name, family."""

    def make(name, family="f"):
        (tmp_path / name).mkdir(parents=True)
        record = {"family": family, "n_folds": 2, "overrides": [f"seed={family}"]}
        (tmp_path / name / "run.json").write_text(json.dumps(record))

    return make


def test_a_sweep_becomes_one_page(swept, run, tmp_path):
    page = tmp_path / "page.html"

    run(swept.folder, "report", f"folder={swept.run_dir}", f"output={page}", "umap=false")

    text = page.read_text(encoding="utf-8")
    assert page.stat().st_size < 15_000_000
    assert "Cross-validation, 3 of 3 folds" in text
    assert "The prepared tables" not in text
    assert not (swept.run_dir / "report.html").exists()


def test_settings_become_arguments(run, called, make_run, tmp_path):
    make_run("run")

    run(tmp_path, "report", "folder=run", "wrong=3", "tables=tables", "explanations=[a,b]", "analysed=c")

    ((folder, output, arguments),) = called
    assert (folder, output, arguments["wrong"]) == (tmp_path / "run", None, 3)
    assert arguments["tables"] == tmp_path / "tables"
    assert arguments["explanations"] == [tmp_path / "a", tmp_path / "b"]
    assert arguments["analysed"] == tmp_path / "c"


def test_several_sweeps_get_a_page_each(run, fails, called, make_run, tmp_path):
    for family in "ab":
        make_run(f"both/{family}", family)

    run(tmp_path, "report", "folder=both")

    assert [folder for folder, _, _ in called] == [tmp_path / "both" / "summaries" / f"seed={name}" for name in "ab"]
    assert "output: " in (message := fails(tmp_path, "report", "folder=both", "output=page.html"))
    assert "holds 2 sweeps" in message


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ([], "folder: expected the folder of a run or sweep; found none. Call it as: locgraph report FOLDER"),
        (["folder=gone"], "folder: no such folder"),
        (["folder=run", "tables=[.,..]"], "tables: expected one folder; found 2"),
        (["folder=run", "analysed=[.,..]"], "analysed: expected one folder; found 2"),
        (["folder=run", "analysed=gone"], "analysed: expected a folder; found none at"),
        (["folder=run", "wrong=-1"], "wrong: expected a whole number of at least 0, found -1"),
    ],
)
def test_settings_that_cannot_work_are_one_clear_error(overrides, expected, fails, make_run, tmp_path):
    make_run("run")

    assert expected in fails(tmp_path, "report", *overrides)


def test_the_folder_may_stand_alone():
    assert as_overrides(["outputs/run", "umap=false"], ("folder",)) == (["folder='outputs/run'", "umap=false"], [])
