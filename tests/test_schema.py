"""Names, types and units."""

import dataclasses

import polars as pl
import pytest

from locgraph import schema


@pytest.mark.parametrize(
    ("unit", "power"),
    [
        ("nm", 1),
        ("nm^2", 2),
        ("nm^3", 3),
        ("1/nm", -1),
        ("1/nm^2", -2),
        ("1/nm^3", -3),
        ("photons", 0),
        ("frames", 0),
        ("1", 0),
        ("", 0),
    ],
)
def test_power_of_length(unit, power):
    assert schema.length_power(unit) == power
    assert schema.Column("a", pl.Float64, unit, "a").length_power == power


@pytest.mark.parametrize("table", [schema.LOCALISATION_COLUMNS, schema.MANIFEST_COLUMNS])
def test_columns_are_keyed_by_their_name_and_say_what_they_are(table):
    for name, column in table.items():
        assert column.name == name
        assert column.unit in ("nm", "photons", "frames", "1")
        assert column.meaning
        assert column.dtype in (pl.Float64, pl.Int64, pl.String)


def test_lengths_are_float64_nanometres():
    lengths = {column.name for column in schema.LOCALISATION_COLUMNS.values() if column.length_power}
    of_objects = {"object_diameter", "surface_diameter", "skeleton_length", *schema.AXIS_LENGTHS}
    assert lengths == {"x", "y", "z", "precision", "precision_z", "sigma"} | of_objects
    assert {schema.LOCALISATION_COLUMNS[name].dtype for name in lengths} <= {pl.Float64, pl.Int64}


def test_a_column_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        schema.LOCALISATION_COLUMNS[schema.X].unit = "um"


def test_what_cannot_be_negative_is_a_column_of_numbers():
    assert {schema.LOCALISATION_COLUMNS[name].dtype for name in schema.NOT_NEGATIVE} == {pl.Float64, pl.Int64}
    # a position may be negative, and a background can be after it was subtracted
    assert not {schema.X, schema.Y, schema.Z, schema.BACKGROUND} & set(schema.NOT_NEGATIVE)


@pytest.mark.parametrize(
    ("dimensions", "positions", "centres"),
    [(2, ("x", "y"), ("x_mean", "y_mean")), (3, ("x", "y", "z"), ("x_mean", "y_mean", "z_mean"))],
)
def test_coordinates(dimensions, positions, centres):
    assert schema.position_columns(dimensions) == positions
    assert schema.centre_columns(dimensions) == centres


def test_levels_of_the_sampling_hierarchy():
    assert [schema.level(index) for index in range(3)] == ["localisation", "localisation_1", "localisation_2"]
    assert schema.level_near(0) == ("localisation", "near", "localisation")
    assert schema.level_near(2) == ("localisation_2", "near", "localisation_2")
    assert schema.level_pooled(0) == ("localisation", "pooled_into", "localisation_1")
    assert schema.level_pooled(1) == ("localisation_1", "pooled_into", "localisation_2")
    assert schema.level_in(1) == ("localisation_1", "in", "cluster")
    assert schema.level_in(0) == schema.LOCALISATION_IN


def test_scales_of_superclusters():
    assert [schema.superlevel(index) for index in range(3)] == ["supercluster", "supercluster_1", "supercluster_2"]
    assert schema.superlevel_near(0) == ("supercluster", "near", "supercluster")
    assert schema.superlevel_near(2) == ("supercluster_2", "near", "supercluster_2")
    assert schema.superlevel_in(0) == ("cluster", "in", "supercluster")
    assert schema.superlevel_in(2) == ("supercluster_1", "in", "supercluster_2")
    assert schema.CLUSTER_NEAR == ("cluster", "near", "cluster")


def test_metadata_keys_do_not_collide():
    keys = [value for name, value in vars(schema).items() if name.startswith("META_")]
    assert len(keys) == len(set(keys)) == 16
    # the names that locpix-points writes, so that its users' files are read
    assert {"gt_label", "gt_label_map", "dimensions"} <= set(keys)
