"""Headless Chromium, and pages that complain of nothing."""

import shutil
import time
from collections.abc import Callable

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    *("--no-sandbox", "--disable-background-networking", "--disable-component-update"),
    *("--disable-dev-shm-usage", "--no-first-run"),
    # draws WebGL without a graphics card
    *("--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"),
)
PATIENCE_MS = 120_000
_OF_SOFTWARE = ("GPU stall due to ReadPixels", "Attribute instance", "swiftshader", "Automatic fallback to software")
"""Parts of warnings that drawing without a graphics card brings."""


@pytest.fixture(scope="session")
def browser():
    """A browser; the test is skipped where there is none."""
    if CHROMIUM is None:
        pytest.skip("needs chromium on the path")
    playwright = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
    with playwright.sync_playwright() as started:
        running = started.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield running
        running.close()


def until(holds: Callable[[], bool]) -> None:
    """Waits; our pages forbid what the package would wait with, since that evaluates text."""
    end = time.monotonic() + PATIENCE_MS / 1000
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


class Page:
    """A page, with all that it complained about or asked for."""

    def __init__(self, browser, **settings):
        self.complaints, self.requests = [], []
        self.context = browser.new_context(**settings)
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("console", self._listen)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))

    def _listen(self, message):
        if not any(part in message.text for part in _OF_SOFTWARE):
            self.complaints.append(message.text)

    def state(self, key):
        """A value of the viewer's state; a set as a sorted list."""
        return self.page.evaluate(
            "([key]) => { const value = window.locgraph.state.get(key);"
            " return value instanceof Set ? [...value].sort((a, b) => a - b) : value; }",
            [key],
        )

    def close(self):
        self.context.close()
