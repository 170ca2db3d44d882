"""What a model needs of data, in words; data without it are refused with these words."""

import copy

import polars as pl
import pytest

import locgraph
from locgraph.api.models.needs import Needs
from locgraph.errors import DataError, LocgraphError

CHANNELS = {"_target_": "locgraph.preparation.features.channels.ChannelFractions", "channels": {"0": "a", "1": "b"}}


@pytest.fixture
def model(trained):
    return locgraph.load(trained.run_dir)


def test_columns_and_channels_are_those_of_the_settings(model):
    plain = Needs.of(model.record)
    assert (plain.dimensions, plain.columns, plain.channels) == (2, (), ())
    assert plain.words().startswith(
        "localisations in 2D with the columns x, y, lengths read as nm; in training they lay"
    )

    record = copy.deepcopy(model.record)
    record["settings"]["features"]["features"]["channels"] = CHANNELS
    record["settings"]["clustering"] = {"_target_": "locgraph.preparation.clustering.simple.Given"}
    needs = Needs.of(record)
    assert set(needs.columns) == {"source_cluster", "channel"}
    assert needs.channels == (0, 1)
    assert "with localisations in the channels 0, 1" in needs.words()


def test_a_channel_that_all_fovs_lack_is_named(model, trained):
    folder = trained.folder / "outputs" / "simulated" / "demo"
    with model.prepared([folder / "L_000.parquet", folder / "T_000.parquet"]) as prepared:
        fovs = list(prepared.labels)
        Needs(2, (), (0,), None).check_channels(prepared.tables, fovs)
        with pytest.raises(
            DataError, match=r"no localisation in channel 1, 2 of 2 FOVs; this model needs .*channels 0, 1"
        ):
            Needs(2, (), (0, 1, 2), None).check_channels(prepared.tables, fovs)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            {"x": [1.0], "z": [1.0]},
            r"expected the column 'y' \(y\).*this model needs localisations in 2D with the columns",
        ),
        (
            {name: [1.0, 2.0, 9.0, 40.0] * 9 for name in "xy"} | {"z": range(36)},
            "found data in 3D; .*localisations in 2D",
        ),
        ({"x": [1.0, 2.0], "y": [1.0, 2.0]}, "no FOV is left .*this model needs localisations in 2D"),
    ],
)
def test_data_that_do_not_fit_are_refused_with_what_is_needed(model, table, message):
    with pytest.raises(LocgraphError, match=message) as error:
        model.predict(pl.DataFrame(table).cast(pl.Float64))
    assert str(error.value).count("localisations in 2D with the columns x, y") == 1
