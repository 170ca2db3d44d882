"""Sources made up for tests."""

import polars as pl

from locgraph.viewer.levels.levels import build_levels
from locgraph.viewer.live import Live
from locgraph.viewer.opened import FOLDER, LIVE, RUN, Opened
from locgraph.viewer.scene import Scene


class Named(Opened):
    """FOVs that have names, and three localisations each."""

    kind = FOLDER

    def __init__(self, *names, title="named"):
        self.names, self.title = names, title

    def fovs(self):
        return pl.DataFrame({"fov_id": list(self.names)}, schema={"fov_id": pl.String})

    def scene(self, index):
        table = pl.DataFrame({"x": [0.0, 100.0, 200.0], "y": [0.0, 50.0, 0.0]})
        return Scene(self.names[index], build_levels(table, 2), "1", lambda: table)


class Trained(Named):
    """A run whose training can be followed, or of which nothing was left"""

    kind = RUN

    def __init__(self, folder, names=("f0", "f1", "f2", "f3", "of_training")):
        super().__init__(*names, title="trained")
        self.live = None if folder is None else Live(folder)

    @property
    def offers(self):
        return frozenset({LIVE} if self.live else ())
