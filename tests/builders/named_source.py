"""Sources made up for tests."""

import polars as pl

from locgraph.viewer.opened import FOLDER, NotThereError, Opened


class Named(Opened):
    """FOVs that have names, and nothing to see."""

    kind = FOLDER

    def __init__(self, *names, title="named"):
        self.names, self.title = names, title

    def fovs(self):
        return pl.DataFrame({"fov_id": list(self.names)}, schema={"fov_id": pl.String})

    def scene(self, index):
        raise NotThereError(f"{self.names[index]} has nothing to see")
