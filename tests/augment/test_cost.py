"""What augmentations cost, counted instead of timed: memory asked for, and samples transformed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from clara.augment import Chain, Dice

pytestmark = pytest.mark.usefixtures("one_thread")

RATE, CLIPS = 16_000, 3
SIZE = 10 * RATE


class Count(TorchDispatchMode):
    """Counts waves' worth of new memory, and of samples that are transformed, for each clip."""

    def __init__(self) -> None:
        super().__init__()
        self.memory = self.transformed = 0.0
        self.calls = 0

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        made = operation(*args, **kwargs)
        tensors = (each for each in (*args, *kwargs.values()) if isinstance(each, torch.Tensor))
        given = {tensor.untyped_storage().data_ptr() for tensor in tensors}
        self.calls += 1
        if isinstance(made, torch.Tensor):
            memory = made.untyped_storage()
            if memory.data_ptr() not in given:
                self.memory += memory.nbytes() / 4 / SIZE / CLIPS
            if operation.name().endswith("_rfft"):
                self.transformed += args[0].numel() / SIZE / CLIPS
            if operation.name().endswith("_irfft"):
                self.transformed += made.numel() / SIZE / CLIPS
        return made


@pytest.mark.parametrize(
    ("line", "memory", "transformed", "calls"),
    [
        ("gain 1", 0.01, 0, 30),
        ("time_mask 1", 0.01, 0, 50),
        ("clipping 1", 6, 0, 56),
        ("frequency_mask 1 low=0.5", 6, 3.2, 100),
        ("speed 1 low=0.9 high=0.99", 12, 0, 250),
        ("speed 1 low=1.01 high=1.1", 9, 0, 210),
        ("reverb 1 high=0.5", 6.2, 3.7, 72),
    ],
)
def test_what_a_clip_costs(
    line: str, memory: float, transformed: float, calls: int, dice: Callable[..., Dice]
) -> None:
    generator = torch.Generator().manual_seed(0)
    waves = 0.1 * torch.randn(CLIPS, SIZE, generator=generator)
    lengths = torch.full((CLIPS,), SIZE)
    with Count() as cost:
        Chain.parse([line]).on_batch(waves, lengths, RATE, dice(CLIPS), overwrite=True)
    assert cost.memory <= memory
    assert cost.transformed <= transformed
    assert cost.calls / CLIPS <= calls
