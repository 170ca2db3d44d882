"""Reads an offline run of wandb back from its transaction log."""

import json
import struct
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_BLOCK, _HEADER, _START = 32768, 7, 7
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4


def records_of(path: Path) -> Iterator[Any]:
    """The records of a ``.wandb`` file, a log as LevelDB's: blocks of 32 KiB, at whose ends records are cut."""
    from wandb.proto import wandb_internal_pb2

    content, place, parts = path.read_bytes(), _START, []
    assert content[:4] == b":W&B"
    while place + _HEADER <= len(content):
        left = _BLOCK - place % _BLOCK
        if left < _HEADER:
            place += left
            continue
        _, length, kind = struct.unpack("<IHB", content[place : place + _HEADER])
        if kind not in (_FULL, _FIRST, _MIDDLE, _LAST):
            break
        parts.append(content[place + _HEADER : place + _HEADER + length])
        place += _HEADER + length
        if kind in (_FULL, _LAST):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(b"".join(parts))
            parts = []
            yield record


def _finished(path: Path) -> list[Any]:
    """The records of a run that has ended; its last ones reach the disk a moment after ``finish`` returns."""
    for _ in range(100):
        records = list(records_of(path))
        if any(record.WhichOneof("record_type") == "exit" for record in records):
            return records
        time.sleep(0.1)
    raise AssertionError(f"{path}: the run has no end")


class OfflineRun:
    """What an offline run recorded, and its files.

    Args:
        folder: The folder ``offline-run-...``, or one with such a folder in its folder ``wandb``.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.name.startswith("offline-run-"):
            (folder,) = (folder / "wandb").glob("offline-run-*")
        (log,) = folder.glob("*.wandb")
        self.files = folder / "files"
        self.config: dict[str, Any] = {}
        self.summary: dict[str, Any] = {}
        self.history: list[dict[str, Any]] = []
        self.metrics: dict[str, Any] = {}
        self.artifacts: dict[str, Any] = {}  # by type
        self.tables: dict[str, Any] = {}  # artifacts with the pictures of tables, by the name of the table
        self.run: Any = None
        self.exit_code: int | None = None
        for record in _finished(log):
            self._take(record)

    def _take(self, record: Any) -> None:
        kind = record.WhichOneof("record_type")
        if kind == "run":
            self.run = record.run
            self._update(self.config, record.run.config.update)
        elif kind == "config":
            self._update(self.config, record.config.update)
        elif kind == "summary":
            self._update(self.summary, record.summary.update)
        elif kind == "history":
            self.history.append({_key(item): json.loads(item.value_json) for item in record.history.item})
        elif kind == "metric":
            self.metrics[record.metric.name or record.metric.glob_name] = record.metric
        elif kind == "artifact" and record.artifact.type == "run_table":
            self.tables[record.artifact.name.split("-")[-1]] = record.artifact
        elif kind == "artifact":
            self.artifacts[record.artifact.type] = record.artifact
        elif kind == "exit":
            self.exit_code = record.exit.exit_code

    @staticmethod
    def _update(target: dict[str, Any], items: Any) -> None:
        for item in items:
            keys = list(item.nested_key) or [item.key]
            place = target
            for key in keys[:-1]:
                place = place.setdefault(key, {})
            place[keys[-1]] = json.loads(item.value_json)

    def logged(self) -> dict[str, list[Any]]:
        """Every value that was logged, by its name; parts of media are named ``name.part``."""
        values = defaultdict(list)
        for row in self.history:
            for name, value in row.items():
                values[name].append(value)
        return values

    def table(self, name: str) -> dict[str, Any]:
        """The last table of a name: ``columns`` and ``data``."""
        return json.loads((self.files / self.logged()[f"{name}.path"][-1]).read_text())


def _key(item: Any) -> str:
    return ".".join(item.nested_key) or item.key
