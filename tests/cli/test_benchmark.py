"""``locgraph benchmark``: a table on the terminal, files in a folder."""

import numpy as np
import polars as pl

from builders.fovs import write_tables
from locgraph.provenance import write_json


def test_representations_are_compared_on_the_terminal(run, tmp_path, capsys):
    rng = np.random.default_rng(0)
    names = [f"f{index:02}" for index in range(24)]
    tables = write_tables(tmp_path / "tables", {name: rng.normal(size=(20, 2)) for name in names})
    for place, folder in enumerate(("first", "second")):
        (tmp_path / folder).mkdir()
        values = {f"v_{i}": rng.normal(size=24) + 3.0 * (np.arange(24) % 2) for i in range(2 + place)}
        table = pl.DataFrame({"fov_id": names, "label": ["a", "b"] * 12, **values})
        table.write_parquet(tmp_path / folder / "embeddings.parquet")
        write_json(tmp_path / folder / "embeddings.json", {"tables": str(tables), "unit": "fov"})
    folders = f"folders=[{tmp_path / 'first'},{tmp_path / 'second'},pair_distances]"
    run(tmp_path, "benchmark", folders, "benchmark.models=false", "benchmark.repeats=1")

    printed = " ".join(capsys.readouterr().out.split())
    assert "24 fovs (95 % intervals in benchmark.parquet)" in printed
    assert "probe: R2 of size" in printed
    assert "no probe: balanced accuracy of the group: the units have no groups" in printed
    written = pl.read_parquet(tmp_path / "outputs" / "benchmark" / "benchmark.parquet")
    assert written["representation"].unique(maintain_order=True).to_list()[:3] == ["first", "second", "pair_distances"]
    assert (tmp_path / "outputs" / "benchmark" / "benchmark.png").is_file()


def test_baselines_alone_are_compared_on_tables(run, tmp_path, capsys):
    rng = np.random.default_rng(0)
    sizes = np.linspace(5, 20, 24)
    points = {f"f{index:02}": size * rng.normal(size=(40, 2)) for index, size in enumerate(sizes)}
    tables = write_tables(tmp_path / "tables", points)
    pl.DataFrame({"fov_id": list(points), "size_nm": sizes}).write_csv(tmp_path / "truth.csv")
    run(
        tmp_path,
        "benchmark",
        "folders=[pair_distances]",
        f"tables={tables}",
        f"factors={tmp_path / 'truth.csv'}",
        "benchmark.energy=false",
        f"output={tmp_path / 'out'}",
    )

    printed = " ".join(capsys.readouterr().out.split())
    assert "no accuracy; balanced accuracy; outliers unsupervised; outliers supervised: no unit has a class" in printed
    written = pl.read_parquet(tmp_path / "out" / "benchmark.parquet")
    (factor,) = written.filter(pl.col("metric") == "factor_r2").to_dicts()
    assert factor["about"] == "size_nm"
    assert factor["value"] > 0.8


def test_a_folder_is_needed(fails, tmp_path):
    assert "Call it as: locgraph benchmark RUN" in fails(tmp_path, "benchmark")
