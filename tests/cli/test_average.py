"""``locgraph average``: tables and picture in a folder, rows and notes on the terminal."""

import polars as pl

from builders.drawn_objects import draw_objects, glyph

T = glyph("#####", "..#..", "..#..", "..#..", "..#..")


def test_raw_files_are_averaged(run, tmp_path, capsys):
    (tmp_path / "raw" / "T").mkdir(parents=True)
    for name, table in draw_objects(T, 4).tables.items():
        table.write_parquet(tmp_path / "raw" / "T" / f"{name}.parquet")
    run(tmp_path, "average", f"folder={tmp_path / 'raw'}", "labels=folders", "columns=nm", "average.methods=[axes]")
    written = tmp_path / "outputs" / "averages"
    assert pl.read_parquet(written / "averages.parquet")["n_objects"].to_list() == [4]
    assert (written / "averages.png").is_file()
    printed = "".join(capsys.readouterr().out.split())
    assert "averages.png" in printed
    assert "C1" in printed


def test_a_folder_is_needed(fails, tmp_path):
    assert "Call it as: locgraph average FOLDER" in fails(tmp_path, "average")
