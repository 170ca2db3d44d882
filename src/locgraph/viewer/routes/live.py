"""Training as it goes on: its curves, what an epoch predicted, and an event for each change."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any, Final

import polars as pl
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from locgraph import schema
from locgraph.viewer.live import Live
from locgraph.viewer.opened import NotThereError
from locgraph.viewer.routes.answers import plain_values, query_number
from locgraph.viewer.session import Session

MOST_LISTENERS: Final = 32
"""Pages that may wait for changes of one source at the same time."""
LOOKS_S: Final = 1.0
"""Files are looked at for changes no more often than this."""
_STEP_S: Final = 0.25
_BEATS_S: Final = 15.0
"""A line is sent after so long without a change, so that proxies keep the connection."""
_HEADERS: Final = {"cache-control": "no-store"}


def _live_of(request: Request) -> Live:
    session: Session = request.app.state.session
    live: Live | None = session.source(request.path_params["source"]).live
    if live is None:
        raise NotThereError("expected a run or a sweep; what is shown was not trained")
    return live


def _live(request: Request) -> Response:
    """Answer the curves of all runs, and the state of each."""
    return JSONResponse(_live_of(request).described(), headers=_HEADERS)


def _epoch(request: Request) -> Response:
    """Answer what an epoch of a run predicted, one row for each validation FOV, and where the map has it."""
    run = _live_of(request).run(query_number(request, "run") or 0)
    epoch = request.path_params["epoch"]
    table, points = run.predictions(epoch), run.epoch_map(epoch)
    if points is not None:
        places = {schema.FOV_ID: points.fov_ids, "map_x": points.points[:, 0], "map_y": points.points[:, 1]}
        table = table.join(pl.DataFrame(places), on=schema.FOV_ID, how="left", maintain_order="left")
    rows: dict[str, Any] = {name: plain_values(table[name]) for name in table.columns}
    place = [rows.pop(name, None) for name in ("map_x", "map_y")]
    return JSONResponse({"epoch": epoch, "rows": rows, "map": place if points is not None else None}, headers=_HEADERS)


async def _events(request: Request) -> Response:
    """Answer with server-sent events: one at the start, and one after each change of a file or state.

    Source of the format: https://html.spec.whatwg.org/multipage/server-sent-events.html.
    """
    live = await asyncio.to_thread(_live_of, request)
    if live.listeners >= MOST_LISTENERS:
        raise HTTPException(503, f"{MOST_LISTENERS} pages follow this training already: close some")
    headers = _HEADERS | {"x-accel-buffering": "no"}
    return StreamingResponse(_changes(live, request), media_type="text/event-stream", headers=headers)


async def _changes(live: Live, request: Request) -> AsyncIterator[str]:
    """Yield an event for each change, until the page goes, which cancels this, or the server ends."""
    live.listeners += 1
    try:
        before, number, spoke = None, 0, time.monotonic()
        yield "retry: 1000\n\n"
        while not request.app.state.stopping():
            now = await asyncio.to_thread(live.signs)
            if now != before:
                yield f"event: change\ndata: {number}\n\n"
                before, number, spoke = now, number + 1, time.monotonic()
            elif time.monotonic() - spoke >= _BEATS_S:
                yield ": nothing new\n\n"
                spoke = time.monotonic()
            end = time.monotonic() + LOOKS_S
            while time.monotonic() < end and not request.app.state.stopping():
                await asyncio.sleep(_STEP_S)
    finally:
        live.listeners -= 1


ROUTES: Final = (
    Route("/api/s/{source:int}/live", _live),
    Route("/api/s/{source:int}/live/{epoch:int}", _epoch),
    Route("/api/s/{source:int}/events", _events),
)
