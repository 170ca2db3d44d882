"""Time and peak memory of training, for each model and as the number of FOVs grows.

    python benchmarks/train.py [RAW_DIR] [overrides]

With a folder of the digits and letters (experiment=digits_letters) these are measured, else simulated FOVs alone. Each
row is a process of its own; the epoch time is the median over the epochs after the first, validation included.
"""

import resource
import statistics
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import lightning.pytorch as lightning
from rich.console import Console
from rich.table import Table

from locgraph.api.config import compose
from locgraph.api.prepare import prepare_settings
from locgraph.api.training.network import make_network
from locgraph.api.training.parts import data_sizes, make_data, make_learner, quiet
from locgraph.build import build
from locgraph.learn.tasks import FovTask

EPOCHS = 6
MODELS = ("invariantnet", "clusternet", "locclusternet")
COLUMNS = ("model", "FOVs", "s/epoch", "ms/FOV", "peak MiB")
SILENT = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)


class Clock(lightning.Callback):
    """Records the time at the end of each epoch."""

    def __init__(self) -> None:
        self.ticks: list[float] = []

    def on_train_epoch_end(self, *_: object) -> None:
        """Record the time; called after validation."""
        self.ticks.append(time.perf_counter())


def measure(overrides: list[str]) -> tuple[int, float, float]:
    """Train in this process; return the number of FOVs, seconds for each epoch, and peak memory in MiB."""
    settings = compose("train", *overrides)
    clock = Clock()
    with quiet():
        prepared = prepare_settings(settings)
        split = build(settings["fold"], "fold").plan(prepared.manifest)[0]
        task = FovTask.from_manifest(prepared.manifest)
        data = make_data(settings, prepared, task, split)
        network = make_network(settings["model"], data_sizes(data))
        precision = settings["trainer"]["precision"]
        trainer = lightning.Trainer(
            accelerator="cpu", precision=precision, max_epochs=EPOCHS, callbacks=[clock], **SILENT
        )
        trainer.fit(make_learner(settings, network, task, data, {}), data)
    epochs = [after - before for before, after in zip(clock.ticks, clock.ticks[1:], strict=False)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return prepared.manifest.table.height, statistics.median(epochs), peak


def add(table: Table, name: str, overrides: list[str]) -> None:
    """Add one row, measured in a process of its own, so that peaks do not mix."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        fovs, epoch, peak = pool.submit(measure, overrides).result()
    table.add_row(name, str(fovs), f"{epoch:.2f}", f"{1000 * epoch / fovs:.1f}", f"{peak:.0f}")


def main(arguments: list[str]) -> None:
    """Print one table for the models and one for the growth."""
    console = Console(width=120)
    raw_dir = next((argument for argument in arguments if "=" not in argument), None)
    with tempfile.TemporaryDirectory() as folder:
        rest = [f"paths.output_dir={folder}", *(argument for argument in arguments if argument != raw_dir)]
        source = ["experiment=demo", *rest]
        if raw_dir:
            source = ["experiment=digits_letters", f"data.raw_dir={Path(raw_dir).resolve()}", *rest]
        table = Table(*COLUMNS, title="models, one view, batch 50")
        for model in MODELS:
            add(table, model, [*source, f"model={model}", "views.count=1", "loader.batch_size=50"])
        add(table, "the experiment as it is", source)
        console.print(table)
        table = Table(*COLUMNS, title="growth, simulated, one view")
        for per_class in (10, 100):
            simulated = [f"simulation.fovs_per_class={per_class}", f"simulation.folder={folder}/raw{per_class}"]
            add(table, "invariantnet", ["experiment=demo", "views.count=1", *rest, *simulated])
        console.print(table)


if __name__ == "__main__":
    main(sys.argv[1:])
