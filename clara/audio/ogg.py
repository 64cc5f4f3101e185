"""What the decoder does not tell of an Ogg file: whether its end is there, and where to seek."""

from __future__ import annotations

import os
import struct
from typing import BinaryIO, NamedTuple

MAGIC = b"OggS"
"""How each page of an Ogg file begins, and so the file."""

# The longest page that can be: a header, a table of 255 segments, and 255 bytes in each (RFC 3533).
_LONGEST_PAGE = 27 + 255 + 255 * 255
_HEADER = struct.Struct("<4sxBq12xB")
_LAST_OF_STREAM = 4


class Ending(NamedTuple):
    """The last pages of an Ogg file.

    Attributes:
        whole: Whether the last page is there to its last byte and says that it is the last.
        before: Where the last page begins, in samples; 0 if that cannot be told.
    """

    whole: bool
    before: int


def ending(stream: BinaryIO) -> Ending:
    """Reads the last pages of an Ogg file.

    A cut file decodes as a shorter one. And libsndfile reckons positions in the last page from its
    end, which lies inside a block unless the encoder was lucky: a seek there lands in the wrong
    place, while one to the page before and reading on does not.

    Args:
        stream: The file, from its beginning; it is left anywhere.
    """
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - 2 * _LONGEST_PAGE))
    tail = stream.read()
    at = tail.rfind(MAGIC)
    if at < 0 or len(tail) < at + _HEADER.size:
        return Ending(False, 0)
    _, flags, _, segments = _HEADER.unpack_from(tail, at)
    table = tail[at + _HEADER.size : at + _HEADER.size + segments]
    reached = at + _HEADER.size + segments + sum(table)
    whole = bool(flags & _LAST_OF_STREAM) and len(table) == segments and len(tail) >= reached
    before = -1
    # A page on which no packet ends states -1.
    while before < 0 and (at := tail.rfind(MAGIC, 0, at)) >= 0:
        before = _HEADER.unpack_from(tail, at)[2]
    return Ending(whole, max(0, before))
