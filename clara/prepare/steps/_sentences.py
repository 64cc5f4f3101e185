"""What the steps that write have in common: recordings in groups, and sentences that are signed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from typing import Any, TypeVar

from clara.backends.rewriter import Case, Rewriter, Sentence
from clara.backends.translator import Translator
from clara.prepare.desk import PROVENANCE, Desk, signed
from clara.records import Entry

_TOGETHER = 64

T = TypeVar("T")


def groups(items: Iterable[T], size: int = _TOGETHER) -> Iterator[list[T]]:
    """The items in lists of `size`, the last one shorter.

    >>> list(groups("abc", 2))
    [['a', 'b'], ['c']]
    """
    rest = iter(items)
    while group := list(islice(rest, size)):
        yield group


def write(rewriter: Rewriter, cases: Sequence[Sequence[Case]], desk: Desk) -> list[list[Sentence]]:
    """The sentences of each recording; what the rewriter left to the rules is counted.

    Args:
        rewriter: Who writes.
        cases: Of each recording one or several.
        desk: Counts those left to the rules, by cause.
    """
    with causes(rewriter, "left to the rules", desk):
        answers = iter(rewriter.rewrite([case for each in cases for case in each]))
    return [[sentence for _ in each for sentence in next(answers)] for each in cases]


@contextmanager
def causes(writer: Rewriter | Translator, what: str, desk: Desk) -> Iterator[None]:
    """Counts what a backend could not do meanwhile, by cause, if it says so (its `lost`)."""
    before = Counter(getattr(writer, "lost", ()))
    yield
    for cause, count in (Counter(getattr(writer, "lost", ())) - before).items():
        desk.count(f"{what}: {cause}", count)


def told(entry: Entry, sentences: Sequence[Sentence], step: str, desk: Desk, **facts: Any) -> Entry:
    """The entry with new sentences behind its own, signed with who wrote which of them.

    Args:
        entry: What they are about.
        sentences: Those that it has already, but for case and the last point, are left out.
        step: The name of the step.
        desk: Counts the new ones by who wrote them.
        **facts: What else to sign.
    """
    there = set(map(_plain, entry.texts))
    new = {each.text: each.by for each in sentences if _plain(each.text) not in there}
    if not new:
        return entry
    for by in new.values():
        desk.count(f"sentences by {by}")
    wrote = {by: [text for text in new if new[text] == by] for by in dict.fromkeys(new.values())}
    return signed(replace(entry, texts=(*entry.texts, *new)), step, wrote=wrote, **facts)


def made(entry: Entry, step: str = "") -> frozenset[str]:
    """The sentences of an entry that steps have made, and not people; or those of one step."""
    lines = entry.extra.get(PROVENANCE, ())
    wrote = (line.get("wrote", {}) for line in lines if step in ("", line["step"]))
    return frozenset(text for each in wrote for texts in each.values() for text in texts)


def _plain(text: str) -> str:
    return text.rstrip(" .").casefold()
