"""Words that are yet to be spoken, by the step `synthesise`: keyword corpora in many languages.

What may be given:

    builtin             about seventy common words in each of 36 languages, which ship with the
                        package: numbers, colours, days, animals; "builtin:pl,de" for some of them
    pl.txt              a word of Polish a line; lines that begin with # are passed over
    a folder            with such files, or folders of such files: pl.txt, zh-CN.txt, de/birds.txt

Each word is an entry without a recording, labelled as keyword. All are of the split "train" until
they are spoken: then voices decide.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from clara.corpora import Corpus, _unspoken
from clara.records import Entry, Unspoken
from clara.text import multilingual

__all__ = ["corpus"]


def _read(root: Path | str) -> Iterator[Entry]:
    known = multilingual.languages("words")
    seen: set[str] = set()
    for language, content in _unspoken.contents(root, "words", known, _shipped):
        for line in content.splitlines():
            word = " ".join(line.split())
            key = f"{language}/{word}"
            if word and not word.startswith("#") and key not in seen:
                seen.add(key)
                yield Entry(
                    key,
                    Unspoken(f"words/{key}"),
                    language=language,
                    transcript=word,
                    labels={"keyword": (word,)},
                )


def _shipped(language: str) -> str:
    return "\n".join(multilingual.words(language))


corpus = Corpus(
    title="Words to be spoken",
    homepage="",
    licence="yours; the built-in ones are of the package, Apache-2.0",
    cite="yours",
    size="any; built in are about 70 words in each of 36 languages",
    obtain="Give a file such as pl.txt with a word a line, or a folder of such files. For the "
    "built-in ones give builtin, or builtin:pl,de for some of their languages. They become "
    "recordings by the step synthesise.",
    splits=("train", "valid", "test"),
    read=_read,
    yours=True,
)
