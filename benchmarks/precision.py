"""How far 16-bit predictions are from 32-bit ones: the largest difference in probability over all FOVs.

    python benchmarks/precision.py RUN/checkpoints/best.ckpt [...]

Each checkpoint predicts every FOV of its data twice: as locgraph always does, in 32 bits, and with dense layers in
bfloat16 (float16 on a GPU), as in training. The data has to be where it was when the checkpoint was made.
"""

import sys
from pathlib import Path

import torch
from omegaconf import OmegaConf
from rich.console import Console
from rich.table import Table

from locgraph import schema
from locgraph.cli import assemble, prepare
from locgraph.data.datamodule import GraphDataModule, LoaderSettings
from locgraph.data.folds import Split
from locgraph.data.scaling import Scaler, ScalingSettings
from locgraph.learn.checkpoint import load_weights, read_checkpoint
from locgraph.nn.network import Network
from locgraph.nn.precision import pool
from locgraph.nn.sizes import DataSizes


def differences(path: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """Largest difference over classes for each FOV: mean over its views, and largest over single views."""
    checkpoint = read_checkpoint(path)
    record = checkpoint.record
    settings = OmegaConf.create(record["settings"])
    settings.executor = {"_target_": "locgraph.preparation.executors.Serial"}
    catalogue = prepare.read_catalogue(settings) if settings.data.kind == "raw" else None
    prepared = prepare.make_graphs(settings, prepare.make_tables(settings, catalogue))
    table = prepared.manifest.table
    fov_ids = tuple(table[schema.FOV_ID])
    data = GraphDataModule(
        store=prepared.store,
        split=Split((), (), fov_ids),
        labels=dict(zip(table[schema.FOV_ID], table[schema.LABEL], strict=True)),
        class_names=record["class_names"],
        loader=LoaderSettings(record["settings"]["data"]["batch_size"], 0, False),
        scaling=ScalingSettings(),
        localisations=record["settings"]["graph"]["localisations"],
        scaler=Scaler.from_plain(record["scaler"]),
    )
    network: Network = assemble.build(record["settings"]["model"], sizes=DataSizes(**record["sizes"]))
    load_weights(network, checkpoint)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = network.eval().to(device)
    means, singles = [], []
    with torch.no_grad():
        for loaded in data.evaluation_dataloader(fov_ids):
            batch = loaded.to(device)
            whole = network(batch).softmax(dim=1)
            with torch.autocast(device.type, dtype=torch.float16 if device.type == "cuda" else torch.bfloat16):
                half = network(batch).float().softmax(dim=1)
            size = len(batch[schema.TARGET])
            apart = pool(half - whole, batch["fov"], size, "mean").abs().amax(dim=1)
            means.append(apart.cpu())
            singles.append(pool((half - whole).abs(), batch["fov"], size, "max").amax(dim=1).cpu())
    return torch.cat(means), torch.cat(singles)


def main(paths: list[str]) -> None:
    """Prints one row for each checkpoint."""
    columns = ("checkpoint", "FOVs", "largest", "median", "above 0.01", "largest of one view")
    table = Table(*columns, title="16 against 32 bits: difference in probability")
    for path in paths:
        mean, single = differences(Path(path))
        table.add_row(
            path,
            str(len(mean)),
            f"{mean.max():.4f}",
            f"{mean.median():.5f}",
            str(int((mean > 0.01).sum())),
            f"{single.max():.4f}",
        )
    Console(width=140).print(table)


if __name__ == "__main__":
    main(sys.argv[1:])
