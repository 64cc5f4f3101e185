"""The folder into which an archive is unpacked, and what bounds it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import IO, BinaryIO, NamedTuple

from clara.errors import DataError, DownloadError
from clara.files import unwritable

Told = Callable[[int, int], None]
"""Tells how many bytes are done, and of how many."""

MOST_MEMBERS = 20_000_000
ALWAYS_ALLOWED = 1 << 30
_MOST_TIMES = 100  # sounds shrink to a half, tables to a tenth
_CHUNK = 1 << 18
_SPARE = 64 << 20  # bytes of the disk that are left alone
_LONGEST_NAME = 255


class Member(NamedTuple):
    """What an archive says of a member."""

    name: str
    size: int
    is_file: bool
    is_folder: bool


class Sink:
    """The folder into which members are written, and what bounds them."""

    def __init__(self, name: str, into: Path, strip: int, length: int, told: Told | None) -> None:
        self.name = name
        self.files = 0
        self.passed_over = 0
        self.total = 0
        self._into = into
        self._strip = strip
        self._told = told or (lambda done, total: None)
        self._done = 0
        self._members = 0
        self._open: BinaryIO | None = None
        try:
            into.mkdir(parents=True)
        except OSError as error:
            raise unwritable(into, error) from error
        self._plausible = max(ALWAYS_ALLOWED, _MOST_TIMES * length)
        self._room = free(into)
        self._promised = 0

    def place(self, member: Member) -> Path | None:
        """Where a member is to be written; None if it is not.

        Raises:
            DownloadError: Its name leads outside, or there is no room for it.
        """
        self._members += 1
        if self._members > MOST_MEMBERS:
            raise DownloadError(
                f"Expected at most {MOST_MEMBERS:,} members in {self.name}, but there are more; "
                "it was not unpacked."
            )
        parts = checked(member.name, self.name)
        if "__MACOSX" in parts[:1] or (parts[-1:] and parts[-1].startswith("._")):
            return None  # what a Mac notes for itself
        parts = parts[self._strip :]
        if not parts:
            return None  # above what is wanted
        if member.is_folder:
            return None  # made with its first file
        if not member.is_file:
            self.passed_over += 1
            return None
        self._promised += member.size
        if self._promised > self._plausible:
            raise DownloadError(
                f"Expected {self.name} to unpack to at most {size_text(self._plausible)}, but it "
                "holds more, as no corpus of its length does; it was not unpacked."
            )
        if self._promised > self._room:
            raise DataError(
                f"Expected room for more than {size_text(self._promised)} on the disk of "
                f"{self._into}, but {size_text(self._room)} are free; free some space and run "
                "the same command again, it goes on where it stopped."
            )
        return self._into.joinpath(*parts)

    def create(self, path: Path) -> None:
        """Opens a new file below the folder, after the one before is closed."""
        self.close()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._open = path.open("xb")
        except (FileExistsError, NotADirectoryError) as error:
            raise self.twice(path) from error
        except OSError as error:
            raise unwritable(path, error) from error
        self.files += 1

    def twice(self, path: Path) -> DownloadError:
        """What to say of a name that is taken."""
        return DownloadError(
            f"Expected each name once in {self.name}, but found {path.name!r} twice, or as a file "
            "and a folder; it was not unpacked."
        )

    def write(self, chunk: bytes) -> None:
        """Writes to the file that is open."""
        assert self._open is not None
        try:
            self._open.write(chunk)
        except OSError as error:
            raise unwritable(self._into, error) from error
        self._done += len(chunk)
        self._told(self._done, max(self.total, self._done))

    def close(self) -> None:
        """Closes the file that is open."""
        file, self._open = self._open, None
        try:
            if file is not None:
                file.close()
        except OSError as error:
            raise unwritable(self._into, error) from error

    def copy(self, member: Member, path: Path, source: IO[bytes]) -> None:
        """Writes a member of which `source` has the bytes.

        Raises:
            DownloadError: It has more or fewer bytes than were declared.
        """
        self.create(path)
        left = member.size
        while chunk := source.read(_CHUNK):
            left -= len(chunk)
            if left < 0:
                break
            self.write(chunk)
        if left:
            raise DownloadError(
                f"Expected {member.size:,} bytes of {member.name!r} in {self.name}, but found "
                f"{'more' if left < 0 else 'fewer'}; the archive is damaged."
            )
        self.close()


def checked(name: str, archive: str) -> list[str]:
    """The parts of a member's name.

    >>> checked("./LJSpeech-1.1/wavs/LJ001-0001.wav", "LJSpeech-1.1.tar.bz2")
    ['LJSpeech-1.1', 'wavs', 'LJ001-0001.wav']
    """
    parts = [part for part in re.split(r"[/\\]", name) if part not in ("", ".")]
    if (
        name[:1] in ("/", "\\")
        or ".." in parts
        or re.match(r"[A-Za-z]:", name)
        or any(ord(c) < 32 or ord(c) == 127 for c in name)
        or any(len(part.encode(errors="surrogateescape")) > _LONGEST_NAME for part in parts)
    ):
        raise DownloadError(
            f"Expected names inside its own folder in {archive}, but found {name[:200]!r}; it was "
            "not unpacked, and whoever offers it should be told."
        )
    return parts


def free(folder: Path) -> int:
    """The bytes that may still be written to the disk of a folder."""
    return max(0, shutil.disk_usage(folder).free - _SPARE)


def size_text(size: int) -> str:
    """Bytes in words for people, in powers of ten as disks are sold.

    >>> size_text(2_748_572_632)
    '2.7 GB'
    """
    value = float(size)
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 1000:
            return (
                f"{value:.0f} {unit}" if unit == "bytes" or value >= 100 else f"{value:.1f} {unit}"
            )
        value /= 1000
    return f"{value:.1f} TB"
