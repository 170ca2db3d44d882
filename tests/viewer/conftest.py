"""The viewer without a browser (`client`) and in one (`viewer`)."""

import pytest

from builders.browser import Page

pytest.importorskip("starlette", reason="needs the extra viewer")

from starlette.testclient import TestClient

from locgraph.viewer.access import OWN_HEADER, Access
from locgraph.viewer.app import build_app
from locgraph.viewer.opened import Opened, OpeningSettings
from locgraph.viewer.opening import open_source
from locgraph.viewer.serve import Viewer
from locgraph.viewer.session import Session


@pytest.fixture
def session(tmp_path):
    """``session(sources, annotating=None, **opening)``: paths or `Opened` objects, as the server shows them."""

    def make(*sources, annotating=None, **opening):
        settings = OpeningSettings(cache=tmp_path / "cache", **opening)
        opened = [source if isinstance(source, Opened) else open_source(source, settings) for source in sources]
        return Session(opened, annotating)

    return make


@pytest.fixture
def client(session):
    """``client(sources, ...)``: calls the server as its own page does."""

    def make(*sources, **settings):
        shown = sources[0] if isinstance(sources[0], Session) else session(*sources, **settings)
        access = Access(8710)
        headers = {"host": "127.0.0.1:8710", "authorization": f"token {access.token}", OWN_HEADER: "1"}
        return TestClient(
            build_app(shown, access), "http://127.0.0.1:8710", headers=headers, raise_server_exceptions=False
        )

    return make


@pytest.fixture
def viewer(browser, session):
    """``viewer(sources, ..., size=(900, 640), scheme="light")``: the page in a browser, signed in."""
    opened = []

    def open_page(*sources, size=(900, 640), scheme="light", **settings):
        shown = sources[0] if isinstance(sources[0], Session) else session(*sources, **settings)
        server = Viewer(shown).start()
        page = Page(browser, viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
        page.server = server
        opened.append(page)
        page.page.goto(server.launch_url)
        return page

    yield open_page
    for page in opened:
        page.close()
        page.server.close()
