"""The LightningDataModule: featextracted tables to graphs of one fold, in batches."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from lightning.pytorch import LightningDataModule
from torch.utils.data import DataLoader
from torch_geometric.data import Batch, HeteroData

from locgraph import schema
from locgraph.data.augment import Transform
from locgraph.data.dataset import Draw, EvaluationSet, Sample, TrainingSet, collate
from locgraph.data.folds import Split
from locgraph.data.sampler import EpochSampler, Shard
from locgraph.data.scaling import Scaler, ScalingSettings, fit_scaler
from locgraph.data.stored import NO_LABEL, StoredGraphs
from locgraph.errors import DataError, within
from locgraph.graphs.store import GraphStore
from locgraph.settings import check_flag, check_whole


@dataclass(frozen=True)
class LoaderSettings:
    """How FOVs are fed.

    Args:
        batch_size: FOVs in a batch.
        num_workers: Processes that load and collate; 0 does it in the training process, fastest for small FOVs.
        in_memory: Keep all graphs in memory; false reads them from the store each time.
        pin_memory: Copy batches to page-locked memory, from which a GPU reads faster; without a GPU it does nothing.

    Raises:
        ConfigError: A number is out of range.
    """

    batch_size: int
    num_workers: int = 0
    in_memory: bool = True
    pin_memory: bool = False

    def __post_init__(self) -> None:
        check_whole("batch_size", self.batch_size, at_least=1)
        check_whole("num_workers", self.num_workers, at_least=0)
        check_flag("in_memory", self.in_memory)
        check_flag("pin_memory", self.pin_memory)


class _LateLoader(DataLoader[Sample]):
    """Starts when its first batch is requested: Lightning makes the iterator before it knows the epoch it resumes."""

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]
        yield from super().__iter__()


class GraphDataModule(LightningDataModule):
    """Batches of the three sides of one fold, from a graph store.

    Args:
        store: Folder of the graph store, already built.
        split: FOV names of the fold.
        labels: Class name of each FOV; FOVs without one can only be predicted.
        class_names: Classes in the order of the logits.
        loader: How FOVs are fed.
        scaling: How positions are scaled; unused where ``scaler`` is given.
        transforms: Augmentation of training graphs, in this order.
        localisations: Whether the model reads localisation nodes; false keeps clusters and superclusters.
        seed: Seed of shuffling, views and augmentation.
        scaler: A scaler fitted before (from a checkpoint); None fits one on the training side.
        sampler: Classes of the training FOVs and seed to which of them an epoch brings, in which order; the other
            sides always come whole and in order.
        stated_scales: Node type -> scale that the feature of each column states; see `fit_scaler`.
        localisation_classes: Classes of localisations in the order of their indices; none leaves theirs out.
        shares: FOV -> class -> share of its annotators who state it; for losses that take them.

    Attributes:
        load: FOV name to its raw graphs, one for each view.
        draw: What training draws of each FOV.
    """

    def __init__(
        self,
        store: Path,
        split: Split,
        labels: Mapping[str, str | None],
        class_names: Sequence[str],
        loader: LoaderSettings,
        scaling: ScalingSettings,
        transforms: Sequence[Transform] = (),
        localisations: bool = True,
        seed: int = 0,
        scaler: Scaler | None = None,
        sampler: Callable[..., EpochSampler] = EpochSampler,
        stated_scales: Mapping[str, Sequence[str | None]] | None = None,
        localisation_classes: Sequence[str] = (),
        shares: Mapping[str, Mapping[str, float]] | None = None,
    ) -> None:
        super().__init__()
        self.localisation_classes = tuple(localisation_classes)
        self.load = StoredGraphs(GraphStore(store), localisations, loader.in_memory, len(self.localisation_classes))
        self.split, self.labels = split, dict(labels)
        self.class_names, self.loader, self.scaling = tuple(class_names), loader, scaling
        self.transforms, self.seed, self.scaler, self.sampler = list(transforms), seed, scaler, sampler
        self.stated_scales = dict(stated_scales or {})
        self.draw, self.shares = Draw(), dict(shares or {})

    def fitted_scaler(self) -> Scaler:
        """Return the scaler of this fold, fitted on all views of its training FOVs when first asked for."""
        if self.scaler is None:
            self.load.join(self.split.train)
            graphs = (view for fov_id in self.split.train for view in self.load(fov_id))
            self.scaler = fit_scaler(graphs, self.scaling, self.stated_scales)
        return self.scaler

    def targets(self, fov_ids: Sequence[str]) -> list[int]:
        """Return the index of the class of each FOV, ``NO_LABEL`` where it has none, or where there are no classes.

        Raises:
            DataError: A FOV is of a class that is not among the class names.
        """
        if not self.class_names:
            return [NO_LABEL] * len(fov_ids)
        position = {name: index for index, name in enumerate(self.class_names)}
        labels = [self.labels.get(fov_id) for fov_id in fov_ids]
        for fov_id, label in zip(fov_ids, labels, strict=True):
            if label is not None and label not in position:
                raise DataError(
                    f"{fov_id}: expected a label among the classes {list(self.class_names)}, found {label!r}; mend the "
                    "label, or train with this class"
                )
        return [NO_LABEL if label is None else position[label] for label in labels]

    def soft_targets(self, fov_ids: Sequence[str]) -> torch.Tensor:
        """Return the shares of the classes of each FOV (N, K) float32: of its annotators, else all of its own class."""
        targets = torch.nn.functional.one_hot(torch.tensor(self.targets(fov_ids)), len(self.class_names)).float()
        for row, shares in enumerate(self.shares.get(fov_id) for fov_id in fov_ids):
            if shares:
                targets[row] = torch.tensor([shares.get(name, 0.0) for name in self.class_names])
        return targets

    def train_dataloader(self) -> DataLoader[Sample]:
        """Return training FOVs, shuffled, one random view of each, augmented."""
        fovs, targets = self.split.train, self.targets(self.split.train)
        data = TrainingSet(fovs, targets, self.load, self.transforms, self.fitted_scaler(), self.seed, self.draw)
        sampler = self.sampler(targets=targets, seed=self.seed)
        rank, world_size = self._process()
        if world_size == 1:
            return self._loader(data, sampler)
        with within("loader"):
            shard = Shard(sampler, self.loader.batch_size, rank, world_size)
        return self._loader(data, shard, self.loader.batch_size // world_size)

    def val_dataloader(self) -> DataLoader[Sample]:
        """Return validation FOVs, all views, as they are; each of several processes takes a part of them."""
        rank, world_size = self._process()
        return self.evaluation_dataloader(self.split.val[rank::world_size])

    def _process(self) -> tuple[int, int]:
        """Return the index of this process among those that train together, and their number."""
        return (0, 1) if self.trainer is None else (self.trainer.global_rank, self.trainer.world_size)

    def test_dataloader(self) -> DataLoader[Sample]:
        """Return test FOVs, all views, as they are."""
        return self.evaluation_dataloader(self.split.test)

    def evaluation_dataloader(self, fov_ids: Sequence[str]) -> DataLoader[Sample]:
        """Return any FOVs of the store, all views, as they are."""
        return self._loader(EvaluationSet(fov_ids, self.targets(fov_ids), self.load, self.fitted_scaler()))

    def _loader(
        self,
        data: TrainingSet | EvaluationSet,
        sampler: EpochSampler | Shard | None = None,
        batch_size: int | None = None,
    ) -> DataLoader[Sample]:
        return _LateLoader(
            data,
            batch_size=self.loader.batch_size if batch_size is None else batch_size,
            sampler=sampler,
            num_workers=self.loader.num_workers,
            multiprocessing_context=_start_method() if self.loader.num_workers else None,
            collate_fn=collate,
            persistent_workers=self.loader.num_workers > 0,
            pin_memory=self.loader.pin_memory and torch.cuda.is_available(),
            # its own, so that loading takes nothing from the random stream of dropout
            generator=torch.Generator(),
        )


def _start_method() -> str:
    """Return how loading processes are started: as Python does, also within a job of joblib, whose own way fails here.

    See https://github.com/facebookresearch/hydra/issues/964.
    """
    method, known = multiprocessing.get_start_method(), multiprocessing.get_all_start_methods()
    own = [name for name in known if name in ("fork", "forkserver", "spawn")]
    return method if method in own else own[0]


def feature_sizes(graph: HeteroData) -> dict[str, int]:
    """Return the number of features of each node type of a graph that has any."""
    nodes = {name: graph[name] for name in graph.node_types}
    return {name: int(node[schema.FEATURES].shape[1]) for name, node in nodes.items() if schema.FEATURES in node}
