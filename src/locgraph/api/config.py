"""Settings: the configuration that Hydra composes, as plain values. Hydra is loaded when something is composed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import locgraph
from locgraph.api.texts import quote_texts, with_texts
from locgraph.errors import ConfigError

if TYPE_CHECKING:
    from omegaconf import DictConfig

Settings = dict[str, Any]
"""Plain values by config group: mappings, lists, texts, numbers, None."""


def config_dir() -> Path:
    """Return the folder of the configs: inside the installed package, or at the top of a checkout."""
    packaged = Path(locgraph.__file__).parent / "configs"
    return packaged if packaged.is_dir() else Path(locgraph.__file__).parents[2] / "configs"


def plain(config: DictConfig) -> Settings:
    """Return a composed configuration as plain values, with interpolations resolved.

    Raises:
        ConfigError: A required value is missing, or an interpolation cannot be resolved.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

    try:
        settings: Any = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except MissingMandatoryValue as error:
        raise ConfigError("a value is required", setting=error.full_key) from error
    except OmegaConfBaseException as error:
        raise ConfigError(str(error)) from error
    converted: Settings = with_texts(settings)
    return converted


def compose(command: str, *config: str | Mapping[str, Any]) -> Settings:
    """Return the settings of a command.

    Args:
        command: Name of a command, such as ``train`` or ``eval``.
        *config: Overrides as on the command line, such as ``experiment=demo`` or ``clustering.eps_nm=10``; or one
            mapping that holds all settings, which is returned as it is.

    Raises:
        ConfigError: An override is wrong, a required value is missing, or overrides and a mapping are mixed.
    """
    strange = [part for part in config if not isinstance(part, (str, Mapping))]
    if strange:
        raise ConfigError(f"expected overrides such as 'experiment=demo', each an argument, found {strange[0]!r}")
    mappings = [part for part in config if isinstance(part, Mapping)]
    if mappings:
        if len(config) > 1:
            raise ConfigError(f"expected overrides or one mapping with all settings, found {len(config)} arguments")
        return dict(mappings[0])
    from hydra import compose as compose_config
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    # within a command Hydra is initialised already, and stays so
    outer = GlobalHydra.instance().hydra
    try:
        GlobalHydra.instance().clear()
        with initialize_config_dir(version_base="1.3", config_dir=str(config_dir())):
            return plain(compose_config(command, [quote_texts(part) for part in config if isinstance(part, str)]))
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        raise ConfigError(str(error)) from error
    finally:
        GlobalHydra.instance().hydra = outer


def override(name: str, text: str) -> str:
    """Return the override that sets a value to a text, whatever characters it holds."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("${", "\\${")
    return f"{name}='{escaped}'"
