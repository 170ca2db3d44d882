"""Runs the server: a free port, a browser, and an end."""

from __future__ import annotations

import errno
import socket
import threading
import time
import webbrowser
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib import import_module
from typing import Final

from locgraph.errors import ConfigError, MissingPackageError
from locgraph.viewer.session import Session

FIRST_PORT: Final = 8710
LAST_PORT: Final = 8799
_ANY_ADDRESS: Final = ("0.0.0.0", "::")
_STARTS_SECONDS: Final = 20.0
_ENDS_SECONDS: Final = 5.0
_LOOKS_SECONDS: Final = 0.2


@dataclass(frozen=True)
class ServerSettings:
    """How the server can be reached.

    Attributes:
        host: Address to listen at; 127.0.0.1 is this machine alone.
        port: Port; None takes the first free one from 8710.
        allow_hosts: Further names by which the server may be called, as behind a proxy.
        framed: Whether pages of notebooks may show it in a frame.
    """

    host: str = "127.0.0.1"
    port: int | None = None
    allow_hosts: Sequence[str] = ()
    framed: bool = False


class Viewer:
    """A running server.

    Args:
        session: What it shows.
        settings: How it can be reached.

    Attributes:
        port: The port that it listens at.

    Raises:
        ConfigError: The port is in use, or the address is none of this machine.
        MissingPackageError: The extra ``viewer`` is not installed.

    Example:
        >>> viewer = locgraph.view("outputs/runs/demo")  # in a notebook its last line shows the page
        >>> viewer.url
        >>> viewer.close()
    """

    def __init__(self, session: Session, settings: ServerSettings | None = None) -> None:
        settings = settings or ServerSettings()
        _check_packages()
        import uvicorn

        from locgraph.viewer.access import Access
        from locgraph.viewer.app import build_app

        self._socket = _bind(settings.host, settings.port)
        self.port = int(self._socket.getsockname()[1])
        self._access = Access(self.port, settings.host, settings.allow_hosts, settings.framed)
        self._host = settings.host if settings.host not in _ANY_ADDRESS else socket.gethostname()
        app = build_app(session, self._access)
        app.state.stopping = lambda: self._server.should_exit
        config = uvicorn.Config(
            app,
            log_config=None,  # its own would take the log files of this process away
            log_level="warning",
            access_log=False,  # addresses hold the token
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        self._server: uvicorn.Server = uvicorn.Server(config)
        self._thread: threading.Thread | None = None

    @property
    def address(self) -> str:
        """The address of the page, without the token."""
        return f"http://{f'[{self._host}]' if ':' in self._host else self._host}:{self.port}/"

    @property
    def url(self) -> str:
        """The address of the page with the token, which signs in any browser."""
        return f"{self.address}?token={self._access.token}"

    @property
    def launch_url(self) -> str:
        """An address that signs in one browser once."""
        return f"{self.address}launch?token={self._access.launch_token()}"

    @property
    def framed_url(self) -> str:
        """The address for a frame in a page of another origin, which gets no cookie: the page reads the token."""
        return f"{self.address}#token={self._access.token}"

    def open_browser(self) -> bool:
        """Open the page in the user's browser; return whether there is one."""
        try:
            return webbrowser.open(self.launch_url)
        except webbrowser.Error:
            return False

    def run(self) -> None:
        """Serve until the user stops it (Ctrl+C)."""
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._socket.close()

    def start(self) -> Viewer:
        """Serve in a thread of its own, and return when the first request can be answered; a running one stays."""
        if self._thread is not None:
            return self
        self._thread = threading.Thread(target=self.run, name="locgraph viewer", daemon=True)
        self._thread.start()
        end = time.monotonic() + _STARTS_SECONDS
        while not self._server.started and self._thread.is_alive() and time.monotonic() < end:
            time.sleep(0.01)
        if not self._server.started:
            raise ConfigError(f"the viewer did not start within {_STARTS_SECONDS:g} s", setting="port")
        return self

    def wait(self) -> None:
        """Return when the server has ended, or raise `KeyboardInterrupt` when the user stops it."""
        while self._thread is not None and self._thread.is_alive():
            self._thread.join(_LOOKS_SECONDS)

    def close(self) -> None:
        """Stop the server."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(_ENDS_SECONDS)
        self._socket.close()

    def __enter__(self) -> Viewer:
        """Start the server."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Stop the server."""
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.address!r})"

    def _repr_html_(self) -> str:
        """Return the page in a frame, as notebooks show it."""
        return (
            f'<iframe src="{escape(self.framed_url)}" title="locgraph viewer" width="100%" height="720" '
            'style="border:0" allow="fullscreen"></iframe>'
        )


def _check_packages() -> None:
    for name in ("starlette", "uvicorn"):
        try:
            import_module(name)
        except ModuleNotFoundError as error:
            raise MissingPackageError(
                f"the viewer needs the package {name}, which is not installed: pip install 'locgraph[viewer]'"
            ) from error


def _bind(host: str, port: int | None) -> socket.socket:
    """Return a socket that listens at a free port."""
    try:
        family = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][0]
    except OSError as error:
        raise ConfigError(
            f"expected an address of this machine, such as 127.0.0.1; found {host}", setting="host"
        ) from error
    for candidate in range(FIRST_PORT, LAST_PORT + 1) if port is None else (port,):
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, candidate))
            listening.listen(128)
        except OSError as error:
            listening.close()
            if port is not None or not _in_use(error):
                raise _refused(error, host, candidate) from error
            continue
        return listening
    raise ConfigError(f"all ports from {FIRST_PORT} to {LAST_PORT} are in use: name a free one", setting="port")


def _in_use(error: OSError) -> bool:
    return error.errno in (errno.EADDRINUSE, errno.EACCES)


def _refused(error: OSError, host: str, port: int) -> ConfigError:
    if _in_use(error):
        return ConfigError(
            f"port {port} of {host} is in use, or not allowed: name another one, or null for the first free one",
            setting="port",
        )
    return ConfigError(f"cannot listen at {host}: {error.strerror or error}", setting="host")
