"""``mode=release``: all FOVs, the median best epoch of a finished sweep, its schedule, its scores, its calibration."""

import json
import math
import shutil

import polars as pl
import pytest
import torch

import locgraph
from builders.runs import TINY, run_in
from locgraph.analysis.sweeps.status import status
from locgraph.api.packs.packed import read_pack
from locgraph.api.studies.studies import study
from locgraph.api.training.release_settings import compare_settings
from locgraph.errors import DataError
from locgraph.trust.calibrator import Calibrator

WITHOUT_FOLDS = tuple(text for text in TINY if not text.startswith("fold."))
BEST_EPOCHS = (1, 2, 2)
"""Of the folds, so that their median is less than the three epochs of the sweep."""


def set_best_epoch(path, epochs):
    """Let the checkpoint of a best epoch be that of another one."""
    content = torch.load(path, weights_only=True)
    torch.save(content | {"epoch": epochs - 1}, path)


@pytest.fixture(scope="session")
def sweep(swept, tmp_path_factory):
    """The small sweep with known best epochs."""
    folder = tmp_path_factory.mktemp("released") / "sweep"
    shutil.copytree(swept.run_dir, folder)
    for fold, epochs in enumerate(BEST_EPOCHS):
        set_best_epoch(folder / str(fold) / "checkpoints" / "best.ckpt", epochs)
    return folder


def overrides(sweep, run):
    return (*WITHOUT_FOLDS, "mode=release", f"release.from={sweep}", f"paths.run_dir={run}")


@pytest.fixture(scope="session")
def released(swept, sweep, tmp_path_factory):
    """The folder of a release."""
    folder = tmp_path_factory.mktemp("release") / "run"
    run_in(swept.folder, "train", *overrides(sweep, folder))
    return folder


def read(folder):
    return json.loads((folder / "metrics.json").read_text())


def test_every_fov_is_trained_on_until_the_median_best_epoch(released, swept):
    metrics = read(released)
    plan = json.loads((released / "folds.json").read_text())["folds"]
    of_sweep = json.loads((swept.run_dir / "0" / "folds.json").read_text())["folds"][0]

    assert metrics["fovs"] == {"train": 18, "val": 0, "test": 0}
    assert plan == [{"train": sorted(name for names in of_sweep.values() for name in names), "val": [], "test": []}]
    assert metrics["epochs"] == metrics["release"]["epochs"] == 2
    assert metrics["release"]["best_epochs"] == list(BEST_EPOCHS)
    assert torch.load(released / "checkpoints" / "best.ckpt", weights_only=True)["epoch"] == 1


def test_rates_are_those_of_the_schedule_of_the_sweep(released, composed):
    rates = pl.read_csv(released / "metrics.csv")["lr-AdamW"].drop_nulls().to_list()
    cfg = composed("train", *WITHOUT_FOLDS)
    steps = math.ceil(18 / cfg.loader.batch_size)
    schedule, full = cfg.training.schedule, cfg.training.optimizer.lr
    rising = max(1, round(schedule.warmup_fraction * 3 * steps))

    def rate(step):
        if step < rising:
            return full * (step + 1) / rising
        cosine = 0.5 * (1 + math.cos(math.pi * (step - rising) / (3 * steps - rising)))
        return full * (schedule.final_fraction + (1 - schedule.final_fraction) * cosine)

    # logged at the beginning of each of the two epochs
    assert rates == pytest.approx([rate(0), rate(steps)])


def test_scores_are_those_of_the_sweep_with_its_controls(released, sweep):
    metrics, summary = read(released), json.loads((sweep / "summary.json").read_text())

    assert {"test", "val", "train", "confusion_matrix", "optimized"}.isdisjoint(metrics)
    assert metrics["controls"] == []
    scores = metrics["cross_validation"]
    assert scores["table"] == summary["table"]
    assert {"model", "count_alone"} <= {row["source"] for row in scores["table"]}
    assert scores["n_folds"] == 3
    assert scores["n_test"] == 18
    assert study(sweep).summary().headline() == scores["headline"]
    assert not (released / "predictions.parquet").exists()


def test_a_packed_release_states_the_scores_of_its_sweep(released, sweep, swept, tmp_path):
    example = sorted((swept.folder / "outputs" / "simulated" / "demo").rglob("T_*"))[0]
    packed = [
        read_pack(locgraph.pack(source, "mine:1.0", output=tmp_path / name, example=example))
        for name, source in (("release.lgm", released), ("sweep.lgm", sweep))
    ]

    assert packed[0].metrics == packed[1].metrics
    assert packed[0].manifest["networks"] == 1
    assert "Cross-validated: 3 networks" in packed[0].card
    assert "trained on 18 FOVs" in packed[0].card
    with pytest.raises(DataError, match="example=FILE"):
        locgraph.pack(released, "mine:1.0", output=tmp_path / "other.lgm")


def test_predictions_are_calibrated_on_tests_of_the_folds(released, sweep, swept):
    model = locgraph.load(released / "checkpoints" / "best.ckpt")
    names = model.class_names
    tables = [pl.read_parquet(path, glob=False) for path in sorted(sweep.glob("*/predictions.parquet"))]
    tested = pl.concat(tables).filter(pl.col("split") == "test")
    before = tested.select(f"uncalibrated_{name}" for name in names).to_numpy()
    expected = Calibrator.fit("temperature", before, tested["truth"].replace_strict(names, [0, 1]).to_numpy())

    assert len(tested) == 18
    assert model.trust.calibrator.temperature == pytest.approx(expected.temperature)
    assert read(released)["calibration"]["fitted_to"] == "out-of-fold predictions of the sweep"
    assert len(model.trust.sets.scores) == 18
    assert any("a release holds out no FOV" in words for words in model.trust.limits())
    predicted = model.predict(swept.folder / "outputs" / "simulated" / "demo")
    assert predicted.height == 18
    assert predicted.select(pl.sum_horizontal(f"p_{name}" for name in names)).to_series().to_list() == pytest.approx(
        [1.0] * 18
    )


def test_a_release_that_was_interrupted_after_its_last_epoch_is_not_trained_further(released, sweep, swept, tmp_path):
    again = tmp_path / "run"
    shutil.copytree(released, again)
    for name in ("metrics.json", "checkpoints/best.ckpt"):
        (again / name).unlink()
    # the folder is no part of what was trained
    run_in(swept.folder, "train", *overrides(sweep, again))
    weights = [
        torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"] for run in (released, again)
    ]

    assert read(again)["epochs"] == 2
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


@pytest.mark.parametrize("command", ["summarise", "report", "analyse", "trust"])
def test_commands_name_the_sweep_that_holds_the_result(command, released, sweep, swept, fails):
    message = fails(swept.folder, command, f"folder={released}")
    assert "is a release: it was trained on every FOV" in message
    assert f"the sweep it rests on, {sweep}: give that folder" in message


def test_a_release_is_completed_and_tests_nothing(released, swept, fails):
    row = status(released).row(0, named=True)
    assert (row["state"], row["fold"], row["epochs"], row["test"]) == ("completed", None, 2, None)
    checkpoint = released / "checkpoints" / "best.ckpt"
    assert "data.raw_dir: " in fails(swept.folder, "eval", f"ckpt_path={checkpoint}", f"paths.run_dir={released}_e")


def test_a_release_in_the_folder_of_its_sweep_leaves_the_sweep_as_it_is(released, sweep, tmp_path):
    folder = tmp_path / "sweep"
    shutil.copytree(sweep, folder)
    shutil.copytree(released, folder / "release")
    found = study(folder)
    assert found.n_folds == 3
    assert len(found.run_folders) == 3


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["fold.n_folds=1"], "fold: mode=release trains on every FOV and has no folds, found fold.n_folds=1"),
        (["fold=hold_out"], "has no folds, found fold=hold_out"),
        (["test=true"], "test: mode=release leaves no FOV to test"),
        (["training/schedule=plateau"], "training.schedule: plateau watches the validation loss"),
        (["callbacks=none"], "callbacks.last_checkpoint: mode=release keeps the last epoch"),
        (["+callbacks.early_stopping.monitor=val/loss"], "callbacks.early_stopping: watches a metric of validation"),
        (["ckpt_path=RUN/checkpoints/best.ckpt"], "mode: mode=release trains a network from the start"),
        (["model.head.dropout=0.5", "seed=1"], "model.head.dropout 0.2 in the sweep, 0.5 now. Take those of the sweep"),
        (["model=clusternet"], "in the sweep, locgraph"),
        (["release.from=nowhere"], "release.from: expected the folder of a finished sweep"),
    ],
)
def test_what_contradicts_a_release_is_refused(given, message, swept, sweep, fails, tmp_path):
    run = tmp_path / "run"
    assert message in fails(swept.folder, "train", *overrides(sweep, run), *given)
    assert not list(run.rglob("*.ckpt"))


def test_a_sweep_of_releases_is_refused(swept, sweep, tmp_path, capsys):
    with pytest.raises(SystemExit):
        run_in(swept.folder, "train", *overrides(sweep, tmp_path), "sweep=kfold", f"paths.sweep_dir={tmp_path}")
    printed = " ".join(capsys.readouterr().out.split())
    assert "fold: mode=release trains on every FOV and has no folds, found fold.index=0" in printed


def test_a_sweep_that_is_not_finished_is_refused(swept, sweep, fails, tmp_path):
    folder = tmp_path / "sweep"
    shutil.copytree(sweep, folder)
    shutil.rmtree(folder / "1")
    message = fails(swept.folder, "train", *overrides(folder, tmp_path / "run"))
    assert "is a sweep that is not finished: of 3 folds 1 have no result (fold 1: " in message
    message = fails(swept.folder, "train", *overrides(folder / "0", tmp_path / "run"))
    assert "is one run that is not finished: of 3 folds 2 have no result" in message


def test_a_sweep_of_other_data_is_refused(swept, sweep, fails, tmp_path):
    raw = tmp_path / "raw"
    shutil.copytree(swept.folder / "outputs" / "simulated" / "demo", raw)
    gone = sorted(raw.rglob("T_*"))[0]
    gone.unlink()
    message = fails(swept.folder, "train", *overrides(sweep, tmp_path / "run"), f"data.raw_dir={raw}")
    assert f"is a sweep of other data: of its raw files, 1 removed ({gone.stem}" in message


def test_settings_that_leave_the_scores_valid_are_named(swept, sweep, tmp_path):
    run = tmp_path / "run"
    run_in(swept.folder, "train", *overrides(sweep, run), "seed=5", "loader.in_memory=false", "trust.coverage=0.9")
    assert read(run)["release"]["differences"] == [
        "loader.in_memory True in the sweep, False now",
        "seed 0 in the sweep, 5 now",
        "trust.coverage 0.95 in the sweep, 0.9 now",
    ]


def test_no_other_mode_holds_out_nothing(swept, fails, tmp_path):
    message = fails(swept.folder, "train", *WITHOUT_FOLDS, "fold=all", f"paths.run_dir={tmp_path / 'run'}")
    assert "fold: holds out no FOV, so that nothing can be validated or tested; set mode=release" in message


def test_a_release_has_no_result_of_its_own(released):
    with pytest.raises(DataError, match="is a release"):
        study(released)
    assert "release of 18 FOVs" in repr(locgraph.api.training.train.Run(released))


def test_settings_of_a_later_version_are_named_unless_they_are_given():
    before = {"graph": {"localisation_k": 8}, "trainer": {"max_epochs": 3}}
    now = {"graph": {"localisation_k": 8, "axial_scale": 1.0}, "trainer": {"max_epochs": 3, "limit_train_batches": 2}}
    added = compare_settings(before, now | {"augment": {"rotation": {"_target_": "Rotation", "full_3d": False}}})
    assert added.refused == ("augment.rotation._target_ not there in the sweep, Rotation now",)
    differences = compare_settings(before, now, ["+trainer.limit_train_batches=2"])
    assert differences.named == ("graph.axial_scale not there in the sweep, 1.0 now",)
    assert differences.refused == ("trainer.limit_train_batches not there in the sweep, 2 now",)
