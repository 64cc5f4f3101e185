"""Higher or lower, as long as before."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from clara.augment import Dice, silence
from clara.augment._filters import resample
from clara.augment._vocoder import stretch
from clara.configs import expect, expect_within

__all__ = ["Pitch"]


@dataclass(frozen=True, slots=True)
class Pitch:
    """Shifts the pitch of each row: read at another speed, then stretched to its length again.

    By more than a few semitones a voice takes on another age and gender, formants and all; then
    the captions that name them are no longer true.

    Attributes:
        low: Least shift, in semitones.
        high: Greatest shift, in semitones.
    """

    low: float = -2.0
    high: float = 2.0

    def __post_init__(self) -> None:
        expect_within(self, -24, 24, "low", "high")
        expect(self.low <= self.high, f"high to be at least low, {self.low}", self.high)

    def on_batch(
        self, waves: Tensor, lengths: Tensor, rate: int, dice: Dice
    ) -> tuple[Tensor, Tensor]:
        """As `clara.augment.Acoustic.on_batch`."""
        shifted = pitch(waves, lengths, dice.uniform(self.low, self.high), rate)
        return silence(shifted, lengths), lengths


def pitch(waves: Tensor, lengths: Tensor, semitones: Tensor, rate: int) -> Tensor:
    """Waves `[B, T]` with lengths `[B]`, each so many semitones `[B]` higher."""
    factors = 2 ** (semitones.double() / 12)
    read = resample(waves, factors.tolist())
    silence(read, torch.ceil(lengths / factors.to(lengths.device)).long())
    stretched = stretch(read, factors, rate)[:, : waves.shape[1]]
    return functional.pad(stretched, (0, waves.shape[1] - stretched.shape[1]))
