"""The web application of the viewer: the page, and the routes of all its parts."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from locgraph.errors import LocgraphError
from locgraph.storage import storage_error
from locgraph.viewer.access import Access, Guard
from locgraph.viewer.opened import NotThereError
from locgraph.viewer.routes import live, runs, scenes
from locgraph.viewer.routes.annotations import ROUTES as ANNOTATION_ROUTES
from locgraph.viewer.session import Session

log = logging.getLogger(__name__)

STATIC: Final = Path(__file__).parent / "static"

PARTS: Final[tuple[Sequence[Route], ...]] = (scenes.ROUTES, runs.ROUTES, live.ROUTES, ANNOTATION_ROUTES)
"""The routes of each part."""


def build_app(session: Session, access: Access) -> Starlette:
    """Make the application.

    Args:
        session: What is shown.
        access: Who may see it.
    """
    routes = [
        Route("/", _page),
        Route("/api/session", _session),
        *(route for part in PARTS for route in part),
        Mount("/", StaticFiles(directory=STATIC)),
    ]
    handlers = {LocgraphError: _explain, HTTPException: _explain, Exception: _fail}
    app = Starlette(routes=routes, middleware=[Middleware(Guard, access=access)], exception_handlers=handlers)
    app.state.session, app.state.access = session, access
    app.state.stopping = lambda: False  # a server that ends answers here, so that streams end with it
    return app


def _page(request: Request) -> Response:
    return FileResponse(STATIC / "index.html", headers={"cache-control": "no-cache"})


def _session(request: Request) -> Response:
    session: Session = request.app.state.session
    return JSONResponse(session.described(), headers={"cache-control": "no-store"})


def _explain(request: Request, error: Exception) -> Response:
    """Answer with the message of an error that a user can mend."""
    if isinstance(error, HTTPException):
        return JSONResponse({"error": str(error.detail)}, error.status_code)
    return JSONResponse({"error": str(error)}, 404 if isinstance(error, NotThereError) else 422)


def _fail(request: Request, error: Exception) -> Response:
    """Answer an error that is a fault of the program, beyond what `Guard` sees; the page stays usable."""
    refused = storage_error(error)
    if refused is None:
        log.error("%s failed", request.url.path, exc_info=error)
    access: Access = request.app.state.access
    content = {"error": str(refused or f"the viewer failed: {type(error).__name__}: {error}")}
    return JSONResponse(content, 500, headers=access.headers() | {"cache-control": "no-store"})
