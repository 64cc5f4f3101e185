"""Clipping: what is louder than a converter can hold comes out flat."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from clara.augment import Dice
from clara.configs import expect, expect_within

__all__ = ["Clipping"]

# Steps of amplitude that the samples of a row are counted by, as many as 16 bits tell apart.
_STEPS = 1 << 15


@dataclass(frozen=True, slots=True)
class Clipping:
    """Cuts the peaks of each row off, so that a drawn share of its samples is cut.

    Attributes:
        low: Least share.
        high: Greatest share.
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
        share = dice.uniform(self.low, self.high).to(waves.device)
        limit = ceiling(waves, lengths, share)[:, None]
        return waves.clamp(-limit, limit), lengths


def ceiling(waves: Tensor, lengths: Tensor, share: Tensor) -> Tensor:
    """The amplitude that a share of each row lies above, or the least more than it.

    Args:
        waves: `[B, T]`, zero behind each length.
        lengths: `[B]`.
        share: Of the samples of each row `[B]`, from 0 to 1.

    Returns:
        `[B]`, to the 32,768th part of the peak: no more than the share is above, and of samples of
        one value all or none.
    """
    size = waves.abs()
    peak = size.amax(1, keepdim=True) if waves.shape[1] else size.new_zeros(len(size), 1)
    # Counted, not sorted: a step for every sample, and how many samples are on each step.
    step = (size * (_STEPS / peak.clamp(min=1e-30))).int().clamp_(max=_STEPS)
    rows = torch.arange(len(waves), device=waves.device)[:, None] * (_STEPS + 1)
    counts = torch.bincount((step + rows).flatten(), minlength=len(waves) * (_STEPS + 1))
    # On this step or above.
    above = counts.view(len(waves), -1).flip(1).cumsum(1).flip(1)
    found = (above > (share * lengths)[:, None]).sum(1)
    return peak[:, 0] * (found / _STEPS).clamp(max=1).to(peak)
