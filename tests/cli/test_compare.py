"""``locgraph compare``: folders by their place, the table on the terminal, and errors."""

import io

import polars as pl
import pytest

from locgraph.api.studies.studies import study
from locgraph.cli.commands.compare import pairs_table
from locgraph.cli.console import TextConsole
from locgraph.cli.main import as_overrides


@pytest.fixture
def sweeps(tmp_path, write_tables, write_runs):
    tables = write_tables(tmp_path / "tables", {"a": 10, "b": 12})
    other = write_runs(tmp_path / "other", tables, 3, range(3), test={"accuracy": 1.0, "balanced_accuracy": 1.0})
    for path in other.glob("*/predictions.parquet"):
        pl.read_parquet(path).with_columns(prediction="truth").write_parquet(path)
    return write_runs(tmp_path / "sweep [nm]", tables, 3, range(3)), tmp_path / "other"


def test_folders_are_given_by_their_place():
    assert as_overrides(["a", "rope=0", "b, c"], ("*folders",)) == (["rope=0", "folders=['a','b, c']"], [])
    assert as_overrides(["x", "a"], ("source", "*folders")) == (["source='x'", "folders=['a']"], [])


def test_two_sweeps(sweeps, run, tmp_path, capsys):
    folders = ",".join(f"'{folder}'" for folder in sweeps)
    run(tmp_path, "compare", f"folders=[{folders}]", "output=out", "rope=0.02", "metric=balanced_accuracy")
    printed = " ".join(capsys.readouterr().out.split())
    assert "balanced accuracy of the first less that of the second" in printed
    assert "sweep [nm] is behind other by 0.1" in printed
    assert "Better by more than 0.02 with probability" in printed
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        f"comparison.{suffix}" for suffix in ("json", "parquet", "png")
    }


def test_one_sweep_and_its_controls(sweeps, run, tmp_path, capsys):
    run(tmp_path, "compare", f"folders={sweeps[1]}")
    printed = " ".join(capsys.readouterr().out.split())
    assert "accuracy of model, 1.000, less" in printed
    assert "count alone 0.500 +0.500" in printed
    assert "! no test over folds: all folds differ alike" in printed
    assert not (tmp_path / "out").exists()


def test_a_wide_terminal_shows_effects_and_probabilities(sweeps):
    comparison = study(sweeps[1]).compare(study(sweeps[0]))
    for wide in (False, True):
        console = TextConsole(file=io.StringIO(), width=140)
        console.print(pairs_table(comparison, wide=wide))
        assert ("P alike" in console.file.getvalue()) is wide
        assert ("3:0" in console.file.getvalue()) is wide


def test_without_folders(fails, tmp_path):
    assert "folders: expected the folders of runs or sweeps; found none" in fails(tmp_path, "compare")
