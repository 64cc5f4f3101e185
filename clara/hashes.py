"""Names as 64-bit numbers, equal where the names are equal.

So millions of names are compared without an object for each. The numbers are part of a format:
checkpoints hold those of the sources they were trained on. They are the same on any machine and
with any release. Among 20 million names two share a number in one case of about 100,000. They keep
no secret: who wants two names with one number can make them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Hashes = npt.NDArray[np.uint64]

# Longer names, in bytes, are hashed one by one, so that one long name makes no wide table.
_LONG = 256
_CHUNK = 1 << 16
_ODD = np.uint64(0x9E3779B97F4A7C15)
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


def hashed(names: pa.Array | pa.ChunkedArray | Iterable[str]) -> Hashes:
    """The number of each name: uint64 `[N]`, 0 for no name and for no other.

    Args:
        names: Texts, in Arrow or not; null counts as no name.

    >>> hashed(["", "freesound:100032", "freesound:100032"]).tolist()
    [0, 12261147509115113973, 12261147509115113973]
    """
    if not isinstance(names, pa.Array | pa.ChunkedArray):
        names = pa.array(names, pa.large_string())
    chunks = names.chunks if isinstance(names, pa.ChunkedArray) else [names]
    parts = [np.zeros(0, np.uint64)]
    for chunk in chunks:
        for first in range(0, len(chunk), _CHUNK):
            parts.append(_hashed(chunk.slice(first, _CHUNK)))
    return np.concatenate(parts)


def distinct(*runs: Hashes) -> Hashes:
    """The different numbers, in order; by sorting, for numpy's own way is slow for so many.

    Args:
        runs: uint64; several must each be in order, and are merged, which is faster yet.
    """
    kind: Literal["stable"] | None = "stable" if len(runs) > 1 else None
    ordered = np.sort(np.concatenate([np.zeros(0, np.uint64), *runs]), kind=kind)
    first = np.ones(len(ordered), dtype=bool)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return ordered[first]


def mixed(numbers: Hashes) -> Hashes:
    """Numbers whose every bit depends on all bits of those given (the end of splitmix64)."""
    numbers = (numbers ^ (numbers >> np.uint64(30))) * _MIX[0]
    numbers = (numbers ^ (numbers >> np.uint64(27))) * _MIX[1]
    result: Hashes = numbers ^ (numbers >> np.uint64(31))
    return result


def combined(columns: Iterable[Hashes], sums: Hashes) -> Hashes:
    """One number for each row of some columns; which column a number stands in counts.

    Args:
        columns: uint64 `[N]` each.
        sums: What they are added to `[N]`; it is written over.
    """
    for place, column in enumerate(columns):
        factor = np.uint64((int(_ODD) * (2 * place + 1)) & 0xFFFFFFFFFFFFFFFF)
        sums += mixed(column * factor)
    return sums


def _hashed(names: pa.Array) -> Hashes:
    names = pc.fill_null(names.cast(pa.large_string()), "")
    lengths = pc.binary_length(names).to_numpy(zero_copy_only=False)
    long = np.flatnonzero(lengths > _LONG)
    if len(long):
        short = pc.if_else(pc.greater(pc.binary_length(names), _LONG), "", names)
        sums = _sums(short, np.where(lengths > _LONG, 0, lengths))
        sums[long] = [_digest(names[int(row)].as_py()) for row in long]
    else:
        sums = _sums(names, lengths)
    sums[(sums == 0) & (lengths > 0)] = 1
    return sums


def _sums(names: pa.Array, lengths: npt.NDArray[np.int64]) -> Hashes:
    """Eight bytes at a time are mixed with their place; blanks behind a name add nothing."""
    words = int(lengths.max(initial=0) + 7) // 8
    sums: Hashes = mixed(lengths.astype(np.uint64))
    if not words:
        return sums
    # In bytes, whatever the script; a view of the texts is far faster than to gather them.
    padded = pc.ascii_rpad(names, 8 * words, "\0")
    offset = np.frombuffer(padded.buffers()[1], np.int64, len(padded) + 1)[padded.offset]
    table = np.frombuffer(padded.buffers()[2], "<u8", len(padded) * words, int(offset))
    return combined(table.reshape(-1, words).T, sums)


def _digest(name: str) -> int:
    digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")
