"""Test FOVs made equal are predicted again by the networks of their folds."""

import shutil

import polars as pl
import pytest
import yaml

from locgraph import load, study
from locgraph.analysis.checks.check import Check
from locgraph.analysis.checks.matching import match_fovs
from locgraph.api.checks import matched
from locgraph.api.studies.studies import find_studies
from locgraph.errors import ConfigError, DataError


@pytest.fixture(scope="module")
def sweep(swept, tmp_path_factory):
    """A copy of the small sweep, to write into."""
    folder = tmp_path_factory.mktemp("matched") / "sweep"
    shutil.copytree(swept.run_dir, folder)
    return folder


@pytest.fixture(scope="module")
def counted(sweep):
    return study(sweep).matched(["count"])


def test_every_method_on_the_same_fovs(sweep, counted):
    table = counted.table

    assert table["n_fovs"].n_unique() == 1
    assert table["n_fovs"][0] + table["left_out"][0] == 18
    asked = {
        (row["test_fovs"], row["trained_on"])
        for row in table.filter(pl.col("source") == "pair_distances").iter_rows(named=True)
    }
    assert asked == {("as taken", "as taken"), ("matched", "as taken"), ("matched", "matched")}
    assert table.filter(pl.col("source") == "model").height == 2
    assert table["ahead"].null_count() == 2
    read = Check.read(sweep / "trust" / "matched.parquet")
    assert read is not None
    assert read.sentences == counted.sentences
    assert (sweep / "trust" / "matched.png").is_file()


def test_fovs_as_taken_have_the_scores_of_the_runs(sweep, counted):
    if counted.table["left_out"][0] == 0:
        summary = study(sweep).summary()
        before = counted.table.filter(pl.col("test_fovs") == "as taken")
        scores = dict(before.select("source", "accuracy").iter_rows())
        for name in ("model", "pair_distances", "pair_distances_and_count"):
            assert scores[name] == pytest.approx(summary.intervals()[name][0])


@pytest.fixture(scope="module")
def one_fold(sweep):
    """The check of one run with training, and the FOVs that it made equal."""
    made = []
    config = sweep / "0" / "config.yaml"  # as that of a version that knew less
    recorded = yaml.safe_load(config.read_text())
    config.write_text(yaml.safe_dump({name: part for name, part in recorded.items() if name != "trust"}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matched, "match_fovs", lambda *args: made.append(match_fovs(*args)) or made[-1])
        check = study(sweep / "0").matched(["count"], train=True)
    return check, made[0].fovs


def test_the_network_sees_thinned_fovs_as_a_user_would_give_them(sweep, one_fold):
    check, fovs = one_fold
    tests = pl.read_parquet(sweep / "0" / "predictions.parquet").filter(split="test")["fov_id"]
    raw = pl.concat(
        fovs[name].select("x", "y", "precision").with_columns(fov_id=pl.lit(name)) for name in tests if name in fovs
    )

    predicted = load(sweep / "0" / "checkpoints" / "best.ckpt").predict(raw)

    right = (predicted["prediction"] == predicted["fov_id"].str.split("_").list.first()).mean()
    table = check.table.filter(source="model", test_fovs="matched", trained_on="as taken")
    assert table["accuracy"].item() == pytest.approx(right)


def test_networks_may_be_trained_on_matched_fovs(sweep, one_fold):
    check, _ = one_fold

    assert check.table.filter(source="model", trained_on="matched").height == 1
    assert "where the network, trained on them too" in check.sentence
    assert (sweep / "0" / "trust" / "matched" / "count" / "0" / "metrics.json").is_file()
    # they are no runs of the sweep
    assert [len(each.run_folders) for each in find_studies(sweep)] == [3]


def test_unknown_kinds_and_tables_without_raw_data(sweep, tmp_path, write_tables, write_runs):
    with pytest.raises(ConfigError, match=r"kinds: expected some of .*found \['shape'\]"):
        study(sweep).matched(["shape"])
    with pytest.raises(ConfigError, match=r"kinds: expected some of .*found none"):
        study(sweep).matched([])
    tables = write_tables(tmp_path / "tables", {"a": 6, "b": 6})
    with pytest.raises(DataError, match="expected a run or sweep, found prepared tables"):
        study(tables).matched()
