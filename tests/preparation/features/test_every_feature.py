"""Every feature of the package against a plain loop; in any order of rows, 1 m away, turned, and degenerate."""

import importlib
import inspect
import pkgutil
from itertools import combinations
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import ConvexHull
from scipy.spatial.distance import cdist, pdist

import locgraph.preparation.features
from builders.clusters import degenerate_clusters
from locgraph.io.volumes.settings import MEASURES
from locgraph.preparation.features.channels import ChannelFractions, ChannelIndicator
from locgraph.preparation.features.filling import Compactness, Solidity
from locgraph.preparation.features.gap import Gap
from locgraph.preparation.features.hull import Hull
from locgraph.preparation.features.localisations import CentreDistance, LocalDensity, NearestDistance
from locgraph.preparation.features.masks import MaskIntensity, MaskShape, MaskSkeleton
from locgraph.preparation.features.neighbourhood import Neighbourhood, Spacing
from locgraph.preparation.features.photophysics import (
    Blinking,
    DeconvolvedSize,
    DeconvolvedSize3D,
    MergedBlinking,
    Photons,
    Precision,
)
from locgraph.preparation.features.shape import PCA, Ellipse, Orientation, Size
from locgraph.preparation.features.table import FeatureSet
from locgraph.schema import INTENSITIES, LOCALISATION_COLUMNS

ALPHA_NM, K, RADIUS_NM, DARK = 17.3, 3, 151.7, 2


NAMES = {0: "red", 2: "blue"}


def size(own, columns):
    centre = own.mean(axis=0)
    named = dict(zip(("x_mean", "y_mean", "z_mean"), centre, strict=False))
    return named | {"count": len(own), "radius_of_gyration": np.sqrt((cdist(own, [centre]) ** 2).mean())}


def deviations(own):
    return np.sqrt(np.linalg.eigvalsh(np.cov(own.T))[::-1])


def pca(own, columns):
    s = deviations(own)
    content = np.prod(2.35 * s)
    values = {"linearity": (s[0] - s[1]) / s[0], "length_pca": 2.35 * s[0], "density_pca": len(own) / content}
    if own.shape[1] == 2:
        return values | {"area_pca": content}
    return values | {"volume_pca": content, "planarity": (s[1] - s[2]) / s[0]}


def hull(own, columns):
    result, values = ConvexHull(own), {"length_hull": pdist(own).max()}
    values["density_hull"] = len(own) / result.volume
    if own.shape[1] == 2:
        roundness = 4 * np.pi * result.volume / result.area**2
        return values | {"perimeter_hull": result.area, "area_hull": result.volume, "circularity": roundness}
    roundness = np.pi ** (1 / 3) * (6 * result.volume) ** (2 / 3) / result.area
    return values | {"surface_hull": result.area, "volume_hull": result.volume, "sphericity": roundness}


def ellipse(own, columns):
    s = deviations(own)
    return {"eccentricity": np.sqrt(1 - s[1] ** 2 / s[0] ** 2)}


def orientation(own, columns):
    axis = np.linalg.svd(own - own.mean(axis=0))[2][0]
    values = {"orientation": np.angle(complex(*axis[:2])) % np.pi}
    return values | ({"inclination": np.arccos(abs(axis[2]))} if len(axis) == 3 else {})


def compactness(own, columns):
    content, length = ConvexHull(own).volume, pdist(own).max()
    equal = 2 * np.sqrt(content / np.pi) if own.shape[1] == 2 else 2 * (content / (4 / 3 * np.pi)) ** (1 / 3)
    return {"compactness": equal / length}


def solidity(own, columns):
    """All triangles or tetrahedra with a small empty circumscribed circle or sphere."""
    corners = own[list(combinations(range(len(own)), own.shape[1] + 1))]
    edges = corners[:, 1:] - corners[:, :1]
    centres = np.linalg.solve(edges, (edges**2).sum(axis=2)[..., None] / 2)[..., 0] + corners[:, 0]
    radii = np.linalg.norm(centres - corners[:, 0], axis=1)
    empty = cdist(centres, own).min(axis=1) > radii * (1 - 1e-9)
    chosen = empty & (radii <= ALPHA_NM)
    filled = np.abs(np.linalg.det(edges[chosen])).sum() / (2 if own.shape[1] == 2 else 6)
    return {"solidity": filled / ConvexHull(own).volume}


def spacing(own, columns):
    distances = nearest_distance(own, columns)["nearest_distance"]
    return {"spacing_mean": np.mean(distances), "spacing_median": np.median(distances)}


def true_variance(own, precision):
    """The estimate written with pairs of localisations, without a centre."""
    pairs = list(combinations(range(len(own)), 2))
    weights = np.array([1 / (precision[i] * precision[j]) ** 2 for i, j in pairs])
    squares = np.array([((own[i] - own[j]) ** 2).sum() for i, j in pairs])
    excess = (weights * squares).sum() - own.shape[1] * (len(own) - 1) * (1 / precision**2).sum()
    return excess / (2 * weights.sum())


def deconvolved_size(own, columns):
    return {"radius_deconvolved": np.sqrt(max(true_variance(own[:, :2], columns["precision"]), 0))}


def deconvolved_size_3d(own, columns):
    if own.shape[1] == 2:
        return {}
    lateral = true_variance(own[:, :2], columns["precision"])
    axial = true_variance(own[:, 2:], columns["precision_z"])
    return {"radius_deconvolved_3d": np.sqrt(max(lateral + axial, 0))}


def photons(own, columns):
    n = columns["photons"]
    return {"photons_mean": np.mean(n), "photons_median": np.median(n), "photons_total": np.sum(n)}


def precision(own, columns):
    return {"precision_mean": np.mean(columns["precision"])}


def events(on_frames):
    """Walks through all frames between the first and the last."""
    runs, dark = [[min(on_frames)]], []
    for frame in sorted(on_frames)[1:]:
        if frame - runs[-1][-1] - 1 > DARK:
            dark.append(frame - runs[-1][-1] - 1)
            runs.append([])
        runs[-1].append(frame)
    on = [run[-1] - run[0] + 1 for run in runs]
    dark_mean = np.mean(dark) if dark else 0.0
    return {"blinking_events": len(runs), "on_time_mean": np.mean(on), "dark_time_mean": dark_mean}


def blinking(own, columns):
    return events(set(columns["frame"].tolist()))


def merged_blinking(own, columns):
    pairs = zip(columns["frame"], columns["n_frames"], strict=True)
    return events({frame for first, length in pairs for frame in range(first, first + max(length, 1))})


def channel_fractions(own, columns):
    return {f"fraction_{name}": np.mean(columns["channel"] == index) for index, name in NAMES.items()}


def centre_distance(own, columns):
    return {"centre_distance": cdist(own, [own.mean(axis=0)])[:, 0]}


def nearest_distance(own, columns):
    return {"nearest_distance": np.sort(cdist(own, own), axis=1)[:, 1] if len(own) > 1 else np.zeros(1)}


def channel_indicator(own, columns):
    return {f"in_{name}": (columns["channel"] == index) * 1.0 for index, name in NAMES.items()}


def content_of_ball(dimensions):
    return np.pi * RADIUS_NM**2 if dimensions == 2 else 4 / 3 * np.pi * RADIUS_NM**3


def neighbourhood(points, labels):
    centres = np.array([points[labels == cluster].mean(axis=0) for cluster in range(labels.max() + 1)])
    distances = cdist(centres, centres)
    others = [np.sort(np.delete(row, cluster)) for cluster, row in enumerate(distances)]
    within = np.array([(row <= RADIUS_NM).sum() for row in others])
    C, D = centres.shape
    area = ConvexHull(points).volume
    ripley = np.sqrt(area * within / np.pi / (C - 1)) if D == 2 else np.cbrt(area * within * 0.75 / np.pi / (C - 1))
    return {
        "neighbour_distance": np.array([row[0] for row in others]),
        "neighbour_distance_mean": np.array([row[:K].mean() for row in others]),
        "cluster_density_151.7nm": within / content_of_ball(D),
        "ripley_l_151.7nm": ripley,
    }


def gap(points, labels):
    distances = cdist(points, points)
    own = [labels == cluster for cluster in range(labels.max() + 1)]
    return {"gap": np.array([distances[rows][:, ~rows].min() for rows in own])}


def mask_shape(own, columns):
    """Sizes of the ball, or disc, with these diameters."""
    inside, boundary = columns["object_diameter"][0], columns["surface_diameter"][0]
    axes = {f"object_axis_length_{axis}": columns[f"axis_length_{axis}"][0] for axis in range(own.shape[1])}
    roundness = inside**2 / boundary**2
    if own.shape[1] == 2:
        area, perimeter = np.pi * inside**2 / 4, np.pi * boundary
        return axes | {"object_area": area, "object_perimeter": perimeter, "object_circularity": roundness}
    volume, surface = np.pi * inside**3 / 6, np.pi * boundary**2
    return axes | {"object_volume": volume, "object_surface": surface, "object_sphericity": roundness}


def mask_skeleton(own, columns):
    return {"object_skeleton_length": columns["skeleton_length"][0]}


def mask_intensity(own, columns):
    return {f"object_{name}": columns[name][0] for name in INTENSITIES}


def local_density(points, labels):
    within = (cdist(points, points) <= RADIUS_NM).sum(axis=1) - 1
    return {"local_density": within / content_of_ball(points.shape[1])}


CLUSTER_FEATURES = {
    "size": (Size(), size),
    "pca": (PCA(), pca),
    "hull": (Hull(), hull),
    "ellipse": (Ellipse(), ellipse),
    "orientation": (Orientation(), orientation),
    "compactness": (Compactness(), compactness),
    "solidity": (Solidity(ALPHA_NM), solidity),
    "spacing": (Spacing(), spacing),
    "deconvolved_size": (DeconvolvedSize(), deconvolved_size),
    "deconvolved_size_3d": (DeconvolvedSize3D(), deconvolved_size_3d),
    "photons": (Photons(), photons),
    "precision": (Precision(), precision),
    "blinking": (Blinking(DARK), blinking),
    "merged_blinking": (MergedBlinking(DARK), merged_blinking),
    "neighbourhood": (Neighbourhood(K, [RADIUS_NM]), neighbourhood),
    "channels": (ChannelFractions(NAMES), channel_fractions),
    "gap": (Gap(), gap),
    "mask_shape": (MaskShape(), mask_shape),
    "mask_skeleton": (MaskSkeleton(), mask_skeleton),
    "mask_intensity": (MaskIntensity(), mask_intensity),
}


LOCALISATION_FEATURES = {
    "local_density": (LocalDensity(RADIUS_NM), local_density),
    "nearest_distance": (NearestDistance(), nearest_distance),
    "centre_distance": (CentreDistance(), centre_distance),
    "channel_indicator": (ChannelIndicator(NAMES), channel_indicator),
}


WHOLE = (neighbourhood, gap, local_density)


TURNING = {"x_mean", "y_mean", "z_mean", "orientation", "inclination"}


"""Columns that a rotation of the field of view changes."""


AXIAL = {"radius_deconvolved", "radius_deconvolved_3d"}


"""Columns that treat z apart, and that only a rotation about z leaves as they are."""


every_feature = pytest.mark.parametrize("name", [*CLUSTER_FEATURES, *LOCALISATION_FEATURES])


def random_table(seed, dimensions, n_clusters=12):
    """Elongated clusters of 4 to 14 points near the origin, rows in random order, on a grid that is exact 1 m away."""
    rng = np.random.default_rng([seed, dimensions])
    labels = rng.permutation(np.repeat(np.arange(n_clusters), rng.integers(4, 15, n_clusters)))
    N = len(labels)
    spread = rng.uniform(5, 30, (n_clusters, dimensions))[labels]
    places = rng.random((n_clusters, dimensions))[labels] * 400
    points = np.round((rng.normal(size=(N, dimensions)) * spread + places) * 1024) / 1024
    columns = {
        "frame": rng.integers(0, 60, N),
        "n_frames": rng.integers(0, 6, N),
        "photons": rng.gamma(2.0, 500.0, N),
        "precision": rng.uniform(0.5, 2.0, N),
        "precision_z": rng.uniform(0.5, 3.0, N),
        "channel": rng.integers(0, 3, N),
        "source_cluster": labels * 3 + 7,
    }
    of_objects = {name: rng.uniform(10, 50, n_clusters)[labels] for name in MEASURES}
    columns |= of_objects | {"surface_diameter": of_objects["object_diameter"] * 1.3}
    return points, labels, columns


def measure(name, points, labels, columns):
    """Columns of one feature, through the table as the pipeline does."""
    feature = dict(CLUSTER_FEATURES, **LOCALISATION_FEATURES)[name][0]
    D = points.shape[1]
    table = pl.DataFrame({axis: points[:, i] for i, axis in enumerate("xyz"[:D])} | columns)
    if name in CLUSTER_FEATURES:
        result = FeatureSet({name: feature}).compute(table, labels, D)
        assert result["cluster_id"].to_list() == list(range(len(np.unique(labels))))
        added = FeatureSet({name: feature}).columns(D)
    else:
        result = FeatureSet({"size": Size()}, {name: feature}).compute_localisations(table, labels, D)
        assert result.select(table.columns).equals(table)
        added = feature.columns(D)
    assert [result.schema[column.name] for column in added] == [column.dtype for column in added]
    return {column.name: result[column.name].to_numpy().astype(np.float64) for column in added}


def expected(name, points, labels, columns):
    """The same by the plain loop."""
    loop = dict(CLUSTER_FEATURES, **LOCALISATION_FEATURES)[name][1]
    if loop in WHOLE:
        return loop(points, labels)
    result = {}
    for cluster in range(labels.max() + 1):
        rows = np.flatnonzero(labels == cluster)
        for key, value in loop(points[rows], {key: column[rows] for key, column in columns.items()}).items():
            length = len(points) if name in LOCALISATION_FEATURES else labels.max() + 1
            result.setdefault(key, np.full(length, np.nan))[rows if name in LOCALISATION_FEATURES else cluster] = value
    return result


def assert_same(result, wanted, leave_out=()):
    assert set(result) == set(wanted)
    for key in set(result) - set(leave_out):
        assert result[key] == pytest.approx(wanted[key], rel=1e-9), key


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("seed", range(3))
@every_feature
def test_equals_a_plain_loop_near_the_origin_and_one_metre_away(name, seed, dimensions):
    points, labels, columns = random_table(seed, dimensions)
    wanted = expected(name, points, labels, columns)
    assert_same(measure(name, points, labels, columns), wanted)
    far = measure(name, points + 1e9, labels, columns)
    for key in {"x_mean", "y_mean", "z_mean"} & set(far):
        far[key] -= 1e9
        assert far[key] == pytest.approx(wanted[key], abs=1e-6)
    assert_same(far, wanted, leave_out={"x_mean", "y_mean", "z_mean"})


@pytest.mark.parametrize("dimensions", [2, 3])
@every_feature
def test_neither_rows_nor_clusters_can_be_mistaken(name, dimensions):
    points, labels, columns = random_table(7, dimensions)
    before = measure(name, points, labels, columns)
    rng = np.random.default_rng(1)
    rows, renamed = rng.permutation(len(points)), rng.permutation(labels.max() + 1)
    moved = {key: column[rows] for key, column in columns.items()}
    after = measure(name, points[rows], renamed[labels][rows], moved)
    if name in LOCALISATION_FEATURES:
        assert_same(after, {key: values[rows] for key, values in before.items()})
    else:
        assert_same({key: values[renamed] for key, values in after.items()}, before)


@pytest.mark.parametrize("dimensions", [2, 3])
@every_feature
def test_a_rotation_changes_nothing_that_it_should_not(name, dimensions):
    points, labels, columns = random_table(8, dimensions)
    rotation = np.linalg.qr(np.random.default_rng(2).normal(size=(dimensions, dimensions)))[0]
    rotation[:, 0] *= np.sign(np.linalg.det(rotation))
    before, after = (measure(name, turned, labels, columns) for turned in (points, points @ rotation))
    left_out = TURNING | (AXIAL if dimensions == 3 else set())
    assert_same(after, before, leave_out=left_out)
    for key in left_out & set(before):
        assert np.abs(after[key] - before[key]).max() > 1e-3, f"{key} does not turn"


@every_feature
def test_a_rotation_about_z_leaves_what_treats_z_apart(name):
    points, labels, columns = random_table(9, 3)
    c, s = np.cos(0.8), np.sin(0.8)
    turned = points @ np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])
    before, after = (measure(name, positions, labels, columns) for positions in (points, turned))
    assert_same(after, before, leave_out=TURNING - {"inclination", "z_mean"})
    if "orientation" in before:
        turn = (after["orientation"] - before["orientation"] - 0.8) / np.pi
        assert turn == pytest.approx(np.round(turn), abs=1e-9)


def degenerate_shapes(dimensions):
    """Return name to points (n, D): nothing is left of an area or a volume."""
    shapes = degenerate_clusters(dimensions)
    if dimensions == 3:
        plane = np.random.default_rng(0).normal(size=(2, 3))
        shapes["plane"] = np.random.default_rng(1).normal(size=(30, 2)) * 20 @ plane
        shapes["level"] = shapes["plane"] * [1.0, 1.0, 0.0]
    return shapes


def further_columns(n):
    """What photophysics may be at its worst: all in one frame, no photons, unknown precision, an unknown channel."""
    return {
        "frame": np.full(n, 5),
        "n_frames": np.zeros(n, dtype=int),
        "photons": np.zeros(n),
        "precision": np.zeros(n),
        "precision_z": np.zeros(n),
        "channel": np.full(n, 9),
        "source_cluster": np.full(n, 4),
        **{name: np.zeros(n) for name in MEASURES},
    }


@pytest.mark.parametrize("shift", [0.0, 1e9])
@pytest.mark.parametrize("dimensions", [2, 3])
@every_feature
def test_degenerate_clusters_alone_and_together_have_finite_values(name, dimensions, shift):
    shapes = list(degenerate_shapes(dimensions).values())
    fields = [(points, np.zeros(len(points), dtype=int)) for points in shapes]
    fields += [(np.vstack(shapes), np.repeat(np.arange(len(shapes)), [len(points) for points in shapes]))]
    for points, labels in fields:
        values = measure(name, points + shift, labels, further_columns(len(points)))
        for key, result in values.items():
            assert np.isfinite(result).all(), key
            if key not in TURNING:
                assert (result >= 0).all(), key


@pytest.mark.parametrize("shift", [0.0, 1e9])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_degenerate_clusters_have_the_documented_values(dimensions, shift):
    always = ("compactness", "solidity", "deconvolved_size", "deconvolved_size_3d")
    for shape, points in degenerate_shapes(dimensions).items():
        columns = further_columns(len(points)) | {"precision": np.full(len(points), 1e3)}
        labels = np.zeros(len(points), dtype=int)
        place = shape in ("one", "repeated")
        names = (*always, "spacing", "ellipse", "neighbourhood", "orientation") if place else (*always, "neighbourhood")
        for name in names:
            for key, result in measure(name, points + shift, labels, columns).items():
                assert result[0] == 0.0, f"{key} of {shape}"
        if not place and shape not in ("plane", "level"):
            result = measure("ellipse", points + shift, labels, columns)
            assert result["eccentricity"][0] == 1.0


@pytest.mark.parametrize("dimensions", [2, 3])
@every_feature
def test_no_localisation_gives_no_value(name, dimensions):
    empty = {key: column[:0] for key, column in further_columns(1).items()}
    for values in measure(name, np.zeros((0, dimensions)), np.zeros(0, dtype=int), empty).values():
        assert values.shape == (0,)


small_fields = st.integers(2, 3).flatmap(
    lambda dimensions: st.lists(
        st.tuples(st.integers(0, 3), *[st.integers(-4, 4)] * dimensions), min_size=1, max_size=40
    ).map(np.array)
)


"""Whole numbers, close together: most clusters are degenerate, and many distances equal."""


@settings(max_examples=60, deadline=None, derandomize=True)
@given(rows=small_fields, seed=st.integers(0, 2**32 - 1))
def test_any_field_has_finite_values_in_any_order_and_place(rows, seed):
    labels, points = np.unique(rows[:, 0], return_inverse=True)[1], rows[:, 1:] * 8.0
    rng = np.random.default_rng(seed)
    columns = {name: rng.integers(0, 4, len(rows)) for name in further_columns(1)}
    columns |= dict.fromkeys(("source_cluster", *MEASURES), labels)  # one object each
    order = rng.permutation(len(rows))
    moved = {key: column[order] for key, column in columns.items()}
    for name in (*CLUSTER_FEATURES, *LOCALISATION_FEATURES):
        before = measure(name, points, labels, columns)
        after = measure(name, points[order] + 1e9, labels[order], moved)
        if name in LOCALISATION_FEATURES:
            before = {key: values[order] for key, values in before.items()}
        for key, values in before.items():
            assert np.isfinite(values).all(), key
            if key not in ("x_mean", "y_mean", "z_mean"):
                assert after[key] == pytest.approx(values, rel=1e-6, abs=1e-6), key


def classes():
    """Every class of the package that is a feature."""
    result = set()
    for module in pkgutil.walk_packages(locgraph.preparation.features.__path__, "locgraph.preparation.features."):
        for _, kind in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            own = kind.__module__ == module.name and not getattr(kind, "_is_protocol", False)
            if own and hasattr(kind, "columns") and (hasattr(kind, "compute") or hasattr(kind, "measure")):
                result.add(kind)
    return result - {FeatureSet}


def test_every_feature_is_tested_here():
    tested = {type(feature) for feature, _ in (*CLUSTER_FEATURES.values(), *LOCALISATION_FEATURES.values())}
    assert tested == classes()


@pytest.mark.parametrize("group", ["features", "localisations"])
def test_every_feature_has_its_config(group):
    result = {}
    for path in (Path(__file__).parents[3] / "configs" / "features").glob("*.yaml"):
        for leaf in yaml.safe_load(path.read_text(encoding="utf-8")).get(group, {}).values():
            result[path.stem] = leaf["_target_"]
    features = CLUSTER_FEATURES if group == "features" else LOCALISATION_FEATURES
    names = {name: f"{type(feature).__module__}.{type(feature).__name__}" for name, (feature, _) in features.items()}
    assert result == names


@every_feature
def test_columns_have_names_of_their_own_and_a_unit(name):
    feature = dict(CLUSTER_FEATURES, **LOCALISATION_FEATURES)[name][0]
    assert set(feature.needs) <= set(LOCALISATION_COLUMNS)
    for dimensions in (2, 3):
        for column in feature.columns(dimensions):
            assert column.name not in LOCALISATION_COLUMNS
            assert column.unit in ("1", "nm", "nm^2", "nm^3", "1/nm^2", "1/nm^3", "photons", "frames", "rad")
            assert column.meaning


def test_all_features_fit_side_by_side():
    chosen = {name: feature for name, (feature, _) in CLUSTER_FEATURES.items() if name != "merged_blinking"}
    everything = FeatureSet(chosen, {name: feature for name, (feature, _) in LOCALISATION_FEATURES.items()})
    points, labels, columns = random_table(3, 3)
    table = pl.DataFrame({axis: points[:, i] for i, axis in enumerate("xyz")} | columns)
    clusters = everything.compute(table, labels, 3)
    for name in chosen:
        for key, values in measure(name, points, labels, columns).items():
            assert clusters[key].to_numpy() == pytest.approx(values, rel=1e-12), key
