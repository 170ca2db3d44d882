"""Studies: what a folder holds, summaries of sweeps, analysis and report."""

import json

import polars as pl
import pytest

from locgraph import study
from locgraph.analysis.results import TABLES
from locgraph.api.studies.studies import find_studies, summarise_sweeps
from locgraph.errors import ConfigError, DataError
from locgraph.show.figures.analysis import FIGURES

FAST = (
    "analysis/classifiers=[logistic_regression,nearest_neighbours]",
    "analysis.importance_repeats=2",
    "analysis.k_means=[2]",
    "analysis.n_folds=3",
)
FASTER = (*FAST, "analysis.umap=null", "analysis.localisations=null", "analysis.controls=false")


@pytest.fixture
def tables(tmp_path, write_tables):
    return write_tables(tmp_path / "tables", {"a": 10, "b": 12})


@pytest.fixture
def sweep(tmp_path, tables, write_runs):
    return write_runs(tmp_path / "sweep", tables, 3, range(3))


@pytest.fixture
def add_run(tmp_path):
    """Adds the folder of a run below the sweep folder; returns the sweep folder."""

    def add(name, fold, family="f", overrides=(), accuracy=0.75, n_folds=3, status="completed", **about):
        run = tmp_path / "runs" / name
        run.mkdir(parents=True)
        record = {"family": family, "n_folds": n_folds, "overrides": [*overrides, f"fold.index={fold}"], **about}
        (run / "run.json").write_text(json.dumps(record))
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
        return tmp_path / "runs"

    return add


@pytest.fixture
def undrawn(monkeypatch):
    """Draws no figures, which take their time."""
    monkeypatch.setattr("locgraph.show.figures.run.draw_summary", lambda folder, summary: None)
    monkeypatch.setattr("locgraph.show.figures.analysis.draw_analysis", lambda analysis, folder: [])


def read(folder):
    return json.loads((folder / "summary.json").read_text())


def names(folder, *suffixes):
    return sorted(
        path.name for path in folder.iterdir() if path.is_file() and (path.suffix in suffixes or not suffixes)
    )


# -- what a folder holds -----------------------------------------------------------------------------------------------


def test_a_folder_holds_a_run_a_sweep_or_tables(sweep, tables):
    run, whole, alone = study(sweep / "1"), study(sweep), study(tables)

    assert (run.kind, [result.fold for result in run.runs], run.n_folds) == ("run", [1], 3)
    assert (whole.kind, [result.fold for result in whole.completed]) == ("sweep", [0, 1, 2])
    assert whole.folder == sweep
    assert (alone.kind, alone.runs) == ("tables", ())


def test_sweeps_of_other_settings_are_studies_of_their_own(sweep):
    for fold in (1, 2):
        path = sweep / str(fold) / "run.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"family": "g", "overrides": [f"model=m{fold}"]}))

    studies = find_studies(sweep)

    assert [len(each.run_folders) for each in studies] == [1, 2]
    assert {each.folder.parent for each in studies} == {sweep / "summaries"}
    with pytest.raises(DataError, match="expected one sweep, found 2 of different settings"):
        study(sweep)


def test_other_folders_are_refused_with_what_may_be_meant(tmp_path):
    with pytest.raises(DataError, match=r"^folder: no such folder: .*nowhere; expected that of a run"):
        study(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"^folder: expected the folder of a run or sweep .* found neither"):
        study(tmp_path)
    (tmp_path / "prepared" / "tables-1").mkdir(parents=True)
    with pytest.raises(DataError, match=r"did you mean .*tables-1\?"):
        study(tmp_path / "prepared")
    (tmp_path / "eval").mkdir()
    (tmp_path / "eval" / "metrics.json").write_text("{}")
    with pytest.raises(DataError, match="looks like one of eval: analyse the run"):
        study(tmp_path / "eval")


def test_a_damaged_record_of_a_run_is_an_error_with_its_path(sweep):
    (sweep / "2" / "run.json").write_text("{")
    with pytest.raises(DataError, match=r"2/run\.json: expected family, overrides and n_folds"):
        study(sweep)


def test_a_study_describes_itself(sweep, tables):
    assert repr(study(tables)) == f"Study('{tables}', tables)"
    text = repr(study(sweep))
    assert text.startswith(f"Study('{sweep}', sweep, 3 of 3 folds, accuracy 0.86")
    assert "95 % interval" in text
    assert "<table" in study(sweep)._repr_html_()
    assert "1 of 3 folds, accuracy 0.857 (95 % interval 0.487 to 0.974))" in repr(study(sweep / "1"))


def test_predictions_of_all_folds_are_one_table(sweep, tables):
    table = study(sweep).predictions()

    assert table["fold"].unique().sort().to_list() == [0, 1, 2]
    assert table.filter(split="test")["fov_id"].n_unique() == 22
    (sweep / "0" / "predictions.parquet").unlink()
    with pytest.raises(DataError, match=r"predictions\.parquet: no such file"):
        study(sweep).predictions()
    with pytest.raises(DataError, match="expected a run or sweep, found prepared tables"):
        study(tables).predictions()


# -- summaries ---------------------------------------------------------------------------------------------------------


def test_one_family_is_summarised_in_the_folder_itself(add_run):
    for fold, accuracy in enumerate((0.5, 0.75, 1.0)):
        folder = add_run(str(fold), fold, accuracy=accuracy)

    assert summarise_sweeps(folder) == [folder / "summary.md"]

    summary = read(folder)
    assert summary["complete"] is True
    (row,) = (row for row in summary["table"] if (row["source"], row["metric"]) == ("model", "accuracy"))
    assert row["mean"] == pytest.approx(0.75)
    assert summary["confusion_matrix"] == [[9, 3], [0, 0]]
    assert names(folder) == ["confusion_matrix.png", "summary.csv", "summary.json", "summary.md", "summary.png"]
    assert study(folder).summary().content() == summary


@pytest.mark.usefixtures("undrawn")
def test_missing_and_failed_folds_are_named_with_reasons(add_run):
    add_run("0", 0)
    folder = add_run("1", 1, status="failed")
    (folder / "unfinished").mkdir()
    (folder / "unfinished" / "run.json").write_text((folder / "0" / "run.json").read_text())

    summarise_sweeps(folder)

    summary = read(folder)
    assert summary["missing"] == [1, 2]
    assert "no such data" in summary["reasons"]["1"]
    assert "unfinished" in summary["reasons"]["2"]


@pytest.mark.usefixtures("undrawn")
def test_families_are_summarised_apart_under_the_settings_that_differ(add_run):
    for fold in range(2):
        add_run(f"max{fold}", fold, "f1", ["data.raw_dir=/my raw*", "model/readout=max"], n_folds=2)
        folder = add_run(f"att{fold}", fold, "f2", ["model/readout=attention"], 0.25, n_folds=2)

    texts = summarise_sweeps(folder)

    means = {text.parent.relative_to(folder).as_posix(): read(text.parent)["table"][0]["mean"] for text in texts}
    assert means == {
        "summaries/model_readout=attention": 0.25,
        "summaries/data.raw_dir=_my_raw_,model_readout=max": 0.75,
    }
    assert names(folder) == []


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("varied", [False, True])
def test_seeds_have_a_summary_each_and_one_together(add_run, varied):
    for model in ("a", "b")[: 1 + varied]:
        for seed, accuracy in ((0, 1.0), (1, 0.5)):
            for fold in range(2):
                overrides, family = [f"model={model}", f"seed={seed}"], f"{model}{seed}"
                about = {"repeats": model, "seed": seed, "fold_seed": 0}
                folder = add_run(f"{family}{fold}", fold, family, overrides, accuracy, n_folds=2, **about)

    texts = summarise_sweeps(folder)

    *alone, together = texts[: len(texts) - varied]
    assert len(alone) == (5 if varied else 2) - varied
    assert together.parent == (folder / "summaries" / "model=a" if varied else folder)
    row = read(together.parent)["table"][0]
    assert (row["n_folds"], row["n_runs"], row["fold_0"], row["seed_deviation"]) == (
        2,
        4,
        0.75,
        pytest.approx(0.5**1.5),
    )
    assert read(together.parent)["seeds"] == [0, 1]
    if not varied:
        both = study(folder)
        assert both.summary().content() == read(folder)
        assert "repeats, 4 of 2 folds" not in repr(both)
        with pytest.raises(DataError, match="several seeds; analyse or report one of them"):
            both.analyse()


def test_outdated_summaries_are_removed(add_run):
    folder = add_run("0", 0, "f1", ["model=a"])
    summarise_sweeps(folder)
    assert len(names(folder)) == 5
    (folder / "notes.txt").touch()
    add_run("1", 0, "f2", ["model=b"])
    summarise_sweeps(folder)
    assert names(folder) == ["notes.txt"]
    add_run("2", 0, "f3", ["model=b", "seed=2"])

    texts = summarise_sweeps(folder)

    assert {text.parent for text in texts} == set((folder / "summaries").iterdir())
    assert sorted(text.parent.name for text in texts) == ["model=a", "model=b", "model=b,seed=2"]


def test_failed_runs_alone_are_summarised_without_pictures(add_run):
    folder = add_run("0", 0, status="failed")

    summarise_sweeps(folder)

    assert names(folder) == ["summary.csv", "summary.json", "summary.md"]
    assert read(folder)["missing"] == [0, 1, 2]
    with pytest.raises(DataError, match="expected at least one completed run, found none"):
        study(folder).predictions()


def test_a_folder_without_runs_is_refused(tmp_path):
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(DataError, match=r"^folder: no run found below .*; expected folders with metrics\.json"):
            summarise_sweeps(folder)


# -- analysis ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_sweep_has_every_table_and_figure(sweep):
    settings = (*FAST, "analysis.umap.n_neighbors=6", "analysis.style=violin")
    analysis = study(sweep).analyse(*settings)

    folder = sweep / "analysis"
    assert {name.partition(".")[0] for name in names(folder, ".csv", ".parquet")} == set(TABLES)
    pictures = {suffix: {name.removesuffix(suffix) for name in names(folder, suffix)} for suffix in (".png", ".svg")}
    assert pictures[".png"] == pictures[".svg"] == set(FIGURES)
    record = json.loads((folder / "analysis.json").read_text())
    assert (record["kind"], record["fovs"], record["classes"]) == ("sweep", 22, {"b": 12, "a": 10})
    assert record["folds"] == [0, 1, 2]
    assert set(record["figures"]) == set(FIGURES)
    assert record["warnings"] == analysis.warnings
    table = pl.read_csv(folder / "classifiers.csv").filter(pl.col("metric") == "accuracy")
    rows = {(row["name"], row["features"]): row for row in table.to_dicts()}
    assert list(rows) == [
        ("network", "graph"),
        *((name, kind) for kind in ("hand_made", "learned") for name in ("logistic_regression", "nearest_neighbours")),
        ("count_alone", "localisations"),
    ]
    # widths of 5 and 12 nm are far apart, and so are the vectors; of each fold the network has one FOV wrong
    assert rows["logistic_regression", "hand_made"]["mean"] == 1.0
    assert rows["nearest_neighbours", "learned"]["mean"] == 1.0
    assert rows["network", "graph"]["pooled"] == pytest.approx(19 / 22)
    wrong = pl.read_csv(folder / "misclassified.csv")
    assert wrong["fold"].sort().to_list() == [0, 1, 2]
    assert wrong["classifiers_wrong"].to_list() == [0, 0, 0]


def test_without_classes_maps_are_drawn_and_outdated_figures_removed(tmp_path, write_tables):
    tables = write_tables(tmp_path / "tables", {"a": 6})
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "umap_learned.svg").touch()
    (folder / "notes.svg").touch()

    analysis = study(tables).analyse(*FASTER, folder=folder)

    assert {"feature_tests", "fov_features", "pca"} <= analysis.tables.keys()
    assert names(folder, ".png") == ["correlations.png", "pca_hand_made.png"]
    assert names(folder, ".svg") == ["correlations.svg", "notes.svg", "pca_hand_made.svg"]


@pytest.mark.usefixtures("undrawn")
def test_a_mapping_with_all_settings_replaces_overrides(tables, composed):
    from locgraph.api.config import plain

    settings = plain(composed("analyse", "folder=.", *FASTER).analysis)
    analysis = study(tables).analyse(settings | {"seed": 3})

    assert (tables / "analysis" / "classifiers.csv").is_file()
    assert analysis.settings.seed == 3


def test_settings_and_tables_that_cannot_work_are_named(tables, sweep):
    with pytest.raises(ConfigError, match=r"^analysis\.features: expected one of hand_made, .*did you mean hand_made"):
        study(tables).analyse(*FASTER, "analysis.features=handmade")
    with pytest.raises(ConfigError, match=r"^analysis\.features: learned: tables alone have no learned vectors"):
        study(tables).analyse(*FASTER, "analysis.features=learned")
    with pytest.raises(ConfigError, match=r"^tables: .*holds tables itself"):
        study(tables).analyse(*FASTER, tables=tables)
    with pytest.raises(DataError, match=r"^tables: expected prepared tables"):
        study(sweep).analyse(*FASTER, tables=sweep)


@pytest.mark.slow
def test_a_report_is_one_page(sweep, tables, tmp_path):
    page = study(sweep / "1").report(tmp_path / "one.html", tables=tables, umap=False)

    assert page == tmp_path / "one.html"
    assert "count alone" in page.read_text(encoding="utf-8")
    with pytest.raises(DataError, match=r"^analysed: expected a folder"):
        study(sweep).report(analysed=tmp_path / "nowhere")
    with pytest.raises(DataError, match="expected a run or sweep"):
        study(tables).report()


def test_confounders_are_kept_with_the_study(sweep):
    check = study(sweep).confounders()

    assert check.table.height > 3
    assert (sweep / "trust" / "confounders.png").is_file()
    assert pl.read_parquet(sweep / "trust" / "confounders.parquet").equals(check.table)


def test_confounders_need_runs_that_classify_fovs(tmp_path, tables, write_runs):
    with pytest.raises(DataError, match="expected a run or sweep, found prepared tables"):
        study(tables).confounders()
    sweep = write_runs(tmp_path / "sweep", tables, 3, range(3), scored="localisations")
    with pytest.raises(DataError, match="expected a model that classifies FOVs, found one of localisations"):
        study(sweep).confounders()
