"""Answers about runs and sweeps: maps, scores and explanations."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from locgraph.errors import DataError
from locgraph.viewer.opened import NotThereError
from locgraph.viewer.results.maps import METHODS, PCA, describe
from locgraph.viewer.routes.answers import query_number
from locgraph.viewer.runs import OpenedRuns
from locgraph.viewer.session import Session


def runs_map(request: Request) -> Response:
    """Return the maps that there are, and the points of one: ``?which=0&method=pca``."""
    runs = _runs(request)
    which, method = query_number(request, "which") or 0, request.query_params.get("method", PCA)
    content: dict[str, Any] = {"maps": describe(runs.maps), "which": which, "method": method, "methods": list(METHODS)}
    try:
        points = runs.map(which, method)
    except DataError as error:
        if isinstance(error, NotThereError):
            raise
        return _json(content | {"ready": True, "reason": str(error)})  # nothing that the page did wrong
    if points is None:
        return _json(content | {"ready": False, "reason": None})
    columns = {
        "x": [float(f"{value:.5g}") for value in points.x],
        "y": [float(f"{value:.5g}") for value in points.y],
        "fov": points.fovs.tolist(),
        "cluster": None if points.clusters is None else points.clusters.tolist(),
    }
    return _json(content | {"ready": True, "reason": None, "axes": points.axes, "notes": points.notes, **columns})


def runs_metrics(request: Request) -> Response:
    """Return scores with intervals, controls, calibration and settings."""
    return _json(_runs(request).metrics())


def runs_confusion(request: Request) -> Response:
    """Return the confusion matrix of all test FOVs, and of each fold."""
    return _json(_runs(request).confusion())


def runs_explanations(request: Request) -> Response:
    """Return the explanations of a FOV that there are."""
    return _json(_runs(request).explanations(request.path_params["i"]))


def runs_explanation(request: Request) -> Response:
    """Return the scores of one explanation of a FOV."""
    return _json(_runs(request).explanation(request.path_params["i"], request.path_params["k"]))


def _runs(request: Request) -> OpenedRuns:
    session: Session = request.app.state.session
    source = session.source(request.path_params["s"])
    if not isinstance(source, OpenedRuns):
        raise NotThereError(f"expected a run or a sweep; {source.title} is none")
    return source


def _json(content: Any) -> Response:
    return JSONResponse(content, headers={"cache-control": "no-store"})


ROUTES: Final = (
    Route("/api/s/{s:int}/map", runs_map),
    Route("/api/s/{s:int}/metrics", runs_metrics),
    Route("/api/s/{s:int}/confusion", runs_confusion),
    Route("/api/s/{s:int}/f/{i:int}/explanations", runs_explanations),
    Route("/api/s/{s:int}/f/{i:int}/explanations/{k:int}", runs_explanation),
)
