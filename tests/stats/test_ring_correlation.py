"""Fourier ring correlation: known spectra, thresholds and the resolution."""

import numpy as np
import pytest

from locgraph.stats.ring_correlation import HALF_BIT, ONE_SEVENTH, RingCorrelation, ring_correlation


def test_equal_images_correlate_fully_and_end_at_twice_the_pixel():
    image = np.random.default_rng(0).normal(size=(32, 32))
    result = ring_correlation(image, image, 2.0)
    assert result.correlation == pytest.approx(np.ones(16))
    assert result.frequency[-1] == pytest.approx(1 / 4)
    assert result.resolution_nm() == pytest.approx(4.0)


def test_an_inverted_image_anticorrelates_and_an_empty_one_does_not_correlate():
    image = np.random.default_rng(0).normal(size=(16, 16))
    assert ring_correlation(image, -image, 1.0).correlation == pytest.approx(-np.ones(8))
    assert ring_correlation(image, np.zeros((16, 16)), 1.0).correlation == pytest.approx(np.zeros(8))
    assert ring_correlation(image, np.zeros((16, 16)), 1.0).resolution_nm() is None


@pytest.mark.parametrize("shape", [(48, 48), (16, 16, 16)])
def test_rings_are_summed_as_by_hand(shape):
    rng = np.random.default_rng(1)
    first, second = rng.normal(size=(2, *shape))
    result = ring_correlation(first, second, 1.0)
    spectra = [np.fft.fftn(each) for each in (first, second)]
    axes = np.meshgrid(*[np.fft.fftfreq(size) * size for size in shape], indexing="ij")
    on_ring = np.rint(np.sqrt(sum(axis**2 for axis in axes))) == 5
    left, right = (spectrum[on_ring] for spectrum in spectra)
    expected = (left * right.conj()).sum().real / np.sqrt((abs(left) ** 2).sum() * (abs(right) ** 2).sum())
    assert result.correlation[4] == pytest.approx(expected)
    assert result.n_components[4] == on_ring.sum() // 2


def test_resolution_is_where_common_detail_ends():
    # the same components up to ring 20, independent noise above
    rng = np.random.default_rng(0)
    axis = np.fft.fftfreq(128) * 128
    low = np.hypot(*np.meshgrid(axis, axis)) <= 20
    common = np.fft.fft2(rng.normal(size=(128, 128)))
    images = [np.fft.ifft2(np.where(low, common, np.fft.fft2(rng.normal(size=(128, 128))))).real for _ in range(2)]
    result = ring_correlation(images[0], images[1], 1.0)
    assert result.resolution_nm(ONE_SEVENTH) == pytest.approx(128 / 21, rel=0.06)
    assert result.resolution_nm(HALF_BIT) == pytest.approx(128 / 21, rel=0.06)


def test_thresholds():
    curve = RingCorrelation(np.array([0.1, 0.2]), np.array([1.0, 0.0]), np.array([1, 10**8]))
    assert curve.threshold(ONE_SEVENTH) == pytest.approx([1 / 7, 1 / 7])
    # of many components: the correlation of images whose ratio of signal to noise gives half a bit
    snr = np.sqrt(2) - 1  # half a bit in the average of both, half of it in each
    assert curve.threshold(HALF_BIT)[1] == pytest.approx((snr / 2) / (snr / 2 + 1), abs=1e-3)
    assert curve.threshold(HALF_BIT)[0] == pytest.approx(1.0, abs=1e-3)
