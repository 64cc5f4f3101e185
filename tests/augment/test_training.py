"""Augmentation inside training: off unless asked for, exact after a stop, the same on any ranks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from clara import checkpoint, recipes
from clara.batches import Batches
from clara.configs import from_json, to_json
from clara.errors import UsageError
from clara.records import Batch
from clara.shards import Index
from clara.text.tokens import Tokens
from clara.train import Progress, Recipe, _augmented, train

pytestmark = pytest.mark.usefixtures("one_thread")

LINES = ("speed 0.5", "reverb 0.5 high=0.2", "pitch 0.3", "clipping 0.3", "time_mask 1")


@pytest.fixture
def heard(toy: Recipe) -> Recipe:
    config = replace(toy.train, steps=6, save_every=2, accumulate=2)
    return replace(toy, train=config, augment=LINES)


class StoppedError(Exception):
    """The run is stopped."""


def stop_at(step: int, progress: Progress) -> None:
    if progress.step == step:
        raise StoppedError


def weights(run: Path) -> bytes:
    newest = checkpoint.latest(run)
    assert newest is not None
    return (newest / "model.safetensors").read_bytes()


def test_a_run_that_was_stopped_ends_with_the_same_weights(heard: Recipe, tmp_path: Path) -> None:
    train(heard, tmp_path / "whole")
    for step in (3, 5):
        with pytest.raises(StoppedError):
            train(heard, tmp_path / "run", watch=lambda p, at=step: stop_at(at, p))
    train(heard, tmp_path / "run")
    assert weights(tmp_path / "run") == weights(tmp_path / "whole")
    train(replace(heard, augment=()), tmp_path / "plain")
    assert weights(tmp_path / "plain") != weights(tmp_path / "whole")
    with pytest.raises(UsageError, match=r"recipe\.json differs in augment"):
        train(replace(heard, augment=LINES[1:]), tmp_path / "run")


def test_ranks_hear_together_what_one_hears_alone(heard: Recipe, tmp_path: Path) -> None:
    index = Batches.choose(Index.open(*heard.data.folders), heard.data)
    tokens = Tokens.train(["a tone"], 300)

    def batches(rank: int, world: int, start: int) -> Iterator[Batch]:
        source = Batches(index, tokens, heard.data, rate=8000, rank=rank, world=world)
        fabric = SimpleNamespace(global_rank=rank, world_size=world, to_device=lambda data: data)
        return _augmented(fabric, heard, source.stream(start), start)  # type: ignore[arg-type]

    alone = batches(0, 1, 0)
    together = [batches(rank, 3, 0) for rank in range(3)]
    later = batches(0, 1, 2)
    for step in range(4):
        whole = next(alone)
        for rank, stream in enumerate(together):
            part = next(stream)
            assert part.keys == whole.keys[rank::3]
            assert torch.equal(part.wave_lengths, whole.wave_lengths[rank::3])
            for wave, other, length in zip(
                part.waves, whole.waves[rank::3], part.wave_lengths.tolist(), strict=True
            ):
                assert torch.equal(wave[:length], other[:length])
        if step >= 2:
            again = next(later)
            assert again.keys == whole.keys
            assert torch.equal(again.waves, whole.waves)


def test_no_recipe_of_the_package_augments() -> None:
    assert all(recipes.get(name).augment == () for name in recipes.names())


def test_a_recipe_says_what_it_augments(heard: Recipe) -> None:
    assert from_json(Recipe, json.loads(json.dumps(to_json(heard)))) == heard
    with pytest.raises(UsageError, match="did you mean 'reverb'"):
        replace(heard, augment=("revreb 0.5",))
