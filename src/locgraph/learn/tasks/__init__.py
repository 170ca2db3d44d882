"""Tasks: what a network is trained to predict. A new task is a module here and its class in ``TASKS``."""

from __future__ import annotations

from collections.abc import Sequence

from locgraph.errors import ConfigError
from locgraph.learn.tasks.base import Task
from locgraph.learn.tasks.fov import FovTask
from locgraph.learn.tasks.joint import JointTask
from locgraph.learn.tasks.localisation import LocalisationTask
from locgraph.learn.tasks.representation import RepresentationTask

TASKS: tuple[type[Task], ...] = (FovTask, LocalisationTask, JointTask, RepresentationTask)


def task_class(predicts: Sequence[str]) -> type[Task]:
    """Return the task of a head.

    Args:
        predicts: Node types whose classes the head predicts.

    Raises:
        ConfigError: No task predicts these.
    """
    for task in TASKS:
        if set(task.predicts) == set(predicts):
            return task
    raise ConfigError(
        f"expected a head that predicts one of {[task.predicts for task in TASKS]}, found {tuple(predicts)}",
        setting="model.head",
    )
