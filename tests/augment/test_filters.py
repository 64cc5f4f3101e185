"""Convolution, low-pass kernels and reading at another speed, against numpy and theory."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import Tensor

from clara.augment._filters import band_pass, convolve, resample

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("size", [1, 2, 100, 8192, 30_000])
@pytest.mark.parametrize("taps", [1, 2, 777, 4096, 4097, 12_000])
def test_convolution_is_numpys(size: int, taps: int) -> None:
    rng = np.random.default_rng(size + taps)
    waves = rng.standard_normal((2, size)).astype(np.float32)
    kernels = rng.standard_normal((2, taps)).astype(np.float32)
    for start in {0, taps // 2, taps - 1}:
        found = convolve(torch.from_numpy(waves), torch.from_numpy(kernels), start)
        for row in range(2):
            whole = np.convolve(waves[row].astype(np.float64), kernels[row])
            scale = math.sqrt(taps)
            np.testing.assert_allclose(
                found[row] / scale, whole[start : start + size] / scale, atol=2e-5
            )


def test_one_kernel_for_all_rows() -> None:
    waves = torch.randn(3, 5000, generator=torch.Generator().manual_seed(0))
    kernel = torch.tensor([[1.0, -0.5]])
    expected = waves - 0.5 * torch.nn.functional.pad(waves, (1, 0))[:, :-1]
    torch.testing.assert_close(convolve(waves, kernel), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("cutoff", [200.0, 1000.0, 3400.0])
def test_low_pass_kernels(cutoff: float) -> None:
    rate, taps = 8000, 801
    (kernel,) = band_pass(torch.zeros(1), torch.tensor([cutoff]), [taps], rate)
    torch.testing.assert_close(kernel, kernel.flip(0))
    loud = 20 * torch.fft.rfft(kernel, 2**15).abs().clamp(min=1e-9).log10()
    hertz = torch.fft.rfftfreq(2**15, 1 / rate)
    edge = 5.5 * rate / taps / 2
    assert loud[hertz < cutoff - edge].abs().max() < 0.01
    assert loud[hertz > cutoff + edge].max() < -70
    assert loud[(hertz - cutoff).abs().argmin()] == pytest.approx(-6, abs=0.1)


@pytest.mark.parametrize("factor", [0.5, 0.8, 0.9437, 1.0, 1.0595, 1.1, 4 / 3, 2.0, 6.0, 1 / 6])
def test_a_tone_is_read_at_another_speed(factor: float, tone: Callable[..., Tensor]) -> None:
    """To 70 dB, wherever the result can hold it."""
    rate = 8000
    for hertz in (100, 1000, 3000):
        if hertz * factor > 0.8 * rate / 2:
            continue
        found = resample(tone(hertz, rate), [factor])[0]
        assert len(found) == math.ceil(rate / factor)
        read = Fraction(factor).limit_denominator(1000)
        assert 1200 * abs(math.log2(read / factor)) < 0.002
        place = torch.arange(len(found), dtype=torch.float64) * float(read)
        expected = 0.3 * torch.sin(2 * math.pi * hertz * place / rate)
        inside = (place > 300) & (place < rate - 300)
        assert (found - expected)[inside].abs().max() < 0.3 * 10 ** (-70 / 20)


@pytest.mark.parametrize("factor", [1.25, 2.0, 5.5])
def test_what_the_result_cannot_hold_is_gone(factor: float, tone: Callable[..., Tensor]) -> None:
    found = resample(tone(0.55 * 8000 / factor, 8000), [factor])[0]
    assert found[100:-100].abs().max() < 0.3 * 10 ** (-60 / 20)


def test_the_nearest_fraction_keeps_step_for_a_minute(tone: Callable[..., Tensor]) -> None:
    rate, factor = 8000, 2 ** (1.37 / 12)
    found = resample(tone(50, rate, 60), [factor])[0].double()
    place = torch.arange(len(found), dtype=torch.float64) * factor
    expected = 0.3 * torch.sin(2 * math.pi * 50 * place / rate)
    last = (place > 58 * rate) & (place < 59.5 * rate)
    assert (found - expected)[last].abs().max() < 0.3 * 0.1


def test_rows_of_several_speeds_and_short_ones(tone: Callable[..., Tensor]) -> None:
    waves = torch.cat([tone(440, 8000), tone(300, 8000), tone(200, 8000)])
    factors = [0.9, 1.0, 1.25]
    found = resample(waves, factors)
    assert found.shape == (3, math.ceil(8000 / 0.9))
    for row, factor in enumerate(factors):
        (alone,) = resample(waves[row : row + 1], [factor])
        assert torch.equal(found[row, : len(alone)], alone)
        assert not found[row, len(alone) :].any()
    assert torch.equal(found[1, :8000], waves[1])
    for size in (1, 2, 5):
        made = resample(torch.ones(1, size), [1.3])
        assert made.shape == (1, math.ceil(size / 1.3))
        assert made.isfinite().all()
    # So near to 1 that the fraction is 1, over so long that the count is another.
    assert resample(torch.ones(1, 8000), [0.9998]).shape == (1, 8002)
