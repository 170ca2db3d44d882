"""Small scenes as the server answers them, whose every localisation is known, and a page that shows them."""

import base64
import json
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np

import locgraph
from builders.browser import Page, until

STATIC = Path(locgraph.__file__).parent / "viewer" / "static"
POLICY = "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; form-action 'none'"
TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".html": "text/html"}
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="
)
STAGE = "import('./stage/stage.js').then(({ stages }) => { const stage = stages()[0]; return %s; })"


def column(name, values, kind="continuous", unit="1", **more):
    """A column of the header with its histogram."""
    low, high = float(values.min()), float(values.max())
    edges = np.linspace(low, high, 9) if kind == "continuous" else np.arange(low, high + 2) - 0.5
    histogram = {"edges": edges.tolist(), "counts": np.histogram(values, edges)[0].tolist()}
    about = {"name": name, "kind": kind, "unit": unit, "meaning": "", "scale": "linear", "min": low, "max": high}
    return about | {"robust": [low, high], "histogram": histogram} | more


class FakeScene:
    """One FOV.

    Args:
        fov_id: Its name.
        positions: (N, D) nm in the coordinates of the file.
        columns: Column -> (N,) values and what the header says of it.
        owners: (N,) cluster of each, -1 is none.
        nodes: Rows of each node below the root; the root has what is left. Node k lies in the box of its rows.
    """

    def __init__(self, fov_id, positions, columns=None, owners=None, nodes=(), edges=()):
        self.fov_id, self.edges = fov_id, edges
        self.origin = (positions.min(axis=0) + positions.max(axis=0)) / 2
        self.position = (positions - self.origin).astype("<f4")
        self.dimensions = positions.shape[1]
        self.values, self.about = {}, []
        for name, (values, about) in (columns or {}).items():
            categorical = about.get("kind") == "categorical"
            self.values[name] = values.astype("<u4") if categorical else values.astype("<f4")
            self.about.append(column(name, values, **about))
        self.values["row"] = np.arange(len(positions), dtype="<u4")
        self.owners = owners
        if owners is not None:
            labels = ["none", *map(str, range(owners.max() + 1))]
            self.values["cluster_id"] = (owners + 1).astype("<u4")
            self.about.append(column("cluster_id", owners, kind="categorical", first=-1, labels=labels))
        below = np.concatenate([np.empty(0, dtype=int), *nodes])
        self.rows = [np.setdiff1d(np.arange(len(positions)), below), *nodes]

    def header(self):
        """Answer of api/s/{s}/f/{i}."""
        box = [self.position.min(axis=0).tolist(), self.position.max(axis=0).tolist()]
        spacing = float(np.ptp(self.position, axis=0).max()) / 16
        nodes = [
            {"id": k, "level": min(k, 1), "rows": len(rows), "children": [], "spacing": spacing}
            | {"box": [self.position[rows].min(axis=0).tolist(), self.position[rows].max(axis=0).tolist()]}
            for k, rows in enumerate(self.rows)
        ]
        nodes[0] |= {"box": box, "children": list(range(1, len(nodes)))}
        clusters = None
        if self.owners is not None:
            clusters = {"n": int(self.owners.max()) + 1, "column": "cluster_id"}
            clusters["columns"] = [column("count", self.counts(), unit="1")]
        return {
            "fov_id": self.fov_id,
            "label": None,
            "classes": [],
            "notes": [],
            "dimensions": self.dimensions,
            "n": len(self.position),
            "unit": "nm",
            "origin": self.origin.tolist(),
            "box": box,
            "columns": self.about,
            "nodes": nodes,
            "root": 0,
            "clusters": clusters,
            "fingerprint": "1",
            "edges": [
                {"name": "cluster near cluster", "n": len(pairs), "sent": len(pairs), "between": "cluster"}
                for pairs in self.edges
            ],
        }

    def counts(self):
        """(C,) localisations of each cluster."""
        return np.bincount(self.owners[self.owners >= 0])

    def centres(self):
        """(C, D) nm relative to the origin."""
        return np.array([self.position[self.owners == k].mean(axis=0) for k in range(self.owners.max() + 1)])

    def node(self, node, name):
        """Bytes of a column in a node."""
        values = self.position if name == "position" else self.values[name]
        return np.ascontiguousarray(values[self.rows[node]]).tobytes()

    def clusters(self):
        """Centres, features, and the boxes of the clusters as outlines."""
        low = [self.position[self.owners == k].min(axis=0) for k in range(self.owners.max() + 1)]
        high = [self.position[self.owners == k].max(axis=0) for k in range(self.owners.max() + 1)]
        corners = [[[a[0], a[1]], [b[0], a[1]], [b[0], b[1]], [a[0], b[1]]] for a, b in zip(low, high, strict=True)]
        hulls = {
            "kind": "polygons",
            "starts": [4 * k for k in range(len(corners) + 1)],
            "vertices": np.ravel(corners).tolist(),
        }
        return {
            "n": len(low),
            "ids": list(range(len(low))),
            "centres": self.centres().ravel().tolist(),
            "columns": {"count": self.counts().tolist()},
            "hulls": hulls if self.dimensions == 2 else None,
        }

    def edge_ends(self, k):
        """Bytes of the ends of edges."""
        return np.ascontiguousarray(self.centres()[np.array(self.edges[k])].astype("<f4")).tobytes()

    def passing(self, filters):
        """Number of localisations that pass filters of numbers."""
        kept = [(self.values[name] >= low) & (self.values[name] <= high) for name, (low, high) in filters.items()]
        return int(np.logical_and.reduce(kept).sum())

    def answer(self, parts, asked):
        """The answer to the parts of an address below the FOV."""
        if not parts:
            return self.header()
        if parts[0] == "clusters":
            return self.clusters()
        if parts[0] == "picture":
            return PICTURE
        if parts[0] == "inside":
            return {"n": self.passing(asked["filters"]), "total": len(self.position)}
        return self.edge_ends(int(parts[1])) if parts[0] == "edges" else self.node(int(parts[1]), unquote(parts[2]))


class StagePage(Page):
    """The page with scenes of its own, without a server.

    Args:
        browser: Chromium.
        scenes: The FOVs.
        script: Runs before those of the page.
    """

    def __init__(self, browser, scenes, size=(800, 560), scheme="light", script=""):
        super().__init__(browser, viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
        self.scenes = scenes
        self.page.route("**/*", self._answer)
        self.page.add_init_script(script)
        self.page.goto("http://viewer.test/")
        until(lambda: self.page.evaluate("window.locgraph?.state.get('fovs') != null"))
        if self.page.get_attribute("#toggle-left", "aria-pressed") == "true":
            self.page.click("#toggle-left")  # the list takes the room of the stage
        self.settle()

    def _answer(self, route):
        path = urlsplit(route.request.url).path.strip("/")
        if path.startswith("api/"):
            self._answer_call(route, path.split("/"))
            return
        file = STATIC / (path or "index.html")
        route.fulfill(path=file, content_type=TYPES[file.suffix], headers={"content-security-policy": POLICY})

    def _answer_call(self, route, parts):
        if parts[1] == "session":
            source = {"id": 0, "title": "made", "kind": "folder", "kind_name": "folder", "offers": [], "notes": []}
            body = {"title": "made", "version": "0", "sources": [source], "annotate": None}
        elif parts[3] == "fovs":
            columns = [{"name": "fov_id", "type": "text", "unit": "", "meaning": ""}]
            body = {"columns": columns, "rows": {"fov_id": [scene.fov_id for scene in self.scenes]}}
        elif parts[5:] == ["picture"]:
            route.fulfill(path=STATIC / "icon.svg", content_type=TYPES[".svg"])
            return
        elif int(parts[4]) >= len(self.scenes):
            route.fulfill(status=422, body=json.dumps({"error": "expected a FOV that can be read"}))
            return
        else:
            body = self.scenes[int(parts[4])].answer(parts[5:], route.request.post_data_json)
        if isinstance(body, bytes):
            route.fulfill(body=body, content_type="application/octet-stream")
        else:
            route.fulfill(body=json.dumps(body), content_type="application/json")

    def stage(self, expression):
        """Value of an expression of ``stage``, the first stage of the page."""
        return self.page.evaluate(STAGE % expression)

    def set(self, **changes):
        """Change the state of the page, and wait until it is drawn."""
        self.page.evaluate("(changes) => window.locgraph.state.set(changes)", changes)
        self.settle()

    def show(self, fov):
        """Show a FOV and wait until it is drawn."""
        self.set(fov=fov)
        until(lambda: self.stage(f"stage.scene?.header.fov_id === '{self.scenes[fov].fov_id}'"))
        self.settle()

    def settle(self):
        """Wait until all is fetched, counted and drawn."""
        loaded = "(stage.scene.header.clusters === null || stage.scene.clusters !== null)"
        until(lambda: self.stage(f"stage.scene !== null && !stage.busy && {loaded}"))
        self.page.evaluate("new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go)))")
        until(lambda: self.stage("!stage.busy"))

    def pixels(self):
        """(height, width, 4) uint8 of the picture without what lies over it."""
        flat = self.page.evaluate(
            "Promise.all([import('./stage/stage.js'), import('./stage/controls/exporting.js')])"
            ".then(([{ stages }, { picture }]) => { const canvas = picture(stages()[0], 1, false);"
            " const image = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);"
            " let text = ''; for (const value of image.data) text += String.fromCharCode(value);"
            " return [canvas.width, canvas.height, btoa(text)]; })"
        )
        return np.frombuffer(base64.b64decode(flat[2]), dtype=np.uint8).reshape(flat[1], flat[0], 4)

    def place_on_page(self, nm):
        """Pixels of the page at a place in the coordinates of the file."""
        box = self.page.locator(".stage").first.bounding_box()
        relative = (np.asarray(nm, dtype=float) - self.current.origin).tolist()
        x, y = self.stage(f"stage.toScreen({relative})")
        return box["x"] + x, box["y"] + y

    @property
    def current(self):
        """The scene that is shown."""
        return self.scenes[self.state("fov")]
