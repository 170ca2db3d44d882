"""What the documentation names exists: commands compose, settings, options, modules and linked files are there."""

import importlib.util
import re
import shlex
import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser

import locgraph
from locgraph.api.config import config_dir
from locgraph.cli.arguments import name_checkpoint
from locgraph.cli.main import COMMANDS, POSITIONAL, as_overrides

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "locgraph"
CONFIGS = config_dir()
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
READERS_OWN = {"mine", "naive_bayes", "ours"}
"""Names of options that a reader is told to write."""
FREE = (
    "hydra.searchpath",
    "columns.names.",
    "labels.names.",
    "features.features.",
    "explain.explainers.",
    "clustering.clusterer.",
)
"""Settings whose keys the reader chooses, or that become settings by adding an entry."""
FILE_ENDINGS = (".py", ".log", ".yaml", ".md", ".png", ".json", ".csv", ".parquet", ".html", ".ckpt")
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


@cache
def hooks() -> ModuleType:
    """The script that generates pages of the site."""
    spec = importlib.util.spec_from_file_location("docs_hooks", ROOT / "docs" / "hooks.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def commands(text: str) -> Iterator[tuple[str, list[str]]]:
    """Command and arguments of every line in a code block that calls locgraph; continued lines are joined."""
    for block in re.findall(r"^ *```\w*\n(.*?)^ *```", text, flags=re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            match = re.match(r"\s*(?:python (train|eval)\.py|locgraph ([a-z-]+))\b(.*)", line)
            if match:
                words = shlex.split(match.group(3), comments=True)
                yield match.group(1) or match.group(2), words


def spans(text: str) -> Iterator[str]:
    """Every word of the code spans in running text."""
    prose = re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)
    for span in re.findall(r"`([^`\n]+)`", prose):
        yield from span.split()


def first_choice(override: str) -> str:
    """An override of a sweep with the first of its values."""
    parsed = OverridesParser.create().parse_override(override)
    if not parsed.is_sweep_override():
        return override
    key, _, values = override.partition("=")
    if parsed.is_interval_sweep():
        return f"{key}={parsed.value().start}"
    return f"{key}={values.split(',')[0]}"


@cache
def settings() -> frozenset[str]:
    """Every setting of every command and option by its full name, mappings included."""
    names = set()
    for path in CONFIGS.rglob("*.yaml"):
        text = text_of(path)
        group = path.parent.relative_to(CONFIGS).as_posix().replace("/", ".")
        prefix = "" if "@package _global_" in text or group == "." else group
        for name, *_ in hooks().settings(text, prefix):
            parts = name.split(".")
            names |= {".".join(parts[: end + 1]) for end in range(len(parts))}
    return frozenset(names)


@cache
def composed(command: str, *overrides: str) -> None:
    compose(command, list(overrides))


@every_page
def test_commands_compose(page):
    with initialize_config_dir(version_base="1.3", config_dir=str(CONFIGS)):
        for command, arguments in commands(text_of(page)):
            assert command in COMMANDS
            overrides, unexpected = as_overrides(arguments, POSITIONAL.get(command, ()))
            assert not unexpected, (command, arguments)
            words = [word for word in name_checkpoint(command, overrides) if word not in {"-m", "--help"}]
            composed(command, *map(first_choice, words))


@every_page
def test_options_in_the_text_exist(page):
    for word in spans(text_of(page)):
        match = re.fullmatch(r"\+?([a-z_]+(?:/[a-z_]+)*)=\[?([a-z_0-9,]+)\]?", word)
        if match and (CONFIGS / match.group(1)).is_dir():
            for option in set(match.group(2).split(",")) - READERS_OWN:
                assert (CONFIGS / match.group(1) / f"{option}.yaml").is_file(), word


@every_page
def test_settings_in_the_text_exist(page):
    roots = {name.partition(".")[0] for name in settings()}
    for word in spans(text_of(page)):
        match = re.fullmatch(r"([a-z_]+(?:\.[a-z_0-9]+)+)(?:=.*)?", word)
        if match and match.group(1).partition(".")[0] in roots and not word.endswith(FILE_ENDINGS):
            assert match.group(1) in settings() or match.group(1).startswith(FREE), word


def is_free(name: str) -> bool:
    """Whether the keys of a setting are the user's choice, or become a setting by adding an entry."""
    return name.startswith(
        ("columns.names.", "labels.names.", "features.features.", "explain.explainers.", "clustering.clusterer.")
    )


@pytest.mark.parametrize("page", [*PAGES, *NOTEBOOKS], ids=lambda page: page.stem)
def test_modules_and_functions_exist(page):
    for name in set(re.findall(r"\blocgraph(?:\.[A-Za-z_]\w*)+", text_of(page))):
        path = name.split(".")
        end = next(end for end in range(len(path), 0, -1) if end == 1 or importable(".".join(path[:end])))
        value = import_module(".".join(path[:end]))
        for attribute in path[end:]:
            assert hasattr(value, attribute), name
            value = getattr(value, attribute)


def importable(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


@every_page
def test_paths_in_the_text_exist(page):
    for word in spans(text_of(page)):
        path = re.fullmatch(r"((?:configs|src|docs|tests|benchmarks|scripts)/[\w./]+?)/?", word)
        if path and Path(path.group(1)).stem not in READERS_OWN | {"default"}:
            assert (ROOT / path.group(1)).exists(), word


def test_contributing_names_real_files():
    named = re.findall(r"`([a-z_]+/[\w/]*(?:\.py)?)`", text_of(ROOT / "CONTRIBUTING.md"))
    sources = [name for name in named if (SOURCE / name.partition("/")[0]).is_dir()]
    assert len(sources) > 30
    assert [name for name in sources if not (SOURCE / name).exists()] == []


@every_page
def test_linked_files_exist(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
        if "://" not in target and not target.startswith("#"):
            path = (page.parent / target.partition("#")[0]).resolve()
            assert path.exists(), target


def test_navigation_holds_every_page():
    site = yaml.safe_load(text_of(ROOT / "mkdocs.yml"))

    def files(entries: list) -> Iterator[str]:
        for entry in entries:
            for value in entry.values():
                yield from files(value) if isinstance(value, list) else [value]

    named = set(files(site["nav"]))
    assert {path.name for path in (ROOT / "docs").glob("*.md")} <= named
    assert {f"notebooks/{path.stem}.md" for path in NOTEBOOKS} <= named


def test_generated_settings_hold_names_defaults_and_comments():
    text = "# About.\nradius_nm: 50.0  # larger joins\nnested:\n  # first\n  flag: true\n  list: [1, 2]\n  empty: {}\n"
    assert list(hooks().settings(text, "graph")) == [
        ("graph.radius_nm", "50.0", "larger joins"),
        ("graph.nested.flag", "true", "first"),
        ("graph.nested.list", "[1, 2]", ""),
        ("graph.nested.empty", "{}", ""),
    ]


def test_every_group_gets_a_page_with_its_options():
    for group in hooks().groups():
        page = hooks().group_page(group)
        for path in (CONFIGS / group).rglob("*.yaml"):
            assert f"### {path.stem}\n" in page


def test_citation_has_the_version_of_the_package():
    assert yaml.safe_load(text_of(ROOT / "CITATION.cff"))["version"] == locgraph.__version__


@pytest.mark.parametrize("path", sorted((ROOT / ".github").rglob("*.yml")), ids=lambda path: path.stem)
def test_repository_files_are_yaml(path):
    content = yaml.safe_load(text_of(path))
    for job in content.get("jobs", {}).values():
        for step in job["steps"]:
            for target in re.findall(r"^make (\w+)", step.get("run", "")):
                assert re.search(rf"^{target}:", text_of(ROOT / "Makefile"), flags=re.MULTILINE)
