"""Whether the end of a container is there: decoders read a cut file as a shorter one.

Only sizes that the container states are looked at, no samples: EBML (WebM, Matroska), the boxes of
ISO media (MP4, M4A, MOV, 3GP), the chunks of RIFF (AVI, WAV) and the objects of ASF (WMA, WMV).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO

_EBML, _ASF = b"\x1a\x45\xdf\xa3", bytes.fromhex("3026b2758e66cf11")
# The first box of ISO media; QuickTime wrote files that begin with the others than "ftyp".
_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"styp")
_OTHERS = (b"FLV", b"#!AMR", b"wvpk", b"MAC ", b"TTA1", b"\x0b\x77", b"\xff\xf1", b"\xff\xf9")
# Of a size that was not known when it was written.
_STREAMED = 0x7FFF_0000
# EBML: what has children that may be there without its size, and so is looked into.
_SEGMENT, _CLUSTER = 0x18538067, 0x1F43B675
_MOST = 500_000


def is_container(head: bytes) -> bool:
    """Whether a file that begins so is a container that `clara.audio.containers` may read."""
    return (
        head.startswith((_EBML, _ASF, *_OTHERS))
        or head[4:8] in _BOXES
        or (head[:4] == b"RIFF" and head[8:12] == b"AVI ")
    )


def is_there(stream: BinaryIO) -> bool:
    """Whether all is there that a container says it holds; also True where it says nothing.

    Args:
        stream: The file, from its beginning; it is left anywhere.
    """
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    head = stream.read(16)
    if head.startswith(_EBML):
        ends = _elements(stream, size)
    elif head[4:8] in _BOXES:
        ends = _boxes(stream, size)
    elif head[:4] == b"RIFF":
        ends = _chunks(stream, size)
    elif head.startswith(_ASF):
        ends = _objects(stream, size)
    else:
        return True
    # No file of use has more parts; one made to keep us busy may.
    return all(end <= size for end, _ in zip(ends, range(_MOST), strict=False))


def _elements(stream: BinaryIO, size: int) -> Iterator[int]:
    """Where each element of EBML ends (RFC 8794)."""
    at = 0
    while at < size:
        stream.seek(at)
        head = stream.read(12)
        name, long = _number(head, keep=True)
        length, more = _number(head[long:], keep=False)
        if not (long and more):
            yield size + 1
            return
        body = at + long + more
        if length == (1 << 7 * more) - 1:
            # It states no size: what follows are its children.
            if name not in (_SEGMENT, _CLUSTER):
                return
            at = body
        else:
            at = body + length
            yield at


def _number(data: bytes, *, keep: bool) -> tuple[int, int]:
    """A number of EBML and how many bytes it takes, 0 if it is none; `keep` keeps its marker."""
    if not data or not data[0]:
        return 0, 0
    long = 9 - data[0].bit_length()
    if len(data) < long:
        return 0, 0
    value = int.from_bytes(data[:long], "big")
    return (value if keep else value & ((1 << 7 * long) - 1)), long


def _boxes(stream: BinaryIO, size: int) -> Iterator[int]:
    """Where each outer box of ISO media ends (ISO/IEC 14496-12)."""
    at = 0
    while at < size:
        stream.seek(at)
        head = stream.read(16)
        if len(head) < 8:
            # A few zeros behind the last box are common.
            yield size + 1 if any(head) else size
            return
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length < 8:
            return  # 0: to the end of the file
        at += length
        yield at


def _chunks(stream: BinaryIO, size: int) -> Iterator[int]:
    """Where each outer chunk of RIFF ends. The size of the whole is often wrong, and harmless."""
    at = 0
    while at + 8 <= size:
        stream.seek(at)
        name, length = struct.unpack("<4sI", stream.read(8))
        if name == b"RIFF":
            at += 12
            continue
        if length >= _STREAMED:
            return
        yield at + 8 + length
        at += 8 + length + length % 2


def _objects(stream: BinaryIO, size: int) -> Iterator[int]:
    """Where each outer object of ASF ends."""
    at = 0
    while at + 24 <= size:
        stream.seek(at + 16)
        length = int.from_bytes(stream.read(8), "little")
        if length < 24:
            return
        at += length
        yield at
