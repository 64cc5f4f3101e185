"""Files behind URLs ("s3://bucket/shards") through fsspec: read in ranges, written whole, locked.

A `Url` is used like a `Path`. What a store refuses ends in one sentence; what it drops on the way
is asked for again, a few times.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
from pathlib import Path
from typing import Any, NamedTuple

from clara.remote.stores import attempt, connected


class File(NamedTuple):
    """A file below a folder: its length in bytes, and a text that changes when it is replaced."""

    size: int
    mark: str


class Url:
    """A file or folder behind a URL, with what `Path` calls the same. Folders need no making.

    >>> shard = Url("s3://bucket/shards/") / "train" / "000000.tar"
    >>> str(shard), shard.name, shard.relative_to(Url("s3://bucket"))
    ('s3://bucket/shards/train/000000.tar', '000000.tar', 'shards/train/000000.tar')
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text.rstrip("/")

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"Url({self._text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Url) and str(other) == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __truediv__(self, name: str) -> Url:
        return Url(f"{self._text}/{name}")

    @property
    def name(self) -> str:
        """The last step."""
        return self._text.rpartition("/")[2]

    @property
    def parent(self) -> Url:
        """The folder that it lies in."""
        return Url(self._text.rpartition("/")[0])

    def relative_to(self, other: Url) -> str:
        """The steps from a folder above."""
        assert self._text.startswith(f"{other}/")
        return self._text.removeprefix(f"{other}/")

    def exists(self) -> bool:
        """Whether there is such a file."""
        try:
            _ = size(str(self))
        except FileNotFoundError:
            return False
        return True

    is_file = exists

    def read_bytes(self) -> bytes:
        """The whole content.

        Raises:
            FileNotFoundError: There is no such file.
        """
        system, inner = connected(str(self))
        content: bytes = attempt(str(self), "read", lambda: system.cat_file(inner))
        return content

    def write_bytes(self, content: bytes, *, new: bool = False) -> None:
        """Writes it whole.

        Args:
            content: All of it.
            new: Whether it must not be there yet, in stores that can tell.
        """
        system, inner = connected(str(self))
        mode = {"mode": "create"} if new else {}
        attempt(str(self), "written", lambda: system.pipe_file(inner, content, **mode))

    def upload(self, path: Path) -> None:
        """Copies a file of this machine to it; it appears when it is whole."""
        system, inner = connected(str(self))
        attempt(str(self), "written", lambda: system.put_file(str(path), inner))

    def download(self, path: Path) -> None:
        """Copies it to a file of this machine.

        Raises:
            FileNotFoundError: There is no such file.
        """
        system, inner = connected(str(self))
        attempt(str(self), "read", lambda: system.get_file(inner, str(path)))

    def unlink(self, missing_ok: bool = False) -> None:
        """Removes the file."""
        system, inner = connected(str(self))
        try:
            attempt(str(self), "removed", lambda: system.rm_file(inner))
        except FileNotFoundError:
            if not missing_ok:
                raise

    def remove_all(self) -> None:
        """Removes all files below it."""
        system, inner = connected(str(self))
        with contextlib.suppress(FileNotFoundError):
            attempt(str(self), "removed", lambda: system.rm(inner, recursive=True))

    def files(self) -> dict[str, File]:
        """All files below it by their path from here."""
        system, inner = connected(str(self))

        def find() -> Any:
            system.invalidate_cache()
            return system.find(inner, detail=True)

        try:
            found = attempt(str(self), "listed", find)
        except FileNotFoundError:
            return {}
        # A store without folders finds a file of that very name too, which is no file below.
        return {
            path.removeprefix(inner).lstrip("/"): File(int(info["size"] or 0), _mark(info))
            for path, info in sorted(found.items())
            if path.strip("/").startswith(f"{inner.strip('/')}/")
        }


def size(url: str) -> int:
    """The bytes of a file.

    Raises:
        FileNotFoundError: There is no such file.
    """
    system, inner = connected(url)

    def ask() -> Any:
        system.invalidate_cache(system._parent(inner))
        return system.info(inner)

    info = attempt(url, "read", ask)
    if info["type"] != "file":
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), url)
    return int(info["size"])


def read(url: str, offset: int, count: int) -> bytes:
    """The bytes from `offset` on, fewer than `count` where the file ends before.

    Many threads may read at once, each in a request of its own.

    Raises:
        FileNotFoundError: There is no such file.
        DataError: The store does not answer, or refuses.
    """
    if count <= 0:
        return b""
    system, inner = connected(url)

    def ask() -> bytes:
        try:
            content = bytes(system.cat_file(inner, start=offset, end=offset + count))
        except Exception as error:
            # How stores answer to a range that begins behind the end.
            invalid = getattr(error, "errno", 0) == errno.EINVAL
            if (invalid or getattr(error, "status", 0) == 416) and size(url) <= offset:
                return b""
            raise
        if len(content) < count and len(content) < size(url) - offset:
            raise ConnectionError("fewer bytes came than were asked for")
        return content

    return attempt(url, "read", ask)


class Reader(io.RawIOBase):
    """A remote file for readers that seek; each read is one request for just these bytes."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url, self._size, self._at = url, size(url), 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """The next byte to read."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Moves the next byte to read."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        """Fills a buffer as far as the file goes."""
        count = max(0, min(len(buffer), self._size - self._at))
        content = read(self._url, self._at, count)
        buffer[: len(content)] = content
        self._at += len(content)
        return len(content)


def _mark(info: Any) -> str:
    names = ("ETag", "etag", "md5", "mtime", "LastModified", "created")
    return next((str(info[name]) for name in names if info.get(name) is not None), "")
