"""Runs put together: which belong together, what they are called, and what is left of earlier summaries."""

import json

import pytest

from locgraph.cli import summarise
from locgraph.cli.summarise import family_name
from locgraph.errors import DataError


@pytest.fixture
def add_run(tmp_path):
    """Adds the folder of a run below the sweep folder; returns the sweep folder."""

    def add(name, fold, family="f", overrides=(), accuracy=0.75, n_folds=3, status="completed"):
        run = tmp_path / "sweep" / name
        run.mkdir(parents=True)
        about = {"family": family, "n_folds": n_folds, "overrides": [*overrides, f"fold.index={fold}"]}
        (run / "run.json").write_text(json.dumps(about))
        right = round(4 * accuracy)
        metrics = {
            "status": status,
            "reason": None if status == "completed" else "no such data",
            "experiment": "demo",
            "fold": fold,
            "n_folds": n_folds,
            "class_names": ["T", "L"],
            "test": {"accuracy": accuracy},
            "confusion_matrix": [[right, 4 - right], [0, 0]],
            "controls": [{"control": "majority_class", "accuracy": 0.5, "balanced_accuracy": 0.5}],
        }
        (run / "metrics.json").write_text(json.dumps(metrics))
        return tmp_path / "sweep"

    return add


@pytest.fixture
def undrawn(monkeypatch):
    """Draws no figures, which take their time."""
    monkeypatch.setattr(summarise, "draw", lambda folder, summary: None)


def read(folder):
    return json.loads((folder / "summary.json").read_text())


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def test_one_family_is_summarised_in_the_folder_itself(add_run, capsys):
    for fold, accuracy in enumerate((0.5, 0.75, 1.0)):
        folder = add_run(str(fold), fold, accuracy=accuracy)

    assert summarise.summarise_folder(folder, show=True) == [folder]

    summary = read(folder)
    assert summary["complete"] is True
    (row,) = (row for row in summary["table"] if (row["source"], row["metric"]) == ("model", "accuracy"))
    assert row["mean"] == pytest.approx(0.75)
    assert summary["confusion_matrix"] == [[9, 3], [0, 0]]
    assert names(folder) == ["confusion_matrix.png", "summary.csv", "summary.json", "summary.md", "summary.png"]
    printed = capsys.readouterr().out
    assert "0.750" in printed
    assert "majority" in printed


@pytest.mark.usefixtures("undrawn")
def test_nothing_is_printed_during_a_sweep(add_run, capsys):
    summarise.summarise_folder(add_run("0", 0), show=False)

    assert capsys.readouterr().out == ""


@pytest.mark.usefixtures("undrawn")
def test_missing_and_failed_folds_are_named_with_reasons(add_run):
    add_run("0", 0)
    folder = add_run("1", 1, status="failed")
    (folder / "unfinished").mkdir()
    (folder / "unfinished" / "run.json").write_text((folder / "0" / "run.json").read_text())

    summarise.summarise_folder(folder, show=False)

    summary = read(folder)
    assert summary["missing"] == [1, 2]
    assert "no such data" in summary["reasons"]["1"]
    assert "unfinished" in summary["reasons"]["2"]


@pytest.mark.usefixtures("undrawn")
def test_families_are_summarised_apart_under_what_tells_them_apart(add_run):
    for fold in range(2):
        add_run(f"max{fold}", fold, "f1", ["experiment=demo", "model/readout=max"], n_folds=2)
        folder = add_run(f"att{fold}", fold, "f2", ["experiment=demo", "model/readout=attention"], 0.25, n_folds=2)

    found = summarise.summarise_folder(folder, show=False)

    assert {path.relative_to(folder).as_posix() for path in found} == {
        "summaries/model_readout=attention",
        "summaries/model_readout=max",
    }
    means = {path.name: read(path)["table"][0]["mean"] for path in found}
    assert means == {"model_readout=attention": 0.25, "model_readout=max": 0.75}
    assert names(folder) == []


@pytest.mark.usefixtures("undrawn")
def test_families_that_no_override_tells_apart_are_not_lost(add_run):
    add_run("a", 0, "f1", ["seed=1"])
    folder = add_run("b", 0, "f2", ["seed=1"])

    found = summarise.summarise_folder(folder, show=False)

    assert sorted(path.name for path in found) == ["all-f1", "all-f2"]


def test_a_summary_of_fewer_runs_does_not_stay_where_it_stood(add_run):
    folder = add_run("0", 0, "f1", ["model=a"])
    summarise.summarise_folder(folder, show=False)
    assert len(names(folder)) == 5
    (folder / "notes.txt").touch()
    add_run("1", 0, "f2", ["model=b"])
    summarise.summarise_folder(folder, show=False)
    assert names(folder) == ["notes.txt"]
    add_run("2", 0, "f3", ["model=b", "seed=2"])

    found = summarise.summarise_folder(folder, show=False)

    assert set(found) == set((folder / "summaries").iterdir())
    assert sorted(path.name for path in found) == ["model=a", "model=b", "model=b,seed=2"]


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ([], "all"),
        (["fold.index=2"], "all"),
        (["seed=1", "fold.index=2", "model/readout=max"], "model_readout=max,seed=1"),
        (["data.raw_dir=/my data/../raw*"], "data.raw_dir=_my_data_.._raw_"),
    ],
)
def test_names_of_families(overrides, expected):
    assert summarise.family_name(overrides) == expected


def test_long_names_are_cut_and_stay_apart():
    found = {summarise.family_name([f"model.some.setting={'9' * 200}{index}"]) for index in range(3)}

    assert len(found) == 3
    assert max(map(len, found)) < 120


@pytest.mark.usefixtures("undrawn")
def test_the_same_fold_twice_is_told(add_run):
    add_run("first", 0)
    folder = add_run("second", 0)

    with pytest.raises(DataError, match=r"expected one completed run of fold 0, found .*first and .*second"):
        summarise.summarise_folder(folder, show=False)


def test_only_failed_runs_draw_nothing(add_run):
    folder = add_run("0", 0, status="failed")

    summarise.summarise_folder(folder, show=False)

    assert names(folder) == ["summary.csv", "summary.json", "summary.md"]
    assert read(folder)["missing"] == [0, 1, 2]


@pytest.mark.parametrize("make", [True, False])
def test_a_folder_without_runs_is_told(tmp_path, make):
    folder = tmp_path / "empty"
    if make:
        folder.mkdir()

    with pytest.raises(DataError, match=r"folder=.*empty: no run found below it; expected folders with metrics\.json"):
        summarise.summarise_folder(folder, show=False)


def test_the_command(add_run, run, tmp_path):
    folder = add_run("0", 0)

    run(tmp_path, "summarise", f"folder={folder}")

    assert (folder / "summary.md").is_file()


def test_family_names_leave_out_the_fold_and_make_names_of_folders():
    assert family_name(["fold.index=2", "model/readout=max", "seed=1"]) == "model_readout=max,seed=1"
    assert family_name(["fold.index=2"]) == "all"


def test_long_family_names_are_cut_and_stay_apart():
    names = {family_name([f"model.some.setting={'9' * 200}{index}"]) for index in range(3)}
    assert len(names) == 3
    assert max(map(len, names)) < 120
