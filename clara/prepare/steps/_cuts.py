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

FRAME = 0.01
"""Seconds of a frame of `levels`."""
_BLUR = 3  # frames over which a level is taken
_FLOOR = 60.0  # dB below the loud: what is softer is silence as well
_SILENCE = 0.3  # which share of the way from soft to loud is silence still
_WRONG = 0.15  # seconds by which the times of words may be wrong
_RIGHT = 0.05  # seconds by which they often are: silence farther off may be a stop inside a word
_SHORTEST = 0.05  # seconds; a shorter hole is inside of a sound
_STOP = 0.12  # seconds; a shorter one may be the stop of a "t", unless the words are apart there
_MARGIN = 0.5  # seconds of silence that a piece may have before its words and behind them
_STEP = 0.1  # seconds between places where a recording without words may be cut
_NO_SILENCE = 1e3
_TOO_SHORT = 1e2
_TOO_LONG = 1e6


class Piece(NamedTuple):
    """A part of a recording.

    Attributes:
        start: In seconds.
        end: In seconds.
        first: Its first word.
        behind: The word behind its last.
        torn: Whether it begins where no silence was.
    """

    start: float
    end: float
    first: int
    behind: int
    torn: bool


def levels(wave: Wave, rate: int) -> Array:
    """The level of each frame of 10 ms, in dB."""
    step = max(1, round(FRAME * rate))
    count = -(-len(wave) // step)
    padded = np.zeros(count * step, np.float32)
    padded[: len(wave)] = wave
    power = np.square(padded.reshape(count, step)).mean(1, dtype=np.float64)
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
        longest: How long it may be; a word that is longer is a piece of its own.

    Returns:
        Pieces that hold all words, in order; of long silences only the ends belong to one.
    """
    soft, loud = np.percentile(level, (10, 95))
    silent = level < max(soft, loud - _FLOOR) + _SILENCE * (loud - max(soft, loud - _FLOOR))
    places = [_gap(before, after, level, silent) for before, after in pairwise(words)]
    cuts = np.array([0.0, *(cut for cut, _ in places), seconds])
    pauses = np.array([pause for _, pause in places])
    costs = np.zeros(len(cuts))
    costs[1:-1] = 1 / (pauses + 0.05) + np.where(pauses == 0, _NO_SILENCE, 0.0)
    starts = np.maximum(cuts[:-1], [word.start - _MARGIN for word in words])
    ends = np.minimum(cuts[1:], [word.end + _MARGIN for word in words])
    chosen = _cheapest(starts, ends, costs, least, longest)
    return [
        Piece(float(starts[a]), float(ends[b - 1]), a, b, bool(costs[a] >= _NO_SILENCE))
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
    return [Piece(float(cuts[a]), float(cuts[b]), 0, 0, False) for a, b in pairwise(chosen)]


def _gap(
    before: Word, after: Word, level: Array, silent: npt.NDArray[np.bool_]
) -> tuple[float, float]:
    """Where to cut between two words, and how long it is silent there, in seconds."""
    first = max((before.start + before.end) / 2, before.end - _WRONG)
    last = min((after.start + after.end) / 2, after.start + _WRONG)
    low = min(int(first / FRAME), len(level) - 1)
    high = max(low + 1, min(int(np.ceil(last / FRAME)), len(level)))
    edges = np.flatnonzero(np.diff(np.concatenate(([0], silent[low:high].astype(np.int8), [0]))))
    runs = edges.reshape(-1, 2)
    if not len(runs):
        return (low + int(level[low:high].argmin()) + 0.5) * FRAME, 0.0
    near = (before.end - _RIGHT) / FRAME - low, (after.start + _RIGHT) / FRAME - low
    shared = np.minimum(runs[:, 1], near[1]) - np.maximum(runs[:, 0], near[0])
    start, end = runs[shared.argmax()]
    pause = float(end - start) * FRAME
    apart = after.start - before.end >= _SHORTEST or pause >= _STOP
    heard = shared.max() > 0 and pause >= _SHORTEST and apart
    return (low + (start + end) / 2) * FRAME, pause if heard else 0.0


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
