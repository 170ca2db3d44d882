"""The server: its port, its end, and what people are told."""

import logging
import socket
import sys
import urllib.error
import urllib.request

import pytest

from builders.named_source import Named
from locgraph.errors import ConfigError, MissingPackageError
from locgraph.viewer import serve
from locgraph.viewer.serve import ServerSettings, Viewer
from locgraph.viewer.session import Session


@pytest.fixture
def session():
    return Session([Named("a")])


def fetch(url):
    with urllib.request.urlopen(url, timeout=20) as answer:
        return answer.status, answer.read()


def test_it_answers_this_machine_alone_until_it_is_closed(session):
    with Viewer(session, ServerSettings(port=0)) as viewer:  # a port that no other test takes at once
        assert viewer.address.startswith("http://127.0.0.1:")
        assert fetch(viewer.address)[0] == 200
        status, body = fetch(f"{viewer.address}api/session?token={viewer.url.partition('token=')[2]}")
        assert status == 200
        assert b'"kind":"folder"' in body
        with pytest.raises(urllib.error.HTTPError, match="401"):
            fetch(f"{viewer.address}api/session")
    with pytest.raises(urllib.error.URLError):
        fetch(viewer.address)


def test_the_log_of_the_process_stays_as_it_is(session, tmp_path):
    handler = logging.FileHandler(tmp_path / "own.log")
    logging.getLogger().addHandler(handler)
    try:
        with Viewer(session):
            assert not handler.stream.closed
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()


def test_two_servers_take_two_ports(session):
    with Viewer(session) as one, Viewer(session) as other:
        assert one.port != other.port
        assert one.url.partition("token=")[2] != other.url.partition("token=")[2]


def test_a_port_in_use_is_named(session):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port: port {port} of 127.0.0.1 is in use"):
            Viewer(session, ServerSettings(port=port))


def test_all_ports_in_use(session, monkeypatch):
    with Viewer(session) as running:
        monkeypatch.setattr(serve, "FIRST_PORT", running.port)
        monkeypatch.setattr(serve, "LAST_PORT", running.port)
        with pytest.raises(ConfigError, match="all ports from"):
            Viewer(session)


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host"])
def test_an_address_of_another_machine(session, host):
    with pytest.raises(ConfigError, match="host: "):
        Viewer(session, ServerSettings(host=host))


@pytest.mark.parametrize("package", ["starlette", "uvicorn"])
def test_without_the_extra(session, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingPackageError, match=rf"needs the package {package}.*pip install 'locgraph\[viewer\]'"):
        Viewer(session)


def test_no_browser(session, monkeypatch):
    def refuse(url):
        raise serve.webbrowser.Error("none")

    monkeypatch.setattr(serve.webbrowser, "open", refuse)
    viewer = Viewer(session)
    assert not viewer.open_browser()
    viewer.close()


def test_a_notebook_shows_it_in_a_frame(session):
    with Viewer(session, ServerSettings(framed=True)) as viewer:
        html = viewer._repr_html_()
        assert f'src="{viewer.address}#token=' in html
        assert repr(viewer) == f"Viewer('{viewer.address}')"


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_a_server_at_every_address_is_called_by_the_name_of_the_machine(session, monkeypatch, host):
    bind = serve._bind
    monkeypatch.setattr(serve, "_bind", lambda host, port: bind("127.0.0.1", port))
    with Viewer(session, ServerSettings(host)) as running:
        assert running.address == f"http://{socket.gethostname()}:{running.port}/"
