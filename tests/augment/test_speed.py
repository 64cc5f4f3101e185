from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from clara.augment import Dice
from clara.augment.speed import Speed
from clara.augment.tempo import Tempo

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("kind", [Speed, Tempo])
@pytest.mark.parametrize("rate", [8000, 48_000])
@pytest.mark.parametrize("factor", [0.5, 0.9, 1.0, 1.1, 2.0])
def test_length_and_pitch(
    kind: type[Speed] | type[Tempo],
    rate: int,
    factor: float,
    tone: Callable[..., Tensor],
    pitch_of: Callable[[Tensor, int], float],
    dice: Callable[..., Dice],
) -> None:
    """Both change the length by the factor; the one changes the pitch by it too."""
    waves = tone(440, rate)
    member = kind(factor, factor)
    made, lengths = member.on_batch(waves, torch.tensor([rate]), rate, dice(1))
    assert lengths.tolist() == [math.ceil(rate / factor)] == [made.shape[1]]
    middle = made[0, rate // 10 : -rate // 10]
    expected = 440 * (factor if kind is Speed else 1)
    assert 1200 * math.log2(pitch_of(middle, rate) / expected) == pytest.approx(0, abs=0.5)
    assert float(middle.std() / waves.std()) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("kind", [Speed, Tempo])
def test_what_happens_when(kind: type[Speed] | type[Tempo], dice: Callable[..., Dice]) -> None:
    """A burst at one second is heard at 1 / factor seconds."""
    rate = 8000
    waves = torch.zeros(1, 2 * rate)
    burst = torch.randn(400, generator=torch.Generator().manual_seed(0))
    waves[0, rate - 200 : rate + 200] = burst
    for factor in (0.8, 1.25):
        made, _ = kind(factor, factor).on_batch(waves, torch.tensor([2 * rate]), rate, dice(1))
        energy = made[0].double().square()
        centre = float((energy * torch.arange(made.shape[1])).sum() / energy.sum())
        true = waves[0].double().square()
        before = float((true * torch.arange(2 * rate)).sum() / true.sum())
        assert centre / rate == pytest.approx(before / factor / rate, abs=0.01)


def test_rows_of_several_lengths(dice: Callable[..., Dice]) -> None:
    waves, lengths = torch.ones(3, 1000), torch.tensor([1000, 1, 0])
    made, new = Speed(0.9, 1.1).on_batch(waves, lengths, 8000, dice(3))
    factors = dice(3).uniform(0.9, 1.1)
    assert new.tolist() == torch.ceil(lengths / factors).long().tolist()
    assert made.shape[1] >= int(new.max())
