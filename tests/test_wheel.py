"""The wheel: built, installed outside the checkout, and used in an empty folder."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from locgraph import __version__

ROOT = Path(__file__).parents[1]
TEMPLATES = ROOT / "src" / "locgraph" / "show" / "report" / "templates"
BUILT_FROM = ("src", "configs", "pyproject.toml", "README.md", "LICENSE", ".gitignore")

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Installed:
    """A folder that holds the installed wheel, and an empty one to work in."""

    packages: Path
    workplace: Path

    def run(self, *command: str) -> str:
        """Runs a command with the installed copy before everything else on the path; gives what it printed."""
        home = {"PYTHONPATH": str(self.packages), "LOCGRAPH_OUTPUT_DIR": "outputs", "COLUMNS": "200"}
        done = subprocess.run(
            command, cwd=self.workplace, env=os.environ | home, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def locgraph(self, *arguments: str) -> str:
        """Runs the console command that pip installed."""
        return self.run(sys.executable, str(self.packages / "bin" / "locgraph"), *arguments)


def call(*command: str, cwd: Path) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that nothing is left in the checkout; the copy has a private config of its owner."""
    copy = tmp_path_factory.mktemp("checkout")
    for name in BUILT_FROM:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, copy / name)
    (copy / "configs" / "local").mkdir(exist_ok=True)
    (copy / "configs" / "local" / "default.yaml").write_text("name: private\n")
    folder = tmp_path_factory.mktemp("dist")
    call(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(copy), cwd=copy)
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel in a folder of its own; its dependencies are those of the environment that runs the tests."""
    packages = tmp_path_factory.mktemp("packages")
    options = ("--no-deps", "--no-index", "--no-compile", "--disable-pip-version-check", "--target", str(packages))
    call(sys.executable, "-m", "pip", "install", *options, str(wheel), cwd=packages)
    return Installed(packages, tmp_path_factory.mktemp("workplace"))


def test_the_wheel_holds_the_package_and_its_configs_alone(wheel):
    assert wheel.name == f"locgraph-{__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    source = {path.relative_to(ROOT / "src").as_posix() for path in (ROOT / "src").rglob("*.py")}
    configs = {
        f"locgraph/configs/{path.relative_to(ROOT / 'configs').as_posix()}"
        for path in (ROOT / "configs").rglob("*.yaml")
        if path.parent.name != "local"
    }
    templates = {f"locgraph/show/report/templates/{path.name}" for path in TEMPLATES.iterdir()}
    assert templates >= {
        f"locgraph/show/report/templates/{name}" for name in ("page.html.j2", "style.css.j2", "report.js")
    }
    models = {f"locgraph/models/{path.name}" for path in (ROOT / "src" / "locgraph" / "models").glob("*.lgm")}
    static = ROOT / "src" / "locgraph" / "viewer" / "static"
    page = {path.relative_to(ROOT / "src").as_posix() for path in static.rglob("*") if path.is_file()}
    assert page >= {f"locgraph/viewer/static/{name}" for name in ("index.html", "app.js", "vendor/deck.gl-LICENSE.txt")}
    expected = source | configs | templates | models | page | {"locgraph/py.typed"}
    assert expected == names - {"locgraph/configs/local/.gitkeep"}


def test_the_wheel_says_what_it_needs(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        text = archive.read(metadata).decode()
    assert "Requires-Python: >=3.11" in text
    assert "License-Expression: MIT" in text
    needed = [line for line in text.splitlines() if line.startswith("Requires-Dist:") and "extra ==" not in line]
    # neither has wheels on the package index, and an account is never needed
    assert not [line for line in needed if any(name in line for name in ("pyg-lib", "torch-cluster", "wandb"))]


def test_the_installed_copy_is_the_one_that_runs(installed):
    code = "import locgraph; from locgraph.cli.app import config_dir; print(locgraph.__file__); print(config_dir())"
    where, configs = installed.run(sys.executable, "-c", code).split()
    assert Path(where) == installed.packages / "locgraph" / "__init__.py"
    assert Path(configs) == installed.packages / "locgraph" / "configs"


def test_help_from_the_installed_copy(installed):
    assert installed.locgraph("--version").split() == ["locgraph", __version__]
    assert "locgraph train experiment=demo" in installed.locgraph("--help")
    shown = " ".join(installed.locgraph("train", "--help").split())
    assert (
        "clustering=dbscan dbscan_anisotropic, dbscan_precision, given, grid, hdbscan, kmeans, one, per_channel"
        in shown
    )
    assert "max_epochs: 100 # the schedule stretches over all of them" in shown


def test_an_experiment_of_ones_own_is_found_beside_those_of_the_wheel(installed, tmp_path):
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text("# @package _global_\nname: mine\n")
    shown = installed.locgraph("train", f"--config-dir={tmp_path}", "experiment=mine", "--cfg", "job")
    assert "\nname: mine\n" in shown
    assert "locgraph.nn.network.Network" in shown


def test_simulate_in_an_empty_folder(installed):
    installed.locgraph("simulate", "simulation.fovs_per_class=2")
    assert len(list((installed.workplace / "outputs" / "simulated").rglob("*.parquet"))) == 7 * 2


@pytest.fixture(scope="module")
def trained(installed: Installed) -> Path:
    """The run folder of the demo, made as small as it goes."""
    tiny = (
        "simulation.fovs_per_class=9",
        "fold.n_folds=3",
        "trainer.max_epochs=1",
        "views.count=1",
        "controls=false",
        "executor=serial",
    )
    printed = installed.locgraph("train", "experiment=demo", *tiny, "paths.run_dir=run")
    assert "run folder: " in printed
    return installed.workplace / "run"


def test_train_in_an_empty_folder(installed, trained):
    metrics = json.loads((trained / "metrics.json").read_text())
    assert metrics["status"] == "completed"
    assert metrics["fovs"]["test"] == 7 * 9 // 3
    assert metrics["controls"] == []
    assert {"best.ckpt", "last.ckpt"} <= {path.name for path in (trained / "checkpoints").iterdir()}
    assert (trained / "predictions.parquet").is_file()
    assert (installed.workplace / "outputs" / "prepared" / "demo").is_dir()
    # nothing was written but in the folders that the command was told of
    assert {path.name for path in installed.workplace.iterdir()} <= {"outputs", "run", "evaluated"}


def test_report_in_an_empty_folder(installed, trained):
    installed.locgraph("report", str(trained), "umap=false", "output=page.html")

    text = (installed.workplace / "page.html").read_text(encoding="utf-8")
    assert "One run, fold 0" in text
    (installed.workplace / "page.html").unlink()


def test_eval_in_an_empty_folder_gives_the_same_numbers(installed, trained):
    installed.locgraph(
        "eval", f"ckpt_path={trained}/checkpoints/best.ckpt", "paths.run_dir=evaluated", "executor=serial"
    )
    evaluated = json.loads((installed.workplace / "evaluated" / "metrics.json").read_text())
    assert evaluated["test"] == pytest.approx(json.loads((trained / "metrics.json").read_text())["test"], abs=1e-5)
