"""The help of a command: the groups it chooses from, and every setting with the comment of its YAML file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

FLAGS = ("--help", "-h")
_MULTIRUN = ("--multirun", "-m")
_QUIET = (
    *("hydra.mode=RUN", "hydra.run.dir=.", "hydra.output_subdir=null"),
    *("hydra/job_logging=none", "hydra/hydra_logging=none"),
    *("~hydra.callbacks.guard", "~hydra.callbacks.summarise"),  # they load what reads tables
)
_SETTING = re.compile(r"( *)([\w.]+):(?:\s+(?:[^#]|(?<!\s)#)*)?(?:# (.*))?$")
_COLUMN = 48
"""Where comments begin, beside settings that are shorter."""


def compose_only(arguments: Sequence[str]) -> list[str]:
    """Return arguments with which Hydra composes the settings of a command that asks for help, and writes nothing."""
    return [argument for argument in arguments if argument not in (*FLAGS, *_MULTIRUN)] + list(_QUIET)


def help_text(cfg: DictConfig) -> str:
    """Return the help of the command that Hydra runs, for the choices and values given.

    Args:
        cfg: The composed settings.
    """
    hydra_cfg = HydraConfig.get()
    sources = [Path(source.path) for source in hydra_cfg.runtime.config_sources if source.schema == "file"]
    command = str(hydra_cfg.job.config_name)
    comments = _comments(sources, command, "")
    several = _groups_of_several(sources, command)
    for group in several:
        for option in _options(sources, group):
            # these fill entries of their own, and change no comment of a setting of the command
            comments = _comments(sources, f"{group}/{option}", group.replace("/", ".")) | comments
    chosen: dict[str, Any] = {}
    for group, choice in hydra_cfg.runtime.choices.items():
        path, _, package = group.partition("@")
        if path.split("/")[0] != "hydra" and path not in several and _options(sources, path):
            chosen[group] = choice
            comments |= _comments(sources, f"{path}/{choice}", package or path.replace("/", "."))
    settings: Any = OmegaConf.to_container(cfg)
    parts = [
        hydra_cfg.help.header.rstrip(),
        "\n== Groups: GROUP=CHOICE, and other options ==",
        *_groups(sources, chosen | several),
        "\n== Settings ==",
        *_settings(settings, comments),
        "\n" + hydra_cfg.help.footer.rstrip(),
    ]
    return "\n".join(parts) + "\n"


def _options(sources: Sequence[Path], group: str) -> list[str]:
    return sorted({file.stem for source in sources for file in (source / group).glob("*.yaml")})


def _file(sources: Sequence[Path], name: str) -> Path | None:
    return next((path for source in reversed(sources) if (path := source / f"{name}.yaml").is_file()), None)


def _groups_of_several(sources: Sequence[Path], command: str) -> dict[str, str]:
    """Return the groups of which a command takes a list, which Hydra does not count among the choices."""
    path = _file(sources, command)
    groups: dict[str, str] = {}
    for entry in yaml.safe_load(path.read_text(encoding="utf-8")).get("defaults", []) if path else []:
        if isinstance(entry, dict):
            groups |= {group: "[...]" for group, choice in entry.items() if isinstance(choice, list)}
        elif entry != "_self_":
            groups |= _groups_of_several(sources, entry)
    return groups


def _groups(sources: Sequence[Path], chosen: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each group: what is chosen, and what else could be."""
    rows = [(f"{group}={choice or ''}", group.partition("@")[0], choice) for group, choice in sorted(chosen.items())]
    width = max((len(left) for left, *_ in rows), default=0)
    for left, path, choice in rows:
        others = [option for option in _options(sources, path) if option != choice]
        yield f"{left:{width}}  {', '.join(others)}".rstrip()


def _comments(sources: Sequence[Path], name: str, package: str) -> dict[str, str]:
    """Return the comment of each setting of a file, and of the files of its group that it begins with."""
    path = _file(sources, name)
    if path is None:
        return {}
    comments: dict[str, str] = {}
    lines = path.read_text(encoding="utf-8").splitlines()
    top = [line for line in lines if line.startswith("# ")]
    if "# @package _global_" in top:
        package = ""
    elif package and top:
        comments[package] = top[0][2:]
    above: list[tuple[int, str]] = [(-1, package)] if package else []
    for line in lines:
        setting = _SETTING.match(line)
        if setting is None:
            base = re.match(r"  - (/?\w+)$|defaults: \[(.*)\]", line)
            for other in re.findall(r"\w+", base[1] or base[2] or "") if base else ():
                own = _comments(sources, str(Path(name).with_name(other)), package)
                comments.update({key: text for key, text in own.items() if key != package})
            continue
        indent = len(setting[1])
        above = [*(entry for entry in above if entry[0] < indent), (indent, setting[2])]
        if setting[3]:
            comments[".".join(key for _, key in above)] = setting[3]
    return comments


def _settings(node: Mapping[Any, Any], comments: Mapping[str, str], path: str = "") -> Iterator[str]:
    """Yield each line of the settings as YAML, with its comment."""
    indent = "  " * (path.count(".") + bool(path))
    for key, value in node.items():
        here = f"{path}.{key}" if path else str(key)
        nested = isinstance(value, dict) and value
        line = f"{indent}{key}:" if nested else f"{indent}{key}: {_as_yaml(value)}"
        yield f"{line:{_COLUMN}}  # {comments[here]}" if here in comments else line
        if nested:
            yield from _settings(value, comments, here)


def _as_yaml(value: Any) -> str:
    text: str = yaml.safe_dump(value, default_flow_style=True, width=10**6, allow_unicode=True)
    return text.rstrip("\n").removesuffix("...").rstrip()
