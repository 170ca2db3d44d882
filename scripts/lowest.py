"""Install the lowest (or newest) versions that pyproject.toml allows in a fresh environment, and run the demo small.

``make lowest`` and ``make newest``. torch stays at the version of ``requirements.lock``: each other one brings several
GB of CUDA packages.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
EXTRAS = ("wandb", "tensorboard", "dask", "optuna", "joblib", "submitit")
"""Extras whose bounds are tried as well."""

SMALL = (
    *("experiment=demo", "simulation.fovs_per_class=9", "simulation.origami.classes=[T,L]", "clustering.n_clusters=8"),
    *("views.count=2", "fold.n_folds=3", "trainer.max_epochs=2", "trainer.accelerator=cpu"),
)
COMMANDS = (
    ("train", *SMALL, "logger=[tensorboard,wandb]", "logger.wandb.mode=offline", "paths.run_dir=run"),
    ("eval", "ckpt_path=run/checkpoints/best.ckpt", "executor=serial", "paths.run_dir=eval"),
    ("explain", "run/checkpoints/best.ckpt", "explain=occlusion", "explain.max_fovs=2", "executor=serial"),
    ("analyse", "run", "analysis/classifiers=[random_forest]"),
    ("report", "run"),
    ("train", "-m", *SMALL, "executor=dask", "hparams_search=optuna", "hydra.sweeper.n_trials=2", "controls=false"),
    ("train", "-m", *SMALL, "launcher=joblib", "fold.index=0,1", "controls=false"),
    ("train", "-m", *SMALL, "launcher=submitit_local", "fold.index=2", "controls=false"),
)
"""Commands of locgraph that must end well, run in one folder."""


def main() -> int:
    """Make the environment and run the commands; the exit status is that of the first that fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("versions", choices=("lowest", "newest", "print"))
    parser.add_argument("--folder", type=Path, help="where the environment is made; absent: a temporary folder")
    parser.add_argument("--torch-index", default="", help="index that torch is taken from")
    given = parser.parse_args()
    if given.versions == "print":
        print("\n".join(requirements(lowest=True)))
        return 0
    if given.folder is not None:
        given.folder.mkdir(parents=True, exist_ok=True)
        return run(given.folder.resolve(), given.versions == "lowest", given.torch_index)
    with tempfile.TemporaryDirectory() as folder:
        return run(Path(folder), given.versions == "lowest", given.torch_index)


def run(folder: Path, lowest: bool, torch_index: str) -> int:
    """Make the environment in a folder, and run the commands there."""
    python = folder / "env" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    index = ["--index-url", torch_index] if torch_index else []
    steps = [
        [sys.executable, "-m", "venv", "--clear", str(folder / "env")],
        [str(python), "-m", "pip", "install", "--quiet", *index, locked("torch")],
        [str(python), "-m", "pip", "install", "--quiet", *requirements(lowest), locked("torch")],
        [str(python), "-m", "pip", "install", "--quiet", "--no-deps", str(ROOT)],
        [str(python), "-m", "pip", "list", "--format=freeze"],
        *([str(python), "-m", "locgraph.cli", *command] for command in COMMANDS),
    ]
    for step in steps:
        print("$", " ".join(step), flush=True)
        status = subprocess.run(step, cwd=folder, check=False).returncode
        if status:
            print(f"failed with exit status {status}")
            return status
    return 0


def locked(name: str) -> str:
    """Return the requirement of a package in ``requirements.lock``."""
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    return next(line for line in lines if line.startswith(f"{name}=="))


def requirements(lowest: bool) -> list[str]:
    """Return the direct dependencies and those of the extras, torch left out.

    Args:
        lowest: At the lowest version that their range names; else as they are, of which pip takes the newest.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    listed = [*project["dependencies"], *(line for name in EXTRAS for line in project["optional-dependencies"][name])]
    listed = [line for line in listed if re.match(r"[\w.-]+", line)[0] != "torch"]
    return [re.sub(r"^([\w.-]+)\s*>=\s*([\w.]+).*", r"\1==\2", line) if lowest else line for line in listed]


if __name__ == "__main__":
    sys.exit(main())
