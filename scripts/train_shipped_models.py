"""Train and pack the models that ship with locgraph: ``python scripts/train_shipped_models.py [NAME ...]``.

Each is trained on simulated data in five folds. The network of the first fold is packed, with the cross-validated
scores of all five, into ``src/locgraph/models``. A sweep that was interrupted is completed.
"""

import argparse
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import locgraph

ROOT = Path(__file__).parents[1]
VERSION = "1.0"
AUTHORS = ("The locgraph developers",)

_CAUTION = (
    "In these the number of localisations does not tell the class. Test it on FOVs that you have labelled before you "
    "use it on measured data."
)
_MEASURED = (
    "On 245 measured FOVs of these seven shapes, of other size, precision and density (Huijben et al. 2021; 130 nm "
    "assumed for the camera pixel, which is not recorded), its accuracy was 0.212, where chance is 0.143, and all 245 "
    "were named as unlike those of the training: train on your own data, or start from this model (`init_from`)."
)


@dataclass(frozen=True)
class Shipped:
    """A model that ships with locgraph.

    Attributes:
        overrides: Settings of its training.
        description: What its card says.
        citation: What its structures are drawn after.
        data: Name of the data on the card.
    """

    overrides: tuple[str, ...]
    description: str
    citation: str
    data: str


MODELS = {
    "origami": Shipped(
        ("simulation=origami", "simulation.fovs_per_class=100"),
        "Tells seven shapes of flat DNA origami, the digits one, two and three, the letters T, O and L, and a "
        "full grid, docking strands 20 nm apart, one structure in each FOV, seen by DNA-PAINT in 2D at a "
        "precision of about 3 nm. Trained on simulated FOVs alone (`locgraph simulate simulation=origami`). "
        f"{_CAUTION} {_MEASURED}",
        "10.1038/s41467-021-24106-8",
        "simulated DNA origami (locgraph simulate simulation=origami)",
    ),
    "rings": Shipped(
        ("simulation=rings", "simulation.fovs_per_class=150"),
        "Tells rings of eight corners, 107 nm across, as Nup96 forms in nuclear pore complexes, from rings of "
        "seven and nine corners, flattened ones (axes 0.7 to 1) and incomplete ones (five of eight corners in a "
        "row), one ring in each FOV, seen from above in 2D at a precision of about 5 nm, with half of the copies "
        f"labelled. Trained on simulated FOVs alone (`locgraph simulate simulation=rings`). {_CAUTION} It was not "
        "tested on any.",
        "10.1038/s41592-019-0574-9",
        "simulated rings (locgraph simulate simulation=rings)",
    ),
}


def train(name: str, sweep: Path, overrides: tuple[str, ...]) -> None:
    """Train all folds of a model that are missing."""
    fixed = ("experiment=demo", "sweep=kfold", f"name={name}", f"paths.sweep_dir={sweep}")
    command = [sys.executable, str(ROOT / "train.py"), *fixed, *MODELS[name].overrides, *overrides]
    subprocess.run(command, check=True)


def pack(name: str, sweep: Path, folder: Path) -> Path:
    """Pack the network of the first fold with the scores of all, in place of the one before."""
    model, path = MODELS[name], folder / f"{name}-{VERSION}.lgm"
    folder.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    about = {"license": "MIT", "authors": AUTHORS, "tags": ["simulated"], "datasets": [model.data]}
    card = about | {"description": model.description, "citation": model.citation}
    return locgraph.pack(sweep / "0", f"{name}:{VERSION}", output=path, scores=sweep, card=card)


def main() -> None:
    """Train and pack the models that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"some of {', '.join(MODELS)}")
    parser.add_argument("--set", action="append", default=[], help="a further setting of the training")
    parser.add_argument("--sweeps", type=Path, default=ROOT / "outputs" / "shipped", help="folder of the sweeps")
    parser.add_argument(
        "--output", type=Path, default=ROOT / "src" / "locgraph" / "models", help="folder of the models"
    )
    given = parser.parse_args()
    for name in given.names or MODELS:
        sweep = given.sweeps.resolve() / name
        train(name, sweep, tuple(given.set))
        print(f"packed: {pack(name, sweep, given.output.resolve())}")


if __name__ == "__main__":
    main()
