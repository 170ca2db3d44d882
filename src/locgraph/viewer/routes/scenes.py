"""The FOVs of a source, and all that is drawn of one: levels, clusters, edges, picture, selections, table."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from locgraph.errors import DataError
from locgraph.provenance import write_csv
from locgraph.viewer.clusters import describe_clusters
from locgraph.viewer.fov_columns import describe_columns
from locgraph.viewer.opened import NotThereError
from locgraph.viewer.pictures import SIDES, Picture, draw_picture
from locgraph.viewer.routes.answers import answer_binary, keep, plain_values
from locgraph.viewer.scene import Scene
from locgraph.viewer.selection import parse_shape, select_rows
from locgraph.viewer.session import Session

_MOST_LISTED: Final = 1_000_000
"""Rows of an answer as JSON; more are counted, and can be downloaded."""
_FORMATS: Final = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet"}
_PART_BYTES: Final = 1 << 20


def _session(request: Request) -> Session:
    session: Session = request.app.state.session
    return session


def _scene(request: Request) -> Scene:
    scene: Scene = _session(request).scene(request.path_params["source"], request.path_params["fov"])
    return scene


def _fovs(request: Request) -> Response:
    """Answer the table of FOVs, column by column."""
    source = _session(request).source(request.path_params["source"])
    table = source.fovs()
    content = {
        "columns": describe_columns(table),
        "rows": {name: plain_values(table[name]) for name in table.columns},
        "classes": list(source.class_names),  # in the order in which they have colours
    }
    return JSONResponse(content, headers={"cache-control": "no-store"})


def _header(request: Request) -> Response:
    """Answer what is known of a FOV before its values."""
    scene = _scene(request)
    return keep(request, scene.fingerprint, lambda: JSONResponse(scene.header()))


def _column(request: Request) -> Response:
    """Answer the values of a column in a node."""
    scene = _scene(request)
    values = scene.levels.node(request.path_params["node"], request.path_params["column"])
    return keep(request, scene.fingerprint, lambda: answer_binary(values))


def _clusters(request: Request) -> Response:
    """Answer clusters with features and outlines."""
    scene = _scene(request)
    clusters = scene.clusters
    if clusters is None:
        raise NotThereError(f"{scene.fov_id} has no clusters")
    return keep(
        request,
        scene.fingerprint,
        lambda: JSONResponse(describe_clusters(clusters, scene.outlines, scene.levels.origin)),
    )


def _edges(request: Request) -> Response:
    """Answer the ends of the edges of a type; with ``what=pairs`` the nodes that they join."""
    scene = _scene(request)
    ends, pairs = scene.edge_ends(request.path_params["type"])
    wanted = pairs if request.query_params.get("what") == "pairs" else ends
    return keep(request, scene.fingerprint, lambda: answer_binary(wanted))


def _picture(request: Request) -> Response:
    """Answer a small picture; of a large file only once it was opened, which takes long, and nothing before."""
    session, where = _session(request), (request.path_params["source"], request.path_params["fov"])
    side = _side(request.query_params.get("side", "128"))
    picture = session.pictures.get(*where, side)
    if picture is None:
        source = session.source(where[0])
        if session.has_scene(*where):
            scene = session.scene(*where)
        elif source.is_quick(where[1]):
            scene = source.scene(where[1])  # none that stays open: a list asks for many
        else:
            return Response(status_code=204, headers={"cache-control": "no-store"})
        picture = Picture(draw_picture(scene.levels, side), scene.fingerprint)
        session.pictures.keep(*where, side, picture)
    drawn = picture
    return keep(request, drawn.fingerprint, lambda: Response(drawn.content, media_type="image/png"))


def _side(text: str) -> int:
    if text not in map(str, SIDES):
        raise DataError(f"expected a side of {', '.join(map(str, SIDES))} pixels; found {text[:20]!r}")
    return int(text)


async def _inside(request: Request) -> Response:
    """Answer which localisations pass filters and lie within a shape: their number, and with ``rows`` each."""
    try:
        asked = await request.json()
    except (ValueError, RecursionError) as error:
        raise DataError(f"expected JSON with shape and filters; found none ({error})") from error
    return await run_in_threadpool(_select, request, asked)


def _select(request: Request, asked: Any) -> Response:
    if not isinstance(asked, dict):
        raise DataError(f"expected JSON with shape and filters; found {type(asked).__name__}")
    scene = _scene(request)
    shape = None if asked.get("shape") is None else parse_shape(asked["shape"])
    rows = select_rows(scene.levels, asked.get("filters"), shape)
    answer: dict[str, Any] = {"n": len(rows), "total": len(scene.levels)}
    if asked.get("rows"):
        if len(rows) > _MOST_LISTED:
            raise DataError(f"expected at most {_MOST_LISTED:,} rows to list; found {len(rows):,}. Download the table")
        answer["rows"] = rows.tolist()
    return JSONResponse(answer)


def _table(request: Request) -> Response:
    """Answer the localisations that pass filters as a file, in nm."""
    scene, query = _scene(request), request.query_params
    kind = query.get("format", "csv")
    if kind not in _FORMATS:
        raise DataError(f"expected the format {' or '.join(_FORMATS)}; found {kind[:20]!r}")
    given = {name: _parse(name, query[name]) for name in ("filters", "shape") if name in query}
    shape = None if given.get("shape") is None else parse_shape(given["shape"])
    table = scene.table(select_rows(scene.levels, given.get("filters"), shape))
    folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    path = Path(folder.name) / f"localisations.{kind}"
    write_csv(path, table) if kind == "csv" else table.write_parquet(path)
    name = re.sub(r"[^\w.+-]+", "_", scene.fov_id, flags=re.ASCII) + f".{kind}"
    headers = {"content-disposition": f'attachment; filename="{name}"', "content-length": str(path.stat().st_size)}
    return StreamingResponse(_stream(folder, path), media_type=_FORMATS[kind], headers=headers)


def _stream(folder: tempfile.TemporaryDirectory[str], path: Path) -> Iterator[bytes]:
    """Yield a file, whose folder goes with the last part, or as soon as nobody asks for more."""
    with folder, path.open("rb") as file:
        while part := file.read(_PART_BYTES):
            yield part


def _parse(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"expected {name} as JSON; found {text[:100]!r}") from error


_FOV: Final = "/api/s/{source:int}/f/{fov:int}"

ROUTES: Final = (
    Route("/api/s/{source:int}/fovs", _fovs),
    Route(_FOV, _header),
    Route(f"{_FOV}/n/{{node:int}}/{{column:str}}", _column),
    Route(f"{_FOV}/clusters", _clusters),
    Route(f"{_FOV}/edges/{{type:int}}", _edges),
    Route(f"{_FOV}/picture", _picture),
    Route(f"{_FOV}/table", _table),
    Route(f"{_FOV}/inside", _inside, methods=["POST"]),
)
