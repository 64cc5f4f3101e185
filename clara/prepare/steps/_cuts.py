"""Where to cut a recording: in silences between words, into pieces of a length asked for."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from clara.backends import Word
from clara.records import Wave

Array = npt.NDArray[np.float64]

_FRAMES = 100  # in a second
FRAME = 1 / _FRAMES
"""Seconds of a frame of `levels`."""
_BLUR = 3  # frames over which a level is taken
_FLOOR = 60.0  # dB below the loud: what is softer is silence as well
_SILENCE = 0.3  # which share of the way from soft to loud is silence still
_WRONG = 0.05  # seconds by which times of words often are: silence farther off may be inside a word
_PAUSE = 0.25  # seconds; a shorter silence may be the stop of a "t", or a soft end of a word
_MARGIN = 0.5  # seconds of silence that a piece may have before its words and behind them
_STEP = 0.1  # seconds between places where a recording without words may be cut
_TOO_SHORT = 1e2
_TOO_LONG = 1e6


class Piece(NamedTuple):
    """A part of a recording.

    Attributes:
        start: In seconds.
        end: In seconds.
        first: Its first word.
        behind: The word behind its last.
    """

    start: float
    end: float
    first: int
    behind: int


def levels(wave: Wave, rate: int) -> Array:
    """The level of each frame of 10 ms, in dB."""
    # Where a frame has no whole number of samples, some have one more: no error adds up.
    starts = np.arange(-(-len(wave) * _FRAMES // rate)) * rate // _FRAMES
    energy = np.add.reduceat(np.square(wave, dtype=np.float64), starts)
    power = energy / np.diff(starts, append=len(wave))
    kernel = np.ones(_BLUR) / _BLUR
    smooth = np.convolve(np.pad(power, _BLUR // 2, mode="edge"), kernel, "valid")
    return np.asarray(10 * np.log10(smooth + 1e-10))


def between_words(
    words: Sequence[Word], level: Array, seconds: float, *, least: float, longest: float
) -> list[Piece]:
    """Cuts a recording in the silences between its words, the long ones rather than the short ones.

    Args:
        words: All that are spoken in it, at least one, in order.
        level: Of the recording, as `levels` gives it.
        seconds: Its length.
        least: How long a piece should be, in seconds; it may be shorter where it must.
        longest: How long it may be, in seconds.

    Returns:
        Pieces that hold all words, in order; of long silences only the ends belong to one. One that
        is longer than `longest` has no silence to cut it at.
    """
    soft, loud = np.percentile(level, (10, 95))
    silent = level < max(soft, loud - _FLOOR) + _SILENCE * (loud - max(soft, loud - _FLOOR))
    gaps = (_gap(before, after, level, silent) for before, after in pairwise(words))
    pauses = [(word, *gap) for word, gap in enumerate(gaps, 1) if gap.pause >= _PAUSE]
    firsts = [0, *(word for word, _, _ in pauses), len(words)]
    cuts = np.array([0.0, *(cut for _, cut, _ in pauses), seconds])
    costs = np.array([0.0, *(1 / (pause + 0.05) for _, _, pause in pauses), 0.0])
    starts = np.maximum(cuts[:-1], [words[first].start - _MARGIN for first in firsts[:-1]])
    ends = np.minimum(cuts[1:], [words[behind - 1].end + _MARGIN for behind in firsts[1:]])
    chosen = _cheapest(starts, ends, costs, least, longest)
    return [
        Piece(float(starts[a]), float(ends[b - 1]), firsts[a], firsts[b])
        for a, b in pairwise(chosen)
    ]


def anywhere(level: Array, seconds: float, *, least: float, longest: float) -> list[Piece]:
    """Cuts a recording without words where it is quiet; see `between_words`."""
    bin_ = round(_STEP / FRAME)
    quietest = [
        start + int(level[start : start + bin_].argmin()) for start in range(bin_, len(level), bin_)
    ]
    inner = [frame for frame in quietest if frame < len(level) - bin_]
    cuts = np.array([0.0, *((frame + 0.5) * FRAME for frame in inner), seconds])
    costs = np.zeros(len(cuts))
    costs[1:-1] = (level[inner] - level.min()) / 10
    chosen = _cheapest(cuts[:-1], cuts[1:], costs, least, longest)
    return [Piece(float(cuts[a]), float(cuts[b]), 0, 0) for a, b in pairwise(chosen)]


class _Gap(NamedTuple):
    """Where to cut between two words, and how long it is silent there, in seconds."""

    cut: float
    pause: float


def _gap(before: Word, after: Word, level: Array, silent: npt.NDArray[np.bool_]) -> _Gap:
    # Some backends let a word last until the next begins: the silence may lie in either.
    low = min(int((before.start + before.end) / 2 / FRAME), len(level) - 1)
    high = min(int(np.ceil((after.start + after.end) / 2 / FRAME)), len(level))
    edges = np.flatnonzero(np.diff(np.concatenate(([0], silent[low:high].astype(np.int8), [0]))))
    runs = edges.reshape(-1, 2) + low
    near = (before.end - _WRONG) / FRAME, (after.start + _WRONG) / FRAME
    shared = np.minimum(runs[:, 1], near[1]) - np.maximum(runs[:, 0], near[0])
    if not len(runs) or shared.max() <= 0:
        return _Gap(before.end, 0.0)
    start, end = runs[shared.argmax()]
    return _Gap((start + end) / 2 * FRAME, float(end - start) * FRAME)


def _cheapest(starts: Array, ends: Array, costs: Array, least: float, longest: float) -> list[int]:
    """Which cuts make the cheapest pieces, the first and the last among them.

    Args:
        starts: Of each unit, where a piece begins of which it is the first.
        ends: Of each unit, where a piece ends of which it is the last.
        costs: Of a cut before each unit, and behind the last.
        least: Seconds below which a piece costs more.
        longest: Seconds above which there is no piece, but of a single unit.
    """
    best = np.full(len(costs), np.inf)
    best[0] = 0.0
    came = np.zeros(len(costs), np.int64)
    first = 0
    for end in range(1, len(costs)):
        while ends[end - 1] - starts[first] > longest and first < end - 1:
            first += 1
        length = ends[end - 1] - starts[first:end]
        total = best[first:end] + costs[end]
        total += _TOO_SHORT * np.maximum(0, least - length) / least
        total += np.where(length > longest, _TOO_LONG, 0)
        came[end] = first + int(total.argmin())
        best[end] = total.min()
    path = [len(costs) - 1]
    while path[-1]:
        path.append(int(came[path[-1]]))
    return path[::-1]
