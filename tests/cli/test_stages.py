"""Changing one setting makes exactly those stages again that depend on it: tables, graphs, both or neither."""

import json

import numpy as np
import polars as pl
import pytest

from locgraph.api.config import plain
from locgraph.api.prepare import prepare_settings

TABLES, GRAPHS = "tables", "graphs"
BOTH = {TABLES, GRAPHS}


def write(folder, name, seed, label="0", clusters=5):
    """A FOV of blobs 500 nm apart, with all that filters look at, and two lonely localisations."""
    rng = np.random.default_rng(seed)
    points = np.repeat(500.0 * np.arange(clusters), 12)[:, None] + rng.normal(size=(12 * clusters, 2)) * 5
    table = pl.DataFrame(np.vstack([points, [[-5000.0, 0.0], [0.0, -5000.0]]]), schema=["x", "y"]).with_columns(
        frame=pl.int_range(pl.len()) * 5, photons=pl.lit(500.0), precision=pl.lit(10.0)
    )
    path = folder / f"{name}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    table.write_parquet(path, metadata={"gt_label": label, "gt_label_map": json.dumps({"0": "A", "1": "B"})})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Raw files of two patients with two FOVs each."""
    folder = tmp_path_factory.mktemp("stages")
    for index in range(4):
        write(folder / "raw" / f"p{index // 2}", f"fov{index}", seed=index, label=str(index % 2))
    return folder


@pytest.fixture(scope="module")
def stages(folder, composed):
    """Prepares with these overrides; gives the files that were written, each as stage and FOV."""

    def run(*overrides, folder=folder):
        before = stamps(folder)
        where = (f"data.raw_dir={folder / 'raw'}", f"paths.output_dir={folder}")
        prepare_settings(plain(composed("prepare", *where, "columns=nm", "executor=serial", *overrides)))
        changed = [path for path, stamp in stamps(folder).items() if before.get(path) != stamp]
        return {(path.parts[0].partition("-")[0], path.stem) for path in changed}

    return run


def stamps(folder):
    """What changes when a table or graph is written anew; by its path below the prepared folder."""
    prepared = folder / "prepared" / "run"
    paths = [
        path for path in prepared.rglob("*") if path.suffix in (".parquet", ".safetensors") and path.stem != "manifest"
    ]
    return {path.relative_to(prepared): (path.stat().st_mtime_ns, path.stat().st_ino) for path in paths}


@pytest.fixture(scope="module")
def _base(stages):
    assert {stage for stage, _ in stages()} == BOTH


@pytest.mark.usefixtures("_base")
@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("seed=1", set()),
        ("columns.names.photons=null", BOTH),
        ("preprocess=frames", BOTH),
        ("preprocess=[merge_blinks,precision]", BOTH),
        ("preprocess=[precision,merge_blinks]", BOTH),
        ("clustering.eps_nm=30", BOTH),
        ("clustering=kmeans", BOTH),
        ("~features.features.hull", BOTH),
        ("views.count=2", BOTH),
        ("views.seed=1", BOTH),
        ("limits.min_localisations=4", BOTH),
        ("limits.min_clusters=2", BOTH),
        ("limits.max_refused_fraction=0.1", BOTH),
        ("limits.keep_unclustered=false", BOTH),
        ("limits.max_failed_fraction=0.2", set()),
        ("loader.batch_size=2", set()),
        ("loader.num_workers=1", set()),
        ("graph.localisation_k=3", {GRAPHS}),
        ("graph.ratios=[0.5,0.25]", {GRAPHS}),
        ("graph.cluster_edges.k=2", {GRAPHS}),
        ("graph/cluster_edges=all_pairs", {GRAPHS}),
        ("graph.cluster_features=[count]", {GRAPHS}),
        ("model=locclusternet", {GRAPHS}),  # which reads localisations
        ("model.readout.reduce=[mean]", set()),
        ("scaling.positions=per_fov", set()),
        ("augment=strong", set()),
        ("fold.index=1", set()),
        ("fold=hold_out", set()),
        ("training.optimizer.lr=0.1", set()),
        ("trainer.max_epochs=3", set()),
        ("callbacks.early_stopping.patience=1", set()),
        ("logger=tensorboard", set()),
        ("executor.workers=1", set()),
    ],
)
def test_a_setting(stages, override, expected):
    overrides = ["executor=processes"] if override.startswith("executor") else []

    made = stages(*overrides, override)

    assert {stage for stage, _ in made} == expected
    assert len(made) == 4 * len(expected)  # all FOVs or none
    assert stages(*overrides, override) == set()
    assert stages() == set()  # and what was there is still there


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["labels=folders"], BOTH),
        (["groups=regex", "groups.pattern='^(p.)/'"], BOTH),
        (["labels=metadata", "groups=none"], set()),
    ],
)
def test_labels_and_groups_are_part_of_the_tables(stages, tmp_path, overrides, expected):
    for index in range(2):
        write(tmp_path / "raw" / f"p{index}", f"fov{index}", seed=index, label=str(index))
    assert {stage for stage, _ in stages(folder=tmp_path)} == BOTH

    assert {stage for stage, _ in stages(*overrides, folder=tmp_path)} == expected


def test_a_raw_file(stages, tmp_path):
    for index in range(3):
        write(tmp_path / "raw", f"fov{index}", seed=index)
    stages(folder=tmp_path)

    write(tmp_path / "raw", "fov1", seed=9)

    assert stages(folder=tmp_path) == {(TABLES, "fov1"), (GRAPHS, "fov1")}
    assert stages(folder=tmp_path) == set()
