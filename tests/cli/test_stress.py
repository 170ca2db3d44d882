"""``locgraph stress``: files in the run, table and sentences on the terminal, and one clear error."""

import shutil

import polars as pl


def test_a_run_is_stressed_and_keeps_the_result(run, trained, tmp_path, capsys):
    copy = tmp_path / "run"
    shutil.copytree(trained.run_dir, copy)
    run(
        trained.folder, "stress", f"ckpt_path={copy}", "executor=serial", "stress=[thinning]", "stress.max_fovs=4",
        "stress.perturbations.thinning.severities=[0.6]", f"paths.run_dir={tmp_path / 'log'}",
    )  # fmt: skip
    assert pl.read_parquet(copy / "trust" / "stress.parquet").height == 6
    assert {"stress.json", "stress.png"} < {path.name for path in (copy / "trust").iterdir()}
    printed = " ".join(capsys.readouterr().out.split())
    assert "accuracy and ECE on perturbed FOVs" in printed
    assert "thinning (fraction of localisations kept): accuracy of network" in printed
    assert str(copy / "trust") in printed


def test_a_path_is_needed(fails, tmp_path):
    assert "Call it as: locgraph stress RUN/checkpoints/best.ckpt" in fails(tmp_path, "stress")
