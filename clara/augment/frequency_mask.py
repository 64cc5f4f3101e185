"""A band of frequencies taken out of the wave; on log-mel the model has masks of its own."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from clara.augment import Dice, silence
from clara.augment._filters import band_pass, convolve
from clara.configs import expect, expect_within

__all__ = ["FrequencyMask"]

# Where bands begin at the lowest, in hertz.
_LOWEST = 100.0
# How wide the edges of a band are: as a share of where it begins, as a share of the band at the
# most, and in hertz at the least. The wider, the shorter the filter.
_EDGE = 0.2
_OF_BAND = 0.8
_NARROWEST = 44.0


@dataclass(frozen=True, slots=True)
class FrequencyMask:
    """Takes a band out of each row, of equal chance at each place on a logarithmic scale.

    Attributes:
        low: Least width, in octaves.
        high: Greatest width, in octaves.
    """

    low: float = 0.3
    high: float = 1.0

    def __post_init__(self) -> None:
        expect_within(self, 0, 10, "low", "high")
        expect(self.low <= self.high, f"high to be at least low, {self.low}", self.high)

    def on_batch(
        self, waves: Tensor, lengths: Tensor, rate: int, dice: Dice
    ) -> tuple[Tensor, Tensor]:
        """As `clara.augment.Acoustic.on_batch`."""
        width, place = dice.uniform(self.low, self.high), dice.uniform(0, 1)
        octaves = max(0.0, math.log2(rate / 2 / _LOWEST))
        start = _LOWEST * 2 ** (place * (octaves - width).clamp(min=0))
        stopped = band_stop(waves, start, start * 2**width, rate)
        return silence(stopped, lengths), lengths


def band_stop(waves: Tensor, start: Tensor, end: Tensor, rate: int) -> Tensor:
    """Waves `[B, T]` without what lies from `start` to `end` hertz `[B]`, not shifted in time."""
    edges = torch.minimum(_EDGE * start, _OF_BAND * (end - start)).clamp(min=_NARROWEST)
    taps = [round(5.5 * rate / edge) | 1 for edge in edges.tolist()]
    kernels = -band_pass(start, end.clamp(max=rate / 2), taps, rate)
    middle = kernels.shape[1] // 2
    kernels[:, middle] += 1
    return convolve(waves, kernels.to(waves), start=middle)
