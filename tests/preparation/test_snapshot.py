"""Raw files that changed after a run are named by what changed; the same content written anew is no change."""

import json
import os
import shutil

from locgraph.preparation.executors import Serial
from locgraph.preparation.prepare import prepare
from locgraph.preparation.snapshot import describe_changes, take_snapshot


def test_what_changed_is_named(make_raw, write_raw, make_recipe, catalogue_of, tmp_path):
    raw, recipe = make_raw(8), make_recipe()
    (raw / "A" / "bad.csv").write_bytes(b"\x00damaged")
    prepare(catalogue_of(raw), recipe, tmp_path / "tables", Serial(), 0.5)
    snapshot = json.loads(json.dumps(take_snapshot(catalogue_of(raw), tmp_path / "tables")))

    assert describe_changes(snapshot, catalogue_of(raw), recipe) == ""
    os.utime(raw / "A" / "0.csv")
    assert describe_changes(snapshot, catalogue_of(raw), recipe) == ""

    write_raw(raw / "A" / "0.csv", seed=99)
    (raw / "A" / "2.csv").unlink()
    write_raw(raw / "A" / "new.csv")
    write_raw(raw / "A" / "bad.csv")
    (raw / "B" / "1.csv").write_bytes(b"\x00damaged")
    assert describe_changes(snapshot, catalogue_of(raw), recipe) == (
        "1 added (A/new); 1 removed (A/2); 3 modified (A/0, A/bad, B/1)"
    )


def test_labels_that_changed_are_named(make_raw, make_recipe, catalogue_of, tmp_path):
    raw, recipe = make_raw(4), make_recipe()
    prepare(catalogue_of(raw), recipe, tmp_path / "tables", Serial(), 0.5)
    snapshot = take_snapshot(catalogue_of(raw), tmp_path / "tables")
    snapshot["fovs"]["A/0"]["label"] = "B"

    assert describe_changes(snapshot, catalogue_of(raw), recipe) == "1 with another label (A/0: B to A)"
    for index in range(6):
        shutil.copy(raw / "A" / "0.csv", raw / "A" / f"copy{index}.csv")
    assert describe_changes(snapshot, catalogue_of(raw), recipe).startswith(
        "6 added (A/copy0, A/copy1, A/copy2, A/copy3, A/copy4 and 1 more); "
    )
