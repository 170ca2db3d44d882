"""Templates of binding sites, and classes read from plain values."""

import numpy as np
import pytest
from scipy.spatial import cKDTree
from scipy.spatial.distance import pdist

from locgraph.errors import ConfigError
from locgraph.simulate.structures import SPACING_NM, TEMPLATES, name_channels, read_classes, read_sites, template

FLAT = {"one", "two", "three", "T", "O", "L", "J", "grid", "cross", "square", "line", "triangle", "ring"}
SOLID = {"tetrahedron", "cube", "octahedron", "tripod", "helix_right", "helix_left"}


def test_every_template_is_listed():
    assert set(TEMPLATES) == FLAT | SOLID


@pytest.mark.parametrize("name", sorted(FLAT | SOLID))
def test_sites_are_like_those_of_an_origami(name):
    sites = template(name)
    assert sites.dtype == np.float64
    assert sites.shape[1] == (2 if name in FLAT else 3)
    np.testing.assert_allclose(sites.mean(axis=0), 0, atol=1e-9)
    nearest = cKDTree(sites).query(sites, k=2)[0][:, 1]
    assert nearest.min() >= 10
    assert nearest.max() <= np.sqrt(2) * SPACING_NM + 1e-9
    assert 60 <= pdist(sites).max() <= 120


def test_letters_read_from_left_to_right_and_from_the_top():
    ell = template("L") - template("L").min(axis=0)
    expected = [(0, 0), (0, 20), (0, 40), (0, 60), (0, 80), (20, 0), (40, 0), (60, 0)]
    assert sorted(map(tuple, ell)) == expected


def test_grid_is_60_by_80_nm_with_20_sites():
    grid = template("grid")
    assert len(grid) == 20
    np.testing.assert_allclose(np.ptp(grid, axis=0), [60, 80])


def test_seven_default_classes_differ_in_their_pair_distances():
    names = ["one", "two", "three", "T", "O", "L", "grid"]
    spectra = {tuple(np.sort(pdist(template(name))).round(3)) for name in names}
    assert len(spectra) == len(names)


def test_l_and_j_differ_in_handedness_alone():
    ell, jay = template("L"), template("J")
    np.testing.assert_allclose(np.sort(pdist(ell)), np.sort(pdist(jay)))
    assert {tuple(site.round(6)) for site in ell * [-1, 1]} == {tuple(site.round(6)) for site in jay}
    rotated = (
        ell @ np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]]) for a in np.linspace(0, 2 * np.pi, 721)
    )
    assert min(cKDTree(turn).query(jay)[0].max() for turn in rotated) > 5


def test_helices_are_mirror_images():
    np.testing.assert_allclose(pdist(template("helix_right")), pdist(template("helix_left")))
    right = template("helix_right")
    step, following = np.diff(right, axis=0)[:-1], np.diff(right, axis=0)[1:]
    turning = np.cross(step, following)
    torsion = np.einsum("ij,ij->i", turning[:-1], np.diff(right, axis=0)[2:])
    assert np.all(torsion > 0)


@pytest.mark.parametrize(
    ("name", "corners", "edges", "edge_nm"), [("tetrahedron", 4, 6, 80), ("cube", 8, 12, 60), ("octahedron", 6, 12, 60)]
)
def test_bodies_have_sites_along_all_edges(name, corners, edges, edge_nm):
    sites = template(name)
    assert len(sites) == corners + edges * (edge_nm // 20 - 1)
    outermost = np.linalg.norm(sites, axis=1)
    at_corners = sites[np.isclose(outermost, outermost.max())]
    assert len(at_corners) == corners
    assert pdist(at_corners).min() == pytest.approx(edge_nm)


def test_templates_cannot_be_changed_by_accident():
    template("ring")[:] = 0
    assert np.linalg.norm(template("ring"), axis=1) == pytest.approx(38)
    with pytest.raises(ValueError, match="read-only"):
        TEMPLATES["ring"][:] = 0


def test_unknown_template_lists_the_known_ones():
    with pytest.raises(ConfigError, match=r"one, two, three.*helix_left.*'four'"):
        template("four")


def test_sites_from_coordinates_are_centred():
    np.testing.assert_array_equal(read_sites([[0, 0], [10, 20]], "classes.a"), [[-5, -10], [5, 10]])
    np.testing.assert_array_equal(read_sites([[7, 8, 9]], "classes.a"), [[0, 0, 0]])
    np.testing.assert_array_equal(read_sites("T", "classes.a"), template("T"))


@pytest.mark.parametrize(
    "given", [[], [[]], [1, 2], [[1]], [[1, 2], [3]], [[1, 2, 3, 4]], [["a", "b"]], None, [[0, float("nan")]]]
)
def test_what_are_no_sites_is_refused(given):
    with pytest.raises(ConfigError, match=r"classes.a: .*list of \[x, y\] or \[x, y, z\] in nm; found"):
        read_sites(given, "classes.a")


def test_names_coordinates_and_channels_are_read():
    read = read_classes({"a": "T", "b": [[0, 0], [20, 0]], "c": {1: "ring", "0": [[0, 0]]}}, 2)
    assert list(read) == ["a", "b", "c"]
    np.testing.assert_array_equal(read["a"].sites[:, :2], template("T"))
    np.testing.assert_array_equal(read["b"].sites, [[-10, 0, 0], [10, 0, 0]])
    np.testing.assert_array_equal(read["c"].channels, [1] * 12 + [0])
    assert read["b"].radius_nm == 10


def test_flat_templates_lie_in_a_plane_in_3d():
    assert list(read_classes(["T", {"b": {0: "L", 1: "ring"}}], 2)) == ["T", "b"]
    read = read_classes({"flat": "L", "solid": "cube"}, 3)
    assert np.all(read["flat"].sites[:, 2] == 0)
    np.testing.assert_array_equal(read["solid"].sites, template("cube"))


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ({}, "at least one class"),
        ("T", "at least one class"),
        ({"a": "four"}, "classes.a: expected a template .*found 'four'"),
        ({"a": {}}, "classes.a: .*found no channel"),
        ({"a": "cube"}, r"classes.a: .*set dimensions to 3"),
        ({"a": {-1: "T"}}, "classes.a .channel index.: expected a whole number"),
        ({"a": {"red": "T"}}, "classes.a .channel index.: expected a whole number"),
        ({"a": {0: [[1]]}}, "classes.a: expected a template's name"),
    ],
)
def test_classes_that_cannot_be_read_are_refused(classes, message):
    with pytest.raises(ConfigError, match=message):
        read_classes(classes, 2)


def test_channels_are_named_by_their_index():
    structures = read_classes({"a": {2: "T"}}, 2)
    assert name_channels(None, structures) == ("channel_0", "channel_1", "channel_2")
    assert name_channels(["r", "g", "b", "dark"], structures) == ("r", "g", "b", "dark")


@pytest.mark.parametrize("channels", [["r", "g"], ["r", "r", "g"], "rgb", 3])
def test_channel_names_that_do_not_fit_are_refused(channels):
    with pytest.raises(ConfigError, match=r"channels: expected a list of at least 3"):
        name_channels(channels, read_classes({"a": {2: "T"}}, 2))


def test_a_list_of_templates_names_the_classes_after_them():
    assert list(read_classes(["T", "L"], 2)) == ["T", "L"]
    listed, mapped = read_classes(["T"], 2)["T"], read_classes({"T": "T"}, 2)["T"]
    np.testing.assert_array_equal(listed.sites, mapped.sites)
