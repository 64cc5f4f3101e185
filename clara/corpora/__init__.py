"""ROOM: the corpora. Each file knows one corpus: its official layout, labels, splits and licence.

A file here holds one `Corpus`, named in its `__all__`; the file name is the corpus's name on the
command line. It decodes nothing, downloads nothing and writes no caption: it turns a folder in the
official layout into entries, and says the facts once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from clara import rooms
from clara.errors import UnknownNameError, UsageError
from clara.records import Entry

EMOTIONS = (
    "angry",
    "disgusted",
    "fearful",
    "happy",
    "neutral",
    "sad",
    "surprised",
    "calm",
    "bored",
)
GENDERS = ("man", "woman")
MANY = ("mul",)
"""The languages of a corpus that has more of them than can be listed (ISO 639-2)."""


@dataclass(frozen=True, kw_only=True)
class Download:
    """A file that a corpus is handed out as.

    Attributes:
        url: Where its owner offers it.
        size: Its bytes; 0 if its owner does not say.
        hash: "md5:..." or "sha256:..." as its owner or a library that checks it states it; empty if
            none is stated.
        folder: Where it is unpacked, below the folder of the corpus. An archive is known by its
            suffix; what is none is kept as it is.
        strip: How many folders that wrap all that an archive holds are left away.
        join: Archives in parts: the name of the whole that parts with the same name here make up,
            in the order in which they are listed.
    """

    url: str
    size: int = 0
    hash: str = ""
    folder: str = ""
    strip: int = 0
    join: str = ""


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """What is to be known of a corpus, and how to read it.

    Attributes:
        title: The name that people use.
        homepage: Where it lives.
        licence: What its owners allow.
        cite: The publication to name.
        size: Clips, hours and download, for people.
        obtain: How to get it, and which folder to hand to `read`.
        splits: Its official splits or folds; made by speaker where there are none.
        languages: BCP 47 tags of what is spoken; `MANY`; or empty for none, or for any.
        labels: Kind of label to every value it can take. A kind that is not listed is open: its
            values are those of the data.
        read: Walks a folder in the official layout. It raises `LayoutError` where a file that
            describes the corpus is missing or is not what it should be; whether the recordings
            can be read is left to whoever decodes them.
        downloads: What `clara corpora get` fetches, unpacked as `read` wants it; empty where the
            owner does not allow it or the audio is not handed out: then `obtain` is exact.
        partial: Whether recordings go missing by nature, as videos do that are taken offline: those
            that are not there are left out and counted, but are no bad records.
        yours: Whether it is a form for anyone's own recordings. Their shards are then named after
            where they lie, since each is a corpus of its own.
    """

    title: str
    homepage: str
    licence: str
    cite: str
    size: str
    obtain: str
    splits: tuple[str, ...]
    read: Callable[[Path], Iterator[Entry]]
    languages: tuple[str, ...] = ()
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    downloads: tuple[Download, ...] = ()
    partial: bool = False
    yours: bool = False

    @property
    def folds(self) -> tuple[str, ...]:
        """The splits that are folds of a cross-validation."""
        return tuple(split for split in self.splits if split.startswith("fold"))


def names() -> list[str]:
    """The names of all corpora, sorted.

    >>> "esc50" in names()
    True
    """
    return rooms.names("corpora")


def get(name: str) -> Corpus:
    """The corpus of that name, or the one at "package.module:object".

    Raises:
        UnknownNameError: There is none; the message names the nearest.
        UsageError: What lies at "package.module:object" is no corpus.

    >>> get("esc50").folds
    ('fold1', 'fold2', 'fold3', 'fold4', 'fold5')
    """
    if ":" not in name and name not in names():
        raise UnknownNameError("corpus", name, names())
    corpus = rooms.load("corpora", name)
    if not isinstance(corpus, Corpus):
        raise UsageError(
            f"Expected a clara.corpora.Corpus at {name!r}, but found {type(corpus).__name__}."
        )
    return corpus
