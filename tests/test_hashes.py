"""Numbers of names: the same for ever, whatever stands beside them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clara.hashes import distinct, hashed, mixed

NAMES = [
    "",
    "a",
    "ab",
    "freesound:100032",
    "youtube:dQw4w9WgXcQ",
    "日本語 🎧",
    "x" * 128,
    "y" * 300,
]
PINNED = [
    0,
    13485811662607231212,
    589125046935224272,
    12261147509115113973,
    12473868279735490484,
    9565015751168971091,
    4147427068697520558,
    17954614675875514879,
]


def test_they_are_part_of_a_format() -> None:
    # These stand in checkpoints: whoever changes them breaks every one.
    assert hashed(NAMES).tolist() == PINNED


def test_no_name_is_zero_and_nothing_else_is() -> None:
    assert hashed(["", None]).tolist() == [0, 0]  # type: ignore[list-item]
    assert (hashed(["\0", "\0\0", " ", "0"]) != 0).all()


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_neighbours_and_slices_change_nothing(kind: pa.DataType) -> None:
    together = hashed(pa.array(NAMES, kind))
    alone = np.concatenate([hashed([name]) for name in NAMES])
    assert (together == alone).all()
    assert (hashed(pa.array(["?", *NAMES, "!"], kind).slice(1, len(NAMES))) == together).all()
    chunks = pa.chunked_array([NAMES[:3], NAMES[3:3], NAMES[3:]], kind)
    assert (hashed(chunks) == together).all()
    many = pa.array(NAMES * 20_000, kind)  # more than are hashed at once
    assert (hashed(many) == np.tile(together, 20_000)).all()


@given(st.lists(st.text(max_size=300), max_size=50, unique=True))
@settings(max_examples=50, deadline=None)
def test_different_names_have_different_numbers(names: list[str]) -> None:
    names = [name.encode(errors="replace").decode() for name in names]
    assert len(set(hashed(names).tolist())) == len(set(names))


def test_like_names_are_spread_over_all_bits() -> None:
    numbers = hashed([f"freesound:{n}" for n in range(100_000)])
    assert len(np.unique(numbers)) == len(numbers)
    for bit in range(64):
        share = (numbers >> np.uint64(bit) & np.uint64(1)).mean()
        assert share == pytest.approx(0.5, abs=0.01)
    ends = hashed([f"{'a' * 7}{chr(first)}{'b' * 7}{chr(last)}" for first in range(1, 128)
                   for last in range(1, 128)])  # fmt: skip
    assert len(np.unique(ends)) == 127 * 127


def test_mixing_loses_nothing() -> None:
    numbers = np.arange(100_000, dtype=np.uint64)
    assert len(np.unique(mixed(numbers))) == len(numbers)
    assert mixed(np.zeros(1, np.uint64)).tolist() == [0]


def test_distinct() -> None:
    rng = np.random.default_rng(0)
    runs = [np.sort(rng.integers(0, 50, size, dtype=np.uint64)) for size in (30, 0, 100, 1)]
    expected = np.unique(np.concatenate(runs))
    assert (distinct(*runs) == expected).all()
    assert (distinct(rng.permutation(np.concatenate(runs))) == expected).all()
    assert len(distinct()) == len(distinct(np.zeros(0, np.uint64))) == 0
