"""Classifies localisation microscopy FOVs with graph neural networks, and explains their classes.

The public API is loaded on first use, so that ``import locgraph`` stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from locgraph.api.annotating import annotate
    from locgraph.api.annotations.agreement import agreement
    from locgraph.api.averages import averages
    from locgraph.api.checks.stress import stress
    from locgraph.api.config import compose
    from locgraph.api.grouping.groups import groups
    from locgraph.api.models.ensemble import Ensemble
    from locgraph.api.models.load import load
    from locgraph.api.models.model import Model
    from locgraph.api.objects.counts import Counts
    from locgraph.api.packs.pack import pack
    from locgraph.api.prepare import prepare
    from locgraph.api.representations.benchmark import benchmark
    from locgraph.api.representations.embed import embed
    from locgraph.api.representations.explore import explore
    from locgraph.api.studies.studies import study
    from locgraph.api.studies.study import Study
    from locgraph.api.suggest import suggest
    from locgraph.api.training.train import Run, train
    from locgraph.api.viewing import view
    from locgraph.data.prepared import Prepared
    from locgraph.io.read import read

_API = {
    "read": "locgraph.io.read",
    "prepare": "locgraph.api.prepare",
    "train": "locgraph.api.training.train",
    "load": "locgraph.api.models.load",
    "pack": "locgraph.api.packs.pack",
    "study": "locgraph.api.studies.studies",
    "stress": "locgraph.api.checks.stress",
    "suggest": "locgraph.api.suggest",
    "agreement": "locgraph.api.annotations.agreement",
    "averages": "locgraph.api.averages",
    "benchmark": "locgraph.api.representations.benchmark",
    "groups": "locgraph.api.grouping.groups",
    "embed": "locgraph.api.representations.embed",
    "explore": "locgraph.api.representations.explore",
    "view": "locgraph.api.viewing",
    "annotate": "locgraph.api.annotating",
    "compose": "locgraph.api.config",
    "Counts": "locgraph.api.objects.counts",
    "Prepared": "locgraph.data.prepared",
    "Run": "locgraph.api.training.train",
    "Ensemble": "locgraph.api.models.ensemble",
    "Model": "locgraph.api.models.model",
    "Study": "locgraph.api.studies.study",
}
"""Name in the API: the module that holds it."""

__all__ = [
    "Counts",
    "Ensemble",
    "Model",
    "Prepared",
    "Run",
    "Study",
    "__version__",
    "agreement",
    "annotate",
    "averages",
    "benchmark",
    "compose",
    "embed",
    "explore",
    "groups",
    "load",
    "pack",
    "prepare",
    "read",
    "stress",
    "study",
    "suggest",
    "train",
    "view",
]


def __getattr__(name: str) -> Any:
    if name not in _API:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_API[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_API})
