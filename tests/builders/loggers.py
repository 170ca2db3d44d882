"""Loggers of one's own, as a user names them by ``_target_``."""

import json
from pathlib import Path

from lightning.pytorch.loggers import Logger

from locgraph.learn.loggers.base import Tracker


class NumbersOnly(Logger):
    """Writes every number to a file of lines; takes neither pictures nor tables."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = Path(path)

    @property
    def name(self) -> str:
        return "numbers"

    @property
    def version(self) -> int:
        return 0

    def log_hyperparams(self, params, *args, **kwargs) -> None:
        self._write({"settings": params.get("name"), "git": params["git"]})

    def log_metrics(self, metrics, step=None) -> None:
        self._write({name: float(value) for name, value in metrics.items()})

    def _write(self, content: dict) -> None:
        with self.path.open("a") as file:
            file.write(json.dumps(content) + "\n")


class FullDisk(NumbersOnly):
    """Fails at the first number, as a disk does that is full."""

    def log_metrics(self, metrics, step=None) -> None:
        raise OSError(28, "No space left on device")


class Everything(NumbersOnly, Tracker):
    """Takes all there is, and writes down what it got."""

    fov_pictures = 2

    def describe(self, about) -> None:
        self._write({"about": [about.name, about.job_type, about.group, list(about.tags)]})

    def log_picture(self, name, path) -> None:
        self._write({"picture": name, "bytes": path.stat().st_size})

    def log_table(self, name, table, pictures) -> None:
        self._write({"table": name, "rows": table.height, "pictures": sorted(pictures)})

    def log_summary(self, values) -> None:
        self._write({"summary": sorted(values)})

    def log_files(self, files) -> None:
        self._write({"files": files.kind, "reference": files.reference, "paths": [path.name for path in files.paths]})

    def use_files(self, files) -> None:
        self._write({"uses": files.kind, "reference": files.reference})

    def close(self, failed) -> None:
        self._write({"closed": failed})


def written(path: Path) -> list[dict]:
    """What a logger wrote."""
    return [json.loads(line) for line in path.read_text().splitlines()]
