"""Bytes as a file that lies in memory, for a decoder that reads files.

What is no file soundfile reads by functions of Python: three hundred calls for ten seconds of FLAC,
each of which waits for the interpreter's lock. So threads that decode keep each other waiting, the
more the more there are. A file is read without it.
"""

from __future__ import annotations

import io
import os
import sys

# What is larger is sooner read by Python than copied; files of this size are kept for the next.
_LARGEST = 16 << 20
_free: list[int] = []


class Bytes(io.BytesIO):
    """Bytes in which a damaged header cannot send the decoder to before the beginning."""

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """As of any file."""
        return super().seek(max(0, offset) if whence == os.SEEK_SET else offset, whence)


def lend(data: object) -> int | None:
    """A file with these bytes, to read from its beginning on, until `give_back`.

    Args:
        data: Bytes; all else is lent no file.

    Returns:
        Its number, or None where the bytes are many or the system has no such files.
    """
    if sys.platform != "linux" or not isinstance(data, bytes | bytearray | memoryview):
        return None
    if len(data) > _LARGEST:
        return None
    try:
        number = _taken()
    except OSError:
        return None
    try:
        # Written before it is cut, so that its pages are used again.
        whole = os.pwrite(number, data, 0) == len(data)
        os.ftruncate(number, len(data))
        os.lseek(number, 0, os.SEEK_SET)
    except OSError:  # no memory
        whole = False
    if not whole:
        os.close(number)
        return None
    return number


def give_back(number: int | None) -> None:
    """Keeps a file for the next that asks."""
    if number is not None:
        _free.append(number)


def _taken() -> int:
    try:
        return _free.pop()  # not asked before whether there is one: another thread may be quicker
    except IndexError:
        return os.memfd_create("clara")


def _forget() -> None:
    while _free:
        os.close(_free.pop())


# A child would share the files with its parent, and each would write over what the other reads.
os.register_at_fork(after_in_child=_forget)
