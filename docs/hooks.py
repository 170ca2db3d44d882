"""MkDocs hooks that generate pages when the site is built.

- Home, Contributing and Changelog from the Markdown files at the top of the repository;
- one page for each config group, from the YAML files, and one for the settings of each command;
- one page for each package, for mkdocstrings;
- one page for each notebook, executed here (results are cached by content in ``.cache/notebooks``).

Links that leave ``docs/`` (``../configs/model``, ``../notebooks/quickstart.ipynb``) work on a code host as they are;
here they are pointed to the generated pages.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = ROOT / "configs"
SOURCE = ROOT / "src" / "locgraph"
NOTEBOOKS = ROOT / "notebooks"
CACHE = ROOT / ".cache" / "notebooks"
TOP = {"index.md": "README.md", "contributing.md": "CONTRIBUTING.md", "changelog.md": "CHANGELOG.md"}
COMMANDS = (
    *(
        "train",
        "eval",
        "inspect",
        "import",
        "suggest",
        "prepare",
        "simulate",
        "status",
        "summarise",
        "explain",
        "analyse",
        "stress",
        "check-labels",
        "report",
    ),
)
NOT_GROUPS = {"hydra", "local"}
CELL_LIMIT_S = 600
"""Seconds that one cell of a notebook may take."""


# -- settings ----------------------------------------------------------------------------------------------------------
def comment_of(line: str) -> str:
    """Return the comment at the end of a line of YAML; empty where there is none."""
    match = re.search(r"(?:^|\s)#\s?(.*)$", line)
    return match.group(1).strip() if match else ""


def settings(text: str, prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield name, default and comment of every value of a YAML file, nested ones by dotted names."""
    lines = text.splitlines()

    def walk(node: yaml.Node, name: str, note: str) -> Iterator[tuple[str, str, str]]:
        if isinstance(node, yaml.MappingNode) and node.value and not node.flow_style:
            for key, value in node.value:
                above = key.start_mark.line - 1
                before = []
                while above >= 0 and lines[above].strip().startswith("#") and above > 0:
                    before.insert(0, comment_of(lines[above]))
                    above -= 1
                words = " ".join(filter(None, (*before, comment_of(lines[key.start_mark.line]))))
                yield from walk(value, f"{name}.{key.value}" if name else key.value, words)
            return
        default = text[node.start_mark.index : node.end_mark.index].strip()
        yield name, re.sub(r"\s*#.*", "", default).replace("\n", " "), note

    node = yaml.compose(text)
    if node is not None:
        yield from walk(node, prefix, "")


def cell(text: str) -> str:
    """Return text for a cell of a table."""
    return text.replace("|", r"\|").replace("<", "&lt;")


def code(text: str) -> str:
    """Return text as code in a cell of a table; empty stays empty."""
    return f"`{text.replace('|', chr(92) + '|')}`" if text else ""


def option_page(path: Path, level: int = 3) -> str:
    """Return the section of one YAML file: what it is, what it includes, its settings."""
    text = path.read_text(encoding="utf-8")
    head = [line for line in re.match(r"(?:#.*\n|\s*\n)*", text).group().splitlines() if line.startswith("#")]
    everywhere = any("@package _global_" in line for line in head)
    about = " ".join(comment_of(line) for line in head if "@package" not in line)
    parts = path.relative_to(CONFIGS).with_suffix("").parts
    package = "" if everywhere or len(parts) == 1 else ".".join(parts[:-1])
    content = yaml.safe_load(text) or {}
    includes = []
    for entry in content.get("defaults", []):
        if isinstance(entry, dict):
            includes += [f"`{name}={value}`".replace("override ", "").replace("'", "") for name, value in entry.items()]
        elif entry != "_self_":
            includes.append(f"`{entry}`")
    rows, targets = [], []
    for name, default, note in settings(text, package):
        short = name.removeprefix(f"{package}.")
        if short.split(".")[0] in {"defaults", "hydra"} or short.endswith("_partial_"):
            continue
        if short.endswith("_target_"):
            targets.append(default)
            continue
        rows.append(f"| {code(name)} | {code('required' if default == '???' else default)} | {cell(note)} |")
    lines = [f"{'#' * level} {path.stem}", "", about, ""]
    if targets:
        lines += [f"Class: {', '.join(f'`{target}`' for target in targets)}", ""]
    if includes:
        lines += [f"Includes {', '.join(includes)}.", ""]
    if rows:
        lines += ["| setting | default | meaning |", "|---|---|---|", *rows, ""]
    return "\n".join(lines)


def group_page(group: str) -> str:
    """Return the page of one config group, with the groups below it."""
    lines = [f"# {group}", "", f"Generated from the files in `configs/{group}`. Choose with `{group}=NAME`.", ""]
    folders = [CONFIGS / group, *sorted(path for path in (CONFIGS / group).rglob("*") if path.is_dir())]
    for folder in folders:
        options = sorted(folder.glob("*.yaml"))
        if not options:
            continue
        name = folder.relative_to(CONFIGS).as_posix()
        lines += [f"## {name}", "", f"Options: {', '.join(f'`{path.stem}`' for path in options)}.", ""]
        lines += [option_page(path) for path in options]
    return "\n".join(lines)


def groups() -> list[str]:
    """Return the names of all config groups that a user chooses from."""
    return sorted(path.name for path in CONFIGS.iterdir() if path.is_dir() and path.name not in NOT_GROUPS)


def groups_page() -> str:
    """Return the page that lists all config groups with their options."""
    lines = [
        "# Configuration",
        "",
        "Every group, option, setting and default, generated from `configs/`. Choose an option with `GROUP=NAME`, "
        "change a value with `GROUP.SETTING=VALUE`, leave an entry out with `~GROUP.SETTING`, add one with "
        "`+GROUP.SETTING=VALUE`.",
        "",
        "| group | options |",
        "|---|---|",
    ]
    for group in groups():
        folders = [CONFIGS / group, *sorted(path for path in (CONFIGS / group).rglob("*") if path.is_dir())]
        for folder in folders:
            options = sorted(path.stem for path in folder.glob("*.yaml"))
            name = folder.relative_to(CONFIGS).as_posix()
            anchor = name.replace("/", "")
            if options:
                lines.append(f"| [`{name}`]({group}.md#{anchor}) | {', '.join(f'`{option}`' for option in options)} |")
    return "\n".join(lines) + "\n"


def commands_page() -> str:
    """Return the page of the settings that belong to no group, command by command."""
    lines = [
        "# Settings of the commands",
        "",
        "Settings that belong to a command itself, generated from the files at the top of `configs/`; those of the "
        "groups stand in [Configuration](configs/index.md). [Commands](commands.md) says what each command does.",
        "",
    ]
    lines += [option_page(CONFIGS / f"{name}.yaml", level=2) for name in COMMANDS]
    return "\n".join(lines)


# -- Python API --------------------------------------------------------------------------------------------------------
def packages() -> list[str]:
    """Return the names of all packages below `locgraph`, in alphabetical order."""
    return sorted(path.parent.name for path in SOURCE.glob("*/__init__.py"))


def package_page(package: str) -> str:
    """Return the page of one package: a mkdocstrings block for each module that has more than a docstring."""
    lines = [f"# locgraph.{package}", ""]
    for path in sorted((SOURCE / package).rglob("*.py")):
        name = ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__")
        if re.search(r"^(?:def|class|[A-Z_]+\s*[:=])", path.read_text(encoding="utf-8"), flags=re.MULTILINE):
            lines += [f"::: {name}", ""]
    return "\n".join(lines)


# -- notebooks ---------------------------------------------------------------------------------------------------------
def executed(path: Path) -> Any:
    """Return a notebook with outputs, executed in a temporary folder; cached by its content and that of the package."""
    import nbformat
    from nbclient import NotebookClient

    digest = hashlib.sha256(path.read_bytes())
    for source in sorted([Path(__file__), *SOURCE.rglob("*.py"), *CONFIGS.rglob("*.yaml")]):
        digest.update(source.read_bytes())
    kept = CACHE / f"{path.stem}-{digest.hexdigest()[:16]}.ipynb"
    if kept.is_file():
        return nbformat.read(kept, as_version=4)
    notebook = nbformat.read(path, as_version=4)
    if os.environ.get("LOCGRAPH_DOCS_EXECUTE") == "0":  # while a page is written
        return notebook
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(SOURCE.parent), os.environ.get("PYTHONPATH"))))
    notebook.cells.insert(0, nbformat.v4.new_code_cell("%matplotlib inline"))  # figures become pictures
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(notebook, timeout=CELL_LIMIT_S, resources={"metadata": {"path": folder}}).execute()
    notebook.cells.pop(0)
    CACHE.mkdir(parents=True, exist_ok=True)
    for outdated in CACHE.glob(f"{path.stem}-*.ipynb"):
        outdated.unlink()
    nbformat.write(notebook, kept)
    return notebook


def is_progress(output: Any) -> bool:
    """Return whether an output only shows progress: widgets, empty displays, warnings, the list of layers."""
    data = output.get("data", {})
    text = data.get("text/plain", "")
    if output["output_type"] == "stream":
        return output["name"] == "stderr"
    widget = "application/vnd.jupyter.widget-view+json" in data
    return output["output_type"] == "display_data" and (widget or not text.strip() or "arams" in text)


def notebook_page(path: Path) -> tuple[str, dict[str, bytes]]:
    """Return the page of a notebook, and its pictures by file name."""
    from nbconvert import MarkdownExporter

    name = path.stem
    notebook = executed(path)
    for each in notebook.cells:
        if each.cell_type == "code":
            each.outputs = [output for output in each.outputs if not is_progress(output)]
    text, resources = MarkdownExporter().from_notebook_node(
        notebook, resources={"unique_key": name, "output_files_dir": "."}
    )
    text = re.sub(r"<style[^>]*>.*?</style>", "", text, flags=re.DOTALL)
    text = re.sub(r"!\[png\]\(\.?/?", "![](", text)
    return text, {Path(file).name: content for file, content in resources.get("outputs", {}).items()}


# -- hooks -------------------------------------------------------------------------------------------------------------
def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Fill the generated parts of the navigation."""
    sys.path.insert(0, str(SOURCE.parent))

    def fill(entries: list[Any]) -> None:
        for entry in entries:
            for title, value in entry.items() if isinstance(entry, dict) else ():
                if title == "Configuration":
                    entry[title] = [
                        {"All groups": "configs/index.md"},
                        *({name: f"configs/{name}.md"} for name in groups()),
                    ]
                elif title == "Packages":
                    entry[title] = [{name: f"api/{name}.md"} for name in packages()]
                elif isinstance(value, list):
                    fill(value)

    fill(config.nav or [])
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    from mkdocs.structure.files import File

    pages: dict[str, str | bytes] = {name: (ROOT / source).read_text(encoding="utf-8") for name, source in TOP.items()}
    pages["configs/index.md"] = groups_page()
    pages["command_settings.md"] = commands_page()
    pages |= {f"configs/{group}.md": group_page(group) for group in groups()}
    pages |= {f"api/{package}.md": package_page(package) for package in packages()}
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        text, pictures = notebook_page(path)
        pages[f"notebooks/{path.stem}.md"] = text
        pages |= {f"notebooks/{name}": content for name, content in pictures.items()}
    for name, content in pages.items():
        files.append(File.generated(config, name, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links that leave ``docs/`` to the generated pages; those to other files become plain text."""
    here = page.file.src_uri
    top = TOP.get(here) is not None
    up = "../" * here.count("/")

    def link(match: re.Match[str]) -> str:
        words, target = match.groups()
        if "://" in target or target.startswith(("#", "mailto:")):
            return match.group()
        path, _, anchor = target.partition("#")
        inside = re.sub(r"^(?:\.\./)+", "", path) if not top else path
        if top and path.startswith("docs/"):
            inside = path.removeprefix("docs/")
        elif here.startswith("notebooks/") and path.endswith(".png"):
            return match.group()
        elif here.startswith("notebooks/"):
            inside = inside.removeprefix("docs/") if path.startswith("../") else f"notebooks/{path}"
        elif not top and not path.startswith("../"):
            return match.group()
        for pattern, page_of in (
            (r"configs/(\w+).*", r"configs/\1.md"),
            (r"configs/?", "configs/index.md"),
            (r"notebooks/(\w+)\.ipynb", r"notebooks/\1.md"),
            (r"notebooks/?", "notebooks/quickstart.md"),
            (r"src/locgraph/(\w+)/.*", r"api/\1.md"),
            (r"README\.md", "index.md"),
            (r"CONTRIBUTING\.md", "contributing.md"),
            (r"CHANGELOG\.md", "changelog.md"),
        ):
            if re.fullmatch(pattern, inside):
                inside = re.sub(pattern, page_of, inside)
                break
        if files.get_file_from_path(inside) is None:
            return words.removeprefix("!")
        bang = "!" if words.startswith("!") else ""
        return f"{bang}[{words.removeprefix('!')[1:-1]}]({up}{inside}{'#' + anchor if anchor else ''})"

    parts = re.split(r"(^```.*?^```[^\n]*$)", markdown, flags=re.MULTILINE | re.DOTALL)
    for index in range(0, len(parts), 2):
        parts[index] = re.sub(r"(!?\[[^\]\n]*(?:\n[^\]\n]*)?\])\(([^)\s]+)\)", link, parts[index])
    return "".join(parts)
