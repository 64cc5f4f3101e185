"""Fingerprints: the same sound is found again, however it was coded, cut or resampled.

Of each frame the power in 33 bands is compared with that of the next band and of a moment before:
32 signs, after Haitsma and Kalker, "A highly robust audio fingerprinting system" (ISMIR 2002).
A sign counts as firm where the difference is large beside the power that it is one of. What coding
changes are the others: of the firm ones a recording and its copy at 32 kbit/s share nearly all, two
takes of a sentence by one speaker little more than half. Silence and padding have no firm signs.

All is done below 3.4 kHz, so that copies at 8 kHz are found too. The level does not matter.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from clara.audio.io import resample
from clara.records import Wave

Bits = npt.NDArray[np.uint32]
Ints = npt.NDArray[np.int64]

VERSION = 1
"""Goes up when the same recording gets another fingerprint than before."""
RATE = 8000
HOP = 160
_WINDOW = 1024
_LAG = 6  # frames, which two windows hardly share
_BANDS = 33
_LOW, _HIGH = 300.0, 3400.0
# A difference is firm above this share of the powers that it is a difference of; and power this far
# below the mean of the recording's loudest frame is none.
_FIRM = 0.2
_FLOOR = 1e-6

# Frames are looked up by 22 of their 32 signs, the lower and the upper ones, without an error.
_KEYS = (0, 10)
_KEY_BITS = np.uint32((1 << 22) - 1)
_BLOCK = 4  # of so many frames of a query the one with most firm signs is looked up
_FEWEST = 4  # firm signs of a frame that is worth looking up
_COMMON = 1000  # a key that more frames than this have says too little
_CHUNK = 1 << 17
# Around a frame that was found so many frames to each side are compared, before all are.
_NEAR = 16
_NEAR_ERRORS = 0.3
# How alike copies are at least; and more so where they have few frames or few firm signs in common,
# for the less there is of both, the more a likeness of two takes of a word can be chance.
_ALIKE = 0.55
_FEW_FRAMES = 8
_FEW_SIGNS = 80

Wanted = Callable[[Ints, Ints], npt.NDArray[np.bool_]]
"""Takes places of queries and of recordings of a gallery; says which pairs are of interest."""


class Print(NamedTuple):
    """The fingerprint of a recording.

    Attributes:
        signs: uint32 `[F]`, one bit for each of 32 signs.
        firm: uint32 `[F]`, which of them are firm.
    """

    signs: Bits
    firm: Bits


@dataclass(frozen=True, slots=True)
class Prints:
    """The fingerprints of many recordings, one behind the other.

    Attributes:
        signs: uint32 `[F]`.
        firm: uint32 `[F]`.
        starts: int64 `[N + 1]`, where each recording begins, and where the last ends.
    """

    signs: Bits
    firm: Bits
    starts: Ints

    def __len__(self) -> int:
        """How many recordings `N`."""
        return len(self.starts) - 1

    @classmethod
    def of(cls, prints: Sequence[Print]) -> Prints:
        """Puts fingerprints one behind the other."""
        lengths = [len(each.signs) for each in prints]
        nothing = np.zeros(0, np.uint32)
        return cls(
            np.concatenate([nothing, *(each.signs for each in prints)]),
            np.concatenate([nothing, *(each.firm for each in prints)]),
            np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64),
        )


class Match(NamedTuple):
    """Two recordings of which one is a copy, or a piece, of the other.

    Attributes:
        query: Its place among the queries.
        found: The place of the other in the gallery.
        offset: Where the query begins in the other, in seconds; below 0 where it begins before.
        likeness: From 0 to 1: the cosine of the firm signs of both where they overlap.
    """

    query: int
    found: int
    offset: float
    likeness: float


def fingerprint(wave: Wave, rate: int) -> Print:
    """The fingerprint of a recording; without frames if it is shorter than a quarter of a second.

    Args:
        wave: float32 `[T]`.
        rate: Samples per second; what is sampled at 8 kHz or more has the same fingerprint.

    >>> tone = np.sin(np.arange(8000) ** 1.5 / 400).astype(np.float32)
    >>> len(fingerprint(tone, 8000).signs)
    38
    """
    wave = resample(wave, rate, RATE) if rate != RATE else wave
    count = (len(wave) - _WINDOW) // HOP + 1
    if count <= _LAG:
        nothing = np.zeros(0, np.uint32)
        return Print(nothing, nothing)
    parts = [_power(wave, first, min(first + 512, count)) for first in range(0, count, 512)]
    power = np.concatenate(parts)
    sloping = power[:, :-1] - power[:, 1:]
    slope = sloping[_LAG:] - sloping[:-_LAG]
    level = power[:, :-1] + power[:, 1:]
    level = level[_LAG:] + level[:-_LAG]
    floor = _FLOOR * float(level.mean(axis=1).max())
    return Print(_packed(slope > 0), _packed(np.abs(slope) > _FIRM * level + floor))


def _power(wave: Wave, first: int, last: int) -> npt.NDArray[np.float32]:
    """Power in each band of some frames `[F, 33]`."""
    part = wave[first * HOP : (last - 1) * HOP + _WINDOW]
    frames = np.lib.stride_tricks.sliding_window_view(part, _WINDOW)[::HOP]
    window, bands = _filters()
    spectrum = np.fft.rfft(frames * window, axis=1)
    power: npt.NDArray[np.float32] = (spectrum.real**2 + spectrum.imag**2).astype(
        np.float32
    ) @ bands
    return power


@functools.cache
def _filters() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """The window, and what share of each bin is in each band `[513, 33]`."""
    edges = np.geomspace(_LOW, _HIGH, _BANDS + 1)
    width = RATE / _WINDOW
    centres = np.arange(_WINDOW // 2 + 1)[:, None] * width
    upper = np.minimum(centres + width / 2, edges[None, 1:])
    lower = np.maximum(centres - width / 2, edges[None, :-1])
    bands = np.clip((upper - lower) / width, 0, 1)
    return np.hanning(_WINDOW).astype(np.float32), bands.astype(np.float32)


def _packed(signs: npt.NDArray[np.bool_]) -> Bits:
    """Rows of 32 truths as numbers."""
    return np.packbits(signs, axis=1, bitorder="little").view("<u4")[:, 0].astype(np.uint32)


def comparable(prints: Prints) -> npt.NDArray[np.bool_]:
    """Whether each recording is long and loud enough for a copy of it to be known `[N]`."""
    frames = np.diff(prints.starts)
    total = np.concatenate([[0], np.cumsum(_count(prints.firm))])
    signs = total[prints.starts[1:]] - total[prints.starts[:-1]]
    enough: npt.NDArray[np.bool_] = _needed(frames, signs) <= 1
    return enough


def search(queries: Prints, gallery: Gallery, wanted: Wanted | None = None) -> list[Match]:
    """Every pair of a query and a recording of the gallery of which one holds the other's sound.

    Args:
        queries: What is looked for.
        gallery: Where it is looked for.
        wanted: Which pairs are of interest; all if None.

    Returns:
        Each pair once, at the place where it fits best, in order.
    """
    best: dict[tuple[int, int], Match] = {}
    for query, found, shift in _candidates(queries, gallery, wanted):
        likeness, needed = _compare(queries, gallery.prints, query, found, shift)
        for n in np.flatnonzero(likeness >= needed).tolist():
            pair = int(query[n]), int(found[n])
            if pair not in best or likeness[n] > best[pair].likeness:
                offset = int(shift[n]) * HOP / RATE
                best[pair] = Match(*pair, offset, float(likeness[n]))
    return [best[pair] for pair in sorted(best)]


class Gallery:
    """Fingerprints that can be searched.

    Args:
        prints: The recordings.
    """

    def __init__(self, prints: Prints) -> None:
        self.prints = prints
        frames = np.flatnonzero(_count(prints.firm) >= _FEWEST).astype(np.uint64)
        # A key in the upper half and a frame in the lower: one sort, and no table beside it.
        self._tables = [
            np.sort(_key(prints.signs[frames], shift).astype(np.uint64) << np.uint64(40) | frames)
            for shift in _KEYS
        ]

    def lookup(self, signs: Bits) -> Iterator[tuple[Ints, Ints]]:
        """Frames of the gallery that share a key with frames that are asked for.

        Args:
            signs: uint32 `[Q]`.

        Yields:
            Places among those asked for, and frames of the gallery.
        """
        for table, shift in zip(self._tables, _KEYS, strict=True):
            keys = _key(signs, shift).astype(np.uint64) << np.uint64(40)
            first = np.searchsorted(table, keys)
            count = np.searchsorted(table, keys + np.uint64(1 << 40)) - first
            count[count > _COMMON] = 0
            for asked in _portions(count):
                places, within = _spread(count[asked])
                entries = table[first[asked][places] + within]
                yield asked[places], (entries & np.uint64((1 << 40) - 1)).astype(np.int64)


def _candidates(
    queries: Prints, gallery: Gallery, wanted: Wanted | None
) -> Iterator[tuple[Ints, Ints, Ints]]:
    """Pairs with the frames by which the query is later, if there they look alike for a moment."""
    asked = _chosen(queries)
    homes = np.searchsorted(queries.starts, asked, side="right") - 1
    for places, frames in gallery.lookup(queries.signs[asked]):
        mine, query = asked[places], homes[places]
        found = np.searchsorted(gallery.prints.starts, frames, side="right") - 1
        if wanted:
            few = wanted(query, found)
            mine, query, found, frames = mine[few], query[few], found[few], frames[few]
        near = _near(queries, gallery.prints, query, found, mine, frames)
        mine, query, found, frames = mine[near], query[near], found[near], frames[near]
        shift = (frames - gallery.prints.starts[found]) - (mine - queries.starts[query])
        order = np.lexsort((shift, found, query))
        query, found, shift = query[order], found[order], shift[order]
        steps = [np.diff(each, prepend=-1) != 0 for each in (query, found)]
        new = steps[0] | steps[1] | (np.diff(shift, prepend=shift[:1]) != 0)
        yield query[new], found[new], shift[new]


def _chosen(prints: Prints) -> Ints:
    """The frames to look up: of each block the one with most firm signs."""
    firm = _count(prints.firm).astype(np.int64)
    frames = np.arange(len(firm))
    home = np.repeat(prints.starts[:-1], np.diff(prints.starts))
    block = home + (frames - home) // _BLOCK  # a number that blocks of other recordings lack
    order = np.lexsort((frames, -firm, block))
    first = order[np.diff(block[order], prepend=-1) != 0]
    chosen: Ints = np.sort(first[firm[first] >= _FEWEST])
    return chosen


def _near(
    queries: Prints, gallery: Prints, query: Ints, found: Ints, mine: Ints, theirs: Ints
) -> npt.NDArray[np.bool_]:
    """Whether the frames around two frames are alike `[Q]`."""
    errors, signs = np.zeros(len(mine), np.int64), np.zeros(len(mine), np.int64)
    for step in range(-_NEAR, _NEAR + 1):
        inside = (
            (mine + step >= queries.starts[query])
            & (mine + step < queries.starts[query + 1])
            & (theirs + step >= gallery.starts[found])
            & (theirs + step < gallery.starts[found + 1])
        )
        a, b = np.where(inside, mine + step, mine), np.where(inside, theirs + step, theirs)
        firm = np.where(inside, queries.firm[a] & gallery.firm[b], np.uint32(0))
        errors += _count((queries.signs[a] ^ gallery.signs[b]) & firm)
        signs += _count(firm)
    alike: npt.NDArray[np.bool_] = (errors <= _NEAR_ERRORS * signs) & (signs > 0)
    return alike


def _compare(
    queries: Prints, gallery: Prints, query: Ints, found: Ints, shift: Ints
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """How alike the frames in common are `[Q]`, and how alike those of copies would be at least."""
    begin = np.maximum(0, -shift)
    end = np.minimum(
        queries.starts[query + 1] - queries.starts[query],
        gallery.starts[found + 1] - gallery.starts[found] - shift,
    )
    lengths = np.maximum(end - begin, 0)
    likeness, needed = np.zeros(len(query)), np.ones(len(query))
    for part in _portions(lengths):
        place, within = _spread(lengths[part])
        row = part[place]
        mine = queries.starts[query[row]] + begin[row] + within
        theirs = gallery.starts[found[row]] + begin[row] + shift[row] + within
        a, b = queries.firm[mine], gallery.firm[theirs]
        wrong = (queries.signs[mine] ^ gallery.signs[theirs]) & a & b
        own, other, both, errors = (
            np.bincount(place, _count(bits), len(part)) for bits in (a, b, a & b, wrong)
        )
        signs = np.maximum(np.sqrt(own * other), 1)
        likeness[part] = (both - 2 * errors) / signs
        needed[part] = _needed(lengths[part], signs)
    return likeness, needed


def _needed(frames: Ints, signs: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """How alike recordings with so many frames and firm signs in common must be `[Q]`."""
    few = np.maximum(_FEW_FRAMES / np.maximum(frames, 1), _FEW_SIGNS / np.maximum(signs, 1))
    needed: npt.NDArray[np.float64] = _ALIKE + few
    return needed


def _key(signs: Bits, shift: int) -> Bits:
    return (signs >> np.uint32(shift)) & _KEY_BITS


def _portions(counts: Ints) -> Iterator[Ints]:
    """The places with a count, in portions whose counts add up to little memory."""
    places = np.flatnonzero(counts)
    ends = np.cumsum(counts[places])
    cuts = np.flatnonzero(np.diff(ends // _CHUNK, prepend=0))
    yield from (part for part in np.split(places, cuts) if len(part))


def _spread(counts: Ints) -> tuple[Ints, Ints]:
    """Each place as often as its count says, and which time it is.

    >>> [each.tolist() for each in _spread(np.array([2, 0, 1]))]
    [[0, 0, 2], [0, 1, 0]]
    """
    places = np.repeat(np.arange(len(counts)), counts)
    within: Ints = np.arange(len(places)) - np.repeat(np.cumsum(counts) - counts, counts)
    return places, within


def _count(bits: Bits) -> npt.NDArray[np.int64]:
    """How many bits are set in each number; numpy has no function for it before 2.0.

    >>> _count(np.array([0, 1, 0xFFFFFFFF], np.uint32)).tolist()
    [0, 1, 32]
    """
    pairs = bits - ((bits >> np.uint32(1)) & np.uint32(0x55555555))
    fours = (pairs & np.uint32(0x33333333)) + ((pairs >> np.uint32(2)) & np.uint32(0x33333333))
    eights = (fours + (fours >> np.uint32(4))) & np.uint32(0x0F0F0F0F)
    counts: npt.NDArray[np.int64] = (eights * np.uint32(0x01010101) >> np.uint32(24)).astype(
        np.int64
    )
    return counts
