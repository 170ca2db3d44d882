"""What all routes share: numbers of a query, plain values, and answers that a browser may keep until they change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import polars as pl
from starlette.requests import Request
from starlette.responses import Response

from locgraph.errors import DataError

_BINARY: Final = "application/octet-stream"
_VERSION: Final = "v"
_FOR_GOOD: Final = "private, max-age=31536000, immutable"
_ASK_AGAIN: Final = "private, no-cache"
_NOT_MODIFIED: Final = 304
_MOST_DIGITS: Final = 9
_UNFIT: Final = (float("inf"), float("-inf"))


def keep(request: Request, fingerprint: str, make: Callable[[], Response]) -> Response:
    """Answer with what a fingerprint stands for, or that it has not changed.

    Args:
        request: One whose query holds the fingerprint as ``v`` gets an answer that is never asked for again.
        fingerprint: Changes with the answer.
        make: Makes the answer.
    """
    tag = f'"{fingerprint}"'
    control = _FOR_GOOD if request.query_params.get(_VERSION) == fingerprint else _ASK_AGAIN
    headers = {"etag": tag, "cache-control": control}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=_NOT_MODIFIED, headers=headers)
    response = make()
    response.headers.update(headers)
    return response


def query_number(request: Request, name: str) -> int | None:
    """Return a whole number of the query, such as that of a run; None where it is not there.

    Raises:
        DataError: It is none.
    """
    text = request.query_params.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS):
        raise DataError(f"{name}: expected a whole number; found {text[:20]!r}")
    return int(text)


def answer_binary(values: np.ndarray) -> Response:
    """Answer with the values of an array as they lie in memory, little-endian."""
    little = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
    return Response(little.tobytes(), media_type=_BINARY)


def plain_values(values: pl.Series) -> list[Any]:
    """Return values as JSON knows them, which has neither infinity nor NaN."""
    if values.dtype.is_float():
        values = values.to_frame().select(pl.col(values.name).replace(_UNFIT, None).fill_nan(None)).to_series()
    elif not (values.dtype.is_numeric() or values.dtype in (pl.String, pl.Boolean)):
        values = values.map_elements(str, return_dtype=pl.String)
    return values.to_list()
