"""Archives in parts, seen as one file without being copied into one.

A zip in parts (`x.z01`, `x.z02`, ..., `x.zip`) counts its offsets from the start of each part, so
gluing the parts together is not enough: its directory is written anew, with offsets from the start
of the whole. Archives that were merely cut (`x.zip.001`, ...) are whole again when they are glued.
"""

from __future__ import annotations

import io
import itertools
import struct
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from clara.errors import DownloadError

_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LONGEST_COMMENT = 0xFFFF
_WIDE = 1  # id of the extra field that holds what does not fit into 32 bits
_FULL16, _FULL32 = 0xFFFF, 0xFFFFFFFF


class Joined(io.RawIOBase):
    """Files that are read as one.

    Args:
        parts: The files, in order.
    """

    def __init__(self, parts: Sequence[Path]) -> None:
        self._sources: list[BinaryIO] = [path.open("rb", buffering=0) for path in parts]
        sizes = [path.stat().st_size for path in parts]
        self.starts = [0, *itertools.accumulate(sizes)]
        self._place = 0

    @property
    def size(self) -> int:
        """Bytes in all."""
        return self.starts[-1]

    def replace_tail(self, place: int, tail: bytes) -> None:
        """Reads `tail` from `place` on, in place of what is there."""
        kept = max(1, bisect_right(self.starts[:-1], place))
        for source in self._sources[kept:]:
            source.close()
        self._sources = [*self._sources[:kept], io.BytesIO(tail)]
        self.starts = [*self.starts[:kept], place, place + len(tail)]

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Moves, as files do."""
        base = (0, self._place, self.size)[whence]
        if base + offset < 0:
            raise OSError("a place before the start")
        self._place = base + offset
        return self._place

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Reads up to the end of a part, as files may."""
        if self._place >= self.size:
            return 0
        number = bisect_right(self.starts, self._place) - 1
        source = self._sources[number]
        source.seek(self._place - self.starts[number])
        chunk = source.read(min(len(buffer), self.starts[number + 1] - self._place))
        buffer[: len(chunk)] = chunk
        self._place += len(chunk)
        return len(chunk)

    def close(self) -> None:
        """Closes the parts."""
        for source in self._sources:
            source.close()
        super().close()


def joined_zip(parts: Sequence[Path]) -> io.BufferedReader:
    """A zip in parts as one that any reader takes.

    Raises:
        DownloadError: The parts are no zip, or some of them are missing.
    """
    whole = Joined(parts)
    try:
        _mend(whole, parts)
    except (struct.error, IndexError, ValueError) as error:
        whole.close()
        raise DownloadError(
            f"Expected a zip in {len(parts)} parts that ends with {parts[-1]}, but its directory "
            f"cannot be read; remove the parts and fetch them again."
        ) from error
    except BaseException:
        whole.close()
        raise
    return io.BufferedReader(whole, 1 << 16)


def _mend(whole: Joined, parts: Sequence[Path]) -> None:
    tail_start = max(0, whole.size - _LONGEST_COMMENT - _END.size)
    tail = _read(whole, tail_start, whole.size - tail_start)
    end = tail.rindex(b"PK\5\6")
    _, disk, first, _, count, length, offset, _ = _END.unpack_from(tail, end)
    locator = _read(whole, tail_start + end - _LOCATOR.size, _LOCATOR.size)
    if locator.startswith(b"PK\6\7"):
        _, disk64, place, disks = _LOCATOR.unpack(locator)
        if disks <= 1:
            return  # cut, not parted: the offsets are those of the whole
        record = _read(whole, whole.starts[disk64] + place, _END64.size)
        _, _, _, _, disk, first, _, count, length, offset = _END64.unpack(record)
    elif disk == 0:
        return
    if disk + 1 != len(parts):
        raise DownloadError(
            f"Expected the {disk + 1} parts of a zip up to {parts[-1]}, but {len(parts)} are "
            f"listed; fetch them all."
        )
    start = whole.starts[first] + offset
    directory = _read(whole, start, length)
    moved = b"".join(_moved(directory, count, whole.starts))
    end64 = _END64.pack(b"PK\6\6", _END64.size - 12, 45, 45, 0, 0, count, count, len(moved), start)
    pointer = _LOCATOR.pack(b"PK\6\7", 0, start + len(moved), 1)
    closing = _END.pack(b"PK\5\6", 0, 0, _FULL16, _FULL16, _FULL32, _FULL32, 0)
    whole.replace_tail(start, moved + end64 + pointer + closing)


def _moved(directory: bytes, count: int, starts: Sequence[int]) -> Iterator[bytes]:
    """The entries of a directory, with offsets from the start of the whole."""
    place = 0
    for _ in range(count):
        head = list(_ENTRY.unpack_from(directory, place))
        if head[0] != b"PK\1\2":
            raise ValueError("not an entry of a directory")
        place += _ENTRY.size
        cuts = list(itertools.accumulate(head[10:13], initial=place))
        name, extra, comment = (directory[a:b] for a, b in itertools.pairwise(cuts))
        place = cuts[-1]
        others, wide = _parted(extra)
        sizes = b"".join(struct.pack("<Q", wide.pop(0)) for each in head[8:10] if each == _FULL32)
        offset = wide.pop(0) if head[16] == _FULL32 else head[16]
        disk = wide.pop(0) if head[13] == _FULL16 else head[13]
        value = sizes + struct.pack("<Q", starts[disk] + offset)
        extra = struct.pack("<2H", _WIDE, len(value)) + value + others
        head[11], head[13], head[16] = len(extra), 0, _FULL32
        yield _ENTRY.pack(*head) + name + extra + comment


def _parted(extra: bytes) -> tuple[bytes, list[int]]:
    """The extra fields other than that of wide numbers, and its numbers."""
    others = b""
    wide: list[int] = []
    place = 0
    while place + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, place)
        value = extra[place + 4 : place + 4 + length]
        if kind == _WIDE:
            wide = [number for (number,) in struct.iter_unpack("<Q", value[: length // 8 * 8])]
            wide += [number for (number,) in struct.iter_unpack("<L", value[length // 8 * 8 :])]
        else:
            others += extra[place : place + 4 + length]
        place += 4 + length
    return others, wide


def _read(whole: Joined, place: int, length: int) -> bytes:
    if not 0 <= place <= place + length <= whole.size:
        raise ValueError("a place outside")
    whole.seek(place)
    found = b""
    while len(found) < length:
        chunk = whole.read(length - len(found))
        if not chunk:
            raise ValueError("the file ends before")
        found += chunk
    return found
