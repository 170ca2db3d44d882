"""The routes of annotation: the only ones that change anything."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from locgraph.viewer.annotating import Annotating, NotKeptError
from locgraph.viewer.annotation.statements import StepError
from locgraph.viewer.opened import NotThereError
from locgraph.viewer.routes.answers import query_number
from locgraph.viewer.session import Session

SOURCE: Final = 0
"""The source that is annotated: the first one of the session."""

_NOT_KEPT: Final = {"cache-control": "no-store"}


async def append_step(request: Request) -> Response:
    """Keep one step; the answer comes when it is in the file."""
    session, annotating = _session(request)
    body = read_body(await request.body())
    return await _changed(annotating.append, body, lambda index: session.scene(SOURCE, index))


async def undo_step(request: Request) -> Response:
    """Take back the last step, or with ``redo`` the last undo."""
    _, annotating = _session(request)
    body = read_body(await request.body())
    return await _changed(annotating.undo, body)


def fov_state(request: Request) -> Response:
    """Return the statements of this annotator about a FOV."""
    session, annotating = _session(request)
    index = int(request.path_params["fov"])
    return _answer(annotating.state(index, _scene(session, index)))


def fov_labelled(request: Request) -> Response:
    """Return the localisations of a FOV that have a class by this annotator."""
    session, annotating = _session(request)
    index = int(request.path_params["fov"])
    content = annotating.labelled(index, _scene(session, index))
    return Response(content, media_type="application/octet-stream", headers=_NOT_KEPT)


def progress(request: Request) -> Response:
    """Return how far this annotator is, with the state of each FOV."""
    _, annotating = _session(request)
    content = annotating.progress(query_number(request, "after"))
    return _answer(content | {"states": annotating.states()})


ROUTES: Final = [
    Route("/api/annotations", append_step, methods=["POST"]),
    Route("/api/annotations/undo", undo_step, methods=["POST"]),
    Route("/api/annotations/progress", progress),
    Route("/api/annotations/f/{fov:int}", fov_state),
    Route("/api/annotations/f/{fov:int}/labelled", fov_labelled),
]


def read_body(content: bytes) -> Any:
    """Return the JSON of a request.

    Raises:
        StepError: It is none, or holds numbers that are none.
    """
    try:
        return json.loads(content, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise StepError("expected JSON with the step of an annotation, found something else") from error


def _refuse(name: str) -> float:
    raise ValueError(name)


def _scene(session: Session, index: int) -> Callable[[], Any]:
    return lambda: session.scene(SOURCE, index)


def _session(request: Request) -> tuple[Session, Annotating]:
    session: Session = request.app.state.session
    if session.annotating is None:
        raise NotThereError("nothing is annotated here: `locgraph view` shows alone, `locgraph annotate` takes labels")
    return session, session.annotating


async def _changed(change: Callable[..., dict[str, Any]], *arguments: Any) -> Response:
    """Answer a change; one that cannot be kept now has a status that tells the page to send it again."""
    try:
        return _answer(await run_in_threadpool(change, *arguments))
    except NotKeptError as error:
        return JSONResponse({"error": str(error)}, 503, headers=_NOT_KEPT)


def _answer(content: dict[str, Any]) -> Response:
    return JSONResponse(content, headers=_NOT_KEPT)
