"""``locgraph analyse`` and ``locgraph summarise``: the real configs, and what is printed."""

import io
import json
import re
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest
from rich.console import Console

from locgraph.analysis.comparison import Entry, compare
from locgraph.analysis.sweeps.outcomes import COLUMNS
from locgraph.cli.analysis_console import print_analysis
from locgraph.cli.commands.summarise import summarise_folder

FAST = (
    "analysis/classifiers=[logistic_regression]",
    "analysis.importance_repeats=0",
    "analysis.umap=null",
    "analysis.localisations=null",
    "analysis.k_means=[2]",
    "analysis.n_folds=3",
    "analysis.controls=false",
)


@pytest.fixture
def tables(tmp_path, write_tables):
    return write_tables(tmp_path / "tables", {"a": 6, "b": 6})


@pytest.fixture
def undrawn(monkeypatch):
    """Draws no figures, which take their time."""
    monkeypatch.setattr("locgraph.show.figures.run.draw_summary", lambda folder, summary: None)
    monkeypatch.setattr("locgraph.show.figures.analysis.draw_analysis", lambda analysis, folder: [])


@pytest.mark.slow
def test_a_trained_sweep_is_analysed_with_its_tables(run, swept):
    run(swept.folder, "analyse", f"folder={swept.run_dir}", *FAST)

    record = json.loads((swept.run_dir / "analysis" / "analysis.json").read_text())
    assert record["folds"] == [0, 1, 2]
    assert Path(record["tables"], "clusters").is_dir()
    table = pl.read_csv(swept.run_dir / "analysis" / "classifiers.csv")
    assert {"network", "classifier", "control"} == set(table["kind"])


@pytest.mark.usefixtures("undrawn")
def test_tables_are_analysed_into_a_chosen_folder(run, tmp_path, tables, capsys):
    run(tmp_path, "analyse", f"folder={tables}", *FAST, "output=here")

    record = json.loads((tmp_path / "here" / "analysis.json").read_text())
    assert (record["kind"], record["folds"], record["figures"]) == ("tables", [0, 1, 2], [])
    assert record["settings"]["n_folds"] == 3
    printed = capsys.readouterr().out
    for words in ("logistic regression", "area hull", "tables alone have no learned vectors", str(tmp_path / "here")):
        assert words in printed


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("folder=nowhere",), "folder: no such folder: .*nowhere; expected that of a run, of a sweep, or of prepared"),
        ((), "folder: expected that of a run, .*Call it as: locgraph analyse FOLDER"),
        (("folder=tables", "analysis.inner_folds=1"), "analysis.inner_folds: expected a whole number of at least 2"),
        (("folder=tables", "tables=tables"), "tables: .*tables holds tables itself"),
        (("folder=tables", "+analysis.classifiers.mine._target_=sklearn.svm.SVR"), "analysis.classifiers.mine: exp"),
        (("folder=sweep", "output=here"), "output: .*sweep holds 2 sweeps of different settings"),
    ],
)
@pytest.mark.usefixtures("tables")
def test_wrong_settings_end_with_one_message(fails, tmp_path, overrides, message):
    for name in ("f", "g"):
        (tmp_path / "sweep" / name).mkdir(parents=True)
        record = {"family": name, "n_folds": 2, "overrides": [f"model={name}"]}
        (tmp_path / "sweep" / name / "run.json").write_text(json.dumps(record))

    printed = fails(tmp_path, "analyse", *FAST, *overrides)

    assert re.search(message, printed), printed


@pytest.mark.usefixtures("undrawn")
def test_a_summary_is_printed_where_it_is_asked_for(run, tmp_path, tables, write_runs, capsys):
    sweep = write_runs(tmp_path / "sweep", tables, 3, range(2))

    assert summarise_folder(sweep, show=False) == [sweep]
    assert capsys.readouterr().out == ""

    run(tmp_path, "summarise", f"folder={sweep}")
    printed = capsys.readouterr().out
    assert "count_alone" in printed
    assert "fold 2: no run of it was found" in printed


def print_to_text(**analysis):
    console = Console(file=io.StringIO(), width=80, color_system=None)
    defaults = {"tables": {}, "top_features": [], "warnings": []}
    print_analysis(SimpleNamespace(**defaults | analysis), Path("there"), console)
    return console.file.getvalue()


def test_methods_features_and_warnings_fit_a_terminal():
    tested = {"source": "", "fold": 0, "fov_id": list("wxyz"), "group": None, "truth": "a", "correct": [1.0, 0, 0, 0]}
    outcomes = pl.DataFrame(tested, schema=COLUMNS)
    scores = {0: {"accuracy": 0.5, "balanced_accuracy": 0.4, "auroc": 0.75}, 1: {"accuracy": 1.0}}
    entries = [
        Entry("network", "network", "graph", scores),
        Entry("classifier", "support_vector_machine", "hand_made", scores),
        Entry("control", "pair_distances_and_count", "localisations", {0: {"accuracy": 0.25}}, outcomes),
    ]
    top = [
        {"feature": "q50_area_hull", "unit": "nm^2", "effect": "cliffs_delta", "estimate": 0.5}
        | {"low": 0.1, "high": 0.9, "q": 0.2}
    ]
    text = print_to_text(
        tables={"classifiers": compare(entries, 0.25)}, top_features=top, warnings=["fold 2 [missing]"]
    )

    assert "…" not in text
    rows = [line.split() for line in text.splitlines()]
    assert ["support", "vector", "machine", "features", "0.750", "0.00-1.00", "0.400", "0.750"] in rows
    # a control of one fold: the interval of its FOVs, and no AUROC
    assert ["pair", "distances", "and", "count", "points", "0.250", "0.05-0.70", "–", "–"] in rows
    assert "median area hull" in text
    assert "δ = 0.50 [0.10, 0.90], q = 0.200" in text
    assert "! fold 2 [missing]" in text
    assert text.rstrip().endswith("analysis: there")


def test_without_results_the_folder_is_printed():
    assert print_to_text().strip() == "analysis: there"
