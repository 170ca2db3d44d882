"""Settings that are texts, which may look like numbers: a run called 20260101, a folder called 007, classes 0 and 1."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from locgraph.errors import ConfigError

TEXTS: Final = frozenset(
    (
        *("name", "project", "entity", "explained_class"),
        *("raw_dir", "featextracted_dir", "ckpt_path", "init_from", "source", "target", "folder", "path"),
        *("output", "tables", "analysed", "output_dir", "prepared_dir", "run_dir", "sweep_dir"),
        *("scores", "example", "description", "license", "license_file", "citation", "action", "sha256"),
        *("fov_column", "label_column", "group_column", "sheet", "pattern", "key"),
    )
)
"""Last parts of the names of settings that are one text each."""
LISTS: Final = frozenset(
    (
        *("fovs", "class_names", "localisation_classes", "tags", "explanations", "trusted_packages"),
        *("authors", "datasets", "arguments", "files"),
    )
)
"""Those that are lists of texts, or one text."""
BY_CLASS: Final = frozenset(("class_weights",))
"""Those that are mappings from classes."""

_LOOKS_LIKE_NUMBER = re.compile(
    r"[+-]?(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:e[+-]?[\d_]+)?|[+-]?(?:inf|nan)|true|false", re.IGNORECASE
)


def quote_texts(override: str) -> str:
    """Return an override whose value is taken for a text, letter by letter, where its setting is one.

    Hydra reads ``name=007`` as 7, ``name=1e3`` as 1000.0 and ``data.raw_dir=true`` as a truth value.
    """
    setting, equals, value = override.partition("=")
    is_text = equals and re.split(r"[.@/]", setting)[-1].lstrip("+") in TEXTS
    return f"{setting}='{value}'" if is_text and _LOOKS_LIKE_NUMBER.fullmatch(value) else override


def with_texts(settings: Any) -> Any:
    """Return plain settings in which numbers and truth values that stand for texts, as in a YAML file, are texts.

    Raises:
        ConfigError: A list or mapping stands for a text.
    """
    if isinstance(settings, list):
        return [with_texts(value) for value in settings]
    if not isinstance(settings, Mapping):
        return settings
    return {key: _converted(str(key), value) for key, value in settings.items()}


def _converted(key: str, value: Any) -> Any:
    if key in TEXTS and isinstance(value, list | Mapping):
        raise ConfigError(
            f"expected a text, found {value!r}; put what holds brackets into quotes of both kinds: \"{key}='[a]'\"",
            setting=key,
        )
    if key in TEXTS or (key in LISTS and not isinstance(value, list)):
        return _text(value)
    if key in LISTS:
        return [_text(each) for each in value]
    if key in BY_CLASS and isinstance(value, Mapping):
        return {_text(name): weight for name, weight in value.items()}
    return with_texts(value)


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value
