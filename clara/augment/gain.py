"""Louder or quieter."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from clara.augment import Dice
from clara.configs import expect, expect_within

__all__ = ["Gain"]


@dataclass(frozen=True, slots=True)
class Gain:
    """Changes the level of each row; nothing is clipped.

    Attributes:
        low: Least change, in decibels.
        high: Greatest change, in decibels.
    """

    low: float = -12.0
    high: float = 6.0

    def __post_init__(self) -> None:
        expect_within(self, -120, 120, "low", "high")
        expect(self.low <= self.high, f"high to be at least low, {self.low}", self.high)

    def on_batch(
        self, waves: Tensor, lengths: Tensor, rate: int, dice: Dice
    ) -> tuple[Tensor, Tensor]:
        """As `clara.augment.Acoustic.on_batch`."""
        return gain(waves, dice.uniform(self.low, self.high)), lengths


def gain(waves: Tensor, decibels: Tensor) -> Tensor:
    """Waves `[B, T]` by so many decibels `[B]`, in place."""
    return waves.mul_((10 ** (decibels / 20)).to(waves)[:, None])
