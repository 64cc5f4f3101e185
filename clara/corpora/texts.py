"""Sentences that are yet to be spoken, by the step `synthesise`: cut from texts of any length.

What may be given:

    builtin             everyday sentences in about forty languages, which ship with the package;
                        "builtin:pl,de" for those of some languages
    pl.txt              a text in Polish: it is cut into sentences (`clara.text.sentences`)
    a folder            with such files, or folders of such files: pl.txt, zh-CN.txt, de/novel.txt

Each sentence is an entry without a recording, once however often it occurs. Their splits follow
from their words: no sentence is in two.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from clara.corpora import Corpus, _files, _unspoken
from clara.records import Entry, Unspoken
from clara.text import multilingual
from clara.text.sentences import sentences

__all__ = ["corpus"]


def _read(root: Path | str) -> Iterator[Entry]:
    known = multilingual.languages("sentences")
    seen: set[str] = set()
    for language, content in _unspoken.contents(root, "texts", known, _shipped):
        for sentence in sentences(content, language):
            # Named after what they say, so that a new line in a file moves no other.
            digest = hashlib.blake2b(sentence.encode(), digest_size=8).hexdigest()
            key = f"{language}/{digest}"
            if key not in seen and any(map(str.isalnum, sentence)):
                seen.add(key)
                yield Entry(
                    key,
                    Unspoken(f"texts/{key}"),
                    split=_files.seeded_split(f"texts/{key}"),
                    language=language,
                    transcript=sentence,
                )


def _shipped(language: str) -> str:
    return "\n\n".join(multilingual.sentences(language))


corpus = Corpus(
    title="Texts to be spoken",
    homepage="",
    licence="yours; the built-in ones are of the package, Apache-2.0",
    cite="yours",
    size="any; built in are 20 sentences in each of about 40 languages",
    obtain="Give a text file named after its language, such as pl.txt, or a folder of such files. "
    "For the built-in sentences give builtin, or builtin:pl,de for some of their languages. They "
    "become recordings by the step synthesise.",
    splits=("train", "valid", "test"),
    read=_read,
    yours=True,
)
