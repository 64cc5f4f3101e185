"""Words of any script: where they lie in a text, and how they are put together again."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

# Scripts that put no spaces between words: Thai, Lao, Myanmar, Khmer, kana, Han and what belongs to
# them. Tibetan parts syllables by a mark of its own; Korean has spaces.
_RANGES = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u19e0-\u19ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9d\U00020000-\U0003ffff"
)
_UNSPACED = re.compile(f"[{_RANGES}]")
_TOUCHES = re.compile(rf"[{_RANGES}\u3000-\u303f\uff00-\uffef]")
# Vowels of Thai and Lao that are written before the consonant which they follow in speech.
_LEADING = re.compile("[\u0e40-\u0e44\u0ec0-\u0ec4]")


class Span(NamedTuple):
    """A word of a text, punctuation included: its first character and the one behind it."""

    start: int
    end: int


def spans(text: str) -> list[Span]:
    """Where the words of a text lie; in scripts without spaces, where its characters do.

    What is no letter belongs to the word before it, or to the first one; so do vowel signs.

    >>> text = "«Well», she – 你好，Bob!"
    >>> [text[start:end] for start, end in spans(text)]
    ['«Well»,', 'she –', '你', '好，', 'Bob!']
    """
    found: list[Span] = []
    lead = -1  # where punctuation stands that the word to come will have
    for run in re.finditer(r"\S+", text):
        if lead < 0:
            lead = run.start()
        if any(map(str.isalnum, run[0])):
            found += _parts(text, lead, run.end())
            lead = -1
        elif found and not _opens(text[run.end() - 1]):
            found[-1] = Span(found[-1].start, run.end())
            lead = -1
    if lead >= 0 and found:
        found[-1] = Span(found[-1].start, len(text.rstrip()))
    return found


def split(text: str) -> list[str]:
    """The words of a text, as `spans` finds them.

    >>> split("สวัสดี ok")
    ['ส', 'วั', 'ส', 'ดี', 'ok']
    """
    return [text[start:end] for start, end in spans(text)]


def join(words: Sequence[str]) -> str:
    """Words as one text: with spaces, but for scripts that have none.

    In these there is one where it stands behind a word already: it parts phrases.

    >>> join(["Hello", "world."]), join(["你", "好，", "Bob!"]), join(["ok", "です"])
    ('Hello world.', '你好，Bob!', 'okです')
    >>> join(["ดี ", "ครับ"])
    'ดี ครับ'
    """
    text, behind = "", ""
    for word in words:
        if bare := word.strip():
            touches = _TOUCHES.match(text[-1:]) or _TOUCHES.match(bare[0])
            spaced = text and (behind.isspace() or not touches)
            text += f" {bare}" if spaced else bare
            behind = word[-1]
    return text


def _parts(text: str, start: int, end: int) -> list[Span]:
    """The words of what stands between two spaces."""
    starts: list[int] = []
    lead, before = start, ""
    for place in range(start, end):
        character = text[place]
        if character.isalnum():
            loose = _UNSPACED.match(character) or _UNSPACED.match(before)
            if not before or (loose and not _LEADING.match(before)):
                starts.append(place if lead < 0 else lead)
            lead, before = -1, character
        elif lead < 0 and _opens(character) and _UNSPACED.match(before):
            lead = place
    return [Span(*pair) for pair in zip(starts, [*starts[1:], end], strict=True)]


def _opens(character: str) -> bool:
    return unicodedata.category(character) in ("Ps", "Pi")
