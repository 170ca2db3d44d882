"""What the server answers of training, and its stream of changes."""

import threading
import time

import httpx
import polars as pl
import pytest

from builders.named_source import Trained
from builders.training import FakeTraining
from locgraph.viewer.routes import live as routes
from locgraph.viewer.serve import Viewer

PATIENCE_S = 20.0


@pytest.fixture
def training(tmp_path):
    """A run of two epochs."""
    made = FakeTraining(tmp_path / "run")
    made.epoch(0.9, 0.5)
    made.epoch(0.5, 1.0)
    return made


def until(holds):
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_curves_predictions_and_map_of_an_epoch(client, training):
    calls = client(Trained(training.folder))
    seen = calls.get("/api/s/0/live").json()
    assert seen["jobs"] == []
    assert seen["runs"][0]["curves"]["val/loss"] == [0.9, 0.5]
    epoch = calls.get("/api/s/0/live/0").json()
    assert epoch["epoch"] == 0
    assert epoch["rows"]["fov_id"] == ["f0", "f1", "f2", "f3"]
    assert epoch["rows"]["prediction"] == ["a", "b", "b", "a"]
    assert epoch["rows"]["p_a"] == [0.8, 0.3, 0.3, 0.8]
    assert [len(values) for values in epoch["map"]] == [4, 4]
    assert not [name for name in epoch["rows"] if name.startswith(("v_", "map_"))]


def test_an_epoch_without_vectors_has_no_map_and_gaps_are_null(client, training):
    training.epoch(0.4, table=training.table(vectors=0))
    calls = client(Trained(training.folder))
    assert calls.get("/api/s/0/live/2").json()["map"] is None
    gaps = training.table().with_columns(v_0=pl.Series([0.0, float("nan"), 1.0, 2.0]))
    training.epoch(0.4, table=gaps)
    x, y = calls.get("/api/s/0/live/3").json()["map"]
    assert [value is None for value in x] == [value is None for value in y] == [False, True, False, False]


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/api/s/0/live/7", 404, "epoch 7 has left no predictions"),
        ("/api/s/0/live/0?run=1", 404, "expected a run from 0 to 0; found 1"),
        ("/api/s/0/live/0?run=../x", 422, "run: expected a whole number; found '../x'"),
        ("/api/s/0/live/0?run=" + "9" * 5000, 422, "run: expected a whole number"),
        ("/api/s/1/live", 404, "was not trained"),
        ("/api/s/1/events", 404, "was not trained"),
        ("/api/s/2/live", 404, "expected a source from 0 to 1"),
    ],
)
def test_what_is_not_there_is_refused(client, training, path, status, message):
    answer = client(Trained(training.folder), Trained(None)).get(path)
    assert answer.status_code == status
    assert message in answer.json()["error"]


@pytest.fixture
def server(session, training, monkeypatch):
    """A server of the run, that looks at files often."""
    monkeypatch.setattr(routes, "LOOKS_S", 0.05)
    monkeypatch.setattr(routes, "_STEP_S", 0.02)
    source = Trained(training.folder)
    with Viewer(session(source)) as running:
        running.source = source
        yield running


class Listener(threading.Thread):
    """Reads events until the stream ends, or `stop` is set after an event."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.lines, self.stop, self.ended = server, [], threading.Event(), False
        self.start()

    def run(self):
        url = f"{self.server.address}api/s/0/events?{self.server.url.partition('?')[2]}"
        with httpx.stream("GET", url, timeout=PATIENCE_S) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            for line in answer.iter_lines():
                self.lines.append(line)
                if self.stop.is_set():
                    break
        self.ended = True

    def events(self):
        return [line for line in self.lines if line.startswith("data: ")]


def test_each_change_is_an_event_and_a_page_that_goes_is_forgotten(server, training):
    one, other = Listener(server), Listener(server)
    until(lambda: one.events() == other.events() == ["data: 0"])
    assert server.source.live.listeners == 2
    training.epoch(0.3, 1.0)
    until(lambda: len(one.events()) > 1 and len(other.events()) > 1)
    one.stop.set()
    training.epoch(0.2, 1.0)
    until(lambda: one.ended)
    until(lambda: server.source.live.listeners == 1)
    assert not other.ended


def test_a_server_that_stops_ends_its_streams_whole(server):
    listener = Listener(server)
    until(lambda: listener.events())
    server.close()
    until(lambda: listener.ended)  # a stream that is broken off is an error of the client
    assert server.source.live.listeners == 0


def test_the_number_of_listeners_is_bounded(server, monkeypatch):
    monkeypatch.setattr(routes, "MOST_LISTENERS", 1)
    listener = Listener(server)
    until(lambda: listener.events())
    url = f"{server.address}api/s/0/events?{server.url.partition('?')[2]}"
    answer = httpx.get(url)
    assert answer.status_code == 503
    assert answer.json()["error"] == "1 pages follow this training already: close some"


def test_silence_is_broken_so_that_proxies_keep_the_stream(server, monkeypatch):
    monkeypatch.setattr(routes, "_BEATS_S", 0.1)
    listener = Listener(server)
    until(lambda: ": nothing new" in listener.lines)
    assert listener.events() == ["data: 0"]
