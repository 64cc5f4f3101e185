"""Files: written whole or not at all, and read in ranges by many threads.

They lie on this machine or behind a URL (`clara.remote`).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from clara import remote
from clara.errors import DataError, UsageError
from clara.remote import File, Url, locks

Location = Path | Url
"""A file or folder of this machine, or behind a URL."""

_OPEN_FILES = 256


def locate(place: str | Location) -> Location:
    """The file or folder that a user named, by an absolute path or a URL.

    >>> str(locate("s3://bucket/shards/")), locate("/data/../shards")
    ('s3://bucket/shards', PosixPath('/data/../shards'))
    """
    if isinstance(place, Url):
        return place
    text = str(place).removeprefix("file://")
    return Url(text) if "://" in text else Path(text).absolute()


@contextlib.contextmanager
def replacing(path: Location) -> Iterator[BinaryIO]:
    """A file that appears under its name only when it is whole.

    What is written goes to a file of this process beside it, ending in ".part", which takes the
    name at the end and is removed when the work fails; for a URL to a temporary file, which is
    copied there at the end. Inside the `with` nothing but this file should be touched: every
    `OSError` there is taken for one of writing.

    Raises:
        DataError: The disk is full, or the folder cannot be written to.
    """
    if isinstance(path, Url):
        with _temporary() as copy:
            with copy.open("wb") as file:
                yield file
            path.upload(copy)
        return
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


@contextlib.contextmanager
def borrowed(path: Location) -> Iterator[Path]:
    """A file as one of this machine, for work that goes through all of it; a copy for a URL.

    Raises:
        FileNotFoundError: There is no such file.
        DataError: It cannot be read, or there is no room for the copy.
    """
    if isinstance(path, Path):
        yield path
        return
    with _temporary() as copy:
        path.download(copy)
        yield copy


@contextlib.contextmanager
def _temporary() -> Iterator[Path]:
    folder = tempfile.gettempdir()
    try:
        with tempfile.TemporaryDirectory(prefix="clara-") as own:
            folder = own
            yield Path(own) / "copy"
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise unwritable(Path(folder), error) from error


def find(folder: Location) -> dict[str, File]:
    """All files in and below a folder, by their path from there; none if there is no such folder.

    Raises:
        OSError: A folder cannot be listed.
        DataError: The store of a URL does not answer, or refuses.
    """
    if isinstance(folder, Url):
        return folder.files()
    found = {}
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            if path.is_file():
                stat = path.stat()
                name = path.relative_to(folder).as_posix()
                found[name] = File(stat.st_size, str(stat.st_mtime_ns))
    return dict(sorted(found.items()))


def below(path: Location, folder: Location) -> str:
    """The steps from a folder to what lies below it, as "train/000000.tar"."""
    if isinstance(path, Url):
        assert isinstance(folder, Url)
        return path.relative_to(folder)
    assert isinstance(folder, Path)
    return path.relative_to(folder).as_posix()


def remove_all(folder: Location) -> None:
    """Removes a folder with all in it, as far as that is possible."""
    if isinstance(folder, Url):
        folder.remove_all()
    else:
        shutil.rmtree(folder, ignore_errors=True)


def make_parent(path: Location) -> None:
    """Makes the folder that a file is to lie in.

    Raises:
        DataError: It cannot be made.
    """
    if isinstance(path, Url):
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error


def unwritable(path: Location, error: OSError) -> DataError:
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
        self._size = 0
        self._number = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))

    def __del__(self) -> None:
        if hasattr(self, "_number"):
            os.close(self._number)

    def read(self, offset: int, size: int) -> bytes:
        if offset + size > self._size:
            # No more room than the file can fill is made, whatever size an index claims.
            self._size = os.fstat(self._number).st_size
            size = min(size, max(0, self._size - offset))
        return os.pread(self._number, size, offset)


def locked(path: Location, what: str) -> contextlib.AbstractContextManager[None]:
    """Holds a lock that ends with this process, however it ends; behind a URL a little later.

    Args:
        path: The lock file; it is removed afterwards.
        what: What is locked, for the message.

    Raises:
        UsageError: Another process holds it.
        DataError: The lock file cannot be written.
    """
    return locks.locked(path, what) if isinstance(path, Url) else _flocked(path, what)


@contextlib.contextmanager
def _flocked(path: Path, what: str) -> Iterator[None]:
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
            return remote.read(path, offset, size)
        with self._lock:
            handle = self._open.pop(path, None) or _Handle(path)
            self._open[path] = handle
            if len(self._open) > _OPEN_FILES:
                self._open.popitem(last=False)
        return handle.read(offset, size)
