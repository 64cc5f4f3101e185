"""A telephone line: a narrow band at 8 kHz, and few bits in steps that grow with the level.

The loss of ITU-T G.711, simulated: its sampling rate, its band and the curve of its mu-law.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from clara.augment import Dice, silence
from clara.augment._filters import band_pass, convolve, resample
from clara.configs import expect, expect_within

__all__ = ["Telephone"]

_RATE = 8000
_MU = 255.0
# The band of a line, in hertz, and the length of the filter that leaves it, in samples.
_BAND = (300.0, 3400.0)
_TAPS = 201


@dataclass(frozen=True, slots=True)
class Telephone:
    """Sends each row over a telephone line.

    Attributes:
        low: Fewest bits of a sample; G.711 has 8, the fewer the noisier.
        high: Most bits of a sample.
    """

    low: int = 6
    high: int = 8

    def __post_init__(self) -> None:
        expect_within(self, 2, 16, "low", "high")
        expect(self.low <= self.high, f"high to be at least low, {self.low}", self.high)

    def on_batch(
        self, waves: Tensor, lengths: Tensor, rate: int, dice: Dice
    ) -> tuple[Tensor, Tensor]:
        """As `clara.augment.Acoustic.on_batch`."""
        bits = dice.uniform(self.low, self.high + 1).floor().clamp(max=self.high)
        narrow = max(1.0, rate / _RATE)
        sizes = torch.ceil(lengths / narrow).long()
        line = silence(resample(waves, [narrow] * len(waves)), sizes)
        line = convolve(line, _band(round(rate / narrow)).to(line), _TAPS // 2)
        line = silence(mu_law(line, bits), sizes)
        heard = resample(line, [1 / narrow] * len(waves))[:, : waves.shape[1]]
        return silence(heard, lengths), lengths


def mu_law(waves: Tensor, bits: Tensor) -> Tensor:
    """Waves `[B, T]` rounded to `2 ** bits - 1` levels, close to each other near zero.

    What is beyond -1 to 1 is clipped.

    >>> mu_law(torch.tensor([[0.0, 0.1, 2.0]]), torch.tensor([8])).round(decimals=2)
    tensor([[0.0000, 0.1000, 1.0000]])
    """
    steps = (2 ** (bits - 1) - 1).to(waves)[:, None]
    loud = (waves.abs().clamp(max=1) * _MU).log1p() / math.log1p(_MU)
    return ((loud * steps).round() / steps * math.log1p(_MU)).expm1() / _MU * waves.sign()


@functools.cache
def _band(rate: int) -> Tensor:
    low, high = torch.tensor(_BAND, device="cpu")[:, None]
    return band_pass(low, high, [_TAPS], rate)
