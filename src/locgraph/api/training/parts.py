"""The parts of training from settings: network, data, loss, optimiser, loggers and trainer."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import lightning.pytorch as lightning
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback, ModelCheckpoint, ModelSummary, ProgressBar
from lightning.pytorch.loggers import CSVLogger, Logger

from locgraph import schema
from locgraph.api.config import Settings
from locgraph.api.device import NOT_OF_LIGHTNING
from locgraph.build import TARGET, build, find_class
from locgraph.data.augment import Transform
from locgraph.data.datamodule import GraphDataModule, LoaderSettings, feature_sizes
from locgraph.data.folds import Split
from locgraph.data.prepared import Prepared
from locgraph.errors import ConfigError, within
from locgraph.graphs.superclusters import SUPERCLUSTER_FEATURES
from locgraph.learn.checkpoint import WholeFileIO
from locgraph.learn.module import Learner
from locgraph.learn.optimisation import StopAfter
from locgraph.learn.tasks.base import LossSettings, Task
from locgraph.nn.network import Network
from locgraph.nn.sizes import DataSizes
from locgraph.run_folder import CHECKPOINTS, RELEASE

log = logging.getLogger(__name__)


def data_sizes(data: GraphDataModule) -> DataSizes:
    """Return the sizes of the graphs of a fold, read off one training FOV."""
    graph = data.load(data.split.train[0])[0]
    features = feature_sizes(graph)
    return DataSizes(
        dimensions=int(graph[schema.CLUSTER][schema.POS].shape[1]),
        n_classes=len(data.class_names),
        cluster_features=features.get(schema.CLUSTER, 0),
        localisation_features=features.get(schema.LOCALISATION, 0),
        levels=sum(name.startswith(schema.LOCALISATION) for name in graph.node_types),
        supercluster_features=features.get(schema.SUPERCLUSTER, 0),
        superlevels=sum(name.startswith(schema.SUPERCLUSTER) for name in graph.node_types),
        descriptors=features.get(schema.FIELD_OF_VIEW, 0),
        localisation_classes=len(data.localisation_classes),
    )


def loader_settings(settings: Settings) -> LoaderSettings:
    """Return how FOVs are fed."""
    with within("loader"):
        return LoaderSettings(**{field.name: settings["loader"][field.name] for field in fields(LoaderSettings)})


def make_data(settings: Settings, prepared: Prepared, task: Task, split: Split) -> GraphDataModule:
    """Return the data module of one fold."""
    return GraphDataModule(
        store=prepared.store,
        split=split,
        labels=prepared.labels,
        class_names=task.class_names,
        loader=loader_settings(settings),
        scaling=build(settings["scaling"], "scaling"),
        transforms=make_transforms(settings["augment"], prepared),
        localisations=prepared.graph_settings["localisations"],
        seed=settings["seed"],
        sampler=build(settings["training"]["sampler"], "training.sampler"),
        stated_scales=stated_scales(prepared),
        localisation_classes=task.localisation_classes,
        shares=prepared.shares,
    )


def stated_scales(prepared: Prepared) -> dict[str, list[str | None]]:
    """Return the scale that the feature of each column states, by node type; None where the tables record none."""
    graph = prepared.graph_settings
    # what columns of the source are is known without a record, but how to scale them is for the record to say
    fractions = {name: column.scale for name, column in schema.LOCALISATION_COLUMNS.items()}
    known = {name: scale for name, scale in fractions.items() if scale == schema.FRACTION} | prepared.scales
    (dimensions, *_) = prepared.manifest.table[schema.DIMENSIONS]
    descriptors = build(graph["descriptors"] or {}, "graph.descriptors")
    columns = [column for name in sorted(descriptors) for column in descriptors[name].columns(dimensions)]
    return {
        schema.CLUSTER: [known.get(name) for name in graph["cluster_features"]],
        schema.LOCALISATION: [known.get(name) for name in graph["localisation_features"]],
        schema.SUPERCLUSTER: [column.scale for column in SUPERCLUSTER_FEATURES],
        schema.FIELD_OF_VIEW: [column.scale for column in columns],
    }


def warn_of_flat_features(data: GraphDataModule, prepared: Prepared) -> tuple[str, ...]:
    """Return a warning that names the features without spread after scaling, and log it; none where all have some."""
    flat = data.fitted_scaler().flat
    names = [
        prepared.graph_settings[key][index]
        for node_type, key in ((schema.CLUSTER, "cluster_features"), (schema.LOCALISATION, "localisation_features"))
        for index in flat.get(node_type, ())
    ]
    if not names:
        return ()
    warning = (
        f"scaled features without spread on the training side: {', '.join(names)}. The middle 90 % of their values lie "
        "within 1 % of their range, so a model cannot use them: leave them out (graph.cluster_features, "
        "graph.localisation_features), or scale them otherwise (scaling.features)"
    )
    log.warning(warning)
    return (warning,)


def make_transforms(settings: Mapping[str, Any] | None, prepared: Prepared) -> list[Transform]:
    """Return the transforms of the group ``augment``, in their order.

    Raises:
        ConfigError: One of them is no `Transform`.
    """
    powers = {
        node_type: [schema.length_power(prepared.units.get(name, "1")) for name in prepared.graph_settings[key]]
        for node_type, key in ((schema.CLUSTER, "cluster_features"), (schema.LOCALISATION, "localisation_features"))
    }
    transforms = []
    for name, leaf in (settings or {}).items():
        transform = build(leaf, f"augment.{name}")
        if not isinstance(transform, Transform):
            raise ConfigError(f"expected a Transform, found a {type(transform).__name__}", setting=f"augment.{name}")
        transforms.append(transform.with_length_powers(powers))
    return transforms


def loss_settings(settings: Settings) -> LossSettings:
    """Return how the task is trained."""
    training = settings["training"]
    loss = build(training["loss"], "training.loss")
    mixup = build(training["mixup"], "training.mixup") if training["mixup"] else None
    with within("training"):
        return LossSettings(loss, training["class_weights"], training["localisation_weight"], mixup)


def make_optimizer(settings: Settings) -> Any:
    """Return what makes the optimiser from parameters.

    Raises:
        ConfigError: It cannot be made.
    """
    make = build(settings["training"]["optimizer"], "training.optimizer")
    try:
        # at once on a parameter, as Lightning would refuse it late
        make([torch.nn.Parameter(torch.zeros(1))])
    except (TypeError, ValueError) as error:
        raise ConfigError(str(error), setting="training.optimizer") from error
    return make


def make_learner(
    settings: Settings, network: Network, task: Task, data: GraphDataModule, record: dict[str, Any]
) -> Learner:
    """Return the LightningModule of the group ``training``."""
    with within("training"):
        task.configure_losses(loss_settings(settings), data)
    schedule = build(settings["training"]["schedule"], "training.schedule")
    return Learner(network, task, make_optimizer(settings), schedule, record, settings["seed"])


def history_logger(folder: Path) -> CSVLogger:
    """Return the logger of ``metrics.csv`` of the run folder, which every run has."""
    # each row is written at once, so that an interrupted run keeps its history
    return CSVLogger(save_dir=str(folder), name="", version="", flush_logs_every_n_steps=1)


def make_trainer(settings: Settings, folder: Path, loggers: list[Logger]) -> lightning.Trainer:
    """Return the Lightning trainer with its callbacks.

    Raises:
        ConfigError: Lightning refuses a setting.
    """
    callbacks = make_callbacks(settings, folder)
    # Lightning would add its own of each kind
    added = {
        "enable_checkpointing": any(isinstance(callback, ModelCheckpoint) for callback in callbacks),
        "enable_progress_bar": any(isinstance(callback, ProgressBar) for callback in callbacks),
        "enable_model_summary": any(isinstance(callback, ModelSummary) for callback in callbacks),
    }
    if settings["training"]["average"]:
        callbacks.append(build(settings["training"]["average"], "training.average"))
    if settings.get(RELEASE):
        callbacks.append(StopAfter(settings[RELEASE]["epochs"]))
    try:
        trainer: lightning.Trainer = build(
            {"plugins": [WholeFileIO()]}
            | {key: value for key, value in settings["trainer"].items() if key not in NOT_OF_LIGHTNING},
            "trainer",
            callbacks=callbacks,
            logger=loggers,
            default_root_dir=str(folder),
            use_distributed_sampler=False,  # the data share batches themselves
            **{name: value for name, value in added.items() if name not in settings["trainer"]},
        )
    except MisconfigurationException as error:
        raise ConfigError(str(error), setting="trainer") from error
    return trainer


def make_callbacks(settings: Settings, folder: Path, kind: type[Callback] = Callback) -> list[Callback]:
    """Return the callbacks of the group ``callbacks``, those of one kind alone.

    Raises:
        ConfigError: An entry names no class.
    """
    callbacks = []
    for name, leaf in (settings["callbacks"] or {}).items():
        if leaf is None:
            continue
        if TARGET not in leaf:
            raise ConfigError(
                "expected a _target_: this choice of callbacks has no such callback; leave it out, or take "
                "callbacks=standard",
                setting=f"callbacks.{name}",
            )
        cls = find_class(str(leaf[TARGET]), f"callbacks.{name}")
        if issubclass(cls, kind):
            dirpath = {"dirpath": str(folder / CHECKPOINTS)} if issubclass(cls, ModelCheckpoint) else {}
            callbacks.append(build(leaf, f"callbacks.{name}", **dirpath))
    return callbacks


def make_evaluator(settings: Settings) -> lightning.Trainer:
    """Return a trainer that predicts whole sides on one device, whatever training was limited to or spread over."""
    devices = settings["trainer"].get("devices")
    bars = make_callbacks(settings, Path(), ProgressBar)
    return lightning.Trainer(
        accelerator=settings["trainer"]["accelerator"],
        devices=devices if isinstance(devices, list) and len(devices) == 1 else 1,
        deterministic=settings["trainer"].get("deterministic"),
        callbacks=bars,
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=bool(bars),
    )


_NO_USE_TO_A_USER = (
    ".*The dirpath has changed from.*",  # a run that starts from the checkpoint of another, on purpose
    ".*does not have many workers.*",  # loading in this process is a choice
    ".*The number of training batches.*",  # small data are no mistake
    ".*Checkpoint directory .* exists and is not empty.*",  # a run that continues, on purpose
    ".*Experiment logs directory .* exists and is not empty.*",  # its history is kept by `RunWriter`
    ".*AMP with fp16 is not supported on CPU.*",  # logged by `check_device`
    ".*is not supported by the model summary.*",
    ".*isinstance\\(treespec, LeafSpec\\).*",  # a deprecation inside Lightning
)


@contextmanager
def quiet() -> Iterator[None]:
    """Hide warnings and messages of Lightning that are of no use to a user, while the block runs."""
    logger = logging.getLogger("lightning.pytorch.utilities.rank_zero")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            for message in _NO_USE_TO_A_USER:
                warnings.filterwarnings("ignore", message=message)
            yield
    finally:
        logger.setLevel(level)
