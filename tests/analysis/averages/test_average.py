"""Averages against the patterns that objects were drawn from."""

import numpy as np
import polars as pl
import pytest
from scipy.ndimage import gaussian_filter, rotate

from builders.drawn_objects import Drawn, draw_objects, glyph, ring, turn
from locgraph.analysis.averages.average import AXES, PAIRWISE, Average, average
from locgraph.analysis.averages.axes import own_axes
from locgraph.errors import ConfigError, DataError

TWO = glyph(".##.", "#..#", "..#.", ".#..", "####")
L, J = glyph("#...", "#...", "#...", "#...", "####"), glyph("...#", "...#", "...#", "...#", "####")


def angle_errors(result: Average, drawn: Drawn, order: int = 1) -> np.ndarray:
    """Error in degrees of the angle of each object, modulo a symmetry, against the common frame of all."""
    kept = result.objects["object"]
    rotations = np.stack(result.objects["rotation"].to_list()).reshape(-1, 2, 2) @ [
        drawn.rotations[name] for name in kept
    ]
    phases = np.exp(1j * order * np.arctan2(rotations[:, 1, 0], rotations[:, 0, 0]))
    phases = phases * np.exp(-1j * np.angle(np.median(phases.real) + 1j * np.median(phases.imag)))
    return np.degrees(np.angle(phases)) / order


def correlation_with(sites: np.ndarray, result: Average, sigma: float = 4.0) -> float:
    """Correlation of an average with a pattern of sites, both blurred, in the best of all poses."""
    half, n = 90.0, 90
    grid = {"bins": n, "range": [[-half, half]] * 2}
    seen = gaussian_filter(
        np.histogram2d(*result.positions.select("y", "x").to_numpy().T, **grid)[0], sigma * n / half / 2
    )
    true = gaussian_filter(np.histogram2d(sites[:, 1], sites[:, 0], **grid)[0], sigma * n / half / 2)
    best = 0.0
    for angle in range(0, 360, 3):
        turned = rotate(true, angle, reshape=False, order=1)
        cross = np.fft.ifft2(np.fft.fft2(seen) * np.fft.fft2(turned).conj()).real
        moved = np.unravel_index(cross.argmax(), cross.shape)
        best = max(best, np.corrcoef(np.roll(turned, moved, (0, 1)).ravel(), seen.ravel())[0, 1])
    return best


@pytest.fixture(scope="module")
def twos() -> Drawn:
    return draw_objects(TWO, 50, events=7)


@pytest.fixture(scope="module")
def average_of_twos(twos: Drawn) -> Average:
    return average(twos.tables, PAIRWISE)


@pytest.fixture(scope="module")
def rings() -> Drawn:
    return draw_objects(ring(8), 16, labelled=0.75, events=7)


@pytest.fixture(scope="module")
def average_of_rings(rings: Drawn) -> Average:
    return average(rings.tables, PAIRWISE)


def test_angles_of_incomplete_digits_are_recovered(twos, average_of_twos):
    errors = angle_errors(average_of_twos, twos)
    assert np.median(abs(errors)) < 1.5
    assert np.mean(abs(errors) < 10) >= 0.94
    assert average_of_twos.order == 1
    assert not average_of_twos.objects["mirrored"].any()


def test_average_of_digits_is_the_pattern(twos, average_of_twos):
    assert correlation_with(TWO, average_of_twos) > 0.9
    assert correlation_with(TWO * [-1, 1], average_of_twos) < 0.8
    assert correlation_with(TWO, average(twos.tables, AXES)) < 0.85


def test_resolution_of_registered_digits_is_near_the_precision(twos, average_of_twos):
    resolution = average_of_twos.halves.resolution_nm()
    assert 2 < resolution < 12  # precision 2 nm, sites 20 nm apart
    assert average(twos.tables, AXES).halves.resolution_nm() > 1.5 * resolution


def test_positions_are_the_poses_of_the_objects(twos, average_of_twos):
    for row in average_of_twos.objects.to_dicts()[:5]:
        table = twos.tables[row["object"]]
        raw = table.select("x", "y").to_numpy()
        moved = (raw - row["centre"]) @ np.reshape(row["rotation"], (2, 2)).T + row["shift"]
        placed = average_of_twos.positions.filter(object=row["object"])
        assert placed.select("x", "y").to_numpy() == pytest.approx(moved)
        assert placed["precision"].to_numpy() == pytest.approx(table["precision"].to_numpy())
        assert np.reshape(row["rotation"], (2, 2)) == pytest.approx(turn(np.radians(row["angle_deg"])))


def test_profiles_and_map_count_every_localisation_once(average_of_twos):
    count, objects = average_of_twos.positions.height, average_of_twos.objects.height
    assert average_of_twos.angular["density"].sum() * 5 * objects == pytest.approx(count)
    radii = average_of_twos.radial["radius_nm"].to_numpy()
    inside = (average_of_twos.radial["density"].to_numpy() * 2 * np.pi * radii * (radii[1] - radii[0])).sum() * objects
    assert inside == pytest.approx(count, rel=0.03)
    pixel_counts = average_of_twos.density.values.sum() * average_of_twos.density.pixel_nm**2 * objects
    assert pixel_counts == pytest.approx(count, rel=0.03)


def test_rings_have_their_symmetry_and_their_angles(rings, average_of_rings):
    assert average_of_rings.symmetry.order == 8
    assert average_of_rings.symmetry.scores[8] > 0.7
    assert average_of_rings.symmetry.p_values[8] < 0.01
    errors = angle_errors(average_of_rings, rings, 8)
    assert np.median(abs(errors)) < 1.0
    assert np.mean(abs(errors) < 5) > 0.9


def test_rings_are_spread_over_equal_poses(rings, average_of_rings):
    def filled(result: Average) -> np.ndarray:
        """Localisations at each site, those at the fullest site first."""
        angles = np.degrees(np.arctan2(result.positions["y"].to_numpy(), result.positions["x"].to_numpy()))
        start = np.degrees(np.angle(np.exp(1j * 8 * np.radians(angles)).sum())) / 8
        return np.bincount(np.rint((angles - start) / 45).astype(int) % 8, minlength=8)

    spread, hot = filled(average_of_rings), filled(average(rings.tables, PAIRWISE, symmetry=1, resolution=False))
    assert average_of_rings.order == 8
    assert hot.max() / hot.min() > 1.5 * spread.max() / spread.min()
    # counts of sites are geometric: as uneven as sites drawn at random would be
    assert spread.std() / spread.mean() < 0.5


def test_axes_of_rings_are_named_as_undefined(rings):
    result = average(rings.tables, AXES)
    assert "are not defined" in " ".join(result.notes)
    assert (result.objects["pose_evidence"] < 3).mean() > 0.8


def test_axes_of_a_complete_l_are_defined_and_found():
    drawn = draw_objects(L, 20, labelled=1.0, events=80, even=True)
    result = average(drawn.tables, AXES)
    assert abs(angle_errors(result, drawn)).max() < 3
    assert (result.objects["pose_evidence"] > 3).all()
    assert result.notes == ()


def test_own_axes_are_a_rotation_with_positive_third_moments():
    rng = np.random.default_rng(0)
    for dimensions in (2, 3):
        points = rng.exponential(size=(4000, dimensions)) * [5.0, 2.0, 1.0][:dimensions]
        points -= points.mean(axis=0)
        points = points @ np.linalg.qr(rng.normal(size=(dimensions, dimensions)))[0]
        axes = own_axes(points)
        moved = points @ axes.rotation.T
        assert np.linalg.det(axes.rotation) == pytest.approx(1.0)
        assert (np.diff(moved.var(axis=0)) < 0).all()
        assert ((moved[:, :-1] ** 3).mean(axis=0) > 0).all()
        assert axes.evidence > 3


def test_mirror_images_stay_apart_unless_asked():
    left, right = draw_objects(L, 3, 1, 1.0, 6, prefix="L"), draw_objects(J, 3, 2, 1.0, 6, prefix="J")
    apart = average(left.tables | right.tables, PAIRWISE, symmetry=1, resolution=False)
    merged = average(left.tables | right.tables, PAIRWISE, symmetry=1, mirror=True, resolution=False)
    assert not apart.objects["mirrored"].any()
    mirrored = dict(zip(merged.objects["object"], merged.objects["mirrored"], strict=True))
    kinds = {kind: [mirrored[name] for name in mirrored if name.startswith(kind)] for kind in "LJ"}
    assert abs(np.mean(kinds["L"]) - np.mean(kinds["J"])) > 0.9
    assert merged.objects["score"].mean() > apart.objects["score"].mean() + 0.02


def test_an_object_of_another_kind_is_an_outlier():
    drawn = draw_objects(TWO, 9, 3, events=7)
    other = draw_objects(ring(3, 25.0), 1, 4, 1.0, prefix="other")
    result = average(drawn.tables | other.tables, PAIRWISE, resolution=False)
    scores = dict(zip(result.objects["object"], result.objects["score"], strict=True))
    assert min(scores, key=scores.get) == "other_0"
    assert result.objects.filter(pl.col("outlier"))["object"].to_list().count("other_0") == 1


def test_objects_in_three_dimensions_are_laid_upon_each_other():
    sites = np.array([[0, 0, 0], [60, 0, 0], [0, 40, 0], [0, 0, 25], [60, 40, 0]], float)
    drawn = draw_objects(sites, 3, labelled=1.0, events=8)
    result = average(drawn.tables, PAIRWISE, symmetry=1, resolution=False)
    rotations = np.stack(result.objects["rotation"].to_list()).reshape(-1, 3, 3)
    common = rotations @ [drawn.rotations[name] for name in result.objects["object"]]
    cosines = (np.einsum("kij,ij->k", common, common[0]) - 1) / 2
    assert np.degrees(np.arccos(np.clip(cosines, -1, 1))).max() < 10
    assert result.objects["angle_deg"].null_count() == 3
    assert set(result.positions.columns) == {"object", "x", "y", "z", "precision"}


def test_the_same_objects_give_the_same_average(twos):
    few = dict(list(twos.tables.items())[:2])
    first, again = (average(few, resolution=False).positions for _ in range(2))
    assert first.equals(again)
    moved = {name: table.with_columns(pl.col("x") + 500.0) for name, table in few.items()}
    assert average(moved, resolution=False).positions["x"].to_numpy() == pytest.approx(first["x"].to_numpy(), abs=1e-3)


def test_objects_without_a_pose_are_named():
    good = draw_objects(TWO, 3).tables
    bad = {
        "pair": pl.DataFrame({"x": [0.0, 5.0], "y": [0.0, 1.0], "precision": [1.0, 1.0]}),
        "spot": pl.DataFrame({"x": [3.0] * 9, "y": [4.0] * 9, "precision": [1.0] * 9}),
        "empty": pl.DataFrame(
            {"x": [], "y": [], "precision": []}, schema=dict.fromkeys(("x", "y", "precision"), pl.Float64)
        ),
    }
    for method in (AXES, PAIRWISE):
        result = average(good | bad, method)
        assert result.objects["object"].to_list() == list(good)
        assert set(result.left_out) == set(bad)
        assert "2 localisations" in result.left_out["pair"]
        assert "at one place" in result.left_out["spot"]
        assert result.halves is None
        assert "no resolution" in " ".join(result.notes)
    with pytest.raises(DataError, match="at least one object with a pose, found none of 3"):
        average(bad)


@pytest.mark.parametrize("method", [AXES, PAIRWISE])
def test_one_object_is_its_own_average(method):
    one = draw_objects(TWO, 1).tables
    result = average(one, method)
    assert result.objects["score"].to_list() == [None]
    assert result.positions.height == one["object_0"].height
    assert result.objects["outlier"].to_list() == [False]


def test_localisations_without_precision_and_without_number_are_counted():
    tables = draw_objects(TWO, 4).tables
    tables["object_0"] = tables["object_0"].drop("precision")
    tables["object_1"] = tables["object_1"].with_columns(
        pl.when(pl.int_range(pl.len()) == 0).then(None).otherwise("x").alias("x")
    )
    result = average(tables, resolution=False)
    assert any("1 of 4 objects have localisations without precision" in note for note in result.notes)
    assert any("1 localisations without a position" in note for note in result.notes)
    assert result.objects["n_localisations"][1] == tables["object_1"].height - 1


def test_a_line_of_localisations_is_no_error():
    line = {
        str(k): pl.DataFrame({"x": np.arange(9.0) * (k + 1), "y": np.zeros(9), "precision": np.ones(9)})
        for k in range(4)
    }
    for method in (AXES, PAIRWISE):
        assert average(line, method).objects.height == 4


def test_wrong_input_is_refused():
    tables = draw_objects(TWO, 2).tables
    with pytest.raises(ConfigError, match="expected one of axes, pairwise, found 'best'") as caught:
        average(tables, "best")
    assert caught.value.setting == "method"
    with pytest.raises(DataError, match="average them apart"):
        average(tables | {"deep": pl.DataFrame({"x": [0.0], "y": [0.0], "z": [0.0]})})
    with pytest.raises(DataError, match="flat: expected columns x and y in nm, found x"):
        average({"flat": pl.DataFrame({"x": [0.0, 1.0, 2.0]})})
