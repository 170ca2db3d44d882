"""The file of annotations: every row kept, undo, several writers, and files that are no annotations."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import polars as pl
import pytest

from locgraph.errors import DataError
from locgraph.io.annotations.table import DTYPES, append_annotations, read_annotations, read_history, undo

WRITE = """
import sys
from pathlib import Path
from locgraph.io.annotations.table import append_annotations
for index in range(5):
    row = {"fov_id": f"{sys.argv[2]}{index}", "target": "fov", "label": "a", "annotator": sys.argv[2], "tool": "key"}
    append_annotations(Path(sys.argv[1]), [row])
"""


def row(**values):
    return {"fov_id": "wt/a", "target": "fov", "label": "wt", "annotator": "Ada", "tool": "key"} | values


def region(**values):
    square = {"x": [0.0, 1.0, 1.0], "y": [0.0, 0.0, 1.0]}
    return row(target="region", tool="lasso") | square | values


@pytest.fixture
def path(tmp_path):
    return tmp_path / "annotations.parquet"


def test_rows_are_read_as_they_were_written(path):
    time = datetime(2026, 11, 29, 12, 30, 1, 250, tzinfo=UTC)
    append_annotations(path, [row(time=time, annotation_id="one", data_fingerprint="abc")])
    append_annotations(path, [region(), row(target="cluster", cluster_id=3, x=[5.0], y=[6.5], tool="click")])

    table = read_annotations(path)
    assert dict(table.schema) == DTYPES
    assert table["target"].to_list() == ["fov", "region", "cluster"]
    assert table.row(0, named=True) == row(time=time, annotation_id="one", data_fingerprint="abc") | dict.fromkeys(
        ["cluster_id", "x", "y", "radius", "removes"]
    )
    assert table["x"].to_list() == [None, [0.0, 1.0, 1.0], [5.0]]
    assert table["annotation_id"].n_unique() == 3
    assert (datetime.now(UTC) - table["time"][2]).total_seconds() < 60


def test_what_was_written_is_returned_and_a_table_can_be_appended(path, tmp_path):
    written = append_annotations(path, [row(), region()])
    assert written.equals(read_annotations(path))
    append_annotations(tmp_path / "copy" / "annotations.parquet", written)
    assert read_annotations(tmp_path / "copy" / "annotations.parquet").equals(written)
    assert append_annotations(path, []).is_empty()
    assert read_annotations(path).equals(written)


def test_undo_takes_a_row_back_and_undo_of_undo_gives_it_again(path):
    first, second = append_annotations(path, [row(), row(label="ko")]).to_dicts()
    (taken,) = append_annotations(path, [undo(second)]).to_dicts()
    assert read_annotations(path)["annotation_id"].to_list() == [first["annotation_id"]]
    append_annotations(path, [undo(taken)])
    assert read_annotations(path)["label"].to_list() == ["wt", "ko"]
    assert read_history(path).height == 4  # nothing is ever taken out of the file


def test_only_own_rows_can_be_taken_back(path):
    (own,) = append_annotations(path, [row()]).to_dicts()
    with pytest.raises(DataError, match=r"expected an annotation of Bob to take back; .* one of Ada \([0-9a-f]{32}\)"):
        append_annotations(path, [undo(own) | {"annotator": "Bob"}])
    with pytest.raises(DataError, match=r"of Ada to take back; found none of that name \(nothing\)"):
        append_annotations(path, [undo(own) | {"removes": "nothing"}])
    with pytest.raises(DataError, match="expected a new annotation_id; found"):
        append_annotations(path, [own])
    assert read_history(path).height == 1


def test_processes_and_threads_that_write_at_once_lose_no_row(path):
    names = ["a", "b"]
    processes = [subprocess.Popen([sys.executable, "-c", WRITE, str(path), name]) for name in names]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda index: append_annotations(path, [row(fov_id=f"c{index}")]), range(20)))
    assert [process.wait() for process in processes] == [0, 0]

    expected = {f"{name}{index}" for name in names for index in range(5)} | {f"c{index}" for index in range(20)}
    assert read_annotations(path).height == 30
    assert set(read_annotations(path)["fov_id"]) == expected


@pytest.mark.parametrize("content", [b"", b"PAR1 but not for long PAR1", b"fov_id,label\na,b\n"])
def test_a_damaged_file_is_refused_and_never_written_over(path, content):
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"annotations.parquet: expected a table of annotations; it cannot be read"):
        read_annotations(path)
    with pytest.raises(DataError, match=r"It is left as it is: put a copy of it back"):
        append_annotations(path, [row()])
    assert path.read_bytes() == content


def test_other_tables_and_absent_files_are_refused(path):
    with pytest.raises(DataError, match=r"annotations.parquet: .*found no file. `locgraph annotate` writes one"):
        read_annotations(path)
    pl.DataFrame({"fov_id": ["a"], "label": ["b"]}).write_parquet(path)
    with pytest.raises(DataError, match=r"expected the columns fov_id, target.*; target, cluster_id, x.* missing"):
        append_annotations(path, [row()])
    wrong = {name: ["a"] for name in DTYPES}
    pl.DataFrame(wrong).write_parquet(path)
    with pytest.raises(DataError, match=r"expected columns of the types that annotations have"):
        read_annotations(path)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"fov_id": " "}, r"annotation 2: expected a text in fov_id; found ' '"),
        ({"annotator": None}, r"expected a text in annotator; found None"),
        ({"label": ""}, r"expected a class in label, or null for none; found ''"),
        ({"target": "cell"}, r"expected one of fov, cluster, region, point in target; found 'cell'"),
        ({"tool": "pen"}, r"expected one of key, lasso, .* in tool; found 'pen'"),
        ({"colour": "red"}, r"expected the columns fov_id, .*; found 'colour'"),
        ({"target": "cluster", "x": [1.0], "y": [1.0]}, r"expected a number in cluster_id; found None"),
        ({"target": "cluster", "cluster_id": 1}, r"expected the centre of the cluster in x and y; found 0 points"),
        ({"target": "point", "x": [1.0, 2.0], "y": [1.0, 2.0]}, r"expected one point in x and y; found 2 points"),
        ({"target": "region", "x": [1.0], "y": [1.0, 2.0]}, r"as many finite numbers in x as in y.* found 1 and 2"),
        ({"target": "region", "x": [1.0], "y": [float("nan")]}, r"found 1 and 1 values, some of which are none"),
        ({"target": "region", "x": [1.0, 1.0, 2.0], "y": [1.0, 1.0, 2.0]}, r"at least 3 different vertices; found 2"),
        ({"target": "region", "radius": 5.0}, r"expected the path of the brush in x and y; found no point"),
        ({"target": "region", "x": [1.0], "y": [1.0], "radius": 0.0}, r"a length above 0 nm in radius, or null; .*0.0"),
        ({"time": "today"}, r"expected values of the types that annotations have"),
    ],
)
def test_rows_that_make_no_sense_are_refused_with_all_others_of_the_step(path, wrong, message):
    append_annotations(path, [row()])
    with pytest.raises(DataError, match=message):
        append_annotations(path, [row(), row(**wrong)])
    assert read_history(path).height == 1
