"""Corpora, downloaded from their owners: by hash, taken up again, unpacked safely.

In the folder of a corpus lie `downloads.json`, which says what was fetched, and while work is on
or archives are kept, `.downloads/` with a folder for each archive:

    .downloads/3f2a91bc/LJSpeech-1.1.tar.bz2.part    what has come of it so far
    .downloads/3f2a91bc/LJSpeech-1.1.tar.bz2         the whole of it, checked
    .downloads/3f2a91bc/unpacking/                   as far as it is unpacked
    .downloads/3f2a91bc/unpacked/                    all of it, on its way into the corpus's folder

Each appears from the one before by a rename, so that a run that ends at any point is gone on with.
"""

from __future__ import annotations

import contextlib
import filecmp
import fnmatch
import hashlib
import itertools
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from clara.corpora import Corpus, Download
from clara.errors import ClaraError, DownloadError, UsageError
from clara.fetch import archives, http
from clara.fetch._sink import Told, size_text
from clara.files import locked, replacing, unwritable

__all__ = ["Fetched", "fetch", "file_name", "size_text"]

RECORD = "downloads.json"
_WORK = ".downloads"
_LOCK = ".downloads.lock"
_UNPACKED = "unpacked"
_LOOKED_AT = 200  # recordings, to see whether a corpus is there

Bar = Callable[[str], AbstractContextManager[Told]]


@dataclass(frozen=True)
class Fetched:
    """What a run of `fetch` did.

    Attributes:
        folder: Where the corpus is.
        fetched: What was downloaded.
        already: What was there before.
        unchecked: What has no hash by its owner, so that only a repeat is checked.
        passed_over: Links and devices in archives, which are not written.
        kept: Files that were there with other contents, and were left as they are.
        archives: Archives that were kept.
        lacks: Why the corpus cannot be read yet; empty if it can.
    """

    folder: Path
    fetched: tuple[str, ...] = ()
    already: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()
    passed_over: int = 0
    kept: tuple[str, ...] = ()
    archives: tuple[Path, ...] = ()
    lacks: str = ""


@dataclass(frozen=True)
class _Unit:
    """A file, or an archive with all of its parts."""

    name: str
    parts: tuple[Download, ...]

    @property
    def work(self) -> str:
        """Its folder below `.downloads`; two files may have one name."""
        return hashlib.sha256(self.parts[0].url.encode()).hexdigest()[:8]


@dataclass
class _Run:
    """What is known while a corpus is fetched."""

    folder: Path
    keep: bool
    note: Callable[[str], None]
    bar: Bar
    record: dict[str, dict[str, Any]]
    passed_over: int = 0
    kept: list[str] = field(default_factory=list)
    archives: list[Path] = field(default_factory=list)


def file_name(url: str) -> str:
    """The name of what lies at an address.

    >>> file_name("https://example.org/files/A%20b.zip?download=1")
    'A b.zip'
    """
    return unquote(urlsplit(url).path).rpartition("/")[2]


@contextlib.contextmanager
def _no_bar(what: str) -> Iterator[Told]:
    yield lambda done, total: None


def fetch(
    corpus: Corpus,
    folder: Path,
    *,
    only: Sequence[str] = (),
    keep: bool = False,
    note: Callable[[str], None] = lambda text: None,
    bar: Bar = _no_bar,
) -> Fetched:
    """Downloads what a corpus is handed out as, and unpacks it as `corpus.read` wants it.

    What is there is not fetched again, and a run that was stopped goes on where it stopped.

    Args:
        corpus: Which.
        folder: Where to; it is made.
        only: Patterns, of which one has to fit the name of a file, with or without its suffix; all
            files if empty.
        keep: Whether archives stay in `.downloads` after they are unpacked.
        note: Called with lines for a person.
        bar: Makes a progress bar, in bytes, for what it is called with.

    Raises:
        MissingExtraError: What unpacks its archives is not installed.
        UsageError: Its owner does not let it be downloaded, nothing fits `only`, or another run is
            at work on the folder.
        DownloadError: Something cannot be had, or is not what its owner states.
        DataError: There is no room, or the folder cannot be written to.
    """
    if not corpus.downloads:
        raise UsageError(f"{corpus.title} cannot be downloaded by a program. {corpus.obtain}")
    units = _chosen(_units(corpus.downloads), only)
    for unit in units:
        archives.check_known(unit.name)
    folder = folder.absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from error
    fetched: list[str] = []
    already: list[str] = []
    with locked(folder / _LOCK, f"{folder}"):
        run = _Run(folder, keep, note, bar, _read_record(folder))
        lacking = [unit for unit in units if not _is_there(unit, run)]
        http.check_room(folder, _least_room(lacking))
        for unit in units:
            (fetched if unit in lacking else already).append(unit.name)
            if unit in lacking:
                _fetch(unit, run)
            else:
                _tidy(unit, run)  # an earlier run may have ended before it did
        with contextlib.suppress(OSError):  # archives that are kept, or parts of others
            (folder / _WORK).rmdir()
    bare = tuple(file_name(part.url) for unit in units for part in unit.parts if not part.hash)
    return Fetched(
        folder,
        tuple(fetched),
        tuple(already),
        bare,
        run.passed_over,
        tuple(run.kept),
        tuple(run.archives),
        _lacks(corpus, folder),
    )


def _units(downloads: Sequence[Download]) -> list[_Unit]:
    grouped: dict[tuple[str, str], list[Download]] = {}
    for each in downloads:
        grouped.setdefault((each.join, "" if each.join else each.url), []).append(each)
    return [
        _Unit(join or file_name(parts[0].url), tuple(parts)) for (join, _), parts in grouped.items()
    ]


def _chosen(units: list[_Unit], only: Sequence[str]) -> list[_Unit]:
    chosen = list(units)
    if only:
        chosen = [
            unit
            for unit in units
            if any(
                fnmatch.fnmatchcase(name, pattern)
                for pattern in only
                for name in (unit.name, archives.stem(unit.name))
            )
        ]
    if not chosen:
        names = ", ".join(unit.name for unit in units)
        raise UsageError(f"Nothing fits {' or '.join(map(repr, only))}; there are: {names}.")
    return chosen


def _least_room(units: Sequence[_Unit]) -> int:
    """What these need at the least: unpacked they are no smaller, and an archive lies beside."""
    sizes = {unit: sum(part.size for part in unit.parts) for unit in units}
    archived = [sizes[unit] for unit in units if archives.is_archive(unit.name)]
    return sum(sizes.values()) + max(archived, default=0)


def _fetch(unit: _Unit, run: _Run) -> None:
    """Downloads a file or an archive, and puts it where it belongs."""
    work = run.folder / _WORK / unit.work
    try:
        work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(work, error) from error
    records = {part.url: _download(part, work, run) for part in unit.parts}
    paths = [work / file_name(part.url) for part in unit.parts]
    target = run.folder / unit.parts[0].folder
    if archives.is_archive(unit.name):
        holds = _unpack(unit, paths, work, run)
        _merge(work / _UNPACKED, target, run)
    else:
        holds = [unit.name]
        _merge_file(paths[0], target / unit.name, run)
    for each in records.values():
        each["holds"] = [(target / name).relative_to(run.folder).as_posix() for name in holds]
        each["kept"] = run.keep and archives.is_archive(unit.name)
    # Said before the work is removed: what is said to be there is there.
    run.record.update(records)
    _write_record(run)
    if run.keep and archives.is_archive(unit.name):
        run.archives.extend(paths)
    _tidy(unit, run)


def _tidy(unit: _Unit, run: _Run) -> None:
    """Removes what served to fetch a file that is there now."""
    work = run.folder / _WORK / unit.work
    kept = run.record[unit.parts[0].url].get("kept")
    shutil.rmtree(work / _UNPACKED if kept else work, ignore_errors=True)


def _download(part: Download, work: Path, run: _Run) -> dict[str, Any]:
    """Downloads a file into a folder; what the record says of it."""
    name = file_name(part.url)
    before = run.record.get(part.url, {})
    known = before.get("sha256", "")
    expected = part.hash or (f"sha256:{known}" if known else "")
    run.note(f"Fetching {name} from {urlsplit(part.url).hostname}.")
    try:
        with run.bar(name) as told:
            digest = http.download(part, work / name, expected=expected, told=told, note=run.note)
    except http.HashError as error:
        if part.hash:
            raise
        raise DownloadError(
            f"{error} That is what came on {before.get('fetched')}; to take what its owner offers "
            f"now, remove {run.folder / RECORD}."
        ) from error
    return {
        "bytes": (work / name).stat().st_size,
        "sha256": digest,
        "stated": part.hash,
        "fetched": datetime.now(UTC).date().isoformat(),
    }


def _unpack(unit: _Unit, paths: Sequence[Path], work: Path, run: _Run) -> list[str]:
    """Unpacks an archive into a folder that appears when it is whole; the names in that."""
    listing = work / "holds.json"
    if (work / _UNPACKED).is_dir():  # an earlier run ended while it was moved
        return list(json.loads(listing.read_bytes()))
    trying = work / "unpacking"
    shutil.rmtree(trying, ignore_errors=True)
    run.note(f"Unpacking {unit.name}.")
    try:
        with run.bar(f"unpacking {unit.name}") as told:
            found = archives.unpack(paths, unit.name, trying, strip=unit.parts[0].strip, told=told)
        holds = sorted(path.name for path in trying.iterdir())
        if not found.files or not {RECORD, _WORK, _LOCK}.isdisjoint(holds):
            raise DownloadError(
                f"Expected the recordings of a corpus in {unit.name}, but found: "
                f"{', '.join(holds) or 'nothing'}."
            )
    except DownloadError as error:
        shutil.rmtree(trying, ignore_errors=True)
        if all(part.hash for part in unit.parts):
            raise DownloadError(f"{error} It is as its owner published it: {paths[-1]}") from error
        shutil.rmtree(work, ignore_errors=True)
        raise DownloadError(f"{error} It was removed; a repeat fetches it anew.") from error
    except BaseException:
        shutil.rmtree(trying, ignore_errors=True)
        raise
    run.passed_over += found.passed_over
    with replacing(listing) as file:
        file.write(json.dumps(holds).encode())
    trying.rename(work / _UNPACKED)
    return holds


def _merge(source: Path, target: Path, run: _Run) -> None:
    """Moves what a folder holds into another, leaving what is there as it is."""
    try:
        target.mkdir(parents=True, exist_ok=True)
        for path in sorted(source.iterdir()):
            there = target / path.name
            if path.is_dir() and there.is_dir():
                _merge(path, there, run)
            elif path.is_dir() and not there.exists():
                path.rename(there)
            else:
                _merge_file(path, there, run)
    except OSError as error:
        raise unwritable(target, error) from error


def _merge_file(path: Path, there: Path, run: _Run) -> None:
    try:
        there.parent.mkdir(parents=True, exist_ok=True)
        if not there.exists():
            path.rename(there)
        elif there.is_dir() or path.is_dir() or not filecmp.cmp(path, there, shallow=False):
            run.kept.append(there.relative_to(run.folder).as_posix())
    except OSError as error:
        raise unwritable(there, error) from error


def _is_there(unit: _Unit, run: _Run) -> bool:
    """Whether an earlier run fetched all of it, and nothing of it was removed since."""
    records = [run.record.get(part.url, {}) for part in unit.parts]
    stated = [part.hash for part in unit.parts]
    return [each.get("stated") for each in records] == stated and all(
        (run.folder / name).exists() for each in records for name in each.get("holds", [])
    )


def _read_record(folder: Path) -> dict[str, dict[str, Any]]:
    try:
        record = json.loads((folder / RECORD).read_bytes())
        return {each["url"]: each for each in record["downloads"]}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DownloadError(
            f"Expected what was fetched before in {folder / RECORD}, but it cannot be read; "
            "remove it to fetch all anew."
        ) from error


def _write_record(run: _Run) -> None:
    record = {"downloads": [{"url": url, **facts} for url, facts in run.record.items()]}
    with replacing(run.folder / RECORD) as file:
        file.write(json.dumps(record, indent=2).encode())


def _lacks(corpus: Corpus, folder: Path) -> str:
    """Why a corpus cannot be read from a folder; empty if its first recordings are there."""
    try:
        entries = list(itertools.islice(corpus.read(folder), _LOOKED_AT))
    except ClaraError as error:
        return str(error)
    there = (not isinstance(each.path, Path) or each.path.exists() for each in entries)
    return "" if any(there) else "None of its recordings are there."
