"""Long recordings through short windows: all of them is heard, and the same each time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clara.encoders._clips import BATCH, embed_texts, embed_waves, filled, unit, windows
from clara.errors import AudioError, UsageError

RATE = 8000


def mean_and_count(waves: list[np.ndarray]) -> np.ndarray:
    """An encoder in whose rows one reads which samples a window held."""
    return np.array([[wave[0], wave[-1], 1.0] for wave in waves], np.float32)


@given(st.integers(1, 400), st.integers(1, 60))
def test_windows_cover_everything_and_are_as_few_as_can_be(length: int, size: int) -> None:
    wave = np.arange(length, dtype=np.float32)
    parts = list(windows(wave, size))
    assert len(parts) == -(-length // size)
    assert np.unique(np.concatenate(parts)).tolist() == wave.tolist()
    assert {len(part) for part in parts} == {min(size, length)}
    assert parts[0][0] == 0
    assert parts[-1][-1] == length - 1
    steps = np.diff([part[0] for part in parts])
    assert len(steps) == 0 or steps.max() - steps.min() <= 1


def test_without_a_window_a_wave_is_whole() -> None:
    (part,) = windows(np.zeros(10**6, np.float32), None)
    assert len(part) == 10**6


def test_the_row_of_a_long_clip_is_the_mean_of_its_windows() -> None:
    wave = np.linspace(0.1, 0.9, 25, dtype=np.float32)
    rows = embed_waves([(wave, RATE)], mean_and_count, rate=RATE, window=10, width=3)
    expected = np.mean([unit(mean_and_count([part]))[0] for part in windows(wave, 10)], axis=0)
    np.testing.assert_allclose(rows[0], expected / np.linalg.norm(expected), atol=1e-6)


def test_batches_are_full_across_clips_and_rows_keep_their_order() -> None:
    sizes: list[int] = []

    def encode(waves: list[np.ndarray]) -> np.ndarray:
        sizes.append(len(waves))
        return mean_and_count(waves)

    clips = [np.full(5 + 7 * (n % 9), n / 50, np.float32) for n in range(40)]
    rows = embed_waves([(c, RATE) for c in clips], encode, rate=RATE, window=5, width=3)
    assert sizes[:-1] == [BATCH] * (len(sizes) - 1)
    np.testing.assert_allclose(rows, unit(mean_and_count(clips)), atol=1e-6)


def test_nothing_in_nothing_out() -> None:
    assert embed_waves([], mean_and_count, rate=RATE, window=5, width=3).shape == (0, 3)
    assert embed_texts([], lambda texts: np.zeros((0, 3)), width=3).shape == (0, 3)


def test_one_alone_and_what_cannot_be_read() -> None:
    with pytest.raises(UsageError, match="a list of recordings"):
        embed_waves("a.wav", mean_and_count, rate=RATE, window=5, width=3)
    with pytest.raises(UsageError, match="a list of sentences"):
        embed_texts("a dog", lambda texts: np.zeros((len(texts), 3)), width=3)
    with pytest.raises(AudioError):
        embed_waves(["/none.wav"], mean_and_count, rate=RATE, window=5, width=3)


def test_texts_arrive_as_texts_of_unicode() -> None:
    seen: list[str] = []

    def encode(texts: list[str]) -> np.ndarray:
        seen.extend(texts)
        return np.ones((len(texts), 3))

    rows = embed_texts(np.array(["a", "\ud800"] * 50), encode, width=3)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    assert seen == ["a", "?"] * 50


def test_units_and_fillings() -> None:
    assert unit(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist() == [
        [np.float32(0.6), np.float32(0.8)],
        [0, 0],
    ]
    assert filled(np.array([1, 2, 3], np.float32), 7).tolist() == [1, 2, 3, 1, 2, 3, 1]
    assert filled(np.array([1, 2, 3], np.float32), 3).tolist() == [1, 2, 3]
