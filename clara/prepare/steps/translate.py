"""Adds captions in other languages to recordings of any (appendix C)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple, TypeGuard

from clara.backends.rewriter import Sentence
from clara.backends.translator import Translator
from clara.configs import expect
from clara.errors import UnknownNameError
from clara.prepare.backend import backend
from clara.prepare.desk import Desk
from clara.prepare.steps import _sentences
from clara.records import Entry
from clara.text import multilingual, phrases, quotes
from clara.text.facts import BACKGROUND

__all__ = ["Translate"]

_TABLES = "tables of languages"


@dataclass(frozen=True)
class Translate:
    """Says in other languages what labels and captions say in English.

    The paper lays each translation over a copy of the recording; here all of them are texts of the
    one recording, of which training draws one each time. What labels say is said by the tables
    written by hand (`clara.text.multilingual`) in the languages that they have. Captions in free
    text, and labels in other languages, are for the translator. What is quoted stays in its
    language: it is hidden from the translator behind a mask, and where it loses all masks that are
    tried, the translation is dropped and counted.

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
        plain = [tag.replace("_", "-").partition("-")[0].lower() for tag in self.into]
        expect("en" not in plain, "languages other than English, which captions are in", "en")
        twice = len(set(self.into)) < len(self.into)
        expect(not twice, "each language to translate into once", ", ".join(self.into))
        expect(self.phrasings >= 1, "at least one phrasing", self.phrasings)
        for language in self.into if self.translator == "table" else ():
            multilingual.translate_label("gender", "man", language)

    def __call__(self, entries: Iterable[Entry], desk: Desk) -> Iterator[Entry]:
        """As `clara.prepare.steps.Step`."""
        translator: Translator = backend("translator", self.translator, self.settings, desk.folder)
        for group in _sentences.groups(entries):
            found: list[list[Sentence]] = [[] for _ in group]
            for language in self.into:
                asked = [self._in_tables(entry, language, desk) for entry in group]
                free = [
                    self._free(entry, bool(known))
                    for entry, known in zip(group, asked, strict=True)
                ]
                with _sentences.causes(translator, f"not translated into {language}", desk):
                    answers = iter(_translated(translator, [*chain(*free)], language))
                for sentences, known, texts in zip(found, asked, free, strict=True):
                    sentences += known
                    sentences += (
                        Sentence(answer, translator.name)
                        for _ in texts
                        if _passes(answer := next(answers), bool(known), language, desk)
                    )
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

    def _free(self, entry: Entry, in_tables: bool) -> list[_Free]:
        """What to have translated: its captions, and what its labels say if no table did."""
        spoken = _spoken(entry)
        mine = {*_sentences.made(entry, "translate"), *spoken}
        texts = [text for text in entry.texts if text not in mine]
        if not texts and not in_tables:
            made = phrases.captions(entry.labels, entry.transcript, entry.language)
            texts = [text for text in made if text not in spoken]
        return [_Free(text, spoken) for text in texts[: self.phrasings]]


class _Free(NamedTuple):
    """A text that no table has, and the words that are spoken in its recording."""

    text: str
    spoken: tuple[str, ...]


def _translated(translator: Translator, texts: Sequence[_Free], language: str) -> list[str | None]:
    """Translations with what is quoted as it was; "" where there is none, None where that is lost.

    Texts that differ in nothing but what is quoted are translated once.
    """
    found: list[str | None] = [None] * len(texts)
    for form in quotes.FORMS:
        hidden = {
            place: quotes.masked(*texts[place], form)
            for place, answer in enumerate(found)
            if answer is None
        }
        asked = list(dict.fromkeys(each.text for each in hidden.values()))
        given = translator.translate(asked, source="en", target=language) if asked else []
        answers = dict(zip(asked, given, strict=True))
        for place, each in hidden.items():
            answer = answers[each.text]
            found[place] = each.restored(answer) if answer else ""
    return found


def _passes(answer: str | None, in_tables: bool, language: str, desk: Desk) -> TypeGuard[str]:
    """Whether there is a translation; counts it, or why there is none."""
    if answer:
        desk.count(f"captions in {language}")
    elif answer is None:
        desk.count(f"translations into {language} that change what is said")
    elif in_tables:
        desk.count(f"captions left to the tables of {language}")
    else:
        desk.count(f"captions that have no translation into {language}")
    return bool(answer)


def _spoken(entry: Entry) -> tuple[str, ...]:
    """The words of an entry that are spoken: they are in their language already."""
    words = (entry.transcript, *entry.labels.get("keyword", ()))
    return tuple(filter(None, (" ".join(each.split()) for each in words)))
