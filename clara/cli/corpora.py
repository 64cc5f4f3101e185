"""The command that tells what corpora there are, and fetches them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

from clara import corpora as room
from clara.cli import _output
from clara.errors import UsageError

if TYPE_CHECKING:
    from clara.fetch import Fetched

__all__ = ["corpora"]

_NOT_FOR_SALE = re.compile(r"\bNC\b|non-?commercial|academic|research", re.IGNORECASE)
_HOURS = re.compile(r"([\d,.]+) h\b")
_DETAILS = re.compile(r"; | \(")
_SHOWN = 5
_MOST, _FIRST = 50, 10  # words that are shown in full, and how many of more of them


def corpora(
    words: Annotated[Positional[tuple[str, ...]], arg(metavar="[NAME | get NAME FOLDER]")] = (),
    only: tuple[str, ...] = (),
    keep: bool = False,
    json: bool = False,
) -> None:
    """List the corpora that CLARA reads, tell all about one, or download one.

    `clara corpora get NAME FOLDER` goes on where it stopped when it is started again, checks what
    came by its hash, and unpacks it. HTTP_PROXY, HTTPS_PROXY and NO_PROXY are honoured.

    Args:
        words: Nothing to list all, NAME to tell about one, get NAME FOLDER to download one.
        only: Names of files to download, with * for any letters; all if none are given.
        keep: Keep the archives after they are unpacked.
        json: Print JSON.
    """
    match words:
        case ("get", name, folder):
            _get(name, Path(folder).expanduser(), only, keep=keep, json=json)
        case ("get", *_):
            raise UsageError(
                f"Expected a corpus and a folder behind get, but found {' '.join(words[1:])!r}; "
                "try: clara corpora get esc50 ~/data/ESC-50"
            )
        case ():
            _list(json=json)
        case (name,):
            _tell(name, json=json)
        case _:
            raise UsageError(
                f"Expected the name of one corpus, but found {' '.join(words)!r}; "
                "to download one: clara corpora get NAME FOLDER"
            )


def _list(*, json: bool) -> None:
    found = {each: room.get(each) for each in room.names()}
    if json:
        _output.show_json({name: _record(corpus) for name, corpus in found.items()})
        return
    _output.show_table([line(name, corpus) for name, corpus in found.items()], right=("hours",))
    _output.note("More on one: clara corpora NAME. To fetch it: clara corpora get NAME FOLDER")


def line(name: str, corpus: room.Corpus) -> dict[str, str]:
    """The least that tells a corpus from others: what fits on a line of a terminal."""
    hours = _HOURS.search(corpus.size)
    several = len(corpus.languages) > 1
    return {
        "name": name,
        "languages": f"{len(corpus.languages)} languages" if several else _spoken(corpus),
        "hours": hours[1] if hours else "-",
        "licence": _DETAILS.split(corpus.licence)[0],
        "download": "-" if corpus.yours else _download(corpus).rpartition(", ")[2],
    }


def fields(name: str, corpus: room.Corpus) -> dict[str, str]:
    """All that a person may want to know of a corpus, in the order in which it is asked."""
    told = {
        "title": corpus.title,
        "size": corpus.size,
        "languages": _spoken(corpus),
        "licence": corpus.licence,
        "splits": _text(corpus.splits),
        **{f"labels ({kind})": _text(values) for kind, values in corpus.labels.items()},
        "cite": corpus.cite,
        "homepage": corpus.homepage or "-",
        "obtain": corpus.obtain,
    }
    if corpus.downloads:
        told["download"] = f"clara corpora get {name} FOLDER ({_download(corpus)})"
    return told


def _tell(name: str, *, json: bool) -> None:
    corpus = room.get(name)
    if json:
        _output.show_json(_record(corpus))
    else:
        _output.show_fields(fields(name, corpus), name)


def _get(name: str, folder: Path, only: Sequence[str], *, keep: bool, json: bool) -> None:
    from clara.cli._progress import bytes_bar
    from clara.fetch import fetch

    corpus = room.get(name)
    if corpus.downloads:
        _output.note(f"{corpus.title}: {corpus.size}. All to download: {_download(corpus)}.")
        _output.note(f"Licence: {corpus.licence}. Cite: {corpus.cite}.")
        if _NOT_FOR_SALE.search(corpus.licence):
            _output.note("Its owner does not allow commercial use, or limits it: see the licence.")
    done = fetch(corpus, folder, only=only, keep=keep, note=_output.note, bar=bytes_bar)
    if json:
        _output.show_json({"corpus": name, "licence": corpus.licence, "result": done})
    _sum_up(name, corpus, done)


def _sum_up(name: str, corpus: room.Corpus, done: Fetched) -> None:
    """Tells a person what came of it, on stderr."""
    if not done.fetched:
        _output.note(f"Nothing to do: {_few(done.already)} is in {done.folder}.")
    elif done.unchecked:
        _output.note(
            f"The owner states no hash of {_few(done.unchecked)}; what came is noted in "
            f"{done.folder / 'downloads.json'}, so that a repeat is checked."
        )
    if done.passed_over:
        _output.note(f"{done.passed_over} links or devices in archives were passed over.")
    if done.kept:
        _output.note(f"Left as it was there, with other contents: {_few(done.kept)}.")
    if done.archives:
        _output.note(f"Kept: {_few([str(path) for path in done.archives])}")
    if done.lacks:
        _output.note(f"Not to be read yet: {done.lacks} {corpus.obtain}")
    else:
        _output.note(f"Next: clara prepare {name} {done.folder} SHARDS")


def _record(corpus: room.Corpus) -> dict[str, object]:
    return {
        "title": corpus.title,
        "languages": corpus.languages,
        "licence": corpus.licence,
        "size": corpus.size,
        "splits": corpus.splits,
        "labels": corpus.labels,
        "cite": corpus.cite,
        "homepage": corpus.homepage,
        "obtain": corpus.obtain,
        "download": _download(corpus),
        "downloads": corpus.downloads,
    }


def _spoken(corpus: room.Corpus) -> str:
    if corpus.languages == room.MANY:
        return "many"
    return "any" if corpus.yours else _text(corpus.languages)


def _download(corpus: room.Corpus) -> str:
    """What `get` would fetch, in few words."""
    if not corpus.downloads:
        return "by hand"
    from clara.fetch import size_text

    sizes = [each.size for each in corpus.downloads]
    files = f"{len(sizes)} files" if len(sizes) > 1 else "1 file"
    if corpus.partial:
        return f"{files}, the tables"
    if not any(sizes):
        return files
    return f"{files}, {'' if all(sizes) else 'over '}{size_text(sum(sizes))}"


def _few(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _text(value: Sequence[str]) -> str:
    """Words with commas between them: all, or where they are a flood their number and the first."""
    between = "; " if any("," in word for word in value) else ", "
    if len(value) <= _MOST:
        return between.join(value) or "-"
    return f"{len(value):,} (all with --json): {between.join(value[:_FIRST])}{between}..."
