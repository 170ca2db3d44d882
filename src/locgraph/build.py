"""Objects from plain settings: a mapping with ``_target_`` and constructor arguments becomes an instance.

The mappings follow the conventions of ``hydra.utils.instantiate`` (``_target_``, ``_partial_``), which a checkpoint
records and configs hold. Hydra itself is not needed to build from them, and an error names the setting that caused it
by its full path.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from locgraph.errors import ConfigError, within

TARGET, PARTIAL = "_target_", "_partial_"


def find_class(target: str, setting: str | None = None) -> Any:
    """Return the class or function with a full name.

    Args:
        target: Module and name, such as ``locgraph.data.folds.Stratified``.
        setting: The setting that holds it, for the message.

    Raises:
        ConfigError: There is no such module or name.
    """
    parts = target.split(".")
    for end in range(len(parts) - 1, 0, -1):
        module = ".".join(parts[:end])
        try:
            named: Any = import_module(module)
        except ModuleNotFoundError as error:
            # a module that exists and lacks a package of its own is another matter than a wrong name
            if error.name is not None and not f"{module}.".startswith(f"{error.name}."):
                raise ConfigError(f"cannot import {target}: {error}", setting=_join(setting, TARGET)) from error
            continue
        except ImportError as error:
            raise ConfigError(f"cannot import {target}: {error}", setting=_join(setting, TARGET)) from error
        for name in parts[end:]:
            named = getattr(named, name, None)
        if named is not None:
            return named
        break
    raise ConfigError(
        f"expected the full name of a class that can be imported, found {target!r}", setting=_join(setting, TARGET)
    )


def build(node: Any, setting: str = "", /, **arguments: Any) -> Any:
    """Build the object that settings describe, with those nested in it.

    Args:
        node: A mapping with ``_target_``, which is called with the other entries; with ``_partial_: true`` the result
            is a `functools.partial`. Other mappings and lists are built entry by entry, other values returned as they
            are.
        setting: Path of ``node`` in the configuration, such as ``model.head``; prefixes the settings in errors.
        **arguments: Further arguments of the outermost object, which come from data.

    Raises:
        ConfigError: The class does not exist or does not take these arguments.
        LocgraphError: The constructor refused its arguments.
    """
    if isinstance(node, Mapping):
        children = {
            key: build(value, _join(setting, key)) for key, value in node.items() if key not in (TARGET, PARTIAL)
        }
        return _call(node, children | arguments, setting) if TARGET in node else children
    if isinstance(node, (list, tuple)):
        return [build(value, f"{setting}[{index}]") for index, value in enumerate(node)]
    return node


def build_part(contract: type, node: Any, setting: str = "", /, **arguments: Any) -> Any:
    """Build an object with `build`, and check that it has what its contract names.

    Args:
        contract: A Protocol: its methods have to be there and take as many arguments, its properties to be there.
        node: As for `build`.
        setting: As for `build`.
        **arguments: As for `build`.

    Raises:
        ConfigError: As `build`; or the object does not keep the contract.
    """
    part = build(node, setting, **arguments)
    wrong = [problem for name, member in vars(contract).items() if (problem := _broken(part, name, member))]
    if wrong:
        raise ConfigError(
            f"expected what {contract.__module__}.{contract.__name__} describes, found "
            f"{type(part).__module__}.{type(part).__qualname__}, {' and '.join(wrong)}",
            setting=_join(setting, TARGET) if setting else TARGET,
        )
    return part


def _broken(part: Any, name: str, member: Any) -> str | None:
    """Return in which way an object lacks one member of a contract; None where it does not."""
    if isinstance(member, property):
        return None if hasattr(part, name) else f"which has no `{name}`"
    if not inspect.isfunction(member) or (name.startswith("_") and name != "__call__"):
        return None
    method = part if name == "__call__" else getattr(part, name, None)
    if not callable(method):
        return f"which has no method `{name}`"
    wanted = inspect.signature(member)
    plain = [each for each in wanted.parameters.values() if each.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD][1:]
    try:
        inspect.signature(method).bind(*plain)
    except TypeError as error:
        return f"whose `{name}` cannot be called with ({', '.join(each.name for each in plain)}): {error}"
    except ValueError:  # code in C may have no signature
        return None
    return None


def _call(node: Mapping[str, Any], arguments: dict[str, Any], setting: str) -> Any:
    target = str(node[TARGET])
    make = find_class(target, setting)
    _check_arguments(make, target, arguments, setting, partial=bool(node.get(PARTIAL)))
    if node.get(PARTIAL):
        return functools.partial(make, **arguments)
    try:
        with within(setting):
            return make(**arguments)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{target} refused its arguments: {error}", setting=setting or None) from error


def _check_arguments(make: Any, target: str, arguments: Mapping[str, Any], setting: str, partial: bool) -> None:
    try:
        signature = inspect.signature(make)
    except (TypeError, ValueError):
        return
    parameters = signature.parameters.values()
    known = [parameter.name for parameter in parameters if parameter.kind is not inspect.Parameter.VAR_KEYWORD]
    if len(known) == len(parameters):
        for name in arguments:
            if name not in known:
                path = _join(setting, name)
                raise ConfigError(
                    f"{target} has no such argument, it takes {', '.join(known) or 'none'}; "
                    f"on the command line ~{path} leaves it out",
                    setting=path,
                )
    if not partial:
        required = [parameter.name for parameter in parameters if _is_required(parameter)]
        missing = [name for name in required if name not in arguments]
        if missing:
            raise ConfigError(f"{target} needs a value", setting=_join(setting, missing[0]))


def _is_required(parameter: inspect.Parameter) -> bool:
    by_name = parameter.kind in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return by_name and parameter.default is inspect.Parameter.empty


def _join(setting: str | None, name: str) -> str:
    return f"{setting}.{name}" if setting else name
