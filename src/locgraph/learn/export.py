"""A trained model as one program that needs no locgraph, of PyTorch or ONNX: clusters in, probabilities out."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch_geometric.data import Batch, HeteroData

from locgraph import schema
from locgraph.data.scaling import Scaler
from locgraph.errors import ConfigError
from locgraph.learn.checkpoint import Checkpoint
from locgraph.learn.onnx_program import INPUTS, as_onnx, check_onnx, onnx_function
from locgraph.nn.network import Network
from locgraph.provenance import versions, whole_file
from locgraph.trust.calibrator import NONE

ABOUT: Final = "about.json"
"""Extra file in the program: what goes in, in which order and unit, and what comes out."""

TOLERANCE: Final = 1e-5
"""Largest difference between a probability of the program and of the network."""

_EXAMPLE: Final = (2, 7)
_CHECKED: Final = ((1, 3), (1, 40), (3, 5), (16, 20))
"""Numbers of views, and of clusters in each, of the example and of the graphs that the program is compared on."""

_CHECKED_SLOWLY: Final = _CHECKED[:-1]
"""Of these, those that the reference evaluator of ONNX takes a second for."""

_TORCH, _ONNX = ".pt2", ".onnx"
_SMALLEST: Final = 1e-12


class FovProgram(nn.Module):
    """All views of one FOV to its calibrated probabilities, with plain tensors.

    Args:
        checkpoint: The model; its network reads clusters and the edges between them alone.
    """

    limits: Tensor
    weights: Tensor
    biases: Tensor

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__()
        self.network = checkpoint.network().requires_grad_(False)
        self.scaler = Scaler.from_plain(checkpoint.record["scaler"])
        trust = checkpoint.trust()
        calibrator = None if trust is None else trust.calibrator
        self.calibrated = calibrator is not None and calibrator.method != NONE
        size = len(checkpoint.record["class_names"])
        weights, biases = (
            (torch.ones(size), torch.zeros(size))
            if calibrator is None
            else (torch.from_numpy(calibrator.weights), torch.from_numpy(calibrator.biases))
        )
        self.register_buffer("limits", self.scaler.limits[schema.CLUSTER].contiguous())
        self.register_buffer("weights", weights.double())
        self.register_buffer("biases", biases.double())

    def forward(self, features: Tensor, positions: Tensor, edge_index: Tensor, clusters: Tensor) -> Tensor:
        """Return the probabilities of a FOV, (K,) float64.

        Args:
            features: (C, F) float32 of the clusters of all views, one view after the other, in the units of tables.
            positions: (C, D) float32 of their centres in nm, from the centre of the FOV.
            edge_index: (2, E) int64: source, target; rows of all views.
            clusters: (V,) int64, number of clusters of each view.
        """
        graph: Any = Batch(_base_cls=HeteroData)
        node = graph[schema.CLUSTER]
        node[schema.FEATURES], node[schema.POS] = features, positions
        graph[schema.CLUSTER_NEAR].edge_index = edge_index
        graph = replace(self.scaler, limits={schema.CLUSTER: self.limits})(graph)
        rows = torch.arange(features.shape[0])
        # view of each cluster: the number of views that end before it
        graph[schema.CLUSTER].batch = (rows[:, None] >= clusters.cumsum(0)).sum(dim=1)
        graph._num_graphs = clusters.shape[0]
        probabilities = torch.softmax(self.network(graph).float(), dim=1).mean(dim=0).double()
        if not self.calibrated:
            return probabilities
        return torch.softmax(self.weights * probabilities.clamp_min(_SMALLEST).log() + self.biases, dim=0)


def export_model(checkpoint: Checkpoint, path: str | Path) -> Path:
    """Write a model as a program of ``torch.export`` or ONNX, for graphs of any size.

    Before it is written, it is compared with the network on graphs of other sizes than the example.

    Args:
        checkpoint: The model.
        path: The file: ``NAME.pt2``, or ``NAME.onnx``.

    Returns:
        The file.

    Raises:
        MissingPackageError: The packages of ONNX are not installed.
        ConfigError: The model reads more than clusters and their edges, cannot be traced, or the program predicts
            something else.
        StorageError: The file cannot be written.
    """
    path, program = Path(path), FovProgram(checkpoint).eval()
    _check_supported(checkpoint, program.network)
    if path.suffix not in (_TORCH, _ONNX):
        raise ConfigError(f"expected a file that ends in {_TORCH} or {_ONNX}, found {path}", setting="path")
    if path.suffix == _ONNX:
        check_onnx()
    dim = torch.export.Dim
    n_clusters, n_edges, n_views = dim("clusters", min=2), dim("edges", min=2), dim("views", min=1)
    shapes = ({0: n_clusters}, {0: n_clusters}, {1: n_edges}, {0: n_views})
    with torch.no_grad():
        try:
            exported = torch.export.export(
                program, make_inputs(checkpoint, *_EXAMPLE), dynamic_shapes=shapes, strict=False
            )
        except Exception as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise ConfigError(
                f"the network with {type(program.network.cluster_encoder).__name__} cannot be exported for graphs of "
                f"any size: {reason}",
                setting="model",
            ) from error
        _check_equal(checkpoint, program, exported.module(), _CHECKED)
    about = json.dumps(_describe(checkpoint), indent=2)
    if path.suffix == _ONNX:
        model = as_onnx(exported, about)
        _check_equal(checkpoint, program, onnx_function(model), _CHECKED_SLOWLY)
        content = model.SerializeToString()
    else:
        written = io.BytesIO()
        torch.export.save(exported, written, extra_files={ABOUT: about})
        content = written.getvalue()
    with whole_file(path) as temporary:
        temporary.write_bytes(content)
    return path


def _check_supported(checkpoint: Checkpoint, network: Network) -> None:
    sizes, scaler = checkpoint.record["sizes"], checkpoint.record["scaler"]
    if schema.FIELD_OF_VIEW not in network.predicts or network.uses_localisations:
        raise ConfigError(
            "expected a network that classifies FOVs and reads clusters alone, such as invariantnet; this one reads or "
            "classifies localisations, or has no classes",
            setting="model",
        )
    if sizes.get("superlevels") or sizes.get("descriptors"):
        raise ConfigError(
            "expected graphs of clusters alone, this model reads superclusters or descriptors of FOVs", setting="graph"
        )
    if scaler["nm_per_unit"] is None:
        raise ConfigError(
            "per_fov divides by the extent of each FOV, which tables of clusters do not hold; train with per_dataset",
            setting="scaling.positions",
        )


def make_inputs(checkpoint: Checkpoint, n_views: int, n_clusters: int, seed: int = 0) -> tuple[Tensor, ...]:
    """Return inputs of a program, at random: each view with a number of clusters, joined in pairs.

    Args:
        checkpoint: The model.
        n_views: Number of views.
        n_clusters: Clusters of the first view; each further one has one more.
        seed: Of the draw.
    """
    generator = torch.Generator().manual_seed(seed)
    counts = torch.arange(n_clusters, n_clusters + n_views)
    total, low_high = int(counts.sum()), checkpoint.record["scaler"]["limits"][schema.CLUSTER]
    scales = checkpoint.record["scaler"].get("scales", {}).get(schema.CLUSTER, [])
    low, high = low_high
    features = low + (high - low) * torch.rand((total, low.shape[0]), generator=generator)
    for column, scale in enumerate(scales):
        if scale in (schema.LOG, schema.LOG1P):
            features[:, column] = features[:, column].exp() if scale == schema.LOG else features[:, column].expm1()
    unit = float(checkpoint.record["scaler"]["nm_per_unit"])
    positions = unit * torch.randn((total, checkpoint.record["sizes"]["dimensions"]), generator=generator)
    view = torch.repeat_interleave(torch.arange(n_views), counts)
    pairs = (view[:, None] == view[None]) & ~torch.eye(total, dtype=torch.bool)
    return features, positions, pairs.nonzero().T.contiguous(), counts


def _check_equal(
    checkpoint: Checkpoint,
    program: nn.Module,
    exported: Callable[..., Tensor],
    sizes: Sequence[tuple[int, int]],
) -> None:
    for seed, (n_views, n_clusters) in enumerate(sizes):
        inputs = make_inputs(checkpoint, n_views, n_clusters, seed + 1)
        difference = float((exported(*inputs) - program(*inputs)).abs().max())
        if not difference <= TOLERANCE:
            raise ConfigError(
                f"the exported program differs from the network by {difference:.2g} in a probability, on {n_views} "
                f"views of {n_clusters} clusters and more; it was not written",
                setting="model",
            )


def _describe(checkpoint: Checkpoint) -> dict[str, Any]:
    graph, units = checkpoint.record["settings"]["graph"], checkpoint.record["units"]
    names = list(graph["cluster_features"])
    return {
        "class_names": list(checkpoint.record["class_names"]),
        "inputs": list(INPUTS),
        "features": [{"name": name, "unit": units.get(name, "1")} for name in names],
        "position_unit": checkpoint.record["position_unit"],
        "dimensions": checkpoint.record["sizes"]["dimensions"],
        "cluster_edges": graph["cluster_edges"],
        "output": "calibrated probabilities of the classes",
        "versions": versions(),
    }
