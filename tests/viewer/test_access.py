"""Attacks on the server: from other sites, from other users, with strange requests."""

import asyncio
import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.testclient import TestClient

from builders.named_source import Named
from locgraph.viewer import access as access_module
from locgraph.viewer.access import LARGEST_BODY, OWN_HEADER, Access
from locgraph.viewer.app import build_app
from locgraph.viewer.session import Session

HOST = "127.0.0.1:8710"


@pytest.fixture
def access():
    return Access(8710)


def caller(access, **headers):
    app = build_app(Session([Named("a")]), access)
    app.router.routes.insert(0, CHANGE)
    return TestClient(
        app, f"http://{HOST}", headers={"host": HOST, **headers}, follow_redirects=False, raise_server_exceptions=False
    )


async def _change(request):
    from starlette.responses import JSONResponse

    return JSONResponse({"bytes": len(await request.body())})


from starlette.routing import Route  # noqa: E402

CHANGE = Route("/api/change", _change, methods=["POST"])


def signed(access, **headers):
    return caller(access, authorization=f"token {access.token}", **headers)


def test_the_page_is_free_and_what_it_shows_is_not(access):
    client = caller(access)
    assert client.get("/").status_code == 200
    assert client.get("/app.js").status_code == 200
    answer = client.get("/api/session")
    assert answer.status_code == 401
    assert "the address that the viewer printed" in answer.json()["error"]
    assert signed(access).get("/api/session").status_code == 200


@pytest.mark.parametrize("token", ["", "x", "ä", "x" * 10_000])
def test_a_wrong_token_opens_nothing(access, token):
    client = caller(access)
    assert client.get("/api/session", headers={"authorization": f"token {token}".encode()}).status_code == 401
    assert client.get("/api/session", params={"token": token}).status_code == 401
    assert client.get("/api/session", headers={"cookie": f"{access.cookie}={token}".encode()}).status_code == 401
    assert client.get("/launch", params={"token": token}).status_code == 401
    if token:
        assert client.get("/", params={"token": token}).status_code == 401


def test_the_printed_address_signs_in_and_leaves_no_token_in_the_address(access):
    client = caller(access)
    answer = client.get("/", params={"token": access.token})
    assert answer.status_code == 303
    assert answer.headers["location"] == "./"
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert client.get("/api/session").status_code == 200


def test_a_launch_token_works_once_and_not_for_long(access, monkeypatch):
    token = access.launch_token()
    client = caller(access)
    assert client.get("/launch", params={"token": token}).status_code == 303
    assert client.get("/api/session").status_code == 200
    assert caller(access).get("/launch", params={"token": token}).status_code == 401

    late = access.launch_token()
    later = time.monotonic() + access_module.LAUNCH_SECONDS + 1
    monkeypatch.setattr(access_module.time, "monotonic", lambda: later)
    assert caller(access).get("/launch", params={"token": late}).status_code == 401


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8710", "127.0.0.1.evil.example", "", "[", "10.0.0.7", "localhost@evil.example"],
)
def test_another_name_for_this_machine_is_refused(access, host):
    answer = signed(access).get("/api/session", headers={"host": host})
    assert answer.status_code == 403
    assert "allow_hosts" in answer.json()["error"]
    assert signed(access).get("/", headers={"host": host}).status_code == 403


@pytest.mark.parametrize("host", ["localhost:9000", "127.0.0.1:1", "[::1]:8710", "LOCALHOST"])
def test_this_machine_may_be_called_through_any_port(access, host):
    assert signed(access).get("/api/session", headers={"host": host}).status_code == 200


def test_names_of_a_proxy_and_addresses_where_others_are_let_in():
    behind = Access(8710, allow_hosts=["Hub.example.org"])
    assert behind.knows_host("hub.example.org:443")
    assert not behind.knows_host("192.168.0.3")
    everywhere = Access(8710, host="0.0.0.0")
    assert everywhere.knows_host("192.168.0.3:8710")
    assert not everywhere.knows_host("evil.example")


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:9999", "http://localhost:8710", "http://["]
)
def test_pages_of_other_origins_neither_read_nor_change(access, origin):
    client = signed(access, origin=origin)
    assert client.get("/api/session").status_code == 403
    assert client.post("/api/change", headers={OWN_HEADER: "1"}).status_code == 403


def test_a_change_needs_the_own_header_and_its_own_page_may_make_it(access):
    client = signed(access, origin=f"http://{HOST}")
    refused = client.post("/api/change", content=b"12")
    assert refused.status_code == 403
    assert OWN_HEADER in refused.json()["error"]
    assert client.post("/api/change", content=b"12", headers={OWN_HEADER: "1"}).json() == {"bytes": 2}


def test_requests_have_a_limit_whatever_they_claim(access):
    client = signed(access, **{OWN_HEADER: "1"})
    assert client.post("/api/change", content=b"x" * LARGEST_BODY).json() == {"bytes": LARGEST_BODY}
    assert client.post("/api/change", content=b"x" * (LARGEST_BODY + 1)).status_code == 413

    def parts():
        for _ in range(40):
            yield b"x" * (1 << 16)

    # in parts there is no length to believe
    assert client.post("/api/change", content=parts()).status_code == 413
    for length in ("-1", "many", "1e9"):
        assert client.post("/api/change", content=b"", headers={"content-length": length}).status_code == 413


@pytest.mark.parametrize(
    "path",
    [
        "/../serve.py",
        "/%2e%2e/serve.py",
        "/..%2fserve.py",
        "/vendor/../../serve.py",
        "/vendor/%2e%2e/%2e%2e/app.py",
        "//etc/passwd",
        "/%00",
        "/C:/windows/win.ini",
        "/api/s/0/f/..%2f..%2fetc%2fpasswd",
        "/api/s/-1/fovs",
        "/api/s/0/f/1e3",
        "/api/s/99999999999999999999999/fovs",
    ],
)
def test_no_path_leads_out(access, path):
    answer = signed(access).get(path)
    assert answer.status_code in (400, 404, 422)
    assert "root:" not in answer.text
    assert "import" not in answer.text


def test_every_answer_forbids_foreign_content_and_frames(access):
    client = caller(access)
    for answer in (client.get("/"), client.get("/app.js"), client.get("/api/session"), client.get("/none")):
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'self';")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "access-control-allow-origin" not in answer.headers
    assert "http://localhost:*" in Access(1, framed=True).headers()["content-security-policy"]


def test_a_fault_is_answered_with_its_reason_under_the_same_rules(access, caplog):
    def fails(request):
        raise RuntimeError("out of order")

    client = signed(access)
    client.app.router.routes.insert(0, Route("/api/fails", fails))
    answer = client.get("/api/fails")
    assert (answer.status_code, answer.json()) == (500, {"error": "the viewer failed: RuntimeError: out of order"})
    assert answer.headers["content-security-policy"].startswith("default-src 'self';")
    assert answer.headers["cache-control"] == "no-store"
    assert "/api/fails failed" in caplog.text


def test_numbers_without_end_are_refused(access):
    answer = signed(access).get(f"/api/s/{'9' * 5_000}/fovs")
    assert answer.status_code == 414
    assert "expected a path of at most 2,000 characters" in answer.json()["error"]


def test_the_page_has_no_script_or_style_of_its_own_and_asks_nobody_else(access):
    client = caller(access)
    page = client.get("/").text
    assert re.findall(r"<script(?![^>]*\bsrc=)", page) == []
    assert re.findall(r"<style|\son\w+=|\sstyle=|https?://", page) == []


def test_ten_thousand_requests_do_no_harm(access):
    client = caller(access)
    app = client.app

    async def flood():
        sent = []
        scope = {"type": "http", "method": "GET", "path": "/api/session", "query_string": b"token=no", "headers": []}
        scope |= {"headers": [(b"host", HOST.encode())], "http_version": "1.1", "scheme": "http", "root_path": ""}
        scope |= {"raw_path": b"/api/session", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8710)}

        async def receive():
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message):
            sent.append(message.get("status"))

        for _ in range(10_000):
            await app(dict(scope), receive, send)
        return sent

    # in a thread of its own: a browser that is open beside it has a loop in this one
    with ThreadPoolExecutor(1) as thread:
        answers = thread.submit(asyncio.run, flood()).result()
    assert [status for status in answers if status is not None] == [401] * 10_000
    assert signed(access).get("/api/session").status_code == 200
