"""Played faster or slower, as a tape: length and pitch change together."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from clara.augment import Dice, silence
from clara.augment._filters import resample
from clara.configs import expect, expect_within

__all__ = ["Speed"]


@dataclass(frozen=True, slots=True)
class Speed:
    """Plays each row `x` times as fast: it gets `x` times shorter, and `x` times higher.

    Attributes:
        low: Least speed.
        high: Greatest speed.
    """

    low: float = 0.9
    high: float = 1.1

    def __post_init__(self) -> None:
        expect_within(self, 0.25, 4, "low", "high")
        expect(self.low <= self.high, f"high to be at least low, {self.low}", self.high)

    def on_batch(
        self, waves: Tensor, lengths: Tensor, rate: int, dice: Dice
    ) -> tuple[Tensor, Tensor]:
        """As `clara.augment.Acoustic.on_batch`."""
        factors = dice.uniform(self.low, self.high)
        lengths = torch.ceil(lengths / factors.to(lengths.device)).long()
        played = resample(waves, factors.tolist())
        return silence(played, lengths), lengths
