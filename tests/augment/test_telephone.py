from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from clara.augment import Dice
from clara.augment.telephone import Telephone, mu_law

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("bits", [5, 6, 7, 8])
@pytest.mark.parametrize("level", [1.0, 0.1, 0.03])
def test_the_noise_of_the_curve(bits: int, level: float) -> None:
    """A step of mu-law is `ln(256) (1/255 + |x|) / 2 ** (bits - 1)` wide, and its noise a twelfth
    of its square; so few bits cost the same at each level, 6 dB each."""
    generator = torch.Generator().manual_seed(0)
    wave = level * (2 * torch.rand(1, 200_000, generator=generator) - 1)
    noise = mu_law(wave, torch.tensor([bits])) - wave
    step = np.log(256) * (1 / 255 + wave.abs().double()) / (2 ** (bits - 1) - 1)
    expected = (step.square() / 12).mean()
    found = float(10 * (noise.double().square().mean() / expected).log10())
    # With few and wide steps the noise depends on where they happen to lie.
    assert found == pytest.approx(0, abs=0.6 if bits > 5 else 0.9)


def test_levels_of_the_curve() -> None:
    wave = torch.linspace(-1.5, 1.5, 30_001)[None]
    made = mu_law(wave, torch.tensor([8]))
    assert len(made.unique()) == 255
    assert made[0, 15_000] == 0
    assert made.abs().max() == pytest.approx(1, abs=1e-6)
    torch.testing.assert_close(made, -made.flip(1))
    assert (made.diff() >= 0).all()


@pytest.mark.parametrize("rate", [8000, 11_025, 16_000, 44_100, 48_000])
def test_the_band_of_a_line(
    rate: int, tone: Callable[..., Tensor], dice: Callable[..., Dice]
) -> None:
    line = Telephone(16, 16)
    for hertz, passes in [(100, False), (500, True), (1000, True), (3000, True), (3700, False)]:
        wave = tone(hertz, rate)
        made, _ = line.on_batch(wave, torch.tensor([rate]), rate, dice(1))
        middle = slice(rate // 4, -rate // 4)
        kept = float(made[0, middle].norm() / wave[0, middle].norm())
        if passes:
            assert kept == pytest.approx(1, abs=0.02)
            assert (made - wave)[0, middle].abs().max() < 0.02
        else:
            assert kept < 0.03
    if rate > 12_000:
        made, _ = line.on_batch(tone(5000, rate), torch.tensor([rate]), rate, dice(1))
        assert made[0, rate // 4 : -rate // 4].abs().max() < 1e-3


def test_bits_are_drawn_over_the_range(
    tone: Callable[..., Tensor], dice: Callable[..., Dice]
) -> None:
    waves, lengths = tone(1000, 8000).repeat(60, 1), torch.full((60,), 8000)
    made, _ = Telephone(5, 7).on_batch(waves, lengths, 8000, dice(60))
    counts = []
    for bits in (5, 6, 7):
        (alone,), _ = Telephone(bits, bits).on_batch(waves[:1], lengths[:1], 8000, dice(1))
        counts.append(sum(torch.equal(wave, alone) for wave in made))
    assert sum(counts) == 60
    assert min(counts) > 8
