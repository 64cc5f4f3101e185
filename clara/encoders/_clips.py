"""What the encoders of other people share: any length of recording through a window of one length.

Models that hear so many seconds at a time are trained on a crop drawn at random, and their own
programs draw one when they are used, too: the same recording then gets other rows from run to run.
Here nothing is drawn. A longer recording is cut into as few windows as cover all of it, evenly
spread, the first at its beginning and the last at its end; its row is the mean of their unit rows,
made a unit row.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from clara.audio import io
from clara.embed import Rows, reject_single
from clara.encoders._weights import fingerprint
from clara.records import Wave

BATCH = 16
"""How many windows go through a network at once."""


class Windowed:
    """An encoder of other people, which hears a window at a time.

    A member of the room derives from it and sets what is named here.

    Attributes:
        name: For people.
        rate: The sample rate that it wants, in Hz.
        kind: Of its rows, with a number that changes when they do.
        files: All that decides the rows.
        window: The most samples that it hears at once; any number if None.
        width: Of its rows.
    """

    name: str
    rate: int
    kind: str
    files: tuple[Path, ...]
    window: int | None
    width: int

    @cached_property
    def hash(self) -> str:
        """Over all that decides the rows."""
        return fingerprint(self.kind, *self.files)

    def audio(self, sources: Sequence[io.Source]) -> Rows:
        """As `clara.embed.Encoder.audio`.

        Raises:
            AudioError: One of them cannot be read.
        """
        return embed_waves(
            sources, self._hear, rate=self.rate, window=self.window, width=self.width
        )

    def text(self, texts: Sequence[str]) -> Rows:
        """As `clara.embed.Encoder.text`."""
        return embed_texts(texts, self._read, width=self.width)

    def seen(self, corpus: str, split: str) -> str:
        """Always "unknown"."""
        return "unknown"

    def _hear(self, waves: list[Wave]) -> Rows:
        """Waves, each of at most a window, to rows of any length `[B, D]`."""
        raise NotImplementedError

    def _read(self, texts: list[str]) -> Rows:
        """Sentences to rows of any length `[B, D]`."""
        raise NotImplementedError


def embed_waves(
    sources: Sequence[io.Source],
    encode: Callable[[list[Wave]], Rows],
    *,
    rate: int,
    window: int | None,
    width: int,
) -> Rows:
    """Recordings to unit rows `[N, D]`.

    Args:
        sources: As `clara.embed.Encoder.audio` takes them.
        encode: Waves, each of at most a window, to rows of any length `[B, D]`.
        rate: The sample rate that it wants, in Hz.
        window: The most samples that it hears at once; any number if None.
        width: D.

    Raises:
        AudioError: A recording cannot be read.
    """
    reject_single(sources, "recordings")
    sums = np.zeros((len(sources), width))
    part: list[tuple[int, Wave]] = []

    def flush() -> None:
        rows = unit(encode([wave for _, wave in part]))
        for (owner, _), row in zip(part, rows, strict=True):
            sums[owner] += row
        part.clear()

    for owner, source in enumerate(sources):
        wave, _ = io.load(source, rate=rate)
        for each in windows(wave, window):
            part.append((owner, each))
            if len(part) == BATCH:
                flush()
    if part:
        flush()
    return unit(sums)


def embed_texts(texts: Sequence[str], encode: Callable[[list[str]], Rows], *, width: int) -> Rows:
    """Sentences to unit rows `[N, D]`.

    Args:
        texts: Any sentences.
        encode: Some of them to rows of any length `[B, D]`.
        width: D.
    """
    reject_single(texts, "sentences")
    rows = np.empty((len(texts), width), np.float32)
    for start in range(0, len(texts), 4 * BATCH):
        # What cannot be written as UTF-8 is read as a replacement sign, not refused.
        part = [
            str(text).encode("utf-8", "replace").decode() for text in texts[start:][: 4 * BATCH]
        ]
        rows[start : start + len(part)] = unit(encode(part))
    return rows


def windows(wave: Wave, size: int | None) -> Iterator[Wave]:
    """The windows of `size` samples that cover a wave `[T]`; a shorter wave as it is.

    >>> [part.tolist() for part in windows(np.arange(5, dtype=np.float32), 3)]
    [[0.0, 1.0, 2.0], [2.0, 3.0, 4.0]]
    """
    if size is None or len(wave) <= size:
        yield wave
        return
    for start in np.linspace(0, len(wave) - size, math.ceil(len(wave) / size)).round().astype(int):
        yield wave[start : start + size]


def filled(wave: Wave, size: int) -> Wave:
    """A wave `[T]` repeated until it has `size` samples, as a window that is to be full.

    >>> filled(np.arange(2, dtype=np.float32), 5).tolist()
    [0.0, 1.0, 0.0, 1.0, 0.0]
    """
    return np.resize(wave, size)


def unit(rows: np.ndarray) -> Rows:
    """Rows `[N, D]` at length 1, float32; a row of zeros stays one."""
    lengths = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    result: Rows = (rows / np.maximum(lengths, 1e-12)).astype(np.float32)
    return result
