"""``locgraph report`` on runs and sweeps, and what it refuses."""

import json
import shutil

import pytest

from locgraph.cli import report
from locgraph.cli.main import as_overrides
from locgraph.show.report.absent import Absent


@pytest.fixture
def written(monkeypatch):
    """Catches the pages instead of writing them: path and what they are made from."""
    found = []

    def catch(path, source, options, made):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("page")
        found.append((path, source, options))

    monkeypatch.setattr(report, "write_report", catch)
    return found


def test_a_sweep_becomes_one_page(swept, run, tmp_path):
    page = tmp_path / "page.html"

    run(swept.folder, "report", f"folder={swept.run_dir}", f"output={page}", "umap=false")

    text = page.read_text(encoding="utf-8")
    assert page.stat().st_size < 15_000_000
    assert "Cross-validation, 3 of 3 folds" in text
    assert "The prepared tables" not in text
    assert not (swept.run_dir / "report.html").exists()


def test_a_run_is_reported_in_its_folder(trained, run, written):
    tables = next(trained.folder.rglob("tables-*"))

    run(trained.folder, "report", f"folder={trained.run_dir}", "wrong=3", f"tables={tables}")

    ((path, source, options),) = written
    path.unlink()
    assert path == trained.run_dir / "report.html"
    assert not source.is_sweep
    assert options.wrong == 3
    assert source.places.tables == tables


def test_tables_are_found_where_the_run_left_them(trained, composed):
    assert report._tables(composed("report"), [trained.run_dir]).name.startswith("tables-")


def test_tables_that_are_nowhere_are_told(composed, tmp_path):
    found = report._tables(composed("report"), [tmp_path])

    assert isinstance(found, Absent)
    assert "tables=FOLDER" in found.reason


def test_an_analysis_lies_in_the_folder_or_is_given(composed, tmp_path):
    cfg = composed("report")
    assert isinstance(report._analysis(cfg, tmp_path, []), Absent)
    (tmp_path / "analysis").mkdir()
    (tmp_path / "analysis" / "analysis.json").touch()

    assert report._analysis(cfg, tmp_path, []) == tmp_path / "analysis"

    cfg.analysed = str(tmp_path)
    assert report._analysis(cfg, tmp_path, []) == tmp_path


def test_several_sweeps_get_a_page_each(swept, run, written, tmp_path):
    folder = tmp_path / "both"
    shutil.copytree(swept.run_dir, folder / "a")
    shutil.copytree(swept.run_dir, folder / "b")
    for path in (folder / "b").rglob("run.json"):
        content = json.loads(path.read_text())
        path.write_text(json.dumps(content | {"family": "other", "overrides": ["seed=1"]}))

    run(tmp_path, "report", f"folder={folder}")

    assert len(written) == 2
    assert {path.parent.parent for path, _, _ in written} == {folder / "summaries"}
    assert all(len(source.runs) == 3 for _, source, _ in written)


def test_one_page_for_several_sweeps_is_refused(swept, fails, tmp_path):
    folder = tmp_path / "both"
    for name in ("a", "b"):
        (folder / name).mkdir(parents=True)
        about = {"family": name, "n_folds": 1, "overrides": [f"seed={name}"]}
        (folder / name / "run.json").write_text(json.dumps(about))

    message = fails(tmp_path, "report", f"folder={folder}", "output=page.html")

    assert "ConfigError: output=page.html" in message
    assert "holds 2 sweeps" in message


@pytest.mark.parametrize(
    ("make", "overrides", "expected"),
    [
        (False, ["folder=gone"], "expected the folder of a run or sweep; found none there"),
        (True, ["folder=gone"], "no run found in it or below; expected run.json and metrics.json"),
        (True, [], "folder: expected the folder of a run or sweep; found none. Call it as: locgraph report FOLDER"),
    ],
)
def test_a_folder_that_is_no_run_is_one_clear_error(make, overrides, expected, fails, tmp_path):
    if make:
        (tmp_path / "gone").mkdir()

    assert expected in fails(tmp_path, "report", *overrides)


@pytest.mark.parametrize("setting", ["tables", "explanations", "analysed"])
def test_folders_that_are_not_there_are_one_clear_error(setting, trained, fails):
    message = fails(trained.folder, "report", f"folder={trained.run_dir}", f"{setting}=gone")

    assert f"{setting}={trained.folder / 'gone'}: expected a folder; found none there" in message


@pytest.mark.parametrize("setting", ["tables", "analysed"])
def test_one_folder_is_enough(setting, trained, fails):
    message = fails(trained.folder, "report", f"folder={trained.run_dir}", f"{setting}=[.,..]")

    assert f"{setting}: expected one folder; found 2" in message


def test_several_folders_of_explanations(composed, tmp_path):
    cfg = composed("report")
    cfg.explanations = [str(tmp_path), str(tmp_path.parent)]

    assert report._given_folders(cfg, "explanations") == (tmp_path, tmp_path.parent)


def test_a_run_without_predictions_is_one_clear_error(trained, fails, tmp_path):
    shutil.copytree(trained.run_dir, tmp_path / "run")
    (tmp_path / "run" / "predictions.parquet").unlink()

    assert "expected predictions.parquet in the folder of the run, found none" in fails(
        tmp_path, "report", "folder=run"
    )


def test_the_folder_may_stand_alone():
    assert as_overrides(["outputs/run", "umap=false"], ("folder",)) == (["folder='outputs/run'", "umap=false"], [])
