"""``embed``: vectors of a network and of baselines, what lies beside them, and what cannot be embedded."""

import json
import re

import numpy as np
import polars as pl
import pytest

import locgraph
from locgraph.errors import ConfigError


def written(folder):
    record = json.loads((folder / "embeddings.json").read_text())
    return pl.read_parquet(folder / "embeddings.parquet"), record


def test_a_classifier_gives_the_vectors_of_its_readout(trained, run, tmp_path, capsys):
    run(trained.folder, "embed", f"ckpt_path={trained.run_dir}/checkpoints/best.ckpt", f"paths.run_dir={tmp_path}")

    table, record = written(tmp_path)
    assert (record["unit"], record["learned"], record["units"], record["decodes"]) == ("fov", "classifier", 18, False)
    assert set(table["label"]) == {"T", "L"}
    assert dict(table["split"].value_counts().iter_rows()) == {"train": 9, "val": 3, "test": 6}
    known = pl.read_parquet(trained.run_dir / "fov_vectors.parquet").sort("fov_id")
    same = table.filter(pl.col("fov_id").is_in(known["fov_id"].to_list())).sort("fov_id")
    np.testing.assert_allclose(same.select("^v_.*$"), known.select("^v_.*$"), atol=1e-5)
    assert "18 fovs embedded" in capsys.readouterr().out


def test_classifiers_take_the_vectors_of_a_fold(trained, represented, run, fails, tmp_path):
    checkpoint = f"ckpt_path={trained.run_dir}/checkpoints/best.ckpt"
    run(trained.folder, "embed", checkpoint, f"paths.run_dir={tmp_path}/embedded")
    quick = ("analysis/classifiers=[nearest_neighbours]", "analysis.umap=null", "analysis.localisations=null")

    run(trained.folder, "analyse", f"folder={tmp_path}/embedded", *quick, "analysis.controls=false")

    scores = pl.read_csv(tmp_path / "embedded/analysis/classifiers.csv")
    assert set(scores["features"]) == {"hand_made", "learned"}
    predictions = pl.read_csv(tmp_path / "embedded/analysis/classifier_predictions.csv")
    tested = json.loads((trained.run_dir / "folds.json").read_text())["folds"][0]["test"]
    assert set(predictions["fov_id"]) == set(tested)
    run(trained.folder, "embed", "ckpt_path=hand_made", f"folder={trained.run_dir}", f"paths.run_dir={tmp_path}/alone")
    assert "expected vectors of FOVs that the network was trained on" in fails(
        trained.folder, "analyse", f"folder={tmp_path}/alone", *quick
    )
    assert "expected a classifier, found what was learned without labels" in fails(
        trained.folder, "trust", f"folder={represented.run_dir}"
    )


@pytest.mark.parametrize(("name", "unit"), [("hand_made", "fov"), ("pair_distances", "cluster")])
def test_baselines_need_no_training(name, unit, trained, run, tmp_path, capsys):
    run(
        trained.folder,
        "embed",
        f"ckpt_path={name}",
        f"folder={trained.run_dir}",
        f"unit={unit}",
        f"paths.run_dir={tmp_path}",
    )

    table, record = written(tmp_path)
    assert table.height == record["units"]
    assert table["fov_id"].n_unique() == 18
    assert ("cluster_id" in table.columns) == (unit == "cluster")
    assert (record["unit"], record["learned"]) == (unit, "baseline")
    assert len(record["columns"]) == len([column for column in table.columns if column.startswith("v_")])
    assert "linear probe: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ckpt_path=hand_made"], "folder: hand_made needs data: a run, a sweep, or prepared tables; found null"),
        (["ckpt_path=hand_made", "folder=absent"], "folder: no such folder: .*absent"),
        (["ckpt_path=hand_made", "folder={run}", "unit=cell"], "unit: expected one of fov, cluster, found 'cell'"),
        (
            ["ckpt_path=pair_distances", "folder={run}/checkpoints"],
            "expected a run, a sweep, or prepared .* found none",
        ),
        (
            ["ckpt_path={run}/checkpoints/best.ckpt", "unit=fov"],
            "unit: is known to a network; it is a setting",
        ),
        (["ckpt_path=absent.ckpt"], "ckpt_path.*absent.ckpt"),
    ],
)
def test_what_cannot_be_embedded(arguments, message, trained, fails, tmp_path):
    given = [argument.format(run=trained.run_dir) for argument in arguments]

    printed = fails(trained.folder, "embed", *given, f"paths.run_dir={tmp_path}")

    assert re.search(message, printed), printed


def test_the_same_in_python(trained, tmp_path):
    embedded = locgraph.embed("hand_made", trained.run_dir, folder=tmp_path)

    assert embedded.vectors.shape[0] == 18
    assert embedded.unit == "fov"
    assert (tmp_path / "embeddings.parquet").is_file()


def test_a_classifier_cannot_decode(trained):
    model = locgraph.load(trained.run_dir)

    with pytest.raises(ConfigError, match="classifies, and has no decoder"):
        model.decode(np.zeros((1, 4)))
