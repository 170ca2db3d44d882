"""``locgraph compare FOLDER ...``: models on the same folds in pairs, or one against its own controls."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from omegaconf import DictConfig, ListConfig, OmegaConf
from rich import box
from rich.table import Table

from locgraph.analysis.sweeps.comparison import Comparison
from locgraph.analysis.sweeps.summary_text import interval, number
from locgraph.api.studies.studies import find_compared
from locgraph.cli.console import TextConsole, print_line
from locgraph.errors import ConfigError

_WIDE: Final = 110
_LEAST_P: Final = 0.001
_MORE: Final = ("FOVs won", "P better", "P alike", "P worse")


def run(cfg: DictConfig) -> Comparison:
    """Compare runs and sweeps, and print the pairs.

    Args:
        cfg: The composed configuration of ``compare.yaml``.

    Raises:
        LocgraphError: There is nothing to compare, or the folders hold other folds, data or classes.
    """
    given = None if OmegaConf.is_missing(cfg, "folders") else cfg.folders
    folders = [Path(str(each)).resolve() for each in (given if isinstance(given, ListConfig) else [given]) if each]
    if not folders:
        raise ConfigError(
            "expected the folders of runs or sweeps; found none. Call it as: locgraph compare FOLDER FOLDER",
            setting="folders",
        )
    output = None if cfg.output is None else Path(str(cfg.output)).resolve()
    first, *others = (study for folder in folders for study in find_compared(folder))
    comparison = first.compare(*others, metric=str(cfg.metric), rope=float(cfg.rope), folder=output)
    console = TextConsole()
    console.print(pairs_table(comparison, wide=console.width >= _WIDE))
    console.print(comparison.sentence)
    for note in comparison.notes:
        print_line(console, f"! {note}", style="yellow")
    for note in dict.fromkeys(row["note"] for row in comparison.table.to_dicts() if row["note"]):
        print_line(console, f"! {note}", style="yellow")
    if output is not None:
        print_line(console, f"comparison: {output}")
    return comparison


def pairs_table(comparison: Comparison, *, wide: bool) -> Table:
    """Return the pairs of a comparison as a table for the terminal; a wide one has effect sizes and probabilities."""
    metric, rows = comparison.metric.replace("_", " "), comparison.table.to_dicts()
    model = f"{rows[0]['first']}, {number(rows[0]['first_mean'])}, less"
    table = Table(
        title=f"{metric} of the first less that of the second" if comparison.all_pairs else f"{metric} of {model}",
        box=box.SIMPLE,
        pad_edge=False,
    )
    table.add_column("", overflow="fold")
    for column in ("difference", "95 %", "p folds", "p FOVs", "p Holm", *(_MORE if wide else ())):
        table.add_column(column, justify="right", no_wrap=True)
    for row in rows:
        sides = ("first", "second") if comparison.all_pairs else ("second",)
        names = "\n".join(f"{row[side]} {number(row[f'{side}_mean'])}" for side in sides)
        # names of controls may break at spaces; those of folders stay as they are
        names = names if comparison.all_pairs else names.replace("_", " ")
        table.add_row(names, *_cells(row), *(_more_cells(row) if wide else ()))
    return table


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    tests = ("p_folds", "p_fovs", "p_holm")
    ends = interval(row["interval_low"], row["interval_high"])
    return f"{row['difference']:+.3f}", ends, *(_p(row[name]) for name in tests)


def _more_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    won = "–" if row["n_first"] is None else f"{row['n_first']}:{row['n_second']}"
    return won, *(number(row[name], 2) for name in ("p_better", "p_equal", "p_worse"))


def _p(value: float | None) -> str:
    return number(value) if value is None or value >= _LEAST_P else f"<{_LEAST_P}"
