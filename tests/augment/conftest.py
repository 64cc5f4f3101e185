"""What the tests of augmentations share."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch

from clara.augment import Dice

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def dice() -> Callable[..., Dice]:
    """Dice for so many rows, by a seed."""

    def make(count: int, seed: int = 0) -> Dice:
        return Dice.roll(torch.Generator().manual_seed(seed), count)

    return make


@pytest.fixture
def tone() -> Callable[..., torch.Tensor]:
    """A tone `[1, T]` of so many hertz."""

    def make(hertz: float, rate: int, seconds: float = 1.0, level: float = 0.3) -> torch.Tensor:
        time = torch.arange(round(seconds * rate), dtype=torch.float64) / rate
        return (level * torch.sin(2 * math.pi * hertz * time)).float()[None]

    return make


@pytest.fixture
def pitch_of() -> Callable[[torch.Tensor, int], float]:
    """The strongest frequency of a wave `[T]` in hertz, to a tiny part of a bin."""

    def measure(wave: torch.Tensor, rate: int) -> float:
        size = 2 ** math.ceil(math.log2(4 * len(wave)))
        window = torch.hann_window(len(wave), dtype=torch.float64)
        loud = torch.fft.rfft(wave.double() * window, size).abs().log()
        peak = int(loud.argmax())
        left, middle, right = loud[peak - 1 : peak + 2].tolist()
        return (peak + 0.5 * (left - right) / (left - 2 * middle + right)) * rate / size

    return measure
