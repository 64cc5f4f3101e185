"""Files: written whole or not at all, and read in ranges by many threads."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import fsspec

from clara.errors import DataError, UsageError

_OPEN_FILES = 256


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file that appears under its name only when it is whole.

    What is written goes to a file of this process beside it, ending in ".part", which takes the
    name at the end and is removed when the work fails. Inside the `with` nothing but this file
    should be touched: every `OSError` there is taken for one of writing.

    Raises:
        DataError: The disk is full, or the folder cannot be written to.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        try:
            with part.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise unwritable(path, error) from error


def unwritable(path: Path, error: OSError) -> DataError:
    """What to tell a user when `path` could not be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DataError(
            f"Expected room to write {path} but the disk is full; free some space and run the "
            "same command again, it goes on where it stopped."
        )
    return DataError(
        f"Expected to write {path} but found: {error.strerror or error}; "
        "choose a folder that you may write to, or change its permissions."
    )


class _Handle:
    """An open file that closes with its last user, even if the cache dropped it meanwhile."""

    def __init__(self, path: str) -> None:
        self.number = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))

    def __del__(self) -> None:
        if hasattr(self, "number"):
            os.close(self.number)


@contextlib.contextmanager
def locked(path: Path, what: str) -> Iterator[None]:
    """Holds a lock that ends with this process, however it ends.

    Args:
        path: The lock file; it is removed afterwards.
        what: What is locked, for the message.

    Raises:
        UsageError: Another process holds it.
        DataError: The lock file cannot be written.
    """
    try:
        number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise unwritable(path, error) from error
    try:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            ours = path.exists() and os.path.samestat(path.stat(), os.fstat(number))
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise unwritable(path, error) from error
            ours = False
        if not ours:
            raise UsageError(f"Another run is at work on {what}; wait until it ends.")
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
    finally:
        os.close(number)


class Files:
    """Reads ranges of files; the most recently used local ones stay open."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: OrderedDict[str, _Handle] = OrderedDict()

    def __reduce__(self) -> tuple[type[Files], tuple[()]]:
        return Files, ()

    def read(self, path: str, offset: int, size: int) -> bytes:
        """The bytes from `offset` on, fewer than `size` where the file ends before."""
        if "://" in path:
            system, inner = fsspec.core.url_to_fs(path)
            return bytes(system.cat_file(inner, start=offset, end=offset + size))
        with self._lock:
            handle = self._open.pop(path, None) or _Handle(path)
            self._open[path] = handle
            if len(self._open) > _OPEN_FILES:
                self._open.popitem(last=False)
        # No more room than the file can fill is made, whatever size an index claims.
        there = max(0, os.fstat(handle.number).st_size - offset)
        return os.pread(handle.number, min(size, there), offset)
