"""Adds sentences about all that is known of a recording (figure 2, the function f)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from clara.backends.rewriter import Case
from clara.configs import expect
from clara.prepare.backend import backend
from clara.prepare.desk import Desk
from clara.prepare.steps import _sentences
from clara.records import Entry
from clara.text.facts import facts_of

__all__ = ["Describe"]


@dataclass(frozen=True)
class Describe:
    """Describes each entry; the descriptions follow upon the texts that it has.

    What labels, words and language tell is described; where they tell nothing, the captions of the
    entry are rewritten, which takes a rewriter that can.

    Attributes:
        rewriter: Who writes: a name in `clara.backends.rewriter`.
        phrasings: How many sentences of each entry, each in another form.
        settings: Of the rewriter ("model", "url", "cache" and so on).
    """

    rewriter: str = "rules"
    phrasings: int = 3
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        expect(self.phrasings >= 1, "at least one phrasing", self.phrasings)

    def __call__(self, entries: Iterable[Entry], desk: Desk) -> Iterator[Entry]:
        """As `clara.prepare.steps.Step`."""
        rewriter = backend("rewriter", self.rewriter, self.settings, desk.folder)
        for group in _sentences.groups(entries):
            cases = [list(self._cases(entry)) for entry in group]
            written = _sentences.write(rewriter, cases, desk)
            for entry, sentences in zip(group, written, strict=True):
                described = _sentences.told(
                    entry, sentences, "describe", desk, rewriter=rewriter.name
                )
                if described is entry:
                    desk.count("nothing new to say")
                yield described

    def _cases(self, entry: Entry) -> Iterator[Case]:
        known = facts_of(entry)
        if known.about_sound():
            yield Case(known, entry.key, self.phrasings)
            return
        for number, text in enumerate(entry.texts[: self.phrasings]):
            share = (self.phrasings - number - 1) // min(len(entry.texts), self.phrasings) + 1
            yield Case(facts_of(entry, heard=text), entry.key, share)
        if not entry.texts and known:
            yield Case(known, entry.key, self.phrasings)
