"""Archives, unpacked so that nothing an archive says can reach outside its folder.

The name of each member is checked before anything of it is written, and is written as a new file
with plain permissions. What is neither a file nor a folder (links, devices) is passed over. No more
is written than there is room for, nor more than an archive of its length can sensibly hold.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, BinaryIO, NamedTuple, cast

from clara.errors import DataError, DownloadError, MissingExtraError
from clara.fetch._joined import Joined, joined_zip
from clara.files import unwritable

Told = Callable[[int, int], None]
"""Tells how many bytes are done, and of how many."""

_CHUNK = 1 << 18
_LARGEST_HEADER = 1 << 24
_MOST_MEMBERS = 20_000_000
_MOST_TIMES = 100  # sounds shrink to a half, tables to a tenth
_ALWAYS_ALLOWED = 1 << 30
_SPARE = 64 << 20  # bytes of the disk that are left alone
_LONGEST_NAME = 255
_OPENERS: dict[str, Callable[..., Any]] = {
    ".tar": contextlib.nullcontext,
    ".tar.gz": gzip.open,
    ".tgz": gzip.open,
    ".tar.bz2": bz2.open,
    ".tar.xz": lzma.open,
}
_SUFFIXES = (*_OPENERS, ".zip", ".7z")
_DAMAGE = (EOFError, OSError, zlib.error, lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile)
_UNKNOWN = (NotImplementedError, RuntimeError)  # what zipfile says of ciphers and new methods


class Unpacked(NamedTuple):
    """What came out of an archive.

    Attributes:
        files: How many files.
        passed_over: How many links and devices were not written.
    """

    files: int
    passed_over: int


class _Member(NamedTuple):
    name: str
    size: int
    is_file: bool
    is_folder: bool


def is_archive(name: str) -> bool:
    """Whether a file of this name is unpacked.

    >>> is_archive("LJSpeech-1.1.tar.bz2"), is_archive("dev.csv")
    (True, False)
    """
    return name.lower().endswith(_SUFFIXES)


def stem(name: str) -> str:
    """The name of a file without what says which kind of archive it is.

    >>> stem("dev-clean.tar.gz")
    'dev-clean'
    """
    suffix = next((each for each in _SUFFIXES if name.lower().endswith(each)), "")
    return name[: len(name) - len(suffix)]


def free(folder: Path) -> int:
    """The bytes that may still be written to the disk of a folder."""
    return max(0, shutil.disk_usage(folder).free - _SPARE)


def unpack(
    parts: Sequence[Path], name: str, into: Path, *, strip: int = 0, told: Told | None = None
) -> Unpacked:
    """Unpacks an archive into a new folder.

    Args:
        parts: The files that make up the archive, in order; mostly one.
        name: Its name, whose suffix says what it is.
        into: The folder, which is made.
        strip: How many folders that wrap its members are left away, with what lies above.
        told: Called with the bytes written and those to write, as far as they are known.

    Raises:
        DownloadError: It is damaged, is no such archive, names a place outside of the folder or
            one place twice, or holds more than is plausible.
        MissingExtraError: It is a 7z archive, and the package for these is not installed.
        DataError: There is no room for what it holds, or the folder cannot be written to.
    """
    sink = _Sink(name, into, strip, sum(path.stat().st_size for path in parts), told)
    kind = _unpack_zip if name.lower().endswith(".zip") else _unpack_tar
    if name.lower().endswith(".7z"):
        kind = _unpack_7z
    with contextlib.closing(sink), _damage_told(name):
        kind(parts, sink)
    return Unpacked(sink.files, sink.passed_over)


class _Sink:
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
        self._plausible = max(_ALWAYS_ALLOWED, _MOST_TIMES * length)
        self._room = free(into)
        self._promised = 0

    def place(self, member: _Member) -> Path | None:
        """Where a member is to be written; None if it is not.

        Raises:
            DownloadError: Its name leads outside, or there is no room for it.
        """
        self._members += 1
        if self._members > _MOST_MEMBERS:
            raise DownloadError(
                f"Expected at most {_MOST_MEMBERS:,} members in {self.name}, but there are more; "
                "it was not unpacked."
            )
        parts = _checked(member.name, self.name)[self._strip :]
        if not parts or parts[0] == "__MACOSX" or parts[-1].startswith("._"):
            return None  # above what is wanted, or notes of a Mac to itself
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

    def copy(self, member: _Member, path: Path, source: IO[bytes]) -> None:
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


def _checked(name: str, archive: str) -> list[str]:
    """The parts of a member's name.

    >>> _checked("./LJSpeech-1.1/wavs/LJ001-0001.wav", "LJSpeech-1.1.tar.bz2")
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


@contextlib.contextmanager
def _damage_told(name: str) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        raise DownloadError(
            f"Expected {name} to be an archive that can be read, but found: {error or 'an end'}."
        ) from error
    except _UNKNOWN as error:
        raise DownloadError(
            f"Expected {name} to need no password and no rare method, but found: {error}."
        ) from error


class _Guarded:
    """A stream that gives no more at once than a header can need, and keeps what it gave last.

    The tar reader takes extended headers as long as they claim to be into memory, and takes a
    header that it cannot read for the end.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.last = b""
        self.seek = stream.seek
        self.tell = stream.tell

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _LARGEST_HEADER:
            raise tarfile.ReadError("a header that is too long")
        self.last = self._stream.read(size)
        return self.last


def _unpack_tar(parts: Sequence[Path], sink: _Sink) -> None:
    suffix = next(each for each in _OPENERS if sink.name.lower().endswith(each))
    with Joined(parts) as whole, _OPENERS[suffix](whole) as stream:
        guarded = _Guarded(stream)
        file = cast("IO[bytes]", guarded)
        with tarfile.TarFile(fileobj=file, mode="r", errorlevel=2) as archive:
            while (info := archive.next()) is not None:
                archive.members = []  # type: ignore[attr-defined]  # millions, kept for nothing
                member = _Member(info.name, info.size, info.isreg(), info.isdir())
                path = sink.place(member)
                if path is not None:
                    source = archive.extractfile(info)
                    assert source is not None
                    sink.copy(member, path, source)
        if any(guarded.last):
            raise tarfile.ReadError("a header that cannot be read")


def _unpack_zip(parts: Sequence[Path], sink: _Sink) -> None:
    with contextlib.ExitStack() as stack:
        file: Any = parts[0]
        if len(parts) > 1:
            file = stack.enter_context(joined_zip(parts))
        archive = stack.enter_context(zipfile.ZipFile(file))
        placed = []
        for info in archive.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            is_file = kind in (0, stat.S_IFREG) and not info.is_dir()
            member = _Member(info.filename, info.file_size, is_file, info.is_dir())
            path = sink.place(member)
            if path is not None:
                placed.append((member, path, info))
                sink.total += member.size
        for member, path, info in placed:
            with archive.open(info) as source:
                sink.copy(member, path, source)


def _unpack_7z(parts: Sequence[Path], sink: _Sink) -> None:
    try:
        import py7zr
        from py7zr.exceptions import ArchiveError
        from py7zr.io import Py7zIO, WriterFactory
    except ImportError as error:
        raise MissingExtraError("7z archives", "archives") from error

    class Writer(Py7zIO):
        def __init__(self) -> None:
            self._written = 0

        def write(self, s: bytes | bytearray) -> int:
            sink.write(bytes(s))
            self._written += len(s)
            return len(s)

        def read(self, size: int | None = None) -> bytes:
            return b""

        def seek(self, offset: int, whence: int = 0) -> int:
            return 0

        def flush(self) -> None:
            pass

        def size(self) -> int:
            return self._written

    class Factory(WriterFactory):
        def create(self, filename: str) -> Py7zIO:
            sink.create(placed[filename])
            return Writer()

    placed: dict[str, Path] = {}
    targets: list[str] = []
    try:
        # A stream, not a path: for that the members come one after the other, in one thread.
        with Joined(parts) as whole, py7zr.SevenZipFile(cast("BinaryIO", whole)) as archive:
            for info in archive.list():
                is_file = info.is_file and not info.is_symlink
                member = _Member(info.filename, info.uncompressed, is_file, info.is_directory)
                path = sink.place(member)
                if path is None:
                    continue
                key = Path(info.filename).as_posix()
                if key in placed:
                    raise sink.twice(path)
                placed[key] = path
                targets.append(info.filename)
                sink.total += info.uncompressed
            archive.extract(targets=targets, factory=Factory())
    except (ArchiveError, py7zr.PasswordRequired, KeyError, ValueError) as error:
        raise DownloadError(
            f"Expected {sink.name} to be a 7z archive that can be read, but found: {error}."
        ) from error


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
