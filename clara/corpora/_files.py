"""How corpora find and read what describes them, and what they say when it is not there."""

from __future__ import annotations

import csv
import hashlib
import os
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from clara.errors import LayoutError

T = TypeVar("T")

_TOO_MANY = 20  # codes for one message
_LONGEST_SAID = 300  # letters


def require(root: Path, relative: str, title: str) -> Path:
    """The file or folder `relative` of a corpus.

    Args:
        root: The folder that should hold the corpus.
        relative: Path below it, or a pattern of which the first match is taken.
        title: Name of the corpus, for the message.

    Raises:
        LayoutError: The folder or the file is not there.
    """
    if not root.is_dir():
        found = "a file" if root.exists() else "nothing"
        raise LayoutError(f"Expected the folder of {title} at {root}, but found {found} there.")
    found_first = next(iter(sorted(root.glob(relative))), None)
    if found_first is None:
        there = sorted(path.name for path in root.iterdir())
        listing = ", ".join(there[:5]) + (", ..." if len(there) > 5 else "")
        raise LayoutError(
            f"Expected {relative} of {title} in {root}, but found {listing or 'an empty folder'}; "
            f"give the folder that holds {relative}."
        )
    return found_first


def present(root: Path, relatives: Sequence[str], title: str) -> list[Path]:
    """Those of the files of a corpus that are there: who needs one split fetches no other.

    Args:
        root: The folder that should hold the corpus.
        relatives: Paths below it.
        title: Name of the corpus, for the message.

    Raises:
        LayoutError: None of them is there.
    """
    found = [root / relative for relative in relatives if (root / relative).is_file()]
    return found or [require(root, relatives[0], title)]


def rows(
    path: Path,
    columns: Collection[str],
    *,
    delimiter: str = ",",
    names: Sequence[str] = (),
    quotes: bool | None = None,
    encoding: str = "utf-8-sig",
    strip: bool = True,
) -> Iterator[tuple[int, dict[str, str]]]:
    """The lines of a table, as (line number, column to text).

    Text stays text: "null" and "NA" are words like others.

    Args:
        path: A UTF-8 file, with or without a byte order mark.
        columns: The columns that must be there; others are passed on.
        delimiter: What parts the columns.
        names: The columns of a table that has no header.
        quotes: Whether quotes group text; if None, in a table parted by commas.
        encoding: Of the file, where it is not UTF-8.
        strip: Whether to strip the cells; a file may well be called " e.wav".

    Raises:
        LayoutError: No text, no such columns, or a line with too few or too many of them.
    """
    try:
        with path.open(encoding=encoding, newline="") as file:
            if delimiter == "," if quotes is None else quotes:
                reader = csv.reader(file, delimiter=delimiter, strict=True)
            else:
                reader = csv.reader(file, delimiter=delimiter, quoting=csv.QUOTE_NONE)
            header = [name.strip() for name in names or next(reader, [])]
            check_columns(path, header, columns, delimiter)
            for cells in reader:
                if not any(cell.strip() for cell in cells):
                    continue
                if len(cells) != len(header):
                    raise LayoutError(
                        f"Expected {len(header)} columns in line {reader.line_num} of {path}, "
                        f"but found {len(cells)}; quote text that holds {delimiter!r}."
                    )
                if strip:
                    cells = [cell.strip() for cell in cells]
                named = zip(header, cells, strict=True)
                yield reader.line_num, {name: cell for name, cell in named if name}
    except (csv.Error, UnicodeDecodeError, OSError) as error:
        raise _unread("a table in UTF-8", path, error) from error


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a text that are not empty, as (line number, line).

    Raises:
        LayoutError: The file is not UTF-8, or cannot be read.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, line.rstrip("\r\n")
    except (UnicodeDecodeError, OSError) as error:
        raise _unread("text in UTF-8", path, error) from error


def content(path: Path, what: str) -> bytes:
    """All that a file holds.

    Args:
        path: The file.
        what: What it should be, for the message ("JSON").

    Raises:
        LayoutError: It cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unread(what, path, error) from error


def _unread(what: str, path: Path, error: Exception) -> LayoutError:
    found = str(getattr(error, "strerror", None) or error)
    if isinstance(error, UnicodeDecodeError):
        found = "another encoding, or no text at all; save it as text in UTF-8"
    elif found == "unexpected end of data":
        found = "a quotation mark that is never closed"
    return LayoutError(f"Expected {what} at {path}, but found: {found}.")


_PROMPT = re.compile(r'\(\s*(\S+)\s+"(.*)"\s*\)')


def festvox(path: Path) -> Iterator[tuple[str, str]]:
    """The lines of a transcript in the form of Festival: `( arctic_a0001 "Author of the ..." )`.

    Returns:
        Of each line the name of the recording and what is said.

    Raises:
        LayoutError: A line has another form.
    """
    for number, line in lines(path):
        match = _PROMPT.fullmatch(line.strip())
        if match is None:
            raise LayoutError(
                f"Expected '( arctic_a0001 \"TEXT\" )' in line {number} of {path}, "
                f"but found {line[:60]!r}."
            )
        yield match[1], match[2].replace('\\"', '"').strip()


def check_columns(
    path: Path, found: Collection[str], wanted: Collection[str], delimiter: str = ","
) -> None:
    """Checks that a table has the columns that are wanted, and each name once.

    Raises:
        LayoutError: It has not; Git LFS pointers are recognised.
    """
    for name, count in Counter(filter(None, found)).items():
        if count > 1:
            raise LayoutError(
                f"Expected each of the column names once in {path}, but found {name!r} twice."
            )
    missing = [name for name in wanted if name not in found]
    if not missing:
        return
    if any(name.startswith("version https://git-lfs") for name in found):
        raise LayoutError(
            f"Expected a table at {path}, but found a Git LFS pointer; run `git lfs pull` there."
        )
    raise LayoutError(
        f"Expected the columns {', '.join(missing)} in {path}, but its first line has: "
        f"{_clipped(', '.join(found)) or 'nothing'}"
        f"{f'; part them by {delimiter!r}' if len(found) == 1 else ''}."
    )


def choose(table: Mapping[str, T], code: str, what: str, where: str) -> T:
    """The meaning of a code in a file name or a cell.

    Raises:
        LayoutError: The corpus has no such code.
    """
    if code not in table:
        codes = list(table)
        if len(codes) > _TOO_MANY:
            codes = [*codes[:5], f"... ({len(codes)} in all)"]
        raise LayoutError(
            f"Expected {what} to be one of {_clipped(', '.join(codes))} in {where}, but found "
            f"{_clipped(repr(code))}."
        )
    return table[code]


def _clipped(text: str) -> str:
    """As much of what a file holds as a message can take."""
    return text if len(text) <= _LONGEST_SAID else f"{text[:_LONGEST_SAID]} ..."


def counts(row: Mapping[str, str], where: str) -> bool:
    """Whether a vocal imitation is to be used: one that is included, no draft and no trial.

    Args:
        row: With the columns included, draft and training, in any case of letters.
        where: For the message.

    Raises:
        LayoutError: One of them is neither true nor false.
    """
    wanted = {"included": True, "draft": False, "training": False}
    flags = {"true": True, "false": False}
    return wanted == {flag: choose(flags, row[flag].lower(), flag, where) for flag in wanted}


def labels(name: str) -> tuple[str, ...]:
    """The lines of a list of labels that ships with the package, in the official order.

    >>> len(labels("vggsound"))
    309
    """
    text = (Path(__file__).parent / "_labels" / f"{name}.txt").read_text(encoding="utf-8")
    return tuple(line for line in text.splitlines() if line and not line.startswith("#"))


_DEED = re.compile(
    r"https?://(?:www\.)?creativecommons\.org/\w+/(?P<terms>[a-z+-]+)/(?P<version>[\d.]+)"
)
_TERMS = {"zero": "CC0", "sampling+": "CC Sampling+", "mark": "Public Domain Mark"}


def licence(link: str) -> str:
    """The short name of a licence that is given by its link; anything else stays as it is.

    >>> licence("http://creativecommons.org/licenses/by-nc/3.0/")
    'CC BY-NC 3.0'
    >>> licence("http://creativecommons.org/publicdomain/zero/1.0/")
    'CC0 1.0'
    """
    match = _DEED.match(link)
    if match is None:
        return link
    return f"{_TERMS.get(match['terms'], 'CC ' + match['terms'].upper())} {match['version']}"


def seeded_split(group: str, *, valid: float = 0.1, test: float = 0.2) -> str:
    """The split of a speaker or source, where a corpus has no official one.

    It follows from the name alone: more data, or a part of them, move nobody to another split.

    Args:
        group: What must stay together: speaker, place or id of the source.
        valid: The share of groups to validate on.
        test: The share of groups to test on.

    >>> seeded_split("crema_d/1001") == seeded_split("crema_d/1001")
    True
    """
    digest = hashlib.blake2b(group.encode(), digest_size=8).digest()
    place = int.from_bytes(digest, "big") / 2**64
    return "test" if place < test else "valid" if place < test + valid else "train"


_LONGEST_NAME, _LONGEST_PATH = 255, 1000  # file systems allow no more, and no corpus has more


def inside(folder: Path, name: str, where: str) -> Path:
    """The place below a folder that the metadata of a corpus name.

    Whoever wrote them may be a stranger: they cannot have other files of this machine read.

    Args:
        folder: The folder of the corpus, or one in it.
        name: A path relative to that.
        where: Which line says so, for the message.

    Raises:
        LayoutError: It is no path, or leads out of the folder.
    """
    steps = name.split("/")
    long = len(name) > _LONGEST_PATH or any(len(step.encode()) > _LONGEST_NAME for step in steps)
    if long or "\0" in name or not {"", ".", ".."}.isdisjoint(steps):
        raise LayoutError(
            f"Expected a file below {folder} in {where}, but found {name[:100]!r}; correct it."
        )
    return folder / name


def recording(folder: Path, name: str, where: str) -> Path:
    """The recording that the metadata of a corpus name: itself, or in another audio format.

    Args:
        folder: As `inside` takes it.
        name: As `inside` takes it.
        where: As `inside` takes it.

    Raises:
        LayoutError: It is no path, or leads out of the folder.
    """
    return in_any_format(inside(folder, name, where))


def in_any_format(path: Path) -> Path:
    """A recording, or the same in another audio format where that alone is there."""
    from clara.audio.io import find  # heavy for a listing of corpora

    try:
        # Where a part of a corpus was not fetched, no other format needs to be looked for.
        if path.is_file() or not path.parent.is_dir():
            return path
        return find(path) or path
    except OSError:  # such as a name that is too long: told when it is read
        return path


def recordings(folder: Path) -> list[Path]:
    """The audio files of a folder, sorted, one of each stem; hidden ones are passed over.

    Of those with one stem it is the one whose suffix comes first in `AUDIO_SUFFIXES`.
    """
    from clara.audio.io import AUDIO_SUFFIXES

    ranks = {suffix: rank for rank, suffix in enumerate(AUDIO_SUFFIXES)}
    found = [
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in ranks and not path.name.startswith(".")
    ]
    # The last of a stem stays.
    found.sort(key=lambda path: -ranks[path.suffix.lower()])
    stems = {path.stem: path for path in found}
    return [stems[stem] for stem in sorted(stems)]


def media(root: Path) -> dict[str, str]:
    """Every recording below a folder, by stem: one walk, where a look for each would take hours.

    Of several with one stem, the format that stands first in `AUDIO_SUFFIXES` is taken, then the
    first path. Hidden files and folders are passed over; links are followed, each folder once.
    """
    from clara.audio.io import AUDIO_SUFFIXES

    ranks = {suffix: rank for rank, suffix in enumerate(AUDIO_SUFFIXES)}
    found: dict[str, str] = {}
    for folder, files in walk(root):
        for name in files:
            stem, suffix = os.path.splitext(name)  # noqa: PTH122 (millions of names)
            rank = ranks.get(suffix.lower())
            if rank is None:
                continue
            other = found.get(stem)
            if other is None or rank < ranks[os.path.splitext(other)[1].lower()]:  # noqa: PTH122
                found[stem] = f"{folder}{os.sep}{name}"
    return found


def walk(root: Path) -> Iterator[tuple[str, list[str]]]:
    """Every folder in and below one, with the names of its files, in a fixed order.

    Hidden files and folders are passed over; links are followed, each folder once.
    """
    walked: set[tuple[int, int]] = set()
    for folder, folders, files in os.walk(root, followlinks=True):
        status = Path(folder).stat()
        if (status.st_dev, status.st_ino) in walked:
            folders.clear()
            continue
        walked.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield folder, sorted(name for name in files if not name.startswith("."))
