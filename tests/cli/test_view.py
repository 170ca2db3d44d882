"""``locgraph view`` as it is called, and `locgraph.view`."""

import json
import re
import signal
import urllib.request

import pytest

import locgraph
from builders.served import serve, write_raw
from locgraph.errors import ConfigError, DataError

pytest.importorskip("starlette", reason="needs the extra viewer")


@pytest.fixture
def raw(tmp_path):
    return write_raw(tmp_path / "raw")


def ask(address, token):
    with urllib.request.urlopen(f"{address}api/session?token={token}", timeout=60) as answer:
        return json.load(answer)


def test_it_serves_until_it_is_interrupted(raw, tmp_path):
    with serve(tmp_path, "view", raw, raw / "one.csv") as server:
        address, token = re.search(r"viewer: (\S+/)\?token=(\S+)", server.stdout.readline()).groups()
        sources = ask(address, token)["sources"]
        server.send_signal(signal.SIGINT)
        rest = server.stdout.read()
    assert [(source["title"], source["kind"]) for source in sources] == [("raw", "folder"), ("one.csv", "file")]
    assert rest.endswith("stopped\n")
    assert server.returncode == 0


def test_in_python_it_runs_beside(raw, tmp_path):
    with locgraph.view(raw / "one.csv", cache=str(tmp_path / "cache"), columns="auto") as viewer:
        assert ask(viewer.address, viewer.url.partition("token=")[2])["sources"][0]["title"] == "one.csv"
        assert "iframe" in viewer._repr_html_()
    with pytest.raises(ConfigError, match=r"expected settings of view\.yaml, .*; found colour"):
        locgraph.view(raw, colour="red")
    with pytest.raises(ConfigError, match=r"expected settings of view\.yaml, .*; found browser"):
        locgraph.view(raw, browser=True)
    with pytest.raises(DataError, match="no such file or folder"):
        locgraph.view(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "sources: expected a file, a folder, a run or a sweep"),
        (["sources=nothing"], "no such file or folder: .*nothing; expected localisations, tables, a run or a sweep"),
        (["sources=raw", "port=99999"], "port: expected a port up to 65535, 0 for any that is free, or null"),
        (["sources=raw", "port=8710.5"], "port: expected a port"),
        (["sources=raw", "host=192.0.2.1"], "host: cannot listen at 192.0.2.1"),
        (["sources=raw", "allow_hosts=hub"], "allow_hosts: expected names, such as"),
        (["sources=raw", "browser=maybe"], "browser: expected true or false"),
        (["sources=raw", "tables=raw"], "tables: has no effect without a run or sweep; set it to null"),
        (["sources=raw/one.csv", "explanations=raw"], "explanations: has no effect without a run"),
        (["sources=raw", "limits.max_refused_fraction=2"], "limits.max_refused_fraction: expected"),
        (["sources=empty"], "sources: expected files of localisations"),
        (["sources=text.txt"], "text.txt: expected columns of a known software"),
        (["sources=zero.csv"], "zero.csv: expected a table of localisations; found an empty file"),
    ],
)
def test_what_cannot_be_shown_is_said(raw, tmp_path, fails, arguments, message):
    (tmp_path / "empty").mkdir()
    (tmp_path / "zero.csv").touch()
    (tmp_path / "text.txt").write_text("hello\n")
    assert re.search(message, fails(tmp_path, "view", *arguments))
