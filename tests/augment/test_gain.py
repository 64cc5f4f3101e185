from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from clara.augment import Dice
from clara.augment.gain import Gain, gain

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("decibels", [-120.0, -6.0, 0.0, 3.7, 20.0])
def test_the_level_changes_by_so_many_decibels(decibels: float) -> None:
    waves = torch.randn(2, 1000, generator=torch.Generator().manual_seed(0))
    made = gain(waves.clone(), torch.tensor([decibels, 0.0]))
    assert 20 * (made[0].norm() / waves[0].norm()).log10() == pytest.approx(decibels, abs=1e-3)
    assert torch.equal(made[1], waves[1])


def test_levels_are_drawn_over_the_range(dice: Callable[..., Dice]) -> None:
    waves, lengths = torch.ones(2000, 1), torch.ones(2000, dtype=torch.int64)
    made, _ = Gain(-10, 5).on_batch(waves, lengths, 8000, dice(2000))
    found = 20 * made[:, 0].log10()
    assert -10 <= found.min() < -9.9
    assert 4.9 < found.max() <= 5.001
    assert found.mean() == pytest.approx(-2.5, abs=0.3)
