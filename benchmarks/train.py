"""Time and peak memory of training, for each model and as the number of FOVs grows.

    python benchmarks/train.py [RAW_DIR]

With a folder of the digits and letters (experiment=digits_letters) these are measured, else simulated FOVs alone. Each
row is a process of its own; the epoch time is the median over the epochs after the first, validation included.
"""

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

EPOCHS = 6
MODELS = ("invariantnet", "clusternet", "locclusternet")


def measure(folder: str, overrides: list[str]) -> dict[str, float]:
    """Trains in this process; gives seconds for each epoch, and peak memory in MiB."""
    import lightning.pytorch as lightning
    from hydra import compose, initialize_config_dir
    from locgraph.cli.quiet import quiet

    from locgraph.cli import assemble, fit, prepare
    from locgraph.cli.app import config_dir
    from locgraph.nn.network import Network

    class Clock(lightning.Callback):
        """Notes the time at the end of each epoch."""

        def __init__(self) -> None:
            self.ticks = [time.perf_counter()]

        def on_train_epoch_end(self, *_: object) -> None:
            """Once an epoch, after validation."""
            self.ticks.append(time.perf_counter())

    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        cfg = compose("train", [*overrides, f"paths.output_dir={folder}", f"paths.run_dir={folder}/run"])
    catalogue = prepare.read_catalogue(cfg)
    prepared = prepare.make_graphs(cfg, prepare.make_tables(cfg, catalogue))
    data = fit.make_data(cfg, prepared, assemble.build(cfg.fold).plan(prepared.manifest)[0])
    network: Network = assemble.network(cfg.model, fit.make_sizes(data))
    clock = Clock()
    silent = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    options = {"accelerator": "cpu", "precision": cfg.trainer.precision, "max_epochs": EPOCHS, **silent}
    with quiet():
        trainer = lightning.Trainer(callbacks=[clock], **options)
        trainer.fit(fit.make_module(cfg, network, data, {}), data)
    epochs = [after - before for before, after in zip(clock.ticks[1:], clock.ticks[2:], strict=False)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"fovs": prepared.manifest.table.height, "epoch": statistics.median(epochs), "peak": peak}


def in_a_process(folder: str, overrides: list[str]) -> dict[str, float]:
    """Runs ``measure`` in a process of its own, so that peaks do not mix."""
    command = [sys.executable, __file__, "--measure", folder, *overrides]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def main(raw_dir: str | None) -> None:
    """Prints one table for the models and one for the growth."""
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        source = ["experiment=demo"]
        if raw_dir:
            source = ["experiment=digits_letters", f"data.raw_dir={Path(raw_dir).resolve()}"]
        table = Table("model", "FOVs", "s/epoch", "ms/FOV", "peak MiB", title="models, one view, batch 50")
        for model in MODELS:
            found = in_a_process(folder, [*source, f"model={model}", "views.count=1", "data.batch_size=50"])
            add(table, model, found)
        found = in_a_process(folder, source)
        add(table, "the experiment as it is", found)
        console.print(table)
        table = Table("model", "FOVs", "s/epoch", "ms/FOV", "peak MiB", title="growth, simulated, one view")
        for per_class in (10, 100):
            overrides = [f"simulation.fovs_per_class={per_class}", f"simulation.folder={folder}/raw{per_class}"]
            found = in_a_process(folder, ["experiment=demo", "views.count=1", *overrides])
            add(table, "invariantnet", found)
        console.print(table)


def add(table: Table, name: str, found: dict[str, float]) -> None:
    """One row."""
    each = 1000 * found["epoch"] / found["fovs"]
    table.add_row(name, f"{found['fovs']:.0f}", f"{found['epoch']:.2f}", f"{each:.1f}", f"{found['peak']:.0f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        sys.stdout.write(json.dumps(measure(sys.argv[2], sys.argv[3:])) + "\n")
    else:
        main(sys.argv[1] if len(sys.argv) > 1 else None)
