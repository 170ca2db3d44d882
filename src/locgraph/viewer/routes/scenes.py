"""The FOVs of a source."""

from __future__ import annotations

from typing import Any, Final

import polars as pl
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from locgraph.viewer.session import Session

_UNFIT: Final = (float("inf"), float("-inf"))


def _fovs(request: Request) -> Response:
    """Answer the table of FOVs, column by column."""
    session: Session = request.app.state.session
    table = session.source(request.path_params["source"]).fovs()
    columns = [{"name": name, "type": _type(dtype)} for name, dtype in table.schema.items()]
    rows = {name: plain_values(table[name]) for name in table.columns}
    return JSONResponse({"columns": columns, "rows": rows}, headers={"cache-control": "no-store"})


def _type(dtype: pl.DataType) -> str:
    return "flag" if dtype == pl.Boolean else "number" if dtype.is_numeric() else "text"


def plain_values(values: pl.Series) -> list[Any]:
    """Return values as JSON knows them, which has neither infinity nor NaN."""
    if values.dtype.is_float():
        values = values.to_frame().select(pl.col(values.name).replace(_UNFIT, None).fill_nan(None)).to_series()
    elif not (values.dtype.is_numeric() or values.dtype in (pl.String, pl.Boolean)):
        values = values.map_elements(str, return_dtype=pl.String)
    return values.to_list()


ROUTES: Final = (Route("/api/s/{source:int}/fovs", _fovs),)
