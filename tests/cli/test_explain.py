"""``locgraph explain CKPT``: the same as ``eval`` with an explainer."""

import json

import pytest

from locgraph.cli.main import main

FAST = ("explain.max_fovs=1", "explain.figures=1", "explain.stability.repeats=0", "explain.curve_points=2")


@pytest.mark.filterwarnings("error")
def test_a_checkpoint_is_all_it_needs(trained, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    checkpoint = str(trained.run_dir / "checkpoints" / "best.ckpt")

    assert main(["explain", checkpoint, *FAST, "explain.explainers.subgraphx.rollouts=1", "executor=serial"]) == 0

    (folder,) = (tmp_path / "outputs" / "runs" / "explain").iterdir()
    about = json.loads((folder / "explanations.json").read_text())
    assert list(about["explainers"]) == ["subgraphx"]
    (fov_id,) = about["figures"]
    assert (folder / "explanations" / "subgraphx" / f"{fov_id}.svg").is_file()
    assert f"explanations: {folder.relative_to(tmp_path)}" in capsys.readouterr().out.replace(f"{tmp_path}/", "")


def test_without_an_explainer_it_says_which_to_choose(fails, trained, tmp_path):
    message = fails(tmp_path, "explain", f"ckpt_path={trained.run_dir}/checkpoints/best.ckpt", "explain=[]")
    assert "ConfigError: explain: expected an explainer, found none; choose explain=subgraphx" in message


def test_a_missing_checkpoint_is_told(fails, tmp_path):
    assert "Missing mandatory value: ckpt_path" in fails(tmp_path, "explain")
    assert "ckpt_path=nowhere.ckpt: no such file" in fails(tmp_path, "explain", "ckpt_path=nowhere.ckpt")


def test_an_unknown_explainer_is_told_with_those_there_are(fails, tmp_path):
    message = fails(tmp_path, "explain", "ckpt_path=x", "explain=subgrafx")
    assert "Could not find 'explain/subgrafx'" in message
    assert "subgraphx" in message
