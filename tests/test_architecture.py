"""The layers of docs/architecture.md and the house rules, held by reading the source."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "locgraph"
TORCH_STACK = {"torch", "torch_geometric", "torchmetrics", "lightning"}
TORCH_FREE = ("stats", "io", "simulate", "preparation", "trust", "analysis", "show", "viewer")
MODULES = {
    ".".join(("locgraph", *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted(SOURCE.rglob("*.py"))
}
"""Every module by its full name."""


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imported(node: ast.AST, known: frozenset[str]) -> Iterator[str]:
    """Full names that one node imports: by a statement, by ``import_module``, or by a module's name in a string."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, "house rule: full module paths"
        for alias in node.names:
            whole = f"{node.module}.{alias.name}"
            yield whole if whole in known else str(node.module)
    elif isinstance(node, ast.Constant) and node.value in known:
        yield node.value
    elif isinstance(node, ast.Call) and re.search("import|need", ast.unparse(node.func)) and node.args:
        first = node.args[0]
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            yield first.value


@cache
def imports(name: str) -> frozenset[str]:
    """All that a module imports, anywhere in it."""
    known = frozenset(MODULES) - {"locgraph"}
    return frozenset(found for node in ast.walk(tree(MODULES[name])) for found in imported(node, known))


def outside(name: str) -> set[str]:
    """Packages other than locgraph that a module imports."""
    return {found.split(".")[0] for found in imports(name)} - {"locgraph"}


def part(name: str) -> str:
    """The folder, or module at the top, that a module belongs to; the package root has none."""
    return name.split(".")[1] if "." in name else ""


def layers() -> list[list[str]]:
    """The layers as docs/architecture.md draws them, lowest first."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    drawing = page.partition("## Layers")[2].partition("\n## ")[0]
    lines = re.findall(r"^ {4}(\S.*)$", drawing, flags=re.MULTILINE)
    found = [[word for word in re.split(r"\s{2,}", line) if re.fullmatch(r"\w+", word)] for line in lines]
    return [line for line in found if line]


LAYERS = layers()
HEIGHT = {name: height for height, line in enumerate(LAYERS) for name in line}


def test_the_page_draws_every_folder_once():
    drawn = sorted(name for line in LAYERS for name in line)
    assert drawn == sorted({part(name) for name in MODULES} - {""})
    assert LAYERS[0] == ["errors", "schema"]
    assert LAYERS[-1] == ["cli"]


def test_reading_imports_sees_all_ways():
    code = """
import a.b
from c import d
from locgraph.io import read, parquet as p
TASKS = {"x": "locgraph.io.groups"}
def late():
    import e
    import_module("f.g")
    _need("h", "i")
"""
    known = frozenset({"locgraph.io.read", "locgraph.io.groups"})
    found = {name for node in ast.walk(ast.parse(code)) for name in imported(node, known)}
    assert found == {"a.b", "c", "locgraph.io.read", "locgraph.io", "locgraph.io.groups", "e", "f.g", "h"}


@pytest.mark.parametrize("folder", HEIGHT)
def test_imports_go_down_only(folder):
    below = {other for other in HEIGHT if HEIGHT[other] < HEIGHT[folder]}
    wrong = [
        f"{name} imports {found}"
        for name in MODULES
        if part(name) == folder
        for found in sorted(imports(name))
        if found.startswith("locgraph.") and part(found) not in below | {folder}
    ]
    assert not wrong, f"{folder} may import {sorted(below)} and itself alone"


def test_networks_know_nothing_of_data():
    for name in MODULES:
        if part(name) == "nn":
            assert "data" not in {part(found) for found in imports(name) if found.startswith("locgraph.")}


def test_no_module_imports_itself_by_a_detour():
    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            # the package itself loads what it exports on first use alone
            new = (imports(waiting.pop()) & MODULES.keys()) - seen - {"locgraph"}
            seen |= new
            waiting.extend(new)
        return seen

    assert [name for name in MODULES if name != "locgraph" and name in reached(name)] == []


@pytest.mark.parametrize(
    ("package", "places"),
    [
        ("hydra", ("api", "cli")),
        ("omegaconf", ("api", "cli")),
        ("wandb", ("learn",)),
        ("matplotlib", ("show", "analysis", "api")),
        ("torch", ("graphs", "data", "nn", "learn", "explain", "api")),
        ("torch_geometric", ("graphs", "data", "nn", "learn", "explain")),
        ("umap", ("analysis",)),
        ("plotly", ("show",)),
        ("jinja2", ("show",)),
        ("torchmetrics", ("learn",)),
        ("lightning", ("data", "learn", "api")),
        ("cuml", ("preparation.clustering", "analysis")),
        ("h5py", ("io.readers", "io.writers.picasso", "io.volumes")),
        *((name, ("io.volumes",)) for name in ("skimage", "tifffile", "zarr", "nrrd")),
        ("distributed", ("preparation",)),
        *((name, ("viewer",)) for name in ("starlette", "uvicorn")),
    ],
)
def test_packages_stay_in_their_place(package, places):
    allowed = tuple(f"locgraph.{place}" for place in places)
    strays = [
        name
        for name in MODULES
        if package in outside(name) and not any(name == place or name.startswith(f"{place}.") for place in allowed)
    ]
    assert not strays, f"{package} belongs to {places}, found in {strays}"


def run_python(code: str) -> dict[str, object]:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_reading_to_viewing_never_loads_torch():
    groups = {folder: [name for name in MODULES if part(name) == folder] for folder in TORCH_FREE}
    heavy = sorted(TORCH_STACK | {"hydra", "omegaconf", "wandb"})
    code = f"""
import importlib, json, sys
found = {{}}
for folder, names in {groups!r}.items():
    for name in names:
        importlib.import_module(name)
    found[folder] = sorted(set({heavy!r}) & sys.modules.keys())
print(json.dumps(found))
"""
    # in the order of the layers, so that the first folder with a find is the one to mend
    assert run_python(code) == {folder: [] for folder in TORCH_FREE}


def test_settings_are_checked_before_torch_is_loaded():
    code = f"""
import json, sys
import locgraph.cli.commands.prepare, locgraph.cli.commands.train
print(json.dumps({{"heavy": sorted(set({sorted(TORCH_STACK)!r}) & sys.modules.keys())}}))
"""
    assert run_python(code) == {"heavy": []}


@pytest.mark.parametrize(("argument", "status"), [("--help", 0), ("--version", 0), ("nonsense", 2)])
def test_the_console_command_answers_before_anything_heavy(argument, status):
    heavy = sorted(TORCH_STACK | {"hydra", "omegaconf", "polars", "numpy", "matplotlib", "rich"})
    code = f"""
import json, sys
from locgraph.cli.main import main
status = main([{argument!r}])
print(json.dumps({{"status": status, "heavy": sorted(set({heavy!r}) & sys.modules.keys())}}))
"""
    assert run_python(code) == {"status": status, "heavy": []}


def faults(path: Path) -> list[str]:
    """Lines that break a house rule which the tree shows."""
    found = []
    for node in ast.walk(tree(path)):
        what = None
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("print", "pprint"):
            what = "print"
        elif isinstance(node, ast.ExceptHandler) and node.type is None:
            what = "bare except"
        elif isinstance(node, ast.Assert):
            what = "assert"
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            defaults = [*node.args.defaults, *node.args.kw_defaults]
            what = "mutable default" if any(map(mutable, defaults)) else None
        if what:
            found.append(f"{path.name}:{node.lineno}: {what}")
    return found


def mutable(default: ast.expr | None) -> bool:
    if isinstance(default, ast.Call):
        return isinstance(default.func, ast.Name) and default.func.id in ("list", "dict", "set", "defaultdict")
    return isinstance(default, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp)


def test_house_rules_are_seen_where_they_are_broken(tmp_path):
    path = tmp_path / "bad.py"
    path.write_text("def f(a=[], *, b=dict()):\n    assert a\n    try:\n        print(a)\n    except:\n        pass\n")
    assert sorted(faults(path)) == [
        "bad.py:1: mutable default",
        "bad.py:2: assert",
        "bad.py:4: print",
        "bad.py:5: bare except",
    ]


def test_house_rules():
    assert [fault for path in MODULES.values() for fault in faults(path)] == []


def test_modules_are_short_and_say_what_they_are():
    lengths = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in MODULES.items()}
    assert {name: lines for name, lines in lengths.items() if lines > 350} == {}, "ask what the second idea in them is"
    assert [name for name, path in MODULES.items() if not ast.get_docstring(tree(path))] == []


def test_long_functions_say_what_they_do():
    found = [
        f"{name}.{node.name}"
        for name, path in MODULES.items()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > 50
        and not ast.get_docstring(node)
    ]
    assert not found, "over 50 lines without a docstring"


@pytest.mark.parametrize("script", ["train.py", "eval.py"])
def test_scripts_are_doors_only(script):
    assert len((ROOT / script).read_text(encoding="utf-8").splitlines()) < 30


def tracked() -> list[Path]:
    """Files that git tracks or would track."""
    command = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        names = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\0")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs git and a checkout")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def test_no_file_names_a_place_on_one_machine():
    place = re.compile(r"(?<![\w.:/}])(?:/(?:home|Users|root|work|tmp|mnt|scratch|private)/\w|[A-Z]:\\+Users)")
    found = []
    for path in tracked():
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(ROOT)}:{number}" for number, line in enumerate(lines, 1) if place.search(line)]
    assert found == []
