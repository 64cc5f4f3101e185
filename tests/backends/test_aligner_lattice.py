"""The cheapest way through a lattice is what trying all ways finds, in chunks and in a band too."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clara.backends.aligner import _lattice
from clara.backends.aligner._lattice import Lattice


def random_lattice(frames: int, states: int, seed: int, width: int = 4096) -> Lattice:
    generator = torch.Generator().manual_seed(seed)
    costs = torch.rand(frames, states, generator=generator)
    stay, skip = torch.rand(2, states, generator=generator) / 4
    skip[torch.rand(states, generator=generator) < 0.3] = torch.inf
    return Lattice(frames, states, lambda a, b, c, d: costs[a:b, c:d], stay, skip, width)


def price(lattice: Lattice, path: tuple[int, ...]) -> float:
    costs = lattice.emit(0, lattice.frames, 0, lattice.states)
    total = float(costs[0, path[0]])
    for frame, (before, after) in enumerate(itertools.pairwise(path), start=1):
        total += float(costs[frame, after])
        total += {0: float(lattice.stay[after]), 1: 0.0, 2: float(lattice.skip[after])}[
            after - before
        ]
    return total


def all_paths(frames: int, states: int) -> list[tuple[int, ...]]:
    found = [
        tuple(itertools.accumulate((first, *moves)))
        for first in range(min(2, states))
        for moves in itertools.product(range(3), repeat=frames - 1)
    ]
    return [path for path in found if states - 2 <= path[-1] < states]


@given(frames=st.integers(1, 7), states=st.integers(1, 6), seed=st.integers(0, 10_000))
@settings(max_examples=150, deadline=None)
def test_it_is_what_trying_all_paths_finds(frames, states, seed):
    lattice = random_lattice(frames, states, seed)
    cheapest = min((price(lattice, path) for path in all_paths(frames, states)), default=np.inf)
    found = lattice.best()
    if found is None:
        assert cheapest == np.inf
        assert lattice.cost() == np.inf
        return
    assert price(lattice, tuple(found.path.tolist())) == pytest.approx(cheapest, rel=1e-5)
    assert found.cost * frames == pytest.approx(cheapest, rel=1e-5)
    assert lattice.cost() == found.cost


@pytest.mark.parametrize("room", [1, 4, 10**9])
def test_pointers_that_were_not_kept_are_made_again(monkeypatch, room):
    whole = random_lattice(97, 60, 3).best()
    monkeypatch.setattr(_lattice, "_CHUNK", 10)
    monkeypatch.setattr(_lattice, "_POINTERS", room * 2 * 60 * 10)
    parts = random_lattice(97, 60, 3).best()
    assert whole is not None
    assert parts is not None
    assert np.array_equal(parts.path, whole.path)
    assert parts.cost == whole.cost


def diagonal(frames: int, states: int, width: int) -> Lattice:
    """One path is good: as far in the states as in the frames."""

    def emit(first: int, last: int, low: int, high: int) -> torch.Tensor:
        wanted = torch.arange(first, last) * (states - 1) / (frames - 1)
        return (torch.arange(low, high) - wanted[:, None]).abs().clamp(max=5)

    return Lattice(frames, states, emit, torch.zeros(states), torch.zeros(states), width)


def test_a_band_follows_the_best_path():
    found = diagonal(4000, 5000, 700).best()
    assert found is not None
    assert np.abs(found.path - np.arange(4000) * 4999 / 3999).max() <= 1
    assert found.path[-1] >= 4998


def test_memory_does_not_grow_with_the_recording(monkeypatch):
    kept = []
    forward = Lattice._forward

    def watched(self: Lattice, *, remember: bool = False) -> object:
        result = forward(self, remember=remember)
        kept.append(sum(each.numel() for each in result[2].pointers))
        return result

    monkeypatch.setattr(Lattice, "_forward", watched)
    monkeypatch.setattr(_lattice, "_POINTERS", 2**20)
    for frames in (2000, 8000):
        assert diagonal(frames, frames, 700).best() is not None
    assert max(kept) <= 2**20


def test_what_does_not_end_is_no_path():
    assert diagonal(100, 1000, 4096).best() is None
    never = diagonal(3000, 5900, 700)
    far = Lattice(never.frames, 9000, never.emit, torch.zeros(9000), torch.zeros(9000), 700)
    assert far.best() is None
    assert far.cost() == np.inf


def test_it_keeps_to_one_core():
    """Thousands of short operations would wait for busy cores thousands of times."""
    threads = torch.get_num_threads()
    seen = set()

    def emit(first: int, last: int, low: int, high: int) -> torch.Tensor:
        seen.add(torch.get_num_threads())
        return torch.zeros(last - first, high - low)

    try:
        torch.set_num_threads(2)
        lattice = Lattice(9, 4, emit, torch.zeros(4), torch.zeros(4))
        assert lattice.best() is not None
        assert lattice.cost() == 0
        assert (seen, torch.get_num_threads()) == ({1}, 2)
    finally:
        torch.set_num_threads(threads)
