"""Training and answering keep nothing from step to step: objects and bytes are counted, not timed.

What Python does not see, such as the memory of tensors that its allocator keeps, is told by the
slope of the resident set in `bench/memory.py`.
"""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_model import TINY

from clara.audio import io
from clara.checkpoint import About
from clara.embed import Clara
from clara.model import ClaraModel
from clara.text.tokens import Tokens
from clara.train import Progress, Recipe, train

pytestmark = pytest.mark.usefixtures("one_thread")

# What a count may be off by from one look to the next: batches in the making are seldom as many.
OBJECTS, TENSORS, BYTES = 60, 10, 100_000


@pytest.fixture
def look() -> Iterator[Callable[[], tuple[int, int, int]]]:
    """Objects that Python knows, tensors among them, and bytes that it holds."""
    tracemalloc.start()

    def counts() -> tuple[int, int, int]:
        gc.collect()
        objects = gc.get_objects()
        tensors = sum(type(each) in (torch.Tensor, torch.nn.Parameter) for each in objects)
        count = len(objects)
        del objects
        return count, tensors, tracemalloc.get_traced_memory()[0]

    yield counts
    tracemalloc.stop()


def flat(counts: list[tuple[int, int, int]]) -> None:
    """Refuses counts that grow from the first half to the second."""
    half = len(counts) // 2
    before, after = (np.median(part, axis=0) for part in (counts[:half], counts[half:]))
    growth = after - before
    assert (growth < (OBJECTS, TENSORS, BYTES)).all(), growth


def test_training_keeps_nothing(
    toy: Recipe, tmp_path: Path, look: Callable[[], tuple[int, int, int]]
) -> None:
    counts = []

    def watch(progress: Progress) -> None:
        if progress.step >= 30 and progress.step % 10 == 0:  # some epochs later, with checkpoints
            counts.append(look())

    schedule = replace(toy.train, steps=110, log_every=5, save_every=10)
    train(replace(toy, train=schedule, augment=("gain 0.5", "reverb 0.5")), tmp_path, watch=watch)
    flat(counts)


def test_answering_keeps_nothing(look: Callable[[], tuple[int, int, int]]) -> None:
    torch.manual_seed(0)
    model = Clara(ClaraModel(TINY).eval(), Tokens.bytes_only(), About())
    rng = np.random.default_rng(0)
    counts = []
    for number in range(60):
        wave = 0.1 * rng.standard_normal(int(rng.integers(800, 24_000))).astype(np.float32)
        labels = [f"sound {number}", "rain"]  # never the same question twice
        assert len(model.classify(io.encode_flac(wave, 8000), labels)) == 2
        if number >= 20 and number % 5 == 0:
            counts.append(look())
    flat(counts)


def test_what_is_kept_is_seen(look: Callable[[], tuple[int, int, int]]) -> None:
    kept, counts = [], []
    for _ in range(8):
        kept.extend(torch.zeros(3) for _ in range(20))
        counts.append(look())
    with pytest.raises(AssertionError):
        flat(counts)
