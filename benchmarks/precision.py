"""How far 16-bit predictions are from 32-bit ones: the largest difference in probability over all FOVs.

    python benchmarks/precision.py RUN/checkpoints/best.ckpt [...]

Each checkpoint predicts every FOV of its data twice: as locgraph always does, in 32 bits, and with dense layers in
bfloat16 (float16 on a GPU), as in training. The data have to be where they were when the checkpoint was made.
"""

import sys

import torch
from rich.console import Console
from rich.table import Table

import locgraph
from locgraph import schema
from locgraph.nn.precision import pool


def differences(path: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the largest difference over classes for each FOV: mean over its views, and largest over single views."""
    model = locgraph.load(path)
    prepared = model.training_data()
    fov_ids = list(prepared.labels)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network, dtype = model.network.to(device), torch.float16 if device.type == "cuda" else torch.bfloat16
    means, singles = [], []
    with torch.no_grad():
        for loaded in model.data(prepared, fov_ids).evaluation_dataloader(fov_ids):
            batch = loaded.to(device)
            whole = network(batch).softmax(dim=1)
            with torch.autocast(device.type, dtype=dtype):
                half = network(batch).float().softmax(dim=1)
            size = len(batch[schema.TARGET])
            means.append(pool(half - whole, batch["fov"], size, "mean").abs().amax(dim=1).cpu())
            singles.append(pool((half - whole).abs(), batch["fov"], size, "max").amax(dim=1).cpu())
    return torch.cat(means), torch.cat(singles)


def main(paths: list[str]) -> None:
    """Print one row for each checkpoint."""
    columns = ("checkpoint", "FOVs", "largest", "median", "above 0.01", "largest of one view")
    table = Table(*columns, title="16 against 32 bits: difference in probability")
    for path in paths:
        mean, single = differences(path)
        numbers = (f"{mean.max():.4f}", f"{mean.median():.5f}", f"{(mean > 0.01).sum()}", f"{single.max():.4f}")
        table.add_row(path, str(len(mean)), *numbers)
    Console(width=140).print(table)


if __name__ == "__main__":
    main(sys.argv[1:])
