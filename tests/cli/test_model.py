"""``locgraph pack`` and ``locgraph model``, and packed models where a checkpoint is taken."""

import hashlib
import json

import polars as pl
import pytest

import locgraph
import locgraph.errors
from locgraph.cli.arguments import name_checkpoint
from locgraph.cli.main import POSITIONAL, as_overrides
from locgraph.errors import ConfigError


@pytest.fixture
def stored(cache, packed, tmp_path, run):
    """The small run in the cache, as tiny:1.0."""
    run(tmp_path, "model", "action=add", f"arguments=['{packed}']")
    return cache / "tiny" / "1.0" / "model.lgm"


@pytest.fixture
def raw(trained):
    return trained.folder / "outputs" / "simulated" / "demo"


def printed(capsys):
    return " ".join(capsys.readouterr().out.split())


def test_pack_states_where_the_file_is_and_its_hash(run, trained, tmp_path, capsys):
    run(tmp_path, "pack", f"source={trained.run_dir}", "target='mine:1.0'", "card.tags=[a]")

    path = tmp_path / "mine-1.0.lgm"
    assert hashlib.sha256(path.read_bytes()).hexdigest() in printed(capsys)
    assert [each.name for each in tmp_path.iterdir()] == ["mine-1.0.lgm"]


def test_errors_of_the_card_name_its_group(fails, trained, tmp_path):
    error = fails(tmp_path, "pack", f"source={trained.run_dir}", "target='mine:1.0'", "card.license=MIT")
    assert "ConfigError: card.authors: expected who holds the copyright" in error


def test_models_are_listed_shown_checked_and_removed(run, stored, tmp_path, capsys):
    capsys.readouterr()
    run(tmp_path, "model", "action=list")
    assert "tiny:1.0" in printed(capsys)
    run(tmp_path, "model", "action=info", "arguments=[tiny]")
    shown = printed(capsys)
    assert "Classes: T, L. One network" in shown
    assert hashlib.sha256(stored.read_bytes()).hexdigest() in shown
    run(tmp_path, "model", "action=check", "arguments=['tiny:1.0']")
    assert "tiny:1.0: all hashes fit, and its example is predicted as expected: probabilities differ by" in printed(
        capsys
    )
    run(tmp_path, "model", "action=update", "arguments=['tiny:1.0']")
    assert "in the present format already" in printed(capsys)
    run(tmp_path, "model", "action=remove", "arguments=['tiny:1.0']")
    assert not stored.exists()
    assert {path.name for path in tmp_path.iterdir()} <= {"models"}


def test_a_damaged_model_hides_no_other_in_the_list(run, stored, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "250")
    (stored.parents[1] / "1.1").mkdir()
    (stored.parents[1] / "1.1" / "model.lgm").write_bytes(b"x")
    capsys.readouterr()
    run(tmp_path, "model", "action=list")
    shown = printed(capsys)
    assert "tiny:1.0" in shown
    assert "cannot be read:" in shown


def test_two_models_are_compared(run, packed, packed_sweep, tmp_path, capsys):
    run(tmp_path, "model", "action=diff", f"arguments=['{packed}','{packed_sweep}']")
    assert "networks" in printed(capsys)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["action=fetch"],
            "action: expected one of list, info, check, diff, add, remove, update, export, found 'fetch'",
        ),
        (["action=list", "arguments=[a]"], "arguments: `model list` takes 0, found 1: ['a']"),
        (["action=diff", "arguments=[a]"], "arguments: `model diff` takes 2, found 1"),
        (["action=info", "arguments=['none:1']"], "arguments: none:1: no packed model of this name and version"),
        (
            ["action=check", "arguments=['no.lgm']"],
            "arguments: no.lgm: expected a packed model: a file, or NAME:VERSION",
        ),
        (["action=check", "arguments=[a]", "sha256=abc"], "sha256: has no effect on `model check`"),
        (["action=add", "arguments=['https://h/x.lgm']"], "sha256: expected the SHA-256 of https://h/x.lgm"),
        (["action=remove", "arguments=[tiny]"], "arguments: expected NAME:VERSION"),
    ],
)
def test_wrong_calls(fails, cache, tmp_path, overrides, message):
    assert message in fails(tmp_path, "model", *overrides)


def test_arguments_may_be_given_by_their_place():
    words = ["add", "https://host/a=b/model.lgm", "sha256=abc"]
    assert as_overrides(words, POSITIONAL["model"]) == (
        ["action='add'", "sha256=abc", "arguments=['https://host/a=b/model.lgm']"],
        [],
    )
    assert as_overrides(["run", "mine:1.0"], POSITIONAL["pack"]) == (["source='run'", "target='mine:1.0'"], [])


@pytest.mark.parametrize("command", ["eval", "explain", "stress"])
def test_model_is_another_name_of_the_checkpoint(command):
    assert name_checkpoint(command, ["model=tiny:1", "a.model=2"]) == ["ckpt_path=tiny:1", "a.model=2"]
    assert name_checkpoint("train", ["model=clusternet"]) == ["model=clusternet"]


@pytest.mark.parametrize("setting", ["model", "ckpt_path"])
def test_eval_takes_a_packed_model_by_its_name(run, stored, raw, trained, tmp_path, setting):
    new = f"data.raw_dir={raw}"
    run(tmp_path, "eval", f"{setting}=tiny:1.0", new, "paths.run_dir=packed", "executor=serial")
    run(tmp_path, "eval", f"ckpt_path={trained.run_dir}", new, "paths.run_dir=plain", "executor=serial")

    tables = [pl.read_parquet(tmp_path / name / "predictions.parquet") for name in ("packed", "plain")]
    assert tables[0].equals(tables[1])
    metrics = json.loads((tmp_path / "packed" / "metrics.json").read_text())
    assert (metrics["pack"], metrics["ckpt_path"]) == ("tiny:1.0", str(stored))


def test_explain_takes_a_packed_model(run, stored, raw, tmp_path):
    few = ("explain=random", "explain.max_fovs=2", "explain.figures=0", "explain.sanity.max_fovs=0", "executor=serial")
    run(tmp_path, "explain", "model=tiny", f"data.raw_dir={raw}", "paths.run_dir=why", *few)
    assert (tmp_path / "why" / "attributions.parquet").is_file()


def test_stress_takes_a_packed_model(run, stored, raw, tmp_path):
    few = ("stress=[noise]", "stress.max_fovs=2", "executor=serial", "paths.run_dir=robust")
    run(tmp_path, "stress", "model=tiny:1.0", f"data.raw_dir={raw}", *few)
    record = json.loads((tmp_path / "robust" / "stress.json").read_text())
    assert record["models"] == [str(stored)]
    assert "tiny:1.0 is a packed model, which does not hold the FOVs" in record["no_forests"]


@pytest.mark.parametrize("command", ["eval", "explain", "stress"])
def test_what_a_packed_model_does_not_hold_is_asked_for(fails, stored, tmp_path, command):
    error = fails(tmp_path, command, "model=tiny:1.0")
    assert "data.raw_dir: expected new raw files: tiny:1.0 is a packed model" in error


@pytest.mark.parametrize("setting", ["model", "ckpt_path"])
@pytest.mark.parametrize("command", ["eval", "stress"])
def test_errors_name_what_was_typed(fails, cache, tmp_path, command, setting):
    assert f"ConfigError: {setting}: none:1.0: no packed model" in fails(tmp_path, command, f"{setting}=none:1.0")


def test_training_starts_from_a_packed_model(run, stored, tiny, trained, tmp_path, capsys):
    shared = f"paths.output_dir={trained.folder / 'outputs'}"
    fast = ("trainer.max_epochs=1", "controls=false", "fold.index=1")
    run(tmp_path, "train", *tiny, *fast, shared, "init_from=tiny:1.0", "paths.run_dir=run")

    record = locgraph.load(tmp_path / "run").record["init_from"]
    assert (record["path"], record["head_kept"]) == (str(stored), True)
    # this fold tests FOVs that the packed model was trained on
    assert "6 of the FOVs that this fold tests have names of FOVs that tiny:1.0 was trained on" in printed(capsys)


def test_training_does_not_go_on_from_a_packed_model(stored, tiny):
    with pytest.raises(
        ConfigError, match=r"ckpt_path: tiny:1.0 is a packed model, .*start from its weights with init_f"
    ):
        locgraph.train(*tiny, "ckpt_path=tiny:1.0")
    with pytest.raises(ConfigError, match=r"init_from: none:2: no packed model of this name"):
        locgraph.train(*tiny, "init_from=none:2")


def test_a_packed_sweep_is_no_start(packed_sweep, tiny, trained, tmp_path):
    with pytest.raises(locgraph.errors.CheckpointError, match=r"expected one network, found 3, packed from a sweep"):
        locgraph.train(
            *tiny,
            f"paths.output_dir={trained.folder / 'outputs'}",
            f"init_from={packed_sweep}",
            folder=tmp_path / "run",
        )
