"""Where the time of a training step goes, part by part, beside the least that the machine could need.

    python benchmarks/parts.py [RAW_DIR] [overrides]

For each part of the network, forward and backward: time, dense operations (multiplications and additions of matrix
products) and bytes (what each operation of torch reads and writes). The floor is the longer of operations at the speed
of a large product in the same precision and bytes at the speed of a large copy, both measured first. Times are medians
over one batch of training FOVs. The last lines give the whole step and its loading and collation.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.flop_counter import FlopCounterMode

from locgraph import schema
from locgraph.api.config import compose
from locgraph.api.prepare import prepare_settings
from locgraph.api.training.network import make_network
from locgraph.api.training.parts import data_sizes, make_data, quiet
from locgraph.build import build
from locgraph.learn.tasks import FovTask
from locgraph.nn.base import Encoded
from locgraph.nn.network import Network

REPEATS = 15
MODELS = {"invariantnet": (), "locclusternet": ("graph/cluster_edges=nearest", "augment=rotation")}
PARTS = ("loc_encoder", "cluster_encoder", "readout", "head")


class ByteCounter(TorchDispatchMode):
    """Counts the bytes of all tensors that operations read and write; views move nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run one operation and count what it moves."""
        result = func(*args, **(kwargs or {}))
        if not func.is_view:
            tensors = [leaf for leaf in tree_leaves((args, kwargs, result)) if isinstance(leaf, Tensor)]
            self.bytes += sum(tensor.numel() * tensor.element_size() for tensor in tensors)
        return result


def median_seconds(task: Callable[[], object]) -> float:
    """Return the median time of a task, after two runs that warm it up."""
    seconds = []
    for _ in range(REPEATS + 2):
        started = time.perf_counter()
        task()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[2:])


def machine() -> tuple[float, float]:
    """Return operations in a second of a large bfloat16 product, and bytes in a second of a large copy."""
    square = torch.randn(1024, 1024, dtype=torch.bfloat16)
    line = torch.zeros(2**25)
    target = torch.empty_like(line)
    return 2 * 1024**3 / median_seconds(lambda: square @ square), 8 * 2**25 / median_seconds(lambda: target.copy_(line))


def autocast() -> torch.autocast:
    """Return the context of training on a CPU."""
    return torch.autocast("cpu", dtype=torch.bfloat16)


def arguments_of_parts(network: Network, batch: Any) -> dict[str, tuple[Any, ...]]:
    """Return what each part of the network is called with."""
    arguments: dict[str, tuple[Any, ...]] = {}
    handles = []
    for name in PARTS:

        def record(_: nn.Module, given: tuple[Any, ...], name: str = name) -> None:
            arguments[name] = given

        handles.append(getattr(network, name).register_forward_pre_hook(record))
    with autocast():
        network(batch)
    for handle in handles:
        handle.remove()
    return arguments


def detached(value: Any) -> Any:
    """Return an argument whose tensors need gradients but have no history; graphs are left as they are."""
    if isinstance(value, Encoded):
        return Encoded(value.graph, *tree_map(detached, (value.levels, value.clusters, value.fovs)))
    return value.detach().requires_grad_(value.is_floating_point()) if isinstance(value, Tensor) else value


def passes(module: nn.Module, arguments: tuple[Any, ...]) -> Callable[[], None]:
    """Return a forward and backward pass through one part, as in training."""
    fresh = tuple(detached(value) for value in arguments)

    def run() -> None:
        module.zero_grad(set_to_none=True)
        with autocast():
            # the vectors of clusters, not those of the levels below; the logits of FOVs
            out = tree_leaves(module(*fresh))[0]
        if out.requires_grad:
            out.float().square().mean().backward()

    return run


def measure(overrides: list[str], speed: float, bandwidth: float) -> Table:
    """Return the table of one model."""
    settings = compose("train", *overrides)
    with quiet():
        prepared = prepare_settings(settings)
    split = build(settings["fold"], "fold").plan(prepared.manifest)[0]
    data = make_data(settings, prepared, FovTask.from_manifest(prepared.manifest), split)
    network = make_network(settings["model"], data_sizes(data))
    batches = list(data.train_dataloader())
    batch = batches[0]
    fovs = len(batch[schema.TARGET])
    title = f"{fovs} FOVs in the batch, {torch.get_num_threads()} threads"
    table = Table("part", "ms/FOV", "Mflop/FOV", "MB/FOV", "floor ms/FOV", "times the floor", title=title)
    for name, arguments in arguments_of_parts(network, batch).items():
        run = passes(getattr(network, name), arguments)
        seconds = median_seconds(run)
        with FlopCounterMode(display=False) as flops, ByteCounter() as moved:
            run()
        floor = max(flops.get_total_flops() / speed, moved.bytes / bandwidth)
        ratio = f"{seconds / floor:.1f}" if floor else "-"
        each = [1000 * seconds, flops.get_total_flops() / 1e6, moved.bytes / 1e6, 1000 * floor]
        table.add_row(name, *(f"{value / fovs:.3f}" for value in each), ratio)
    optimiser = torch.optim.AdamW(network.parameters())

    def step() -> None:
        optimiser.zero_grad()
        with autocast():
            logits = network(batch)
        nn.functional.cross_entropy(logits.float(), batch[schema.TARGET]).backward()
        optimiser.step()

    seconds = median_seconds(step) / fovs
    loading = median_seconds(lambda: list(data.train_dataloader())) / sum(len(each[schema.TARGET]) for each in batches)
    table.add_section()
    table.add_row("whole step", f"{1000 * seconds:.3f}")
    share = f"{loading / (loading + seconds):.0%} of the step"
    table.add_row("loading and collation", f"{1000 * loading:.3f}", "", "", "", share)
    return table


def main(arguments: list[str]) -> None:
    """Print one table for each model."""
    console = Console(width=120)
    raw_dir = next((argument for argument in arguments if "=" not in argument), None)
    source = ["experiment=demo"]
    if raw_dir:
        source = ["experiment=digits_letters", f"data.raw_dir={Path(raw_dir).resolve()}"]
    speed, bandwidth = machine()
    console.print(f"machine: {speed / 1e9:.0f} Gflop/s (bfloat16, 1024 x 1024), {bandwidth / 1e9:.1f} GB/s (copy)")
    rest = [argument for argument in arguments if argument != raw_dir]
    with tempfile.TemporaryDirectory() as folder:
        source = [*source, f"paths.output_dir={folder}", "views.count=1", "loader.batch_size=50"]
        for model, overrides in MODELS.items():
            console.print(model, measure([*source, f"model={model}", *overrides, *rest], speed, bandwidth))


if __name__ == "__main__":
    main(sys.argv[1:])
