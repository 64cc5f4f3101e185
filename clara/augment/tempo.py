"""Faster or slower at the same pitch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from clara.augment import Dice, silence
from clara.augment._vocoder import stretch
from clara.configs import expect, expect_within

__all__ = ["Tempo"]


@dataclass(frozen=True, slots=True)
class Tempo:
    """Plays each row `x` times as fast without a change of pitch.

    Attributes:
        low: Least tempo.
        high: Greatest tempo.
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
        factors = 1 / dice.uniform(self.low, self.high)
        lengths = torch.ceil(lengths * factors.to(lengths.device)).long()
        played = stretch(waves, factors, rate)
        return silence(played, lengths), lengths
