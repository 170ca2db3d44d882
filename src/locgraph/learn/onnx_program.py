"""An exported program in the format of ONNX, which other runtimes read: needs the extra ``onnx``."""

from __future__ import annotations

import importlib.util
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import torch
from torch import Tensor

from locgraph.errors import MissingPackageError

INPUTS: Final = ("features", "positions", "edge_index", "clusters")
"""Names of the inputs of a program, in their order."""


def check_onnx() -> None:
    """Refuse to write ONNX where its packages are absent.

    Raises:
        MissingPackageError: They are; the message names the extra.
    """
    if importlib.util.find_spec("onnxscript") is None:
        raise MissingPackageError("ONNX needs packages that are not installed: pip install 'locgraph[onnx]'")


def as_onnx(exported: torch.export.ExportedProgram, about: str) -> Any:
    """Return a program in the format of ONNX, with a text beside it.

    Args:
        exported: The program.
        about: The text, under ``locgraph`` among the metadata.
    """
    with _quiet():
        program: Any = torch.onnx.export(exported, (), dynamo=True, verbose=False, output_names=["probabilities"])
    model = program.model_proto
    model.metadata_props.add(key="locgraph", value=about)
    return model


def onnx_function(model: Any) -> Callable[..., Tensor]:
    """Return what a program in the format of ONNX computes, by the reference evaluator of ONNX: slow, and exact."""
    from onnx.reference import ReferenceEvaluator

    evaluator = ReferenceEvaluator(model)

    def run(*inputs: Tensor) -> Tensor:
        values = {name: value.numpy() for name, value in zip(INPUTS, inputs, strict=True)}
        results: Any = evaluator.run(None, values)
        return torch.from_numpy(results[0])

    return run


_LOGGERS: Final[Sequence[str]] = ("torch.onnx", "onnxscript", "onnx_ir")


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide what the exporter says of packages that are absent, and of its own future."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
