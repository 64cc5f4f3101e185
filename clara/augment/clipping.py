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
        # Several times as fast as to clamp by a tensor.
        torch.minimum(torch.maximum(waves, -limit, out=waves), limit, out=waves)
        return waves, lengths


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
    peak = size.amax(1, keepdim=True)
    # Counted, not sorted: a step for every sample, and how many samples are on each step. What is
    # no number is on one of them too.
    step = (size * (_STEPS / peak.clamp(min=1e-30))).int().clamp_(0, _STEPS).long()
    counts = torch.zeros(len(waves), _STEPS + 1, dtype=torch.int32, device=waves.device)
    counts.scatter_add_(1, step, counts.new_ones(1, 1).expand_as(step))
    # A step is too low while more than the share is on it or above, so fewer than the rest below.
    rest = waves.shape[1] - share * lengths
    found = (counts.cumsum(1) < rest[:, None]).sum(1) + 1
    return peak[:, 0] * (found / _STEPS).clamp(max=1).to(peak)
