"""``locgraph agreement`` and ``locgraph annotations``: what is printed and written, and how they are called."""

import json

import polars as pl

from builders.annotators import outline, sort, two_who_sort, write_raw, write_statements


def test_agreement_is_printed_and_written(run, tmp_path, capsys):
    raw = write_raw(tmp_path / "raw", ["f0", "f1"])
    rows = [*two_who_sort(8, wrong=1), sort("Bo", "f9", "c")]
    rows += [outline(name, "f0", "a", (-5, -5), (high, 95)) for name, high in (("Ann", 45), ("Bo", 95))]
    table = write_statements(tmp_path / "annotations.parquet", rows)
    run(tmp_path, "agreement", f"path={table}", f"raw_dir={raw}", "columns=nm")
    folder = tmp_path / "outputs" / "agreement"
    written = {path.name for path in folder.iterdir()}
    assert {"agreement.png", "disputed.png", "agreement.csv", "disputed.parquet", "agreement.json"} <= written
    assert pl.read_parquet(folder / "disputed.parquet")["fov_id"][0] == "f0"
    printed = " ".join(capsys.readouterr().out.split())
    assert "fov: 8 FOVs of at least two annotators; 1 of one alone, which do not count" in printed
    assert "only Bo states c" in printed
    assert "0.875" in printed


def test_tasks_go_out_and_come_back(run, tmp_path, capsys):
    raw = write_raw(tmp_path / "raw", ["f0", "f1"])
    table = write_statements(tmp_path / "annotations.parquet", two_who_sort(2))
    studio = tmp_path / "studio"
    run(tmp_path, "annotations", "action=export", f"arguments=[{table},{studio}]", f"raw_dir={raw}", "columns=nm")
    tasks = json.loads((studio / "tasks.json").read_text())
    tasks[0]["annotations"][0]["result"][0]["value"]["choices"] = ["b"]
    tasks[1]["annotations"][0]["was_cancelled"] = True
    (studio / "tasks.json").write_text(json.dumps(tasks))
    run(tmp_path, "annotations", "action=import", f"arguments=[{studio / 'tasks.json'},{table}]")
    printed = " ".join(capsys.readouterr().out.split())
    assert "2 tasks with 4 statements, 0 of them with predictions" in printed
    assert "0 statements added, 1 changed, 2 there already" in printed
    assert "1 left out: an annotation that was cancelled (such as f1)" in printed


def test_wrong_calls(fails, tmp_path):
    assert "Call it as: locgraph agreement ANNOTATIONS [RAW_DIR]" in fails(tmp_path, "agreement")
    assert "expected one of import, export, found 'list'" in fails(tmp_path, "annotations", "action=list")
    for action, other in (("import", "exported.nm_per_px=5"), ("export", "imported.unit=nm")):
        printed = fails(tmp_path, "annotations", f"action={action}", "arguments=[a,b]", other)
        assert f"{other.partition('=')[0]}: has no effect on {action}; leave it out" in printed
    assert "`annotations import` takes 2, found 1" in fails(tmp_path, "annotations", "action=import", "arguments=[a]")
