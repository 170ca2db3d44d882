"""Run-length code of Label Studio's masks, and the outline of a mask."""

import numpy as np
import pytest

from locgraph.errors import DataError
from locgraph.io.annotations.label_studio.brush import decode_mask, encode_mask, trace_mask
from locgraph.io.regions.points import Points

RNG = np.random.default_rng(5)


def packed(bits):
    """Bytes of a text of bits, with zeros up to a whole byte."""
    bits = bits.replace(" ", "")
    bits += "0" * (-len(bits) % 8)
    return [int(bits[place : place + 8], 2) for place in range(0, len(bits), 8)]


def test_a_code_by_hand():
    # 2 x 1 pixels, 8 values of 8 bits, sizes of counts 3, 4, 8, 16; four times 0, then 9, 9, 9, 1 one by one
    head = f"{8:032b} {7:05b} {2:04b} {3:04b} {7:04b} {15:04b}"
    code = packed(f"{head} 1 00 {3:03b} {0:08b} 0 01 {3:04b} {9:08b} {9:08b} {9:08b} {1:08b}")
    assert decode_mask(code, 2, 1).tolist() == [[False, True]]
    assert decode_mask(code, 1, 2).tolist() == [[False], [True]]


def test_the_code_that_is_written_is_short_and_by_the_rule():
    code = encode_mask(np.array([[False, True]]))
    head = f"{8:032b} {7:05b} {2:04b} {3:04b} {7:04b} {15:04b}"
    assert code == packed(f"{head} 1 00 {3:03b} {0:08b} 1 00 {3:03b} {255:08b}")
    assert len(encode_mask(np.ones((1000, 1000), bool))) < 250


@pytest.mark.parametrize("shape", [(1, 1), (7, 5), (40, 300)])
def test_masks_come_back(shape):
    for mask in (RNG.random(shape) < 0.4, np.zeros(shape, bool), np.ones(shape, bool)):
        assert np.array_equal(decode_mask(encode_mask(mask), shape[1], shape[0]), mask)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("rle", "expected bytes of a mask"),
        ([300], "expected bytes of a mask"),
        (None, "expected bytes of a mask"),
        ([0, 0], r"it ends early, after 2 bytes"),
        (encode_mask(np.ones((3, 3), bool)), r"mask of 2 x 2 pixels, so 16 values; found 36"),
        (encode_mask(RNG.random((2, 2)) < 2)[:8], "it ends early, after 8 bytes"),
    ],
)
def test_damaged_codes(code, message):
    with pytest.raises(DataError, match=message):
        decode_mask(code, 2, 2)


@pytest.mark.parametrize("density", [0.2, 0.5, 0.9])
def test_the_outline_of_a_mask_holds_its_pixels_and_no_other(density):
    mask = RNG.random((12, 17)) < density
    y, x = np.mgrid[:12, :17].reshape(2, -1) + 0.5
    inside = Points(x, y).inside(((trace_mask(mask),),))
    assert inside.tolist() == np.flatnonzero(mask.ravel()).tolist()


def test_the_outline_of_a_square_has_four_corners():
    mask = np.zeros((6, 6), bool)
    mask[1:4, 2:5] = True
    assert sorted(map(tuple, trace_mask(mask).tolist())) == [(2, 1), (2, 4), (5, 1), (5, 4)]
    assert trace_mask(np.zeros((3, 3), bool)).shape == (0, 2)
