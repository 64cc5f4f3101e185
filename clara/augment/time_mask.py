"""A stretch of silence, as when a line drops out; on log-mel the model has masks of its own."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from clara.augment import Dice, silence
from clara.configs import expect, expect_within

__all__ = ["TimeMask"]


@dataclass(frozen=True, slots=True)
class TimeMask:
    """Silences a stretch of each row, at a place of equal chance.

    Attributes:
        low: Least share of the row.
        high: Greatest share of the row.
    """

    low: float = 0.0
    high: float = 0.1

    def __post_init__(self) -> None:
        expect_within(self, 0, 1, "low", "high")
        expect(self.low <= self.high, f"high to be at least low, {self.low}", self.high)

    def on_batch(
        self, waves: Tensor, lengths: Tensor, rate: int, dice: Dice
    ) -> tuple[Tensor, Tensor]:
        """As `clara.augment.Acoustic.on_batch`."""
        share, place = dice.uniform(self.low, self.high), dice.uniform(0, 1)
        run = (share.to(waves.device) * lengths).round().long()
        start = (place.to(waves.device) * (lengths - run + 1)).long().clamp(max=lengths - run)
        return silence(waves, start, start + run), lengths
