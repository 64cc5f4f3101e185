"""Cambridge Dictionary: single words, each in British and American pronunciation.

Nobody hands this corpus out. Expects what you gathered with the publisher's leave: `meta.csv` with
the columns index, word, gb_url and us_url, and the recordings in the folders of their URLs
(`media/english/us_pron/c/cus/cus00/cus00611.mp3`) or all in `audio/`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from clara.corpora import Corpus, _files
from clara.records import Entry

__all__ = ["corpus"]

_ACCENTS = {"gb_url": "British", "us_url": "American"}
_COLUMNS = ("index", "word", *_ACCENTS)


def _read(root: Path) -> Iterator[Entry]:
    table = _files.require(root, "meta.csv", "the Cambridge Dictionary")
    for line, row in _files.rows(table, _COLUMNS):
        for column, accent in _ACCENTS.items():
            if row[column]:
                where = f"line {line} of {table}"
                yield Entry(
                    key=f"{row['index']}_{column.removesuffix('_url')}",
                    path=_place(root, row[column], where),
                    # There is no official split: both pronunciations of a word stay together.
                    split=_files.seeded_split(f"cambridge/{row['word'].lower()}"),
                    language="en",
                    transcript=row["word"],
                    labels={"keyword": (row["word"],), "accent": (accent,)},
                    extra={"url": row[column]},
                )


def _place(root: Path, url: str, where: str) -> Path:
    """Where the recording of a URL lies: in the folders of the URL, or by its name in audio/."""
    path = urlsplit(url).path.lstrip("/")
    far = _files.recording(root, path, where)
    near = _files.recording(root / "audio", path.rpartition("/")[2], where)
    return near if near.is_file() else far


corpus = Corpus(
    title="Cambridge Dictionary",
    homepage="https://dictionary.cambridge.org",
    licence="all rights reserved (Cambridge University Press & Assessment)",
    cite="Cambridge Dictionary, Cambridge University Press & Assessment",
    size="up to 143,000 clips, two of each word",
    obtain="It is not handed out, and the site does not allow crawling: ask the publisher. List "
    "what you have in meta.csv (index,word,gb_url,us_url; a URL may be empty), put the recordings "
    "beside it in the folders of their URLs, or all in audio/, and give that folder.",
    splits=("train", "valid", "test"),
    languages=("en",),
    labels={"accent": tuple(_ACCENTS.values())},
    read=_read,
)
