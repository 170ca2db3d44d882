"""Classes of localisations, from raw files to a tested network and to new files."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from polars.testing import assert_frame_equal
from sklearn import metrics

from locgraph.learn.module import Learner
from locgraph.simulate.dataset import simulate_dataset
from locgraph.simulate.origami import Origami

NAMES = ("background", "site")
COLUMNS = ("columns=custom", "columns.unit=nm", "columns.names={x: x, y: y, loc_label: kind}")
BY_LOCALISATION = ("labels=localisations", "labels.class_names=[background,site]", *COLUMNS)
SMALL = (
    "clustering=kmeans", "clustering.n_clusters=8", "views=thinned", "views.count=2", "augment=none",
    "fold.n_folds=3", "trainer.max_epochs=20", "training.optimizer.lr=0.01", "loader.batch_size=4", "executor=serial",
    "model.loc_encoder.channels=[8,8]", "model.cluster_encoder.channels=[16]", "graph.ratios=[0.5]",
)  # fmt: skip


@pytest.fixture(scope="module")
def raw(tmp_path_factory) -> Path:
    """Files of which `kind` says which localisations are background; in half of them every third has no class."""
    folder = tmp_path_factory.mktemp("raw")
    origami = Origami(["T", "L"], paint={"background_localisations": 100.0}, field_nm=250.0)
    files = simulate_dataset(tmp_path_factory.mktemp("simulated"), origami, fovs_per_class=9, seed=0)
    for number, path in enumerate(files):
        table = pl.read_parquet(path).with_row_index("i")
        kind = pl.when(pl.col("site") >= 0).then(pl.lit("site")).otherwise(pl.lit("background"))
        kind = pl.when((pl.col("i") % 3 == 0) & (number % 2 == 0)).then(pl.lit("")).otherwise(kind)
        (folder / path.stem[0]).mkdir(exist_ok=True)
        table.select("x", "y", kind.alias("kind")).write_parquet(folder / path.stem[0] / f"{path.stem}.parquet")
    return folder


@pytest.fixture(scope="module")
def overrides(raw) -> tuple[str, ...]:
    """What a small run of the head `segment` is started with."""
    groups = [text for text in SMALL if "." not in text.split("=")[0]]
    values = [text for text in SMALL if text not in groups]
    return (f"data.raw_dir={raw}", *BY_LOCALISATION, *groups, "model=locclusternet", "model/head=segment", *values)


@pytest.fixture(scope="module")
def segmented(overrides, trained, run, tmp_path_factory):
    """A run of the head `segment`."""
    folder = tmp_path_factory.mktemp("segmented")
    run(folder, "train", *overrides, f"paths.run_dir={folder / 'run'}")
    return replace(trained, folder=folder, run_dir=folder / "run", overrides=overrides)


def table_of(folder, split="test"):
    return pl.read_parquet(folder / "localisation_predictions.parquet").filter(pl.col("split") == split)


def test_it_beats_the_majority(segmented):
    test = segmented.metrics()["localisations"]["test"]
    truth = table_of(segmented.run_dir)["truth"].drop_nulls()
    assert test["accuracy"] > max(Counter(truth).values()) / len(truth) + 0.05
    assert test["balanced_accuracy"] > 0.75


def test_metrics_are_those_of_the_table(segmented):
    found, table = segmented.metrics(), table_of(segmented.run_dir)
    known = table.drop_nulls("truth")
    truth, prediction = known["truth"].to_numpy(), known["prediction"].to_numpy()
    part = found["localisations"]
    assert part["class_names"] == found["class_names"] == list(NAMES)
    assert part["confusion_matrix"] == metrics.confusion_matrix(truth, prediction, labels=NAMES).tolist()
    expected = {
        "accuracy": metrics.accuracy_score(truth, prediction),
        "balanced_accuracy": metrics.balanced_accuracy_score(truth, prediction),
        "f1": metrics.f1_score(truth, prediction, average="macro"),
        "iou": metrics.jaccard_score(truth, prediction, average="macro"),
        "loss": -np.log(np.where(truth == "site", known["p_site"], known["p_background"])).mean(),
    }
    assert found["test"] == pytest.approx(expected, abs=1e-5)
    assert found["scored"] == "localisations"
    iou = metrics.jaccard_score(truth, prediction, average=None, labels=NAMES)
    assert [part["test"]["by_class"][name]["iou"] for name in NAMES] == pytest.approx(iou, abs=1e-5)
    assert found["controls"] == []
    assert "controls predict classes of FOVs" in found["no_controls"]
    assert not (segmented.run_dir / "predictions.parquet").exists()


def test_a_row_is_that_of_the_table_of_localisations(segmented):
    (tables,) = (segmented.folder / "outputs" / "prepared").glob("*/tables-*")
    table = table_of(segmented.run_dir)
    assert table["fov_id"].n_unique() == 6
    for (name,), rows in table.group_by("fov_id"):
        locs = pl.read_parquet(tables / "locs" / f"{name}.parquet").filter(pl.col("view") == 0)
        assert rows["row"].to_list() == list(range(locs.height))
        expected = [None if index < 0 else NAMES[index] for index in locs["loc_label"]]
        assert rows["truth"].to_list() == expected
        assert rows["truth"].null_count() in (0, pytest.approx(locs.height / 3, abs=40))


def test_an_interrupted_run_goes_on_and_ends_the_same(segmented, run, tmp_path, monkeypatch):
    begin = Learner.on_train_epoch_start

    def power_cut(self):
        if self.current_epoch == 3:
            raise RuntimeError("power cut")
        begin(self)

    monkeypatch.setattr(Learner, "on_train_epoch_start", power_cut)
    with pytest.raises(SystemExit):
        run(segmented.folder, "train", *segmented.overrides, f"paths.run_dir={tmp_path / 'run'}")
    monkeypatch.undo()
    run(segmented.folder, "train", *segmented.overrides, f"paths.run_dir={tmp_path / 'run'}")

    again = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert again["localisations"] == segmented.metrics()["localisations"]
    assert_frame_equal(table_of(tmp_path / "run"), table_of(segmented.run_dir))
    weights = [
        torch.load(path / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
        for path in (tmp_path / "run", segmented.run_dir)
    ]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[1])


def test_the_checkpoint_names_classes_in_new_files_with_and_without_truth(segmented, raw, run, tmp_path):
    new = tmp_path / "new"
    new.mkdir()
    names = sorted(table_of(segmented.run_dir)["fov_id"].unique())
    for number, name in enumerate(names):
        table = pl.read_parquet(raw / f"{name}.parquet")
        (new / name).parent.mkdir(exist_ok=True)
        (table if number % 2 else table.drop("kind")).write_parquet(new / f"{name}.parquet")

    checkpoint = segmented.run_dir / "checkpoints" / "best.ckpt"
    run(tmp_path, "eval", f"ckpt_path={checkpoint}", f"data.raw_dir={new}")

    (written,) = tmp_path.glob("outputs/runs/eval/*/metrics.json")
    found = table_of(written.parent, "new").sort("fov_id", "row")
    before = table_of(segmented.run_dir).sort("fov_id", "row")
    np.testing.assert_allclose(found["p_site"], before["p_site"], atol=1e-5)
    with_truth = found.drop_nulls("truth")
    assert set(with_truth["fov_id"]) == set(names[1::2])
    accuracy = (with_truth["truth"] == with_truth["prediction"]).mean()
    assert json.loads(written.read_text())["localisations"]["test"]["accuracy"] == pytest.approx(accuracy, abs=1e-6)


def test_both_heads_at_once(overrides, run, raw, tmp_path):
    integers = tmp_path / "raw"
    for path in raw.rglob("*.parquet"):
        target = integers / path.relative_to(raw)
        target.parent.mkdir(parents=True, exist_ok=True)
        codes = pl.col("kind").replace_strict({"background": 0, "site": 1, "": -1}, return_dtype=pl.Int64)
        pl.read_parquet(path).with_columns(codes).write_parquet(target)
    own = [text for text in overrides if not text.startswith(("labels", "data.raw_dir", "model=", "model/", "trainer"))]
    own = [
        f"data.raw_dir={integers}",
        "labels=folders",
        "model=locclusternet",
        "model/head=both",
        *own,
        "trainer.max_epochs=2",
    ]
    own += ["data.localisation_classes=[background,site]", "training.class_weights={T: 2, L: 1}", "controls=false"]

    run(tmp_path, "train", *own, f"paths.run_dir={tmp_path / 'run'}")

    found = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert found["class_names"] == ["L", "T"]
    assert found["localisations"]["class_names"] == list(NAMES)
    assert "scored" not in found
    fovs = pl.read_parquet(tmp_path / "run" / "predictions.parquet").filter(pl.col("split") == "test")
    assert found["test"]["accuracy"] == pytest.approx((fovs["truth"] == fovs["prediction"]).mean(), abs=1e-6)
    known = table_of(tmp_path / "run").drop_nulls("truth")
    accuracy = (known["truth"] == known["prediction"]).mean()
    assert found["localisations"]["test"]["accuracy"] == pytest.approx(accuracy, abs=1e-6)
    assert {"gallery.png", "confusion_matrix.png"} <= {path.name for path in (tmp_path / "run").iterdir()}

    run(tmp_path, "eval", f"ckpt_path={tmp_path / 'run' / 'checkpoints' / 'best.ckpt'}")

    (written,) = tmp_path.glob("outputs/runs/eval/*/metrics.json")
    again = json.loads(written.read_text())
    assert again["test"] == pytest.approx(found["test"], abs=1e-5)
    assert again["localisations"]["test"]["iou"] == pytest.approx(found["localisations"]["test"]["iou"], abs=1e-5)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (["labels=folders"], "model.head: predicts classes of localisations, which have none in these data"),
        (
            ["model=clusternet", "model/head=classify"],
            "model.head: predicts the class of a FOV, but with labels=localisations no FOV has one",
        ),
        (["model/head=both"], "predicts the class of a FOV, but with labels=localisations no FOV has one"),
        (["data.localisation_classes=[a,b]"], "data.localisation_classes: has no effect with labels=localisations"),
        (["labels=folders", "data.localisation_classes=[a,a]"], "data.localisation_classes: expected different names"),
        (
            ["labels=folders", "model=clusternet", "model/head=classify", "data.localisation_classes=[a]"],
            "has no effect with a model that",
        ),
        (["training/sampler=balanced", "training.class_weights=none"], "draws FOVs by class"),
        (["training/mixup=manifold"], "use training/mixup=none"),
        (["training.localisation_weight=0"], "training.localisation_weight: expected a number above 0"),
        (["labels.class_names=[background,site,other]", "training.class_weights=[1,1]"], "one number above 0 for each"),
    ],
)
def test_what_does_not_fit_is_told_in_one_message(overrides, fails, tmp_path, changes, expected):
    kept = [text for text in overrides if text.split("=")[0] not in {c.split("=")[0] for c in changes}]
    if "labels=folders" in changes:
        kept = [text for text in kept if not text.startswith("labels.")]
    if "model=clusternet" in changes or "model/head=both" in changes:
        kept = [text for text in kept if not text.startswith(("model.", "graph."))]
    ordered = sorted([*kept, *changes], key=lambda text: "." in text.split("=")[0])
    # elsewhere: other classes would be written into the tables of the run
    message = fails(tmp_path, "train", *ordered, f"paths.run_dir={tmp_path / 'run'}")
    assert expected in message


def test_featextracted_tables_give_the_same_as_raw_files(segmented, run, tmp_path):
    (tables,) = (segmented.folder / "outputs" / "prepared").glob("*/tables-*")
    groups = ("labels", "columns", "clustering", "views", "data.raw_dir")
    kept = [text for text in segmented.overrides if not text.startswith(groups)]
    own = ["data=featextracted", f"data.featextracted_dir={tables}"]

    run(tmp_path, "train", *own, *kept, f"paths.run_dir={tmp_path / 'run'}")

    found = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert found["localisations"] == segmented.metrics()["localisations"]
