"""A room of six walls: what a microphone in it hears, by mirror images of the speaker.

After Allen and Berkley, "Image method for efficiently simulating small-room acoustics" (1979): what
is reflected sounds as if it came straight from behind the wall, from where a mirror would show it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from clara.augment import Dice
from clara.augment._filters import reverberate
from clara.configs import expect, expect_within

__all__ = ["Room"]

# Metres per second.
_SOUND = 343.0
# Metres: how high a room is, and how near to a wall nobody stands.
_HEIGHT = (2.4, 4.0)
_WALL = 0.5


@dataclass(frozen=True, slots=True)
class Room:
    """Puts each row into a room of its own, speaker and microphone anywhere in it.

    A response has energy 1 and begins with the direct sound, as those of `reverb`, which takes a
    fraction of the time; here echoes come when and as loud as the walls have them.

    Attributes:
        low: Least reverberation time (RT60), in seconds.
        high: Greatest reverberation time.
        narrow: Least length of a wall, in metres.
        wide: Greatest length of a wall.
    """

    low: float = 0.15
    high: float = 0.5
    narrow: float = 3.0
    wide: float = 8.0

    def __post_init__(self) -> None:
        expect_within(self, 0.05, 1, "low", "high")
        expect(self.low <= self.high, f"high to be at least low, {self.low}", self.high)
        expect_within(self, 3, 30, "narrow", "wide")
        expect(self.narrow <= self.wide, f"wide to be at least narrow, {self.narrow}", self.wide)

    def on_batch(
        self, waves: Tensor, lengths: Tensor, rate: int, dice: Dice
    ) -> tuple[Tensor, Tensor]:
        """As `clara.augment.Acoustic.on_batch`."""
        seconds = dice.uniform(self.low, self.high).tolist()
        sides = (self.narrow, self.wide), (self.narrow, self.wide), _HEIGHT
        sizes = torch.stack([dice.uniform(*side) for side in sides], 1)
        free = sizes - 2 * _WALL
        speakers, ears = (
            _WALL + free * torch.stack([dice.uniform(0, 1) for _ in sides], 1) for _ in range(2)
        )
        rooms = zip(sizes.tolist(), speakers.tolist(), ears.tolist(), seconds, strict=True)
        responses = []
        for size, speaker, ear, time in rooms:
            response = echoes(size, speaker, ear, time, rate)
            heard = response[round(math.dist(speaker, ear) * rate / _SOUND) :]
            responses.append(heard / heard.norm())
        return reverberate(waves, lengths, responses)


def echoes(
    size: Sequence[float],
    speaker: Sequence[float],
    ear: Sequence[float],
    seconds: float,
    rate: int,
) -> Tensor:
    """What is heard of an impulse, each echo at the nearest sample.

    The walls take as much as by Eyring's formula leaves a millionth after the reverberation time.
    They turn the sign round, or else the echoes would add up to a pressure that stays.

    Args:
        size: Of the room in metres: length, width, height.
        speaker: Its place, in metres from a corner.
        ear: Place of the microphone.
        seconds: Reverberation time (RT60); what comes later than it after the impulse, and later
            than the direct sound, is left out.
        rate: Samples per second.

    Returns:
        float32 `[K]`; the direct sound is 1 over the distance loud.
    """
    surface = 2 * (size[0] * size[1] + size[1] * size[2] + size[2] * size[0])
    # What is left of an amplitude after a wall, as a logarithm.
    loss = 12 * math.log(10) * math.prod(size) / (_SOUND * surface * seconds)
    reach = max(_SOUND * seconds, math.dist(speaker, ear) + _SOUND / rate)
    axes = [_images(*axis, reach) for axis in zip(size, speaker, ear, strict=True)]
    squares, bounces = (x[:, None, None] + y[:, None] + z for x, y, z in zip(*axes, strict=True))
    near = squares < reach**2
    distances, walls = squares[near].sqrt().clamp(min=_SOUND / rate), bounces[near]
    gains = torch.exp(-loss * walls) / distances * (1 - 2 * (walls % 2))
    return torch.bincount((distances * (rate / _SOUND)).round().long(), gains).float()


def _images(size: float, speaker: float, ear: float, reach: float) -> tuple[Tensor, Tensor]:
    """Along one axis, how far away images are, squared, and how many walls lie between."""
    turns = math.ceil(reach / size / 2) + 1
    number = torch.arange(-turns, turns + 1, dtype=torch.float32, device="cpu")
    away = torch.cat([2 * number * size + speaker, 2 * number * size - speaker]) - ear
    walls = torch.cat([2 * number, 2 * number - 1]).abs()
    near = away.abs() < reach
    return away[near].square(), walls[near]
