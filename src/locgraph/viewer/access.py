"""Who may use the server: a secret token, and checks against pages of other sites.

The rules are those of Jupyter's server: a page of another site must neither read data nor change anything, whatever it
sends from the user's own browser.

Source: Jupyter Server, "Security in the Jupyter Server" (https://jupyter-server.readthedocs.io).
"""

from __future__ import annotations

import ipaddress
import secrets
import socket
import time
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_BODY: Final = 1 << 20
"""Bytes of the largest request; a lasso of 10,000 corners has a quarter of them."""

LONGEST_PATH: Final = 2_000
"""Characters of the longest path: columns have names, all else is numbers."""

LAUNCH_SECONDS: Final = 120.0
"""How long the token works with which a browser is started."""

CHANGES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
OWN_HEADER: Final = "x-locgraph"
"""A header that pages of other sites cannot send without being asked first, which the server never allows."""

LAUNCH_PATH: Final = "/launch"
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_POLICY: Final = (
    "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors {frames}"
)
_NOTEBOOKS: Final = "'self' http://localhost:* http://127.0.0.1:* vscode-webview:"


class Access:
    """Who may use one server.

    Args:
        port: Port of the server; it names the cookie, so that two servers do not share one.
        host: Address that it listens at.
        allow_hosts: Further names by which it may be called, as behind a proxy.
        framed: Whether pages of notebooks may show it in a frame.

    Attributes:
        token: The secret.
    """

    def __init__(
        self, port: int, host: str = "127.0.0.1", allow_hosts: Iterable[str] = (), framed: bool = False
    ) -> None:
        self.token = secrets.token_urlsafe(32)
        self.cookie = f"locgraph-{port}"
        self._policy = _POLICY.format(frames=_NOTEBOOKS if framed else "'none'")
        own = () if host in _LOOPBACK else (host, socket.gethostname(), socket.getfqdn())
        self._hosts = frozenset(name.lower() for name in (*_LOOPBACK, *own, *allow_hosts))
        self._by_address = host not in _LOOPBACK
        self._launch: dict[str, float] = {}

    def launch_token(self) -> str:
        """Return a token that signs in one browser, once: others may see the command line that started it."""
        token = secrets.token_urlsafe(32)
        self._launch[token] = time.monotonic() + LAUNCH_SECONDS
        return token

    def use_launch_token(self, token: str) -> bool:
        """Return whether a launch token is valid, and make it invalid."""
        launches = tuple(self._launch)  # another thread may add one
        known = next((each for each in launches if secrets.compare_digest(each.encode(), token.encode())), None)
        return known is not None and self._launch.pop(known) >= time.monotonic()

    def is_token(self, token: str) -> bool:
        """Return whether this is the secret, in a time that does not depend on it."""
        return secrets.compare_digest(token.encode(), self.token.encode())

    def knows_host(self, header: str) -> bool:
        """Return whether a ``Host`` header names this server.

        A site that points its own name at this machine (DNS rebinding) is refused so. Plain addresses are nobody's
        name, and are accepted where the server listens to more than this machine.
        """
        try:
            name = urlsplit(f"//{header}").hostname or ""
        except ValueError:
            return False
        return name in self._hosts or (self._by_address and _is_address(name))

    def headers(self) -> dict[str, str]:
        """Return the headers of every answer."""
        return {
            "content-security-policy": self._policy,
            "x-content-type-options": "nosniff",
            "referrer-policy": "no-referrer",
            "cross-origin-resource-policy": "same-origin",
        }


class Guard:
    """ASGI middleware that lets through only what `Access` allows.

    The page itself and its scripts hold no secret and need no token; everything below ``/api`` does.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._access.headers().items():
                    headers[name] = value
            await send(message)

        refused = self._refusal(scope)
        limited = _Limited(receive)
        if refused is not None:
            await refused(scope, receive, send_headers)
            return
        try:
            await self._app(scope, limited, send_headers)
        except TooLargeError:
            await _refuse(413, f"expected a request of at most {LARGEST_BODY:,} bytes")(scope, receive, send_headers)

    def _refusal(self, scope: Scope) -> Response | None:
        """Return the answer to a request that goes no further; None where it may."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._access.knows_host(host):
            return _refuse(
                403,
                f"expected a request to this machine; found one to {host[:100]!r}. Where a proxy calls the server by "
                "another name, set allow_hosts",
            )
        path, query = scope["path"], parse_qs(scope.get("query_string", b"").decode("latin-1"))
        given = query.get("token", [""])[0]
        if len(path) > LONGEST_PATH:
            return _refuse(414, f"expected a path of at most {LONGEST_PATH:,} characters")
        if path == LAUNCH_PATH:
            return self._signed_in() if self._access.use_launch_token(given) else self._without_token()
        if path == "/" and given:
            return self._signed_in() if self._access.is_token(given) else self._without_token()
        if not path.startswith("/api"):
            return None
        return self._call_refusal(scope["method"], headers, host, given)

    def _call_refusal(self, method: str, headers: Headers, host: str, given: str) -> Response | None:
        authorization = headers.get("authorization", "").removeprefix("token ").strip()
        if not any(self._access.is_token(token) for token in (self._cookie(headers), authorization, given)):
            return self._without_token()
        origin = headers.get("origin")
        if origin is not None and not _is_of(origin, host):
            return _refuse(403, f"expected a request from the viewer's own page; found one from {origin[:100]!r}")
        if method in CHANGES and OWN_HEADER not in headers:
            return _refuse(403, f"expected the header {OWN_HEADER} with a request that changes something")
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > LARGEST_BODY:
            return _refuse(413, f"expected a request of at most {LARGEST_BODY:,} bytes")
        return None

    def _cookie(self, headers: Headers) -> str:
        try:
            morsel = SimpleCookie(headers.get("cookie", "")).get(self._access.cookie)
        except CookieError:
            return ""
        return morsel.value if morsel else ""

    def _signed_in(self) -> Response:
        """Set the cookie, and go to the page without the token in its address."""
        answer = RedirectResponse("./", status_code=303, headers={"cache-control": "no-store"})
        answer.set_cookie(self._access.cookie, self._access.token, httponly=True, samesite="strict")
        return answer

    def _without_token(self) -> Response:
        return _refuse(401, "expected the address that the viewer printed when it started, with its token")


class TooLargeError(Exception):
    """A request holds more bytes than are taken."""


class _Limited:
    """Receives a request, up to `LARGEST_BODY` bytes, whatever its header states."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._bytes = 0

    async def __call__(self) -> Message:
        message = await self._receive()
        self._bytes += len(message.get("body", b""))
        if self._bytes > LARGEST_BODY:
            raise TooLargeError
        return message


def _is_of(origin: str, host: str) -> bool:
    """Return whether an ``Origin`` header names the host of the request."""
    try:
        return urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:
        return False


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _refuse(status: int, message: str) -> JSONResponse:
    return JSONResponse({"error": message}, status, headers={"cache-control": "no-store"})
