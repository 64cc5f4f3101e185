"""Reverberation: the sound of a room, by its impulse response, measured or simulated."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from clara.audio import io
from clara.augment import Dice
from clara.augment._filters import reverberate
from clara.configs import expect, expect_within
from clara.errors import UsageError

__all__ = ["Reverb"]

# What comes later than this of a measured response is cut, in seconds.
_LONGEST = 4.0


@dataclass(frozen=True, slots=True)
class Reverb:
    """Puts each row into a room.

    A response has energy 1, so that noise keeps its level, and begins with the direct sound, so
    that nothing is shifted in time. What sounds on behind the end of a row is cut.

    Attributes:
        low: Least reverberation time (RT60) of a simulated room, in seconds.
        high: Greatest reverberation time.
        near: Direct sound over reverberation of a simulated room at the most, in decibels.
        far: At the least.
        folder: Of measured impulse responses; if named, one of them is drawn for each row.
    """

    low: float = 0.1
    high: float = 0.8
    near: float = 12.0
    far: float = -3.0
    folder: str = ""

    def __post_init__(self) -> None:
        expect_within(self, 0.01, _LONGEST, "low", "high")
        expect(self.low <= self.high, f"high to be at least low, {self.low}", self.high)
        expect_within(self, -60, 60, "near", "far")
        expect(self.far <= self.near, f"near to be at least far, {self.far}", self.near)
        if self.folder:
            _recordings(self.folder)

    def on_batch(
        self, waves: Tensor, lengths: Tensor, rate: int, dice: Dice
    ) -> tuple[Tensor, Tensor]:
        """As `clara.augment.Acoustic.on_batch`."""
        return reverberate(waves, lengths, self._drawn(rate, dice))

    def _drawn(self, rate: int, dice: Dice) -> list[Tensor]:
        """A response for each row."""
        if self.folder:
            paths = _recordings(self.folder)
            numbers = (dice.uniform(0, 1) * len(paths)).long().tolist()
            return [measured(paths[number], rate) for number in numbers]
        seconds, ratios = dice.uniform(self.low, self.high), dice.uniform(self.far, self.near)
        noises = dice.noise([round(time * rate) for time in seconds.tolist()])
        rooms = zip(noises, seconds.tolist(), ratios.tolist(), strict=True)
        return [simulated(*room, rate) for room in rooms]


def simulated(noise: Tensor, seconds: float, ratio: float, rate: int) -> Tensor:
    """The response of a room: an impulse, then noise that decays by 60 dB in its time.

    Args:
        noise: White, `[K]`; the reverberation ends with it.
        seconds: Reverberation time (RT60).
        ratio: Energy of the impulse over that of the reverberation, in decibels.
        rate: Samples per second.

    Returns:
        `[K + 1]`, of energy 1.
    """
    place = torch.arange(1, len(noise) + 1, device="cpu")
    tail = noise * torch.exp(place * (-6.907755 / (seconds * rate)))
    tail *= 10 ** (-ratio / 20) / tail.norm().clamp(min=1e-20)
    return _level(torch.cat([torch.ones(1, device="cpu"), tail]))


@functools.lru_cache(256)
def measured(path: Path, rate: int) -> Tensor:
    """The response in a recording, from its greatest sample on, `[K]` of energy 1.

    Raises:
        AudioError: It cannot be decoded.
        UsageError: There is nothing but silence in it.
    """
    wave, _ = io.load(path, rate=rate)
    response = torch.from_numpy(wave)
    first = int(response.abs().argmax())
    if not response[first]:
        raise UsageError(f"Expected an impulse response in {path}, but it is silent; remove it.")
    return _level(response[first : first + round(_LONGEST * rate)])


@functools.lru_cache(8)
def _recordings(folder: str) -> tuple[Path, ...]:
    paths = Path(folder).rglob("*")
    found = sorted(path for path in paths if path.suffix.lower() in io.AUDIO_SUFFIXES)
    if not found:
        raise UsageError(
            f"Expected a folder of measured impulse responses but found no recording in {folder}; "
            f"name another, or none to have rooms simulated."
        )
    return tuple(found)


def _level(response: Tensor) -> Tensor:
    level: Tensor = response.norm()
    return response / level
