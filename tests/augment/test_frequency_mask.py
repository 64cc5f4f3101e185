from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from clara.augment import Dice
from clara.augment.frequency_mask import FrequencyMask, band_stop

pytestmark = pytest.mark.usefixtures("one_thread")


def spectrum(wave: torch.Tensor, rate: int) -> tuple[torch.Tensor, torch.Tensor]:
    window = torch.hann_window(len(wave), dtype=torch.float64)
    power = torch.fft.rfft(wave.double() * window).abs().square()
    return torch.fft.rfftfreq(len(wave), 1 / rate), power


@pytest.mark.parametrize("rate", [8000, 48_000])
@pytest.mark.parametrize(
    "band", [(300.0, 600.0), (1000.0, 1300.0), (700.0, 1400.0), (3000.0, 4000.0)]
)
def test_the_energy_of_the_band_is_gone(rate: int, band: tuple[float, float]) -> None:
    """But for edges as wide as a fifth of where the band begins, or 44 Hz."""
    waves = torch.randn(1, 2 * rate, generator=torch.Generator().manual_seed(0))
    low, high = (torch.tensor([edge]) for edge in band)
    made = band_stop(waves, low, high, rate)
    hertz, before = spectrum(waves[0], rate)
    _, after = spectrum(made[0], rate)
    edge = max(44.0, 0.2 * band[0]) / 2 + 3
    inside = (hertz > band[0] + edge) & (hertz < band[1] - edge)
    outside = (hertz < band[0] - edge) | (hertz > band[1] + edge)
    assert after[inside].sum() < 1e-5 * before[inside].sum()
    assert float(after[outside].sum() / before[outside].sum()) == pytest.approx(1, abs=5e-3)


def test_nothing_is_shifted_in_time() -> None:
    rate = 8000
    waves = torch.randn(1, rate, generator=torch.Generator().manual_seed(0))
    made = band_stop(waves, torch.tensor([900.0]), torch.tensor([1100.0]), rate)
    size = 2 * rate
    across = torch.fft.irfft(torch.fft.rfft(made, size) * torch.fft.rfft(waves, size).conj())
    assert int(across.argmax()) == 0


def test_bands_are_drawn_over_the_octaves(dice: Callable[..., Dice]) -> None:
    """Of an impulse the spectrum says which band is gone."""
    rate = 8000
    waves = torch.zeros(300, rate // 2)
    waves[:, rate // 4] = 1
    lengths = torch.full((300,), rate // 2)
    made, _ = FrequencyMask(0.5, 1.0).on_batch(waves, lengths, rate, dice(300))
    gone = torch.fft.rfft(made).abs() < 0.5
    hertz = torch.fft.rfftfreq(rate // 2, 1 / rate)
    low = torch.stack([hertz[row].min() for row in gone])
    high = torch.stack([hertz[row].max() for row in gone])
    widths = (high / low).log2()
    assert 0.4 < widths.min() < 0.55
    assert 0.95 < widths.max() < 1.1
    assert 98 < low.min() < 130
    assert high.max() > 3800
    octaves = low.log2()
    assert (octaves < octaves.min() + 2).float().mean() == pytest.approx(2 / 4.6, abs=0.1)
