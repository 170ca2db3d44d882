"""Makes the dashboard of a wandb project as code: a workspace with panels for what runs log, or a report of a sweep.

    python scripts/wandb_dashboard.py --project locgraph                         # a saved view of the workspace
    python scripts/wandb_dashboard.py --project locgraph --report --group GROUP  # a report of one sweep
    python scripts/wandb_dashboard.py --dry-run                                  # the specification, without network

Needs `pip install 'locgraph[dashboard]'`, and a key of wandb unless `--dry-run` is given.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

PANELS = {
    "Training": ("train/loss", "val/loss", "val/accuracy", "val/balanced_accuracy", "val/auroc", "lr-AdamW"),
    "Result": ("best/epoch", "best/val/accuracy", "test/accuracy", "test/balanced_accuracy", "test/f1", "test/auroc"),
    "Curves": ("pr_curve", "roc_curve", "reliability", "confusion"),
    "FOVs": ("predictions", "embeddings", "scores"),
    "Figures": ("confusion_matrix", "loss_curves", "gallery"),
    "Sweep": ("accuracy/model/mean", "balanced_accuracy/model/mean", "auroc/model/mean"),
}
"""Section: what it shows, by the names under which runs log it."""

CHARTS = {
    "pr_curve": ("wandb/area-under-curve/v0", {"x": "recall", "y": "precision", "class": "class"}),
    "roc_curve": (
        "wandb/area-under-curve/v0",
        {"x": "false positive rate", "y": "true positive rate", "class": "class"},
    ),
    "reliability": ("wandb/area-under-curve/v0", {"x": "confidence", "y": "fraction right", "class": "curve"}),
    "confusion": (
        "wandb/confusion_matrix/v1",
        {name: name for name in ("Actual", "Predicted", "nPredictions")},
    ),
}
"""Chart: its definition on wandb, and the columns of its table."""


def make_panels(section: str) -> list[Any]:
    """Return the panels of a section."""
    from wandb_workspaces.reports import v2

    if section == "Training":
        return [v2.LinePlot(x="epoch" if name.startswith("val/") else "Step", y=[name]) for name in PANELS[section]]
    if section == "Curves":
        return [_chart(name) for name in PANELS[section]]
    if section == "FOVs":
        return [v2.WeavePanelSummaryTable(table_name=name) for name in PANELS[section]]
    if section == "Figures":
        return [v2.MediaBrowser(media_keys=[name]) for name in PANELS[section]]
    return [v2.BarPlot(metrics=[name]) for name in PANELS[section]]


def _chart(name: str) -> Any:
    from wandb_workspaces.reports import v2

    definition, fields = CHARTS[name]
    query = {"summaryTable": {"tableKey": f"{name}_table"}}
    return v2.CustomChart(query=query, chart_name=definition, chart_fields=fields, chart_strings={"title": name})


def make_workspace(project: str, entity: str, group: str | None) -> Any:
    """Return a workspace, grouped by sweep and job type; of one sweep where a group is given."""
    from wandb_workspaces import workspaces

    runs = workspaces.RunsetSettings(
        filters=[workspaces.Metric("Group") == group] if group else [],
        groupby=[workspaces.Metric("Group"), workspaces.Metric("JobType")],
        pinned_columns=["summary:best/val/accuracy", "summary:test/accuracy", "config:git.commit"],
    )
    sections = [workspaces.Section(name=name, panels=make_panels(name), is_open=True) for name in PANELS]
    return workspaces.Workspace(
        entity=entity,
        project=project,
        name=f"locgraph {group or 'all sweeps'}",
        sections=sections,
        runset_settings=runs,
    )


def make_report(project: str, entity: str, group: str | None) -> Any:
    """Return a report with a heading and the panels of each section; of one sweep where a group is given."""
    from wandb_workspaces.reports import v2

    blocks: list[Any] = [v2.TableOfContents()]
    for name in PANELS:
        chosen = [f"JobType {'=' if name == 'Sweep' else '!='} 'summary'"] + ([f"Group = '{group}'"] if group else [])
        # of the project of the report, which it needs no network to know
        runs = v2.Runset(name=group or "all sweeps", filters=" and ".join(chosen))
        blocks += [v2.H1(text=name), v2.PanelGrid(runsets=[runs], panels=make_panels(name))]
    title = f"locgraph: {group or 'all sweeps'}"
    return v2.Report(project=project, entity=entity, title=title, blocks=blocks)


def main(arguments: Sequence[str] | None = None) -> int:
    """Save the dashboard on wandb, or print its specification."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--project", default=os.environ.get("WANDB_PROJECT") or "locgraph", help="default: locgraph")
    parser.add_argument("--entity", default=os.environ.get("WANDB_ENTITY"), help="user or team; default: your own")
    parser.add_argument("--group", help="a sweep, by the name of its group; default: all")
    parser.add_argument("--report", action="store_true", help="a report in place of a workspace")
    parser.add_argument("--dry-run", action="store_true", help="print the specification as JSON, without network")
    chosen = parser.parse_args(arguments)
    try:
        import wandb_workspaces  # noqa: F401 named here, where it is missing
    except ImportError:
        sys.stderr.write("this needs the package wandb-workspaces: pip install 'locgraph[dashboard]'\n")
        return 1
    entity = chosen.entity or ("me" if chosen.dry_run else _own_entity())
    make = make_report if chosen.report else make_workspace
    dashboard = make(chosen.project, entity, chosen.group)
    if chosen.dry_run:
        # what `save` would send; the package has no public name for it
        print(dashboard._to_model().model_dump_json(by_alias=True, indent=2))
    else:
        dashboard.save()
        print(dashboard.url)
    return 0


def _own_entity() -> str:
    import wandb

    return str(wandb.Api().default_entity)


if __name__ == "__main__":
    raise SystemExit(main())
