"""Files behind URLs ("s3://bucket/shards") through fsspec: read in ranges, written whole, locked.

A `Url` is used like a `Path`. What a store refuses ends in one sentence; what it drops on the way
is asked for again, a few times.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import io
import json
import os
import platform
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import fsspec

from clara.errors import ClaraError, DataError, MissingExtraError, UsageError

T = TypeVar("T")

_TRIES = 4
_PAUSE = 0.2
# Seconds after which nothing is tried again: what a store answers slowly has been tried below.
_PATIENCE = 60.0
# Answers that were lost on the way, by the names that the packages behind fsspec give them.
_LOST = {
    "ClientPayloadError",
    "HTTPClientError",
    "IncompleteRead",
    "IncompleteReadError",
    "ServerDisconnectedError",
}
_CREDENTIALS = {"NoCredentialsError", "PartialCredentialsError", "ProfileNotFound"}
_UNREACHABLE = {
    "EndpointConnectionError",
    "ConnectTimeoutError",
    "ClientConnectorError",
    "gaierror",
}
_BUSY = (errno.EBUSY, getattr(errno, "EREMOTEIO", errno.EIO))
# A lock that nobody has renewed for so long was left behind by a run that was killed, in seconds.
LEASE = 30.0


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
        system, inner = _system(str(self))
        content: bytes = _attempt(str(self), "read", lambda: system.cat_file(inner))
        return content

    def write_bytes(self, content: bytes, *, new: bool = False) -> None:
        """Writes it whole.

        Args:
            content: All of it.
            new: Whether it must not be there yet, in stores that can tell.
        """
        system, inner = _system(str(self))
        mode = {"mode": "create"} if new else {}
        _attempt(str(self), "written", lambda: system.pipe_file(inner, content, **mode))

    def upload(self, path: Path) -> None:
        """Copies a file of this machine to it; it appears when it is whole."""
        system, inner = _system(str(self))
        _attempt(str(self), "written", lambda: system.put_file(str(path), inner))

    def download(self, path: Path) -> None:
        """Copies it to a file of this machine.

        Raises:
            FileNotFoundError: There is no such file.
        """
        system, inner = _system(str(self))
        _attempt(str(self), "read", lambda: system.get_file(inner, str(path)))

    def unlink(self, missing_ok: bool = False) -> None:
        """Removes the file."""
        system, inner = _system(str(self))
        try:
            _attempt(str(self), "removed", lambda: system.rm_file(inner))
        except FileNotFoundError:
            if not missing_ok:
                raise

    def remove_all(self) -> None:
        """Removes all files below it."""
        system, inner = _system(str(self))
        with contextlib.suppress(FileNotFoundError):
            _attempt(str(self), "removed", lambda: system.rm(inner, recursive=True))

    def files(self) -> dict[str, File]:
        """All files below it by their path from here."""
        system, inner = _system(str(self))

        def find() -> Any:
            system.invalidate_cache()
            return system.find(inner, detail=True)

        try:
            found = _attempt(str(self), "listed", find)
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
    system, inner = _system(url)

    def ask() -> Any:
        system.invalidate_cache(system._parent(inner))
        return system.info(inner)

    info = _attempt(url, "read", ask)
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
    system, inner = _system(url)

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

    return _attempt(url, "read", ask)


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


@contextlib.contextmanager
def locked(url: Url, what: str) -> Iterator[None]:
    """Holds a lock that is renewed while this process lives, and lapses when it is killed.

    A lock that is there is watched: one that is renewed meanwhile has a living owner.

    Args:
        url: The lock file; it is removed afterwards.
        what: What is locked, for the message.

    Raises:
        UsageError: Another process holds it.
        DataError: The lock cannot be written.
    """
    owner = f"{platform.node()}, process {os.getpid()}, {uuid.uuid4().hex}"
    _take(url, what, owner)
    done = threading.Event()
    renewing = threading.Thread(target=_renew, args=(url, owner, done), daemon=True)
    renewing.start()
    try:
        yield
    finally:
        done.set()
        renewing.join()
        if _owner(url)[0] == owner:
            url.unlink(missing_ok=True)


def _take(url: Url, what: str, owner: str) -> None:
    held = _owner(url)
    deadline = time.monotonic() + LEASE
    while held[0] and time.monotonic() < deadline:
        time.sleep(LEASE / 20)
        now = _owner(url)
        if now[0] and now != held:
            host = now[0].rpartition(",")[0]
            raise UsageError(f"Another run ({host}) is at work on {what}; wait until it ends.")
        held = now
    if held[0]:
        url.unlink(missing_ok=True)
    with contextlib.suppress(DataError):
        url.write_bytes(_lock(owner, 0), new=True)
    if _owner(url)[0] != owner:
        # Either somebody was quicker, or the store cannot tell whether a file is new.
        if _owner(url)[0]:
            raise UsageError(f"Another run is at work on {what}; wait until it ends.")
        url.write_bytes(_lock(owner, 0))


def _renew(url: Url, owner: str, done: threading.Event) -> None:
    count = 0
    while not done.wait(LEASE / 3):
        count += 1
        with contextlib.suppress(ClaraError, OSError):
            if _owner(url)[0] == owner:
                url.write_bytes(_lock(owner, count))


def _lock(owner: str, renewed: int) -> bytes:
    return json.dumps({"owner": owner, "renewed": renewed}).encode()


def _owner(url: Url) -> tuple[str, int]:
    """Who holds a lock, and how often it was renewed; nobody if there is none."""
    try:
        lock = json.loads(url.read_bytes())
        return str(lock["owner"]), int(lock["renewed"])
    except FileNotFoundError:
        return "", 0
    except (ValueError, KeyError, TypeError):
        return "unknown,", 0


def _mark(info: Any) -> str:
    names = ("ETag", "etag", "md5", "mtime", "LastModified", "created")
    return next((str(info[name]) for name in names if info.get(name) is not None), "")


def _system(url: str) -> tuple[Any, str]:
    """The file system of a URL and its path there."""
    scheme, _, rest = url.partition("://")
    system = _connect(scheme, rest.partition("/")[0], os.getpid())
    return system, system._strip_protocol(url)


@functools.lru_cache(maxsize=64)
def _connect(scheme: str, host: str, process: int) -> Any:
    """One file system for all threads of a process: making one takes as long as many reads."""
    try:
        return fsspec.core.url_to_fs(f"{scheme}://{host}")[0]
    except ImportError as error:
        if scheme in ("s3", "s3a"):
            raise MissingExtraError(f"addresses that begin with {scheme}://", "s3") from error
        raise UsageError(f"For addresses that begin with {scheme}:// do: {error}.") from error
    except ValueError as error:
        raise UsageError(
            f"Expected a path, or an address such as s3://bucket/folder, but found "
            f"{scheme}://{host}: {error}."
        ) from error


def _attempt(url: str, done: str, work: Callable[[], T]) -> T:
    """Does something remote, again if the answer was lost on the way.

    Args:
        url: Of what.
        done: What would have been done to it, for the message.
        work: Does it.

    Raises:
        FileNotFoundError: There is no such file to read.
        UsageError: There are no credentials, or no such bucket to write to.
        DataError: The store does not answer, or refuses.
    """
    begun = time.monotonic()
    for turn in range(1, _TRIES + 1):
        try:
            return work()
        except Exception as error:
            patient = turn < _TRIES and time.monotonic() - begun < _PATIENCE
            if patient and _is_lost(error):
                time.sleep(_PAUSE * 4 ** (turn - 1))
                continue
            if isinstance(error, FileNotFoundError) and done != "written":
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), url) from error
            raise _refusal(url, done, error) from error
    raise AssertionError


def _is_lost(error: Exception) -> bool:
    if isinstance(error, ConnectionError | TimeoutError):
        return True
    status = getattr(error, "status", 0)
    return bool(_names(error) & _LOST) or status == 429 or status in range(500, 600)


def _names(error: Exception) -> set[str]:
    chain = [error, error.__cause__] if error.__cause__ else [error]
    return {kind.__name__ for each in chain for kind in type(each).__mro__}


def _refusal(url: str, done: str, error: Exception) -> ClaraError:
    """What to tell a user of what a store said."""
    names = _names(error)
    said = str(getattr(error, "strerror", None) or error).strip().rstrip(".").replace("\n", " ")
    if names & _CREDENTIALS:
        return UsageError(
            f"Expected credentials for {url} but found none that can be used ({said}); set "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE."
        )
    if isinstance(error, FileNotFoundError):
        bucket = "/".join(url.split("/")[:3])
        return UsageError(f"Expected {bucket} to be there but it is not; make it first.")
    if names & _UNREACHABLE:
        return DataError(
            f"The store of {url} cannot be reached ({said}); check the network, and the address of "
            "the store in AWS_ENDPOINT_URL."
        )
    if isinstance(error, PermissionError):
        return DataError(
            f"{url} may not be {done} ({said}); check the credentials, and what they are allowed "
            "to do there."
        )
    if getattr(error, "errno", None) in _BUSY or _is_lost(error):
        return DataError(
            f"{url} could not be {done}: the store did not answer properly after several tries "
            f"({said}); run the same command again later."
        )
    return DataError(f"{url} could not be {done}: {type(error).__name__}: {said}.")
