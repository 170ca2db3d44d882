"""Pictures within a page."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from locgraph.show.report.pictures import data_uri, figure_uri

HEAD = "data:image/png;base64,"


def opened(uri):
    assert uri.startswith(HEAD)
    return Image.open(io.BytesIO(base64.b64decode(uri.removeprefix(HEAD)))).convert("RGB")


def test_pixels_come_back():
    pixels = np.full((8, 6, 3), 255, dtype=np.uint8)
    pixels[2, 3] = (213, 94, 0)

    assert (np.asarray(opened(data_uri(pixels))) == pixels).all()


def test_few_colours_take_little_room():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, size=(64, 64, 3), dtype=np.uint8)

    assert len(data_uri(pixels, 4)) < len(data_uri(pixels, 64))


def test_a_figure_is_made_as_narrow_as_asked_and_its_paper_is_white(tmp_path):
    path = tmp_path / "figure.png"
    Image.new("RGBA", (300, 150), (0, 0, 0, 0)).save(path)

    picture = opened(figure_uri(path, 100))

    assert picture.size == (100, 50)
    assert picture.getpixel((50, 25)) == (255, 255, 255)
    assert opened(figure_uri(path, 1000)).size == (300, 150)


def test_what_is_no_picture_is_an_error(tmp_path):
    (tmp_path / "figure.png").write_text("no picture")

    with pytest.raises(OSError, match="cannot identify"):
        figure_uri(tmp_path / "figure.png", 100)
