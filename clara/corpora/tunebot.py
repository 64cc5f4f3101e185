"""Tunebot: people who sing a melody by heart, without or with its words, to find the song.

Expects the unpacked archive: the folders of years (`2008/01/01/*.wav`), and beside them the table
of songs, exported as CSV. There is no official split: by song, so that no melody is learnt that is
asked for later.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from clara.corpora import Corpus, _files
from clara.records import Entry

__all__ = ["corpus"]

_KINDS = ("song", "artist", "album")


def _read(root: Path) -> Iterator[Entry]:
    table = _files.require(root, "*.csv", "Tunebot")
    for line, row in _files.rows(table, ("filepath", *_KINDS)):
        path = row["filepath"].replace("\\", "/").lstrip("/")
        song = "/".join(" ".join(row[kind].lower().split()) for kind in ("song", "artist"))
        yield Entry(
            key=path.removesuffix(".wav"),
            path=_files.recording(root, path, f"line {line} of {table}"),
            split=_files.seeded_split(f"tunebot/{song}"),
            labels={kind: (row[kind],) for kind in _KINDS if row[kind]},
        )


corpus = Corpus(
    title="Tunebot",
    homepage="https://interactiveaudiolab.github.io/resources/datasets/tunebot.html",
    licence="for research, on request; not to be passed on",
    cite="Cartwright and Pardo, Building a Music Search Database Using Human Computation, 2012",
    size="10,000 recordings, 66 h, 7 GB",
    obtain="Ask for it at "
    "https://interactiveaudiolab.github.io/resources/datasets/tunebot.html, unpack the archive, "
    "save its table of songs as CSV (filepath, song, artist, album) beside the folders of years, "
    "and give that folder.",
    splits=("train", "valid", "test"),
    read=_read,
)
