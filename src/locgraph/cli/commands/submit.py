"""``locgraph submit train ARGUMENTS``: train from a snapshot of the code, on a cluster or in the background."""

from __future__ import annotations

from typing import Final

from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from locgraph.api.submission.submit import Submission, submit
from locgraph.cli.console import print_line
from locgraph.errors import ConfigError
from locgraph.settings import check_flag

MODULE: Final = "locgraph.cli"
"""What Python runs as ``locgraph``."""


def run(cfg: DictConfig) -> Submission:
    """Hand training over, and print where it is.

    Args:
        cfg: The composed configuration of ``submit.yaml``.

    Returns:
        What was handed over.

    Raises:
        LocgraphError: The arguments do not compose, or training ended with an error at once.
    """
    if OmegaConf.is_missing(cfg, "arguments"):
        raise ConfigError(
            "expected the word train and its arguments: locgraph submit train experiment=demo", setting="arguments"
        )
    check_flag("wait", cfg.wait)
    submitted, console = submit([str(text) for text in cfg.arguments], MODULE, wait=cfg.wait), Console()
    print_line(console, f"code: {submitted.snapshot}")
    if submitted.log is not None:
        print_line(console, f"process {submitted.process}, which prints to {submitted.log}")
    print_line(console, f"state: locgraph status {submitted.folder}")
    return submitted
