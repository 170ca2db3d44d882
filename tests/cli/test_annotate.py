"""``locgraph annotate`` as it is called, in a process of its own that is killed."""

import json
import re
import signal
import urllib.request

import pytest

from builders.served import serve, write_raw
from locgraph.io.annotations.table import read_annotations

pytest.importorskip("starlette", reason="needs the extra viewer")


@pytest.fixture
def raw(tmp_path):
    return write_raw(tmp_path / "raw")


def test_a_killed_server_loses_nothing_that_it_answered(raw, tmp_path):
    with serve(tmp_path, "annotate", raw, "annotator=Ada", "classes=[healthy,diseased]") as server:
        printed = [server.stdout.readline() for _ in range(3)]
        assert printed[0] == "annotator: Ada, 0 of 2 FOVs done\n"
        assert printed[1].startswith("annotations: ")
        address, token = re.search(r"viewer: (\S+/)\?token=(\S+)", printed[2]).groups()
        body = {"annotation_id": "0" * 32, "annotator": "Ada", "fov_id": "two", "target": "fov", "label": "diseased"}
        request = urllib.request.Request(
            f"{address}api/annotations?token={token}",
            json.dumps(body | {"tool": "key"}).encode(),
            {"x-locgraph": "1", "content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert json.load(answer)["progress"]["done"] == 1
        server.send_signal(signal.SIGKILL)
    row = read_annotations(tmp_path / "outputs" / "annotations" / "raw" / "annotations.parquet").row(0, named=True)
    assert (row["fov_id"], row["label"], row["annotator"]) == ("two", "diseased", "Ada")
    assert row["data_fingerprint"] is not None


def test_what_is_missing_is_said(raw, tmp_path, fails):
    assert "source: expected a file, folder, run or sweep; found none" in fails(tmp_path, "annotate")
    assert "annotator: expected your name" in fails(tmp_path, "annotate", f"source={raw}")
    printed = fails(tmp_path, "annotate", f"source={raw}", "annotator=Ada")
    assert "raw has no classes" in printed
    assert "name the classes, such as classes=[healthy,diseased]" in printed
