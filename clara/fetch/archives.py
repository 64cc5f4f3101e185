"""Archives, unpacked so that nothing an archive says can reach outside its folder.

The name of each member is checked before anything of it is written, and is written as a new file
with plain permissions. What is neither a file nor a folder (links, devices) is passed over. No more
is written than there is room for, nor more than an archive of its length can sensibly hold.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, BinaryIO, NamedTuple, cast

from clara.errors import DownloadError, MissingExtraError
from clara.fetch._joined import Joined, joined_zip
from clara.fetch._sink import Member, Sink, Told

_CHUNK = 1 << 18
_LARGEST_HEADER = 1 << 24
_LONGEST_PADDING = 1 << 26
_SAYS_UTF8 = 0x800
_OPENERS: dict[str, Callable[..., Any]] = {
    ".tar": io.BufferedReader,
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


def check_known(name: str) -> None:
    """Checks that an archive of this name could be unpacked here.

    Raises:
        MissingExtraError: It is a 7z archive, and the package for these is not installed.
    """
    if name.lower().endswith(".7z"):
        try:
            import py7zr  # noqa: F401
        except ImportError as error:
            raise MissingExtraError("7z archives", "archives") from error


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
    check_known(name)
    sink = Sink(name, into, strip, sum(path.stat().st_size for path in parts), told)
    kind = _unpack_zip if name.lower().endswith(".zip") else _unpack_tar
    if name.lower().endswith(".7z"):
        kind = _unpack_7z
    with contextlib.closing(sink), _damage_told(name):
        kind(parts, sink)
    return Unpacked(sink.files, sink.passed_over)


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


def _unpack_tar(parts: Sequence[Path], sink: Sink) -> None:
    suffix = next(each for each in _OPENERS if sink.name.lower().endswith(each))
    with Joined(parts) as whole, _OPENERS[suffix](whole) as stream:
        guarded = _Guarded(stream)
        file = cast("IO[bytes]", guarded)
        with tarfile.TarFile(fileobj=file, mode="r", errorlevel=2) as archive:
            while (info := archive.next()) is not None:
                archive.members = []  # type: ignore[attr-defined]  # millions, kept for nothing
                member = Member(info.name, info.size, info.isreg(), info.isdir())
                path = sink.place(member)
                if path is not None:
                    source = archive.extractfile(info)
                    assert source is not None
                    sink.copy(member, path, source)
        if any(guarded.last):
            raise tarfile.ReadError("a header that cannot be read")
        # The checksum of what was compressed comes last, behind the padding.
        for _ in range(_LONGEST_PADDING // _CHUNK):
            if not stream.read(_CHUNK):
                return
        raise tarfile.ReadError("more behind its end")


def _unpack_zip(parts: Sequence[Path], sink: Sink) -> None:
    with contextlib.ExitStack() as stack:
        file: Any = parts[0]
        if len(parts) > 1:
            file = stack.enter_context(joined_zip(parts))
        archive = stack.enter_context(zipfile.ZipFile(file))
        placed = []
        for info in archive.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            is_file = kind in (0, stat.S_IFREG) and not info.is_dir()
            member = Member(_zip_name(info), info.file_size, is_file, info.is_dir())
            path = sink.place(member)
            if path is not None:
                placed.append((member, path, info))
                sink.total += member.size
        for member, path, info in placed:
            with archive.open(info) as source:
                sink.copy(member, path, source)


def _zip_name(info: zipfile.ZipInfo) -> str:
    """The name of a member, in UTF-8 where it is that but does not say so, as on a Mac."""
    with contextlib.suppress(UnicodeError):
        if not info.flag_bits & _SAYS_UTF8:
            return info.filename.encode("cp437").decode()
    return info.filename


def _unpack_7z(parts: Sequence[Path], sink: Sink) -> None:
    import py7zr
    from py7zr.exceptions import ArchiveError
    from py7zr.io import Py7zIO, WriterFactory

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
                member = Member(info.filename, info.uncompressed, is_file, info.is_directory)
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
