"""A loaded model names FOVs unlike those of its training, whatever was changed about all of them."""

import logging

import polars as pl
import pytest

import locgraph


@pytest.fixture(scope="module")
def model(trained):
    return locgraph.load(trained.run_dir / "checkpoints" / "best.ckpt")


@pytest.fixture(scope="module")
def locs(trained):
    """Localisations of four simulated FOVs that the run knows."""
    files = sorted((trained.folder / "outputs" / "simulated" / "demo").glob("*.parquet"))[:4]
    columns = ("x", "y", "photons", "precision")
    tables = [pl.read_parquet(file, columns=columns).with_columns(fov_id=pl.lit(file.stem)) for file in files]
    return pl.concat(tables)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"photons": pl.col("photons") * 1000}, "photons"),
        ({"precision": pl.col("precision") * 20}, "precision"),
        ({"x": pl.col("x") * 3, "y": pl.col("y") * 3}, "extent"),
    ],
)
def test_changed_columns_are_named_and_every_fov_is_marked(model, locs, caplog, change, named):
    with caplog.at_level(logging.WARNING):
        table = model.predict(locs.with_columns(**change))

    assert table["unlike"].to_list() == [True] * 4
    assert all(any(named in reason for reason in reasons) for reasons in table["unlike_reasons"])
    assert (
        "4 of 4 FOVs are unlike those of the training (of FOVs like them up to 5% would be called so): " in caplog.text
    )
    assert f"outside the training range in 4 of 4 FOVs: {named} " in caplog.text


def test_twenty_times_denser_data_are_named(model, locs, caplog):
    denser = pl.concat([locs.with_columns(pl.col("x", "y") + 0.01 * index) for index in range(20)])
    with caplog.at_level(logging.WARNING):
        table = model.predict(denser, abstain=["unlike"])

    assert table["unlike"].to_list() == [True] * 4
    assert table["decision"].to_list() == [None] * 4
    assert "outside the training range in 4 of 4 FOVs: n_localisations " in caplog.text


def test_fovs_of_the_training_are_not_named(model, locs):
    table = model.predict(locs)
    assert table["unlike"].to_list().count(True) <= 1
