"""``locgraph count``: files in; tables, pictures and exports out, and what went wrong."""

import json

import polars as pl

from locgraph.cli.main import as_overrides


def test_files_are_counted_and_one_bad_file_stops_no_other(trained, picks, run, tmp_path, capsys):
    files = [str(path) for path in sorted(picks.raw.glob("*.parquet"))[:2]]
    bad = tmp_path / "bad.csv"
    bad.write_text("x,y,pick\nnothing\n")
    overrides, left = as_overrides([*files, str(bad), "columns=nm", "objects=picks"], ("*files",))
    assert left == []
    folder = tmp_path / "out"
    run(
        *(tmp_path, "count", *overrides, f"model={trained.run_dir}/checkpoints/best.ckpt", "simulations=9"),
        *("export=[parquet]", "exported.one_file_per_class=true", "pictures=1", f"paths.run_dir={folder}"),
    )

    printed = " ".join(capsys.readouterr().out.split())
    assert "objects by predicted class" in printed
    assert "! bad: " in printed
    record = json.loads((folder / "counts.json").read_text())
    assert list(record["failed_fovs"]) == ["bad"]
    assert [fov["fov_id"] for fov in record["fovs"]] == ["0", "1"]
    assert record["model"] == [str(trained.run_dir / "checkpoints" / "best.ckpt")]
    objects = pl.read_parquet(folder / "objects.parquet")
    assert objects.height == 6
    assert len(list((folder / "pictures").glob("*.png"))) == 1
    assert all((folder / name).is_file() for names in record["exports"].values() for name in names)


def test_what_is_missing_is_named(trained, picks, tmp_path, fails):
    file = next(picks.raw.glob("*.parquet"))
    model = f"model={trained.run_dir}"
    assert "locgraph count FILES model=RUN" in fails(tmp_path, "count", model)
    assert "ckpt_path: a value is required" in fails(tmp_path, "count", f"files=[{file}]")
    assert "objects: expected what an object is" in fails(tmp_path, "count", f"files=[{file}]", model, "columns=nm")
    assert "files: no such file or folder: gone.csv" in fails(
        tmp_path, "count", "files=[gone.csv]", model, "objects=picks"
    )
    wrong = fails(tmp_path, "count", f"files=[{file}]", model, "objects=picks", "export=[tiff]")
    assert "export: expected formats among picasso, thunderstorm, parquet" in wrong
