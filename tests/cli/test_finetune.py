"""Training that starts from the weights of another run (``init_from``)."""

import json

import pytest
import torch

from locgraph.learn.checkpoint import read_checkpoint


@pytest.fixture
def pretrained(trained):
    """The checkpoint of the small run on simulated T and L."""
    return trained.run_dir / "checkpoints" / "best.ckpt"


@pytest.fixture
def finetune(trained, pretrained, run, tmp_path):
    """Goes on for one epoch on other simulated FOVs, so slowly that weights stay; gives the checkpoint."""

    def run_on(*overrides):
        overrides = (
            *trained.overrides, "simulation.seed=5", "controls=false", "trainer.max_epochs=1",
            "training.optimizer.lr=1e-9", f"init_from={pretrained}", *overrides, f"paths.run_dir={tmp_path}/run",
        )  # fmt: skip
        run(tmp_path, "train", *overrides)
        return read_checkpoint(tmp_path / "run" / "checkpoints" / "best.ckpt")

    return run_on


def close(one, other, part):
    names = [name for name in other if name.startswith(part)]
    assert names
    return all(torch.allclose(one[name], other[name], atol=1e-7) for name in names)


def test_pretrained_on_simulated_fovs_it_goes_on_with_others(finetune, pretrained, run, tmp_path):
    start = read_checkpoint(pretrained)

    found = finetune()

    assert close(found.weights, start.weights, "")
    origin = found.record["init_from"]
    assert (origin["path"], origin["epoch"], origin["head_kept"]) == (str(pretrained), start.epoch, True)
    assert origin["settings"] == start.record["settings"]
    assert origin["init_from"] is None
    assert "init_from" not in found.record["settings"]["model"]
    # the checkpoint needs the other one no more
    run(tmp_path, "eval", f"ckpt_path={found.path}")
    (metrics,) = tmp_path.glob("outputs/runs/eval/*/metrics.json")
    trained = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert json.loads(metrics.read_text())["test"] == pytest.approx(trained["test"], abs=1e-6)


def test_a_new_class_takes_a_new_head(finetune, pretrained, tmp_path):
    start = read_checkpoint(pretrained)

    found = finetune("simulation.origami.classes=[T,L,O]", "simulation.fovs_per_class=6")

    assert close(found.weights, start.weights, "cluster_encoder.")
    assert found.weights["head.layers.3.weight"].shape[0] == 3
    assert not found.record["init_from"]["head_kept"]
    assert "the head starts anew" in (tmp_path / "run" / "train.log").read_text()


def test_dropout_may_differ(finetune, pretrained):
    found = finetune("model.head.dropout=0", "model.cluster_encoder.dropout=0.4")

    assert close(found.weights, read_checkpoint(pretrained).weights, "")


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["fold.index=1"], "of the FOVs that this fold tests"),
        (["model.cluster_encoder.channels=32"], "start: (64,) in the checkpoint, (32,) in the model"),
        (["graph.cluster_features=[area_hull,count]"], "set graph.cluster_features=[count"),
        (["simulation.origami.dimensions=3", "simulation.folder={}/3d"], "was trained in 2D, found data in 3D"),
        (["training/sampler=balanced"], "set training.class_weights=none"),
    ],
)
def test_what_does_not_fit_is_told(trained, pretrained, fails, tmp_path, overrides, expected):
    overrides = [text.format(tmp_path) for text in overrides]
    own_place = (f"paths.run_dir={tmp_path}/run", f"paths.prepared_dir={tmp_path}/prepared")
    given = (*trained.overrides, *overrides, f"init_from={pretrained}", *own_place)

    assert expected in fails(trained.folder, "train", *given)


def test_a_file_that_is_not_there_is_told_before_work(fails, tiny, tmp_path):
    message = fails(tmp_path, "train", *tiny, "init_from=nowhere.ckpt", f"paths.run_dir={tmp_path}/run")

    assert "init_from: nowhere.ckpt: no such file" in message
    assert not (tmp_path / "outputs").exists()


def test_a_truncated_file_is_told(trained, pretrained, fails, tmp_path):
    short = tmp_path / "short.ckpt"
    short.write_bytes(pretrained.read_bytes()[:1000])

    message = fails(trained.folder, "train", *trained.overrides, f"init_from={short}", f"paths.run_dir={tmp_path}/run")

    assert f"init_from={short}: cannot be read: it is truncated" in message
