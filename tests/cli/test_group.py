"""``locgraph group``: tables, pictures and a page in a folder, rows and notes on the terminal."""

import polars as pl


def test_tables_are_grouped(run, write_tables, tmp_path, capsys):
    tables = write_tables(tmp_path / "tables", {"a": 6, "b": 6})
    run(tmp_path, "group", f"folder={tables}", "group.weights={size: 1}", "group.number.most=4")
    written = tables / "groups"
    assert pl.read_parquet(written / "groups.parquet")["group"].n_unique() == 2
    assert (written / "groups.html").is_file()
    printed = " ".join(capsys.readouterr().out.split())
    assert "2 groups of 12 FOVs: 2 groups have the largest silhouette" in printed
    assert "matched accuracy 1.000" in printed


def test_a_folder_is_needed(fails, tmp_path):
    assert "Call it as: locgraph group FOLDER" in fails(tmp_path, "group")


def test_one_object_is_one_clear_error(fails, write_tables, tmp_path):
    tables = write_tables(tmp_path / "tables", {"a": 1})
    assert "expected at least 3 FOVs to group; found 1" in fails(tmp_path, "group", f"folder={tables}")
