"""What models for speech recognition write, made into words with times."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate

from clara.backends import Word
from clara.text import words as wording


def timed(parts: Iterable[Word], seconds: float) -> tuple[Word, ...]:
    """Parts of a text, which may be less or more than words, as words in order.

    Args:
        parts: In order, spaces included (" Hello", ",", " wor", "ld").
        seconds: Of the recording: where times lie outside of it, or go back, they are moved.

    >>> timed([Word(" wor", 0.0, 0.2), Word("ld,", 0.2, 0.5), Word(" ok", 0.7, 9.0)], 1.0)
    (Word(text='world,', start=0.0, end=0.5), Word(text='ok', start=0.7, end=1.0))
    """
    given = [part for part in parts if part.text]
    text = "".join(part.text for part in given)
    ends = list(accumulate(len(part.text) for part in given))
    found: list[Word] = []
    at, before = 0, 0.0
    for first, behind in wording.spans(text):
        while ends[at] <= first:
            at += 1
        start = _time(given[at], ends[at], first)
        while ends[at] < behind:
            at += 1
        end = _time(given[at], ends[at], behind)
        start = min(max(start, before), seconds)
        before = min(max(end, start), seconds)
        found.append(Word(text[first:behind], start, before))
    return tuple(found)


def _time(part: Word, end: int, place: int) -> float:
    """When the character at a place of the text begins, which lies in that part or ends it."""
    letters = part.text.lstrip()  # the space in front takes no time
    share = 1 - min(end - place, len(letters)) / max(1, len(letters))
    return part.start + share * (part.end - part.start)
