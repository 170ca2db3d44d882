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
from hydra import compose, initialize_config_dir
from locgraph.cli.quiet import quiet
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from locgraph import schema
from locgraph.cli import assemble, fit, prepare
from locgraph.cli.app import config_dir
from locgraph.nn.network import Network

REPEATS = 15
MODELS = ("invariantnet", "locclusternet")
PARTS = ("loc_encoder", "cluster_encoder", "readout", "head")


class Levels(nn.Module):
    """An encoder that gives the vectors of its levels beside those of the clusters, which are what is measured."""

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, graph: Any) -> Tensor:
        """Batch to the vectors of the clusters."""
        found: Tensor = self.encoder(graph)[0]
        return found


class ByteCounter(TorchDispatchMode):
    """Bytes of all tensors that operations take and give; views move nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Runs one operation and counts what it moves."""
        found = func(*args, **(kwargs or {}))
        given = {tensor.data_ptr() for tensor in tree_leaves((args, kwargs)) if isinstance(tensor, Tensor)}
        made = [tensor for tensor in tree_leaves(found) if isinstance(tensor, Tensor)]
        if not func.is_view and any(tensor.data_ptr() not in given or tensor.numel() for tensor in made):
            moved = [tensor for tensor in tree_leaves((args, kwargs)) if isinstance(tensor, Tensor)] + made
            self.bytes += sum(tensor.numel() * tensor.element_size() for tensor in moved)
        return found


def median_seconds(task: Callable[[], object]) -> float:
    """Median time of a task, after two runs that warm it up."""
    found = []
    for _ in range(REPEATS + 2):
        started = time.perf_counter()
        task()
        found.append(time.perf_counter() - started)
    return statistics.median(found[2:])


def machine() -> tuple[float, float]:
    """Operations in a second of a large bfloat16 product, and bytes in a second of a large copy."""
    square = torch.randn(1024, 1024, dtype=torch.bfloat16)
    line = torch.zeros(2**25)
    target = torch.empty_like(line)
    return 2 * 1024**3 / median_seconds(lambda: square @ square), 8 * 2**25 / median_seconds(lambda: target.copy_(line))


def recorded(network: Network, batch: Any) -> dict[str, tuple[nn.Module, tuple[Any, ...]]]:
    """Each part of the network with what it is handed."""
    found: dict[str, tuple[nn.Module, tuple[Any, ...]]] = {}
    handles = []
    encoder = network.loc_encoder
    found["loc_encoder"] = (Levels(encoder), (batch,))
    for name in PARTS[1:]:
        part = getattr(network, name)

        def note(module: nn.Module, arguments: tuple[Any, ...], name: str = name) -> None:
            found[name] = (module, arguments)

        handles.append(part.register_forward_pre_hook(note))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        network(batch)
    for handle in handles:
        handle.remove()
    return found


def passes(module: nn.Module, arguments: tuple[Any, ...]) -> Callable[[], None]:
    """Forward and backward through one part, as in training."""
    fresh = tuple(
        value.detach().requires_grad_(value.is_floating_point()) if isinstance(value, Tensor) else value
        for value in arguments
    )

    def run() -> None:
        module.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            out = module(*fresh)
        if out.requires_grad:
            out.float().square().mean().backward()

    return run


def measure(overrides: list[str], folder: str, speed: float, bandwidth: float) -> Table:
    """The table of one model."""
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        cfg = compose("train", [*overrides, f"paths.output_dir={folder}", f"paths.run_dir={folder}/run"])
    with quiet():
        prepared = prepare.make_graphs(cfg, prepare.make_tables(cfg, prepare.read_catalogue(cfg)))
    data = fit.make_data(cfg, prepared, assemble.build(cfg.fold).plan(prepared.manifest)[0])
    network: Network = assemble.network(cfg.model, fit.make_sizes(data))
    batches = list(data.train_dataloader())
    batch = batches[0]
    fovs = len(batch[schema.TARGET])
    title = f"{fovs} FOVs in the batch, {torch.get_num_threads()} threads"
    table = Table("part", "ms/FOV", "Mflop/FOV", "MB/FOV", "floor ms/FOV", "times the floor", title=title)
    for name, (module, arguments) in recorded(network, batch).items():
        run = passes(module, arguments)
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
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = network(batch)
        nn.functional.cross_entropy(logits.float(), batch[schema.TARGET]).backward()
        optimiser.step()

    seconds = median_seconds(step)
    loading = median_seconds(lambda: list(data.train_dataloader())) / sum(len(each[schema.TARGET]) for each in batches)
    table.add_section()
    table.add_row("whole step", f"{1000 * seconds / fovs:.3f}")
    share = loading / (loading + seconds / fovs)
    table.add_row("loading and collation", f"{1000 * loading:.3f}", "", "", "", f"{share:.0%} of the step")
    return table


def main(arguments: list[str]) -> None:
    """Prints one table for each model."""
    console = Console()
    raw_dir = arguments[0] if arguments and "=" not in arguments[0] else None
    source = ["experiment=demo"]
    if raw_dir:
        source = ["experiment=digits_letters", f"data.raw_dir={Path(raw_dir).resolve()}"]
    speed, bandwidth = machine()
    console.print(f"machine: {speed / 1e9:.0f} Gflop/s (bfloat16, 1024 x 1024), {bandwidth / 1e9:.1f} GB/s (copy)")
    rest = [argument for argument in arguments if argument != raw_dir]
    with tempfile.TemporaryDirectory() as folder:
        for model in MODELS:
            edges = [] if model == "invariantnet" else ["graph/cluster_edges=nearest", "augment=rotation"]
            overrides = [*source, f"model={model}", "views.count=1", "loader.batch_size=50", *edges, *rest]
            console.print(model, measure(overrides, folder, speed, bandwidth))


if __name__ == "__main__":
    main(sys.argv[1:])
