"""Polygons of GeoJSON (RFC 7946), as QuPath and napari plugins write them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from locgraph import schema
from locgraph.errors import DataError
from locgraph.io.regions.base import Region, make_points, make_region, safe_name

_NAMES: Final = ("region", "name")
_POLYGON, _MULTI = "Polygon", "MultiPolygon"
_POINT, _POINTS = "Point", "MultiPoint"


def read_geojson(path: Path) -> dict[str | None, list[Region]]:
    """Read the features of a file.

    Names are the property ``region`` or ``name``, else the ``id`` of the feature, else its number. Coordinates are
    plane ones, as microscopy writes them, not degrees.

    Returns:
        FOV (property ``fov_id``; None where a feature has none) -> its regions, in the unit of the file. A feature that
        is no polygon has its problem, and its points where it has some. The class is the property ``classification``,
        as QuPath writes it, or ``label``.

    Raises:
        DataError: The file is no GeoJSON.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: expected GeoJSON, found none ({error})") from error
    by_fov: dict[str | None, list[Region]] = {}
    for number, feature in enumerate(_features(path, content), start=1):
        properties = feature.get("properties") or {}
        if not isinstance(properties, Mapping):
            raise DataError(f"{path}: expected properties by name in feature {number}, found {type(properties)}")
        names = [properties.get(key) for key in _NAMES] + [feature.get("id")]
        name = next((str(own) for own in names if own not in (None, "")), str(number))
        fov = properties.get(schema.FOV_ID)
        region = replace(_region(name, feature.get("geometry")), label=_label(properties))
        by_fov.setdefault(None if fov is None else str(fov), []).append(region)
    return by_fov


def _features(path: Path, content: Any) -> list[Mapping[str, Any]]:
    kind = content.get("type") if isinstance(content, Mapping) else None
    features = {
        "FeatureCollection": lambda: content.get("features"),
        "Feature": lambda: [content],
        _POLYGON: lambda: [{"geometry": content}],
        _MULTI: lambda: [{"geometry": content}],
        _POINT: lambda: [{"geometry": content}],
        _POINTS: lambda: [{"geometry": content}],
    }.get(str(kind), lambda: content)()  # QuPath also writes a bare list of features
    if not isinstance(features, list) or not all(isinstance(feature, Mapping) for feature in features):
        raise DataError(f"{path}: expected GeoJSON with features, found {kind or type(content).__name__}")
    return features


def _label(properties: Mapping[str, Any]) -> str | None:
    """Return the class of a feature; QuPath writes an object with its ``name``, or of several ``names`` in a row."""
    given = properties.get("classification", properties.get(schema.LABEL))
    if isinstance(given, Mapping):
        names = given.get("names")
        given = given.get("name", ": ".join(map(str, names)) if isinstance(names, list) else None)
    return None if given in (None, "") else str(given)


def _region(name: str, geometry: Any) -> Region:
    kind = geometry.get("type") if isinstance(geometry, Mapping) else None
    if kind in (_POINT, _POINTS):
        coordinates = geometry.get("coordinates")
        return make_points(name, [coordinates] if kind == _POINT else coordinates, kind)
    if kind not in (_POLYGON, _MULTI):
        return Region(safe_name(name), problem=f"{kind or 'no geometry'}: it has no area")
    coordinates = geometry.get("coordinates")
    polygons = [coordinates] if kind == _POLYGON else coordinates
    if not isinstance(polygons, list) or not all(isinstance(rings, list) for rings in polygons):
        return Region(safe_name(name), problem="vertices that are no pairs of numbers")
    return make_region(name, polygons)
