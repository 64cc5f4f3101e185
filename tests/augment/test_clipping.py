from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from clara.augment import Dice
from clara.augment.clipping import Clipping, ceiling

pytestmark = pytest.mark.usefixtures("one_thread")


def noise(rows: int, size: int, seed: int = 0) -> torch.Tensor:
    return 0.1 * torch.randn(rows, size, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("share", [0.0, 0.001, 0.01, 0.1, 0.5, 0.99])
def test_so_large_a_share_of_the_samples_is_cut(share: float, dice: Callable[..., Dice]) -> None:
    waves, lengths = noise(3, 40_000), torch.tensor([40_000, 20_000, 40_000])
    waves[1, 20_000:] = 0
    waves[2] *= 30
    made, _ = Clipping(share, share).on_batch(waves.clone(), lengths, 8000, dice(3))
    cut = (made != waves).sum(1) / lengths
    torch.testing.assert_close(cut, torch.full((3,), share), atol=3e-4, rtol=0)
    assert (cut <= share + 1e-6).all()
    # What is cut lies at the ceiling; all else is as it was.
    for row in range(3):
        limit = made[row].abs().max()
        expected = waves[row].clamp(-limit, limit)
        assert torch.equal(made[row], expected)
        if share:
            quantile = np.quantile(waves[row, : lengths[row]].abs().numpy(), 1 - share)
            peak = float(waves[row].abs().max())
            assert float(limit) == pytest.approx(quantile, abs=2 * peak / 2**15)


def test_ties_and_extremes() -> None:
    """Of samples of one value all or none are cut, and never more than the share."""
    half = torch.tensor([[0.5, -0.5, 0.25, 0.25]])
    sizes = torch.tensor([4])
    for share, cut in [(0.0, 0), (0.4, 0), (0.5, 2), (0.9, 2)]:
        limit = float(ceiling(half, sizes, torch.tensor([share])))
        assert int((half.abs() > limit).sum()) == cut
    click = torch.full((1, 10_000), 1e-7)
    click[0, 77] = 1.0
    made = click.clamp(max=float(ceiling(click, torch.tensor([10_000]), torch.tensor([0.01]))))
    assert int((made != click).sum()) == 1
    for waves in (torch.zeros(2, 9), torch.full((2, 9), 1e-38)):
        limits = ceiling(waves, torch.tensor([9, 0]), torch.tensor([0.3, 0.3]))
        assert limits.isfinite().all()
