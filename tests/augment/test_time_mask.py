from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from clara.augment import Dice, silence
from clara.augment.time_mask import TimeMask

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_one_stretch_of_the_share_is_silent(share: float, dice: Callable[..., Dice]) -> None:
    lengths = torch.tensor([1000, 600, 10, 1, 0])
    waves = silence(torch.ones(5, 1000), lengths)
    made, _ = TimeMask(share, share).on_batch(waves, lengths, 8000, dice(5))
    for wave, length in zip(made, lengths.tolist(), strict=True):
        run = round(share * length)
        silent = (wave[:length] == 0).nonzero().flatten()
        assert len(silent) == run
        if run:
            assert silent[-1] - silent[0] + 1 == run
        assert (wave[:length] == 1).sum() == length - run


def test_every_place_has_the_same_chance(dice: Callable[..., Dice]) -> None:
    waves, lengths = torch.ones(4000, 20), torch.full((4000,), 20)
    made, _ = TimeMask(0.1, 0.1).on_batch(waves, lengths, 8000, dice(4000))
    starts = (made == 0).int().argmax(1)
    counts = torch.bincount(starts, minlength=20) / 4000
    assert not counts[19]
    torch.testing.assert_close(counts[:19], torch.full((19,), 1 / 19), atol=0.015, rtol=0)


def test_silence_from_one_sample_to_another() -> None:
    start, end = torch.tensor([3, 0, 9]), torch.tensor([5, 9, 9])
    place = torch.arange(9)
    for stop in (end, None):
        made = silence(torch.ones(3, 9), start, stop)
        last = torch.full((3,), 9) if stop is None else stop
        masked = (place >= start[:, None]) & (place < last[:, None])
        assert torch.equal(made == 0, masked)
