"""``locgraph submit``: the code of then, what is recorded beside it, and what is known of jobs that left no run."""

import json
import os
import shutil
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

import locgraph
from builders.runs import TINY, run_in
from locgraph.analysis.sweeps.status import status
from locgraph.api.config import config_dir
from locgraph.api.submission.snapshot import kept_environment, take_snapshot
from locgraph.api.submission.submit import submit
from locgraph.cli.commands.submit import MODULE
from locgraph.cli.main import POSITIONAL, as_overrides
from locgraph.errors import ConfigError, FolderInUseError, LocgraphError
from locgraph.storage import locked

needs_submitit = pytest.mark.skipif(
    find_spec("hydra_plugins") is None or find_spec("hydra_plugins.hydra_submitit_launcher") is None,
    reason="needs hydra_submitit_launcher",
)


@pytest.fixture
def checkout(tmp_path):
    """A checkout of the package, with a commit and a change since."""
    folder = tmp_path / "checkout"
    leave_out = shutil.ignore_patterns("__pycache__", "local")
    shutil.copytree(Path(locgraph.__file__).parent, folder / "src" / "locgraph", ignore=leave_out)
    shutil.copytree(config_dir(), folder / "configs", ignore=leave_out)
    git = ["git", "-C", str(folder), "-c", "user.name=n", "-c", "user.email=e@x.org"]
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "first"]):
        subprocess.run([*git, *arguments], check=True)
    with (folder / "src" / "locgraph" / "errors.py").open("a") as file:
        file.write("# changed since the commit\n")
    return folder


def call(checkout, folder, *arguments):
    """Run a command of a checkout in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(checkout / "src")}
    return subprocess.run(
        [sys.executable, "-m", "locgraph.cli", *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


def wait_for(sweep, seconds=300):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        jobs = status(sweep)
        if not {"running", "waiting"} & set(jobs["state"]):
            return jobs
        time.sleep(0.5)
    raise AssertionError(f"{sweep} does not end")


@pytest.mark.slow
@needs_submitit
def test_jobs_run_from_the_code_of_when_they_were_submitted(checkout, swept):
    sweep = checkout.parent / "sweep"
    done = call(
        checkout, swept.folder, "submit", "train", *TINY, "trainer.max_epochs=1", "controls=false", "fold.index=0,1",
        "launcher=submitit_local", f"paths.sweep_dir={sweep}",
    )  # fmt: skip
    # its processes have not loaded any of this
    for name in ("api/training/train.py", "api/training/fit.py", "learn/module.py", "run_folder.py"):
        (checkout / "src" / "locgraph" / name).write_text("raise RuntimeError('code of later')\n")
    assert done.returncode == 0, done.stderr
    jobs = wait_for(sweep)
    record = json.loads((sweep / "snapshot" / "1" / "snapshot.json").read_text())
    ran = [json.loads((sweep / job / "run.json").read_text())["git"] for job in ("0", "1")]
    head = subprocess.run(["git", "-C", str(checkout), "rev-parse", "HEAD"], capture_output=True, text=True, check=True)

    assert jobs["state"].to_list() == ["completed", "completed"]
    assert jobs["fold"].to_list() == [0, 1]
    assert record["git"] == {"commit": head.stdout.strip(), "dirty": True}
    assert ran == [record["git"] | {"snapshot": record["digest"]}] * 2
    assert "+# changed since the commit" in (sweep / "snapshot" / "1" / "changes.patch").read_text()
    assert f"locgraph status {sweep}" in done.stdout


def test_what_cannot_start_says_why(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"arguments: .*trainer\.max_epoch"):
        submit(["experiment=demo", "trainer.max_epoch=3"], MODULE)
    with pytest.raises(ConfigError, match=r"arguments: expected overrides of train and -m, found \['--cfg'\]"):
        submit(["--cfg"], MODULE)
    with locked(tmp_path / "run"), pytest.raises(FolderInUseError, match=r"paths\.run_dir"):
        submit(["experiment=demo", f"paths.run_dir={tmp_path / 'run'}"], MODULE)


@pytest.mark.slow
def test_training_that_ends_at_once_says_why(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LocgraphError, match=r"training ended at once, with status 1: ConfigError: print_config"):
        submit(["print_config=maybe", "data.raw_dir=none", f"paths.run_dir={tmp_path}"], MODULE)


def test_the_word_train_parts_the_arguments():
    taken = as_overrides(["wait=true", "train", "-m", "fold.index=0,1", "tags=['a b']"], POSITIONAL["submit"])
    assert taken == (["wait=true", r"arguments=['-m','fold.index=0,1','tags=[\'a b\']']"], [])
    assert as_overrides(["--help"], POSITIONAL["submit"]) == (["--help"], [])
    assert as_overrides(["demo", "train"], POSITIONAL["submit"])[1] == ["demo"]


def test_without_the_word_train_its_use_is_shown(tmp_path, fails):
    assert "locgraph submit train experiment=demo" in fails(tmp_path, "submit")


def test_code_that_has_not_changed_is_copied_once(tmp_path, monkeypatch):
    first = take_snapshot(tmp_path, {"name": "a"}, ["name=a"])
    again = take_snapshot(tmp_path, {"name": "b"}, ["name=b"])
    assert first == again == tmp_path / "snapshot" / "1"
    assert "name: b" in (again / "config.yaml").read_text()
    record = json.loads((again / "snapshot.json").read_text())
    assert {"torch", "polars"} <= set(record["packages"])
    (again / "snapshot.json").write_text(json.dumps(record | {"digest": "of other code"}))
    assert take_snapshot(tmp_path, {}, []) == tmp_path / "snapshot" / "2"
    copied = {path.relative_to(again / "src") for path in (again / "src").rglob("*.py")}
    source = Path(locgraph.__file__).parents[1]
    assert copied == {path.relative_to(source) for path in source.rglob("locgraph/**/*.py")}


def test_secrets_stay_out():
    kept = kept_environment(
        {"OMP_NUM_THREADS": "1", "LOCGRAPH_OUTPUT_DIR": "x", "LOCGRAPH_API_KEY": "k", "WANDB_API_KEY": "k", "HOME": "h"}
    )
    assert kept == {"LOCGRAPH_OUTPUT_DIR": "x", "OMP_NUM_THREADS": "1"}


def scheduled(sweep, number, log=None):
    """What submitit leaves of a job: that it was handed over, and its log if it started."""
    folder = sweep / ".submitit" / number
    folder.mkdir(parents=True)
    (folder / f"{number}_submitted.pkl").write_bytes(b"")
    if log is not None:
        (folder / f"{number}_0_log.err").write_text(log)


def started(sweep, job, number):
    (sweep / job / "hydra").mkdir(parents=True)
    (sweep / job / "hydra" / "hydra.yaml").write_text(f"hydra:\n  job:\n    id: '{number}'\n")


@pytest.fixture
def sweep(swept, tmp_path):
    """A sweep of which one job is done, two were killed, and others ended in other ways."""
    folder = tmp_path / "sweep"
    folder.mkdir()
    shutil.copytree(swept.run_dir / "0", folder / "0")
    shutil.rmtree(folder / "0" / "hydra")
    shutil.copytree(folder / "0", folder / "1")
    (folder / "1" / "metrics.json").unlink()
    record = json.loads((folder / "1" / "run.json").read_text())
    (folder / "1" / "run.json").write_text(json.dumps(record | {"state": "running", "ended": None}))
    started(folder, "1", "11")
    scheduled(folder, "11", "INFO\nslurmstepd: error: Detected 1 oom_kill event\n\n")
    started(folder, "2", "12")
    scheduled(folder, "12", "DUE TO TIME LIMIT\n")
    (folder / "3").mkdir()
    (folder / "3" / "failure.json").write_text(json.dumps({"reason": "ConfigError: seed: expected a whole number"}))
    scheduled(folder, "14", "Traceback\nModuleNotFoundError: No module named 'mine'\n")
    scheduled(folder, "15")
    jobs = [[f"fold.index={fold}", "model=hgt"] for fold in range(6)]
    (folder / "jobs.json").write_text(json.dumps({"jobs": jobs}))
    return folder


def test_jobs_without_a_run_are_shown_with_the_reason(sweep, run, capsys):
    jobs = status(sweep)

    assert jobs["job"].to_list() == ["0", "1", "2", "3", "4", "5"]
    assert jobs["state"].to_list() == ["completed", "interrupted", "lost", "failed", "lost", "waiting"]
    assert jobs["fold"].to_list() == [0, 0, 2, 3, 4, 5]
    reasons = jobs["reason"].to_list()
    assert reasons[0] is None
    assert reasons[1].endswith("its log says: slurmstepd: error: Detected 1 oom_kill event")
    assert reasons[2] == "it was started and left no result; its log says: DUE TO TIME LIMIT"
    assert reasons[3] == "ConfigError: seed: expected a whole number"
    assert reasons[4].endswith("its log says: ModuleNotFoundError: No module named 'mine'")
    assert reasons[5].startswith("it was handed to the scheduler as 15 and has not started")
    run(sweep, "status", f"folder={sweep}")
    printed = capsys.readouterr().out
    assert "2 lost" in printed
    assert "4: it ended before it began to train; its log says: ModuleNotFoundError" in printed


def test_jobs_wait_while_the_command_of_the_sweep_is_at_work(sweep):
    shutil.rmtree(sweep / ".submitit")
    with locked(sweep):
        assert status(sweep)["state"].to_list() == ["completed", "interrupted", "waiting", "failed", *["waiting"] * 2]
    (sweep / "snapshot" / "1").mkdir(parents=True)
    (sweep / "snapshot" / "1" / "submit.log").write_text("INFO begins\nsbatch: error: invalid partition\n\n")
    later = status(sweep)
    assert later["state"].to_list()[4:] == ["missing", "missing"]
    assert later["reason"][5] == (
        "it was not started; the command of the sweep ended with: sbatch: error: invalid partition"
    )


def test_a_sweep_lists_its_jobs_before_they_start(swept):
    jobs = json.loads((swept.run_dir / "jobs.json").read_text())["jobs"]
    assert [job[0] for job in jobs] == ["fold.index=0", "fold.index=1", "fold.index=2"]
    assert all("experiment=demo" in job for job in jobs)


def test_a_job_that_fails_before_it_has_a_run_says_so(swept, tmp_path, capsys):
    folder = tmp_path / "sweep"
    with pytest.raises(SystemExit):
        run_in(swept.folder, "train", "-m", *TINY, "fold=all", "fold.n_folds=1", f"paths.sweep_dir={folder}")
    capsys.readouterr()
    (row,) = status(folder).to_dicts()
    assert (row["job"], row["state"]) == ("0", "failed")
    assert "fold: holds out no FOV" in row["reason"]


@needs_submitit
def test_settings_of_the_launcher_reach_sbatch(tmp_path, monkeypatch):
    import submitit
    from hydra_plugins.hydra_submitit_launcher.config import BaseQueueConf

    srun = tmp_path / "srun"
    srun.write_text("#!/bin/sh\n")
    srun.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    given = ["partition=gpu", "mem_gb=8", "gpus_per_node=1", "timeout_min=30", "account=lab", "setup=[module load x]"]
    with initialize_config_dir(version_base="1.3", config_dir=str(config_dir())):
        texts = [f"hydra.launcher.{text}" for text in given]
        cfg = compose("train", ["launcher=submitit", *texts, f"paths.sweep_dir={tmp_path}"], return_hydra_config=True)
    settings = OmegaConf.to_container(cfg.hydra.launcher, resolve=True)
    # as the launcher does
    shared = set(OmegaConf.structured(BaseQueueConf))
    executor = submitit.AutoExecutor(
        settings["submitit_folder"], cluster="slurm", slurm_max_num_timeout=settings["max_num_timeout"]
    )
    left_out = ("_target_", "submitit_folder", "max_num_timeout")
    executor.update_parameters(
        **{
            name if name in shared else f"slurm_{name}": value
            for name, value in settings.items()
            if name not in left_out
        }
    )
    script = executor._executor._make_submission_file_text("python job.py", "1")

    for line in ("partition=gpu", "mem=8GB", "gpus-per-node=1", "time=30", "account=lab", "cpus-per-task=2"):
        assert f"#SBATCH --{line}\n" in script
    assert "\nmodule load x\n" in script
    assert f"{tmp_path}/.submitit/" in script
