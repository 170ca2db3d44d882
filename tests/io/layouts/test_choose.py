"""The best name that is there, and its unit."""

from locgraph.io.layouts.choose import choose, in_nm, units_in_names

CHOICES = {"x": ("b", "a"), "precision": (("lpx", "lpy"), "lpx"), "z": ("z",)}


def test_the_first_that_is_there_counts():
    assert choose(["a", "b"], CHOICES) == {"x": "b"}
    assert choose(["a"], CHOICES) == {"x": "a"}


def test_a_group_counts_only_as_a_whole():
    assert choose(["lpy", "lpx"], CHOICES) == {"precision": ("lpx", "lpy")}
    assert choose(["lpx"], CHOICES) == {"precision": "lpx"}
    assert choose(["lpy"], CHOICES) == {}


def test_units_that_names_state():
    chosen = {"x": "x [um]", "precision": ("X (pix)", "Y (pix)"), "photons": "N (nm)", "z": "z"}

    assert units_in_names(chosen) == {"x": "um", "precision": "px"}


def test_lengths_in_nm():
    assert in_nm({"x": "a", "frame": "b", "sigma": "c", "sigma_variance": "d"}) == {"x": "nm", "sigma": "nm"}
