"""Adds captions in other languages to recordings of any (appendix C)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clara.backends.rewriter import Sentence
from clara.backends.translator import Translator
from clara.configs import expect
from clara.errors import UnknownNameError
from clara.prepare.backend import backend
from clara.prepare.desk import Desk
from clara.prepare.steps import _sentences
from clara.records import Entry
from clara.text import multilingual, phrases
from clara.text.facts import BACKGROUND

__all__ = ["Translate"]

_TABLES = "tables of languages"


@dataclass(frozen=True)
class Translate:
    """Says in other languages what labels and captions say in English.

    The paper lays each translation over a copy of the recording; here all of them are texts of the
    one recording, of which training draws one each time. What labels say is said by the tables
    written by hand (`clara.text.multilingual`) in the languages that they have. Captions in free
    text, and labels in other languages, are for the translator. Words that are spoken stay in their
    language: a translation that changes them is dropped, and counted.

    Attributes:
        into: BCP 47 tags of the languages.
        translator: Who translates free text: a name in `clara.backends.translator`. The one that
            needs no model, "table", leaves it in English.
        phrasings: How many captions in each language, of labels and of free text each.
        settings: Of the translator ("model" and so on).
    """

    into: tuple[str, ...]
    translator: str = "table"
    phrasings: int = 2
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        expect(bool(self.into), "at least one language to translate into", "none")
        expect("en" not in self.into, "languages other than English, which captions are in", "en")
        expect(self.phrasings >= 1, "at least one phrasing", self.phrasings)
        for language in self.into if self.translator == "table" else ():
            multilingual.translate_label("gender", "man", language)

    def __call__(self, entries: Iterable[Entry], desk: Desk) -> Iterator[Entry]:
        """As `clara.prepare.steps.Step`."""
        translator: Translator = backend("translator", self.translator, self.settings)
        for group in _sentences.groups(entries):
            found: list[list[Sentence]] = [[] for _ in group]
            for language in self.into:
                asked = [self._in_tables(entry, language, desk) for entry in group]
                free = [
                    self._free(entry, bool(known))
                    for entry, known in zip(group, asked, strict=True)
                ]
                answers = self._translated(translator, free, language, desk)
                for sentences, known, entry, rows in zip(found, asked, group, answers, strict=True):
                    sentences += known
                    sentences += self._kept(entry, rows, translator.name, language, desk)
            for entry, sentences in zip(group, found, strict=True):
                yield _sentences.told(entry, sentences, "translate", desk, into=list(self.into))

    def _in_tables(self, entry: Entry, language: str, desk: Desk) -> list[Sentence]:
        """What the tables say of an entry; nothing if they do not have the language."""
        labels = {kind: known for kind, known in entry.labels.items() if kind != BACKGROUND}
        try:
            lost = multilingual.untranslated(labels, language)
            said = multilingual.captions(labels, entry.transcript, entry.language, into=language)
        except UnknownNameError:
            return []
        if lost:
            desk.count(f"labels that the tables have no {language} for", len(lost))
        told = [text for text in said if text not in _spoken(entry)][: self.phrasings]
        desk.count(f"captions in {language}", len(told))
        return [Sentence(text, _TABLES) for text in told]

    def _free(self, entry: Entry, in_tables: bool) -> list[str]:
        """What to have translated: its captions, and what its labels say if no table did."""
        texts = [text for text in entry.texts if text not in _sentences.made(entry, "translate")]
        if not texts and not in_tables:
            made = phrases.captions(entry.labels, entry.transcript, entry.language)
            texts = [text for text in made if text not in _spoken(entry)]
        return texts[: self.phrasings]

    def _translated(
        self, translator: Translator, texts: Sequence[Sequence[str]], language: str, desk: Desk
    ) -> list[list[tuple[str, str]]]:
        """Texts with their translations, of each entry; those without one are counted."""
        flat = [text for each in texts for text in each]
        answers = iter(translator.translate(flat, source="en", target=language) if flat else [])
        pairs = [[(text, next(answers)) for text in each] for each in texts]
        kept = [[(text, said) for text, said in each if said] for each in pairs]
        missing = len(flat) - sum(map(len, kept))
        if missing:
            desk.count(f"captions that have no translation into {language}", missing)
        return kept

    def _kept(
        self, entry: Entry, pairs: Sequence[tuple[str, str]], by: str, language: str, desk: Desk
    ) -> Iterator[Sentence]:
        for text, answer in pairs:
            if any(word in text and word not in answer for word in _spoken(entry)):
                desk.count(f"translations into {language} that change what is said")
                continue
            desk.count(f"captions in {language}")
            yield Sentence(answer, by)


def _spoken(entry: Entry) -> tuple[str, ...]:
    """The words of an entry that are spoken: they are in their language already."""
    words = (entry.transcript, *entry.labels.get("keyword", ()))
    return tuple(filter(None, (" ".join(each.split()) for each in words)))
