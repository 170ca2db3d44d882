"""From a checkpoint to explanations, by the real commands with the real configs."""

import io
import json
import shutil

import polars as pl
import pytest
import torch
from rich.console import Console

from locgraph.cli import explanations
from locgraph.cli.main import main
from locgraph.explain.baselines import RandomScores

QUICK = (
    "explain=random",
    "explain.figures=0",
    "explain.stability.repeats=0",
    "explain.curve_points=2",
    "executor=serial",
)


FEW = ("explain.max_fovs=1", "explain.figures=1", "explain.stability.repeats=0", "explain.curve_points=2")


@pytest.fixture
def checkpoint(trained):
    return trained.run_dir / "checkpoints" / "best.ckpt"


@pytest.fixture
def explains(run, checkpoint, tmp_path):
    """Runs ``eval`` with random scores and overrides; gives what it wrote."""

    def explain(*overrides, explainers="random"):
        folder = tmp_path / "explained"
        options = (f"explain={explainers}", *QUICK[1:], *overrides, f"paths.run_dir={folder}")
        run(tmp_path, "eval", f"ckpt_path={checkpoint}", *options)
        about = json.loads((folder / "explanations.json").read_text())
        return about, pl.read_parquet(folder / "explanation_metrics.parquet"), folder

    return explain


def changed(checkpoint, path, change):
    """A checkpoint with another record."""
    content = torch.load(checkpoint, weights_only=True)
    change(content["locgraph"])
    torch.save(content, path)
    return path


def test_all_explainers_that_support_the_model_are_used(explained, trained):
    about = json.loads((explained.run_dir / "explanations.json").read_text())
    assert len(about["explainers"]) == 10
    assert about["cautions"]["random"].startswith("a control")
    assert about["explainers"]["subgraphx"]["rollouts"] == 1
    assert (about["fovs"], about["failed"]) == (4, 0)
    # clusters of the small run do not attend to each other
    assert list(about["left_out"]) == ["attention"]
    metrics = explained.metrics()
    assert metrics["explanations"]["metrics"] == about["metrics"]
    assert metrics["test"] == pytest.approx(trained.metrics()["test"], abs=1e-6)


def test_named_fovs_are_explained(explains, small_checkpoint):
    wanted = small_checkpoint.record["split"]["test"][2:4]
    _, metrics, folder = explains(f"explain.fovs=[{','.join(wanted)}]", "explain.explained_class=T")
    assert sorted(metrics["fov_id"]) == sorted(wanted)
    assert set(metrics["explained_class"]) == {"T"}
    # no figures were asked for
    assert not (folder / "explanations").exists()


def test_one_class_is_explained_against_another(explains, capsys):
    about, metrics, folder = explains("explain.contrast=[T,L]", "explain.max_fovs=2", explainers="[occlusion,random]")
    assert set(metrics["explained_class"]) == {"T against L"}
    assert set(pl.read_parquet(folder / "attributions.parquet")["explained_class"]) == {"T against L"}
    assert about["units"] == {"occlusion": "change of logit difference", "random": "arbitrary unit"}
    # neither the class predicted nor the true one decides what is explained
    assert metrics["truth"].n_unique() == 2
    assert "(class: T against L)" in " ".join(capsys.readouterr().out.split())


def test_a_contrast_of_an_unknown_class_is_refused_before_any_work(fails, checkpoint, tmp_path):
    message = fails(tmp_path, "eval", f"ckpt_path={checkpoint}", *QUICK, "explain.contrast=[T,M]")
    assert "explain.contrast: expected two of the classes of this model (T, L), found 'M'" in message


def test_names_that_are_not_evaluated_are_refused_before_any_work(fails, checkpoint, small_checkpoint, tmp_path):
    train, test = small_checkpoint.record["split"]["train"][0], small_checkpoint.record["split"]["test"][0]
    message = fails(tmp_path, "eval", f"ckpt_path={checkpoint}", *QUICK, f"explain.fovs=[{train},{test}x]")
    assert f"{train!r} is a FOV of the train side" in message
    assert f"'{test}x' is unknown (similar: {test}" in message


def test_explainers_are_checked_before_any_work(fails, checkpoint, tmp_path):
    def no_data(record):
        record["settings"]["data"]["raw_dir"] = "nowhere"

    path = changed(checkpoint, tmp_path / "no_data.ckpt", no_data)
    message = fails(tmp_path, "eval", f"ckpt_path={path}", "explain=attention")
    assert "explain.explainers: no explainer can explain this model: attention: Attention explains models" in message


def test_one_fov_that_fails_does_not_stop_the_others(explains, small_checkpoint, monkeypatch, capsys):
    bad = small_checkpoint.record["split"]["test"][0]
    explain = RandomScores.explain

    def fails(self, network, example, generator):
        if example.fov_id == bad:
            raise ZeroDivisionError("a fault of an explainer")
        return explain(self, network, example, generator)

    monkeypatch.setattr(RandomScores, "explain", fails)

    about, metrics, _ = explains()

    assert about["failures"] == {"random": {bad: "unexpected ZeroDivisionError: a fault of an explainer"}}
    assert about["failed"] == 1
    assert metrics.height == about["fovs"] - 1
    assert bad not in set(metrics["fov_id"])
    assert f"failed: 1 FOVs, such as {bad}: unexpected ZeroDivisionError" in capsys.readouterr().out


@pytest.fixture
def new_files(trained, tmp_path):
    """Raw files without labels, one of them damaged."""
    raw = tmp_path / "new"
    raw.mkdir()
    for path in sorted((trained.folder / "outputs" / "simulated" / "demo").glob("L_*.parquet"))[:3]:
        pl.read_parquet(path).rename({"x": "x [nm]", "y": "y [nm]"}).write_csv(raw / f"{path.stem}.csv")
    (raw / "tiny.csv").write_text("x [nm],y [nm]\n1,2\n")
    return raw


def test_explainers_of_new_files_learn_from_the_run(explains, new_files):
    about, metrics, _ = explains(
        f"data.raw_dir={new_files}",
        "limits.max_failed_fraction=0.5",
        "explain.explainers.pg_explainer.epochs=1",
        "explain.fit_fovs=2",
        "explain.fovs=[L_000,tiny]",
        explainers="[random,pg_explainer]",
    )
    assert set(metrics["explainer"]) == {"random", "pg_explainer"}
    assert metrics["truth"].null_count() == metrics.height == 2
    assert metrics["fidelity_plus_truth"].null_count() == 2
    # that one could not be prepared
    assert list(about["failures"]["random"]) == ["tiny"]
    assert "localisations" in about["failures"]["random"]["tiny"]


def test_the_true_class_of_unlabelled_files_cannot_be_explained(fails, checkpoint, new_files, tmp_path):
    overrides = (f"data.raw_dir={new_files}", "limits.max_failed_fraction=0.5", "explain.explained_class=truth")
    message = fails(tmp_path, "eval", f"ckpt_path={checkpoint}", *QUICK, *overrides)
    assert "its class is not known; explained_class=predicted explains its prediction" in message


def test_an_explainer_that_learns_needs_the_data_of_the_run(fails, checkpoint, new_files, tmp_path):
    def gone(record):
        record["settings"]["data"]["raw_dir"] = str(tmp_path / "gone")

    path = changed(checkpoint, tmp_path / "gone.ckpt", gone)
    overrides = (f"data.raw_dir={new_files}", "limits.max_failed_fraction=0.5", "explain=pg_explainer")
    message = fails(tmp_path, "eval", f"ckpt_path={path}", *overrides, "executor=serial")
    assert (
        "explain.explainers.pg_explainer: it learns from training FOVs of the run, which are not available" in message
    )


def test_scores_of_localisations_are_of_those_in_the_prepared_tables(trained, run, tmp_path):
    where = ("model=locclusternet", "trainer.max_epochs=1", f"paths.run_dir={tmp_path / 'run'}", "controls=false")
    run(trained.folder, "train", *trained.overrides, *where)
    checkpoint, folder = tmp_path / "run" / "checkpoints" / "best.ckpt", tmp_path / "explained"
    quick = ("explain=[saliency,attention]", *QUICK[1:], "explain.max_fovs=2")
    run(tmp_path, "eval", f"ckpt_path={checkpoint}", *quick, f"paths.run_dir={folder}")

    scores = pl.read_parquet(folder / "attributions.parquet")
    tables = json.loads((folder / "metrics.json").read_text())["tables"]
    found = scores.filter(pl.col("level") == "localisation")
    assert found["fov_id"].n_unique() == 2
    for (fov_id,), part in found.group_by("fov_id"):
        locs = pl.read_parquet(f"{tables}/locs/{fov_id}.parquet")
        assert part["row"].to_list() == list(range(locs.filter(pl.col("view") == 0, pl.col("cluster_id") >= 0).height))
    assert set(scores.filter(pl.col("explainer") == "attention")["level"]) == {"cluster", "edge"}
    features = scores.filter(pl.col("level") == "feature", pl.col("fov_id") == scores["fov_id"][0])["feature"].to_list()
    assert features[0] == "count"


# -- locgraph explain --------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("error")
def test_explain_needs_a_checkpoint_alone(trained, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    checkpoint = str(trained.run_dir / "checkpoints" / "best.ckpt")

    # beside the run that other tests read, which explanations go to otherwise
    more = ("explain.explainers.subgraphx.rollouts=1", "executor=serial", "explain.folder=out")
    assert main(["explain", checkpoint, *FEW, *more]) == 0

    folder = tmp_path / "out"
    about = json.loads((folder / "explanations.json").read_text())
    assert list(about["explainers"]) == ["subgraphx"]
    (fov_id,) = about["figures"]
    assert (folder / "explanations" / "subgraphx" / f"{fov_id}.svg").is_file()
    assert "explanations: out" in capsys.readouterr().out.replace(f"{tmp_path}/", "")


def test_an_explainer_has_to_be_chosen(fails, trained, tmp_path):
    message = fails(tmp_path, "explain", f"ckpt_path={trained.run_dir}/checkpoints/best.ckpt", "explain=[]")
    assert "ConfigError: explain.explainers: expected at least one, found none; choose explain=subgraphx" in message


def test_the_console_shows_means_what_was_left_out_and_what_failed(tmp_path):
    record = {
        "settings": {"explained_class": "truth", "contrast": None},
        "fovs": 3,
        "left_out": {"attention": "it has none"},
        "cautions": {"a": "at chance"},
        "failed": 1,
        "failures": {"b": {"fov_1": "damaged"}},
        "metrics": {
            "a": {"n_fovs": 2, "fidelity_plus": 0.375, "seconds": 1.5},
            "b": {"n_fovs": 1, "fidelity_plus": None, "seconds": 3.0},
        },
    }
    printed = io.StringIO()
    explanations.show(record, tmp_path, Console(file=printed, width=80))
    lines = [" ".join(line.split()) for line in printed.getvalue().splitlines()]
    assert "explanations of 3 FOVs (class: truth)" in " ".join(lines)
    assert "FOVs fid+ s/FOV" in lines
    assert "a 2 0.38 1.50" in lines
    assert "b 1 - 3.00" in lines
    assert "left out: attention: it has none" in lines
    assert "caution: a: at chance" in lines
    assert "failed: 1 FOVs, such as fov_1: damaged" in lines
    assert f"explanations: {tmp_path}" in lines


def test_explanations_of_its_own_test_go_into_the_run_in_place_of_earlier_ones(trained, run, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(trained.run_dir, copy)
    stale = copy / "explanations" / "shapley" / "gone.png"
    stale.parent.mkdir(parents=True)
    stale.touch()
    (copy / "explainer_agreement.parquet").touch()
    (copy / "explanations" / "notes.txt").touch()
    outside = tmp_path / "outside.png"
    outside.touch()
    named = {"gone": {"shapley": "explanations/shapley/gone.png", "crafted": str(outside)}}
    (copy / "explanations.json").write_text(json.dumps({"figures": named}))
    run(trained.folder, "eval", f"ckpt_path={copy}/checkpoints/best.ckpt", "explain=random", *FEW)

    assert (copy / "metrics.json").read_text() == (trained.run_dir / "metrics.json").read_text()
    assert pl.read_parquet(copy / "attributions.parquet")["explainer"].unique().to_list() == ["random"]
    assert list((copy / "explanations" / "random").glob("*.png"))
    assert not stale.exists()
    assert not (copy / "explainer_agreement.parquet").exists()
    assert (copy / "explanations" / "notes.txt").exists(), "what no record names stays"
    assert outside.exists(), "nor is anything removed elsewhere"


def test_the_widest_table_fits_a_terminal(explained):
    record = json.loads((explained.run_dir / "explanations.json").read_text())
    printed = io.StringIO()
    explanations.show(record, "", Console(file=printed, width=80))
    assert "\u2026" not in printed.getvalue()
    assert "integrated_gradients" in printed.getvalue()
