"""Sources made up for tests."""

import polars as pl

from locgraph.viewer.live import Live
from locgraph.viewer.opened import FOLDER, LIVE, RUN, NotThereError, Opened


class Named(Opened):
    """FOVs that have names, and nothing to see."""

    kind = FOLDER

    def __init__(self, *names, title="named"):
        self.names, self.title = names, title

    def fovs(self):
        return pl.DataFrame({"fov_id": list(self.names)}, schema={"fov_id": pl.String})

    def scene(self, index):
        raise NotThereError(f"{self.names[index]} has nothing to see")


class Trained(Named):
    """A run whose training can be followed, or of which nothing was left; its FOVs have no localisations."""

    kind = RUN

    def __init__(self, folder, names=("f0", "f1", "f2", "f3", "of_training")):
        super().__init__(*names, title="trained")
        self.live = None if folder is None else Live(folder)

    @property
    def offers(self):
        return frozenset({LIVE} if self.live else ())
