"""A folder of simulated FOVs like one of measured ones: raw files, labelled as users label them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Protocol, get_args

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.errors import ConfigError, DataError, within
from locgraph.provenance import fingerprint, versions, whole_file, write_json
from locgraph.run_folder import SIMULATION_RECORD, SIMULATION_TRUTH
from locgraph.settings import check_whole

Format = Literal["parquet", "csv"]

GENERATOR_VERSION: Final = 1
"""Raised whenever the same settings and seed give other numbers than before."""

_RAW_SUFFIXES: Final = (".parquet", ".csv", ".tsv", ".txt")
_CLASS_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


class Sample(Protocol):
    """What is simulated: a source of FOVs of several classes.

    Attributes:
        kind: Its name in the record of the folder, and in errors.
        empty_remedy: What to change where a FOV is empty.
        dimensions: 2 or 3.
        channels: Names of the channels.
    """

    kind: str
    empty_remedy: str
    dimensions: int
    channels: tuple[str, ...]

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, in their order."""

    def simulate_fov(self, class_name: str, rng: np.random.Generator) -> pl.DataFrame:
        """Draw the localisations of one FOV, with the columns and units of ``schema.LOCALISATION_COLUMNS``."""

    def draw_factors(self, class_name: str, rng: np.random.Generator) -> dict[str, float]:
        """Return what varies between FOVs, by name, of the FOV that ``simulate_fov`` draws from the same generator.

        All classes have the same factors. Lengths end in ``_nm``, angles in ``_deg``. Empty where nothing varies.
        """

    def settings(self) -> dict[str, Any]:
        """Return everything that decides what is drawn, as plain values: equal settings draw equal FOVs."""


@dataclass(frozen=True)
class PlannedFov:
    """One FOV to simulate.

    Attributes:
        path: Its file.
        class_index: Its class, as an index into the class names.
        number: Its number within the class, from 0.
    """

    path: Path
    class_index: int
    number: int

    def generator(self, seed: int) -> np.random.Generator:
        """Return the FOV's own source of random numbers: no FOV depends on which others are made, or in which order."""
        return np.random.default_rng(np.random.SeedSequence([seed, self.class_index, self.number]))


def simulate_dataset(
    folder: Path, sample: Sample, fovs_per_class: int, seed: int, format: Format = "parquet"
) -> list[Path]:
    """Write a folder of simulated raw files.

    Parquet files are named ``<class>_<number>.parquet`` and hold label, label map, channels, dimensions and units in
    their metadata. CSV holds no metadata: its files lie in one folder per class. A folder made with the same settings
    is left as it is; where an interrupted run left files out, these are added. Where something varies between the FOVs,
    ``SIMULATION_TRUTH`` holds it: ``fov_id``, ``label`` and one Float64 column for each factor.

    Args:
        folder: Where to write; made if absent.
        sample: What to draw.
        fovs_per_class: Number of FOVs of each class.
        seed: Seed of the whole set, 0 or more.
        format: ``parquet`` or ``csv``.

    Returns:
        The files, by class, then number.

    Raises:
        ConfigError: An argument that cannot work, or a folder that was simulated with other settings.
        DataError: The folder holds raw files that were not simulated, its record cannot be read, or a FOV is empty.
    """
    check_whole("fovs_per_class", fovs_per_class, at_least=1)
    check_whole("seed", seed, at_least=0)
    if format not in get_args(Format):
        raise ConfigError(f"expected one of {', '.join(get_args(Format))}; found {format!r}", setting="format")
    with within(sample.kind):
        _check_class_names(sample.class_names)
    settings = {
        "generator_version": GENERATOR_VERSION,
        sample.kind: sample.settings(),
        "fovs_per_class": fovs_per_class,
        "seed": seed,
        "format": format,
    }
    _claim(folder, settings)
    planned = list(_plan(folder, sample.class_names, fovs_per_class, format))
    for fov in planned:
        if not fov.path.is_file():
            _write(fov, sample, seed)
    _write_truth(folder, planned, sample, seed)
    return [fov.path for fov in planned]


def _write_truth(folder: Path, planned: list[PlannedFov], sample: Sample, seed: int) -> None:
    """Write the factors of each FOV, unless they are there or nothing varies."""
    path = folder / SIMULATION_TRUTH
    if path.is_file():
        return
    rows = []
    for fov in planned:
        name = sample.class_names[fov.class_index]
        fov_id = fov.path.relative_to(folder).with_suffix("").as_posix()
        factors = sample.draw_factors(name, fov.generator(seed))
        rows.append({schema.FOV_ID: fov_id, schema.LABEL: name} | factors)
    if len(rows[0]) > 2:
        with whole_file(path) as temporary:
            pl.DataFrame(rows).write_parquet(temporary)


def _plan(folder: Path, class_names: tuple[str, ...], fovs_per_class: int, format: Format) -> Iterator[PlannedFov]:
    digits = max(3, len(str(fovs_per_class - 1)))
    for index, name in enumerate(class_names):
        home = folder if format == "parquet" else folder / name
        for number in range(fovs_per_class):
            yield PlannedFov(home / f"{name}_{number:0{digits}d}.{format}", index, number)


def _write(fov: PlannedFov, sample: Sample, seed: int) -> None:
    with within(sample.kind):
        table = sample.simulate_fov(sample.class_names[fov.class_index], fov.generator(seed))
    if table.is_empty():
        raise DataError(f"{fov.path} would hold no localisation: {sample.empty_remedy}")
    with whole_file(fov.path) as temporary:
        if fov.path.suffix == ".parquet":
            table.write_parquet(temporary, metadata=_metadata(sample, fov.class_index, table.columns))
        else:
            table.write_csv(temporary)


def _metadata(sample: Sample, class_index: int, columns: list[str]) -> dict[str, str]:
    """Return the metadata of a raw parquet file; every value is a string."""
    # where localisations have classes too, the file states that its label map is not about these
    scope = {schema.META_LABEL_SCOPE: schema.LABEL_OF_FOV} if schema.LOC_LABEL in columns else {}
    return {
        **scope,
        schema.META_LABEL: str(class_index),
        schema.META_LABEL_MAP: _indexed(sample.class_names),
        schema.META_DIMENSIONS: str(sample.dimensions),
        schema.META_CHANNELS: json.dumps(list(range(len(sample.channels)))),
        schema.META_CHANNEL_LABELS: _indexed(sample.channels),
        schema.META_UNITS: json.dumps({name: schema.LOCALISATION_COLUMNS[name].unit for name in columns}),
    }


def _indexed(names: tuple[str, ...]) -> str:
    return json.dumps({str(index): name for index, name in enumerate(names)}, ensure_ascii=False)


def _check_class_names(names: tuple[str, ...]) -> None:
    """Check class names, which become file names, also on disks that do not tell ``T`` from ``t``."""
    for name in names:
        if not _CLASS_NAME.fullmatch(name):
            raise ConfigError(
                f"expected letters, digits, '_', '-' and '.', as names become those of files; found {name!r}",
                setting="classes",
            )
    folded = [name.casefold() for name in names]
    twins = [name for name in names if folded.count(name.casefold()) > 1]
    if twins:
        raise ConfigError(f"expected names that differ beyond case; found {', '.join(twins)}", setting="classes")


def _claim(folder: Path, settings: Mapping[str, Any]) -> None:
    """Record the settings in the folder, unless it belongs to other data.

    The record is written before the files, so that an interrupted run knows its own.
    """
    mark = fingerprint(settings)
    record = _read_record(folder / SIMULATION_RECORD)
    if record is not None and record.get("fingerprint") == mark:
        return
    files = sorted(folder.rglob("*")) if folder.is_dir() else []
    raw = next((p for p in files if p.suffix in _RAW_SUFFIXES and p != folder / SIMULATION_TRUTH), None)
    if raw is not None and record is None:
        raise DataError(f"expected an empty folder; found {raw} there, which was not simulated", setting="folder")
    if raw is not None and record is not None:
        changed = "; ".join(_differences(record.get("settings", {}), json.loads(json.dumps(settings))))
        raise ConfigError(
            f"{folder} was simulated with other settings ({changed}): set these back, choose another folder, "
            "or delete this one",
            setting="folder",
        )
    (folder / SIMULATION_TRUTH).unlink(missing_ok=True)  # of other settings, whose files are gone
    write_json(folder / SIMULATION_RECORD, {"fingerprint": mark, "settings": settings, "versions": versions()})


def _read_record(path: Path) -> dict[str, Any] | None:
    """Return the record of an earlier simulation; None where there is none."""
    if not path.is_file():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(
            f"{path} cannot be read ({error}): delete its folder, or choose another", setting="folder"
        ) from error
    if not isinstance(record, dict):
        raise DataError(f"{path} is no record of a simulation: delete its folder, or choose another", setting="folder")
    return record


def _differences(old: Any, new: Any, name: str = "") -> Iterator[str]:
    """Yield the settings that differ, with both values."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in {**old, **new}:
            yield from _differences(old.get(key), new.get(key), f"{name}.{key}" if name else key)
    elif old != new:
        yield f"{name}: {_short(old)} there, {_short(new)} asked for"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
