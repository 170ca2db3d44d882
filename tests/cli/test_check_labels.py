"""``locgraph check-labels`` on a small finished sweep."""

import shutil

import polars as pl
import pytest


@pytest.fixture
def sweep(tmp_path, write_tables, write_runs):
    return write_runs(tmp_path / "sweep", write_tables(tmp_path / "tables", {"a": 10, "b": 12}), 3, range(3))


def test_the_fovs_that_networks_contradict_are_named_and_drawn(sweep, tmp_path, run, capsys):
    """The runs of the fixture predict the first test FOV of each fold wrongly."""
    run(tmp_path, "check-labels", f"folder={sweep}")

    printed = " ".join(capsys.readouterr().out.split())
    table = pl.read_parquet(sweep / "trust" / "labels.parquet")
    wrong = table.filter(pl.col("issue"))["fov_id"].to_list()
    assert len(wrong) == 3
    assert all(name in printed for name in wrong)
    assert "Of 22 FOVs 3 have a class" in printed
    assert (sweep / "trust" / "labels.png").is_file()


def test_fovs_to_label_next_come_from_an_evaluation(sweep, tmp_path, run, capsys):
    new = tmp_path / "new"
    new.mkdir()
    rows = {
        "fov_id": ["n1", "n2"],
        "truth": [None, None],
        "prediction": ["a", "b"],
        "p_a": [0.9, 0.4],
        "p_b": [0.1, 0.6],
    }
    pl.DataFrame(rows, schema_overrides={"truth": pl.String}).write_parquet(new / "predictions.parquet")

    run(tmp_path, "check-labels", f"folder={sweep}", f"new={new}", "number=1")

    assert "FOVs to label next" in capsys.readouterr().out
    assert pl.read_parquet(sweep / "trust" / "next_labels.parquet")["fov_id"].to_list() == ["n2"]


def test_tables_that_are_gone_leave_out_the_picture(sweep, tmp_path, run, capsys):
    shutil.rmtree(tmp_path / "tables")

    run(tmp_path, "check-labels", f"folder={sweep}")

    assert "FOVs are not drawn: " in " ".join(capsys.readouterr().out.split())
    assert (sweep / "trust" / "labels.parquet").is_file()
    assert not (sweep / "trust" / "labels.png").exists()


def test_what_is_missing_is_said(sweep, tmp_path, fails):
    assert "folder: expected a path; found none" in fails(tmp_path, "check-labels")
    assert "no such file" in fails(tmp_path, "check-labels", f"folder={sweep}", f"new={tmp_path}")
