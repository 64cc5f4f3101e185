"""What is quoted stays as it is while a model works on the sentence around it.

Words that are spoken are hidden behind a mask, the model is given the sentence with the mask, and
the words come back in its place. So they cannot be changed, and whoever spoke cannot give orders
to a language model.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_OPENING, _CLOSING = "\"'“”„«»‘’‚‹›「『", "\"'“”«»‘’‹›」』"
BEFORE, BEHIND = rf"[{_OPENING}]\s?", rf"[.,!?;…]?\s?[{_CLOSING}]"
"""Patterns of what may stand before words that are quoted, and behind them."""
_DOUBLE = '"“”„«»「」『』'
QUOTED = re.compile(rf"[{_DOUBLE}]([^{_DOUBLE}]+)[{_DOUBLE}]")
"""Something between quotation marks that are no apostrophes."""

FORMS = ("{{Q{}}}", "48{}7", "XQ{}X")
"""How masks look, to be tried in this order: which of them a model leaves alone differs."""

_MOST = 32


@dataclass(frozen=True)
class Masked:
    """A text with masks.

    Attributes:
        text: What a model is given.
        kept: Each mask with what it stands for, and the quotation marks around that; empty ones
            where it was not between any.
    """

    text: str
    kept: tuple[tuple[str, str, str, str], ...]

    def restored(self, answer: str) -> str | None:
        """What a model made of the text, with what was hidden; None if a mask is not there once.

        None as well if there are more than any sentence has.

        >>> hidden = masked('She says "Hi."', ("Hi.",), FORMS[0])
        >>> hidden.restored("Sie sagt: „{Q0}“"), hidden.restored("Sie sagt {Q0}")
        ('Sie sagt: „Hi.“', 'Sie sagt "Hi."')
        >>> hidden.restored("Sie sagt: „Hallo.“") is None
        True
        """
        if len(self.kept) > _MOST:
            return None
        places = []
        for mask, words, opening, closing in self.kept:
            found = _alone(mask).search(answer)
            if found is None or answer.count(mask) != 1:
                return None
            start, end = found.span()
            if not opening or _between_marks(answer, start, end):
                opening = closing = ""
            places.append((start, end, f"{opening}{words}{closing}"))
        for start, end, words in sorted(places, reverse=True):
            answer = answer[:start] + words + answer[end:]
        return answer


def masked(text: str, spoken: Sequence[str], form: str) -> Masked:
    """Hides in a text what is between quotation marks, and several words that are spoken anywhere.

    Args:
        text: A sentence.
        spoken: Words that may stand in it; they may hold quotation marks of their own.
        form: One of `FORMS`.

    >>> masked('She says "No" twice', ("No",), "{{Q{}}}").text
    'She says "{Q0}" twice'
    """
    kept: list[tuple[str, str, str, str]] = []
    free = _numbers(text, form)

    def hidden(match: re.Match[str]) -> str:
        parts = match.groupdict("")
        opening, closing = parts["open"] or parts["left"], parts["close"] or parts["right"]
        words = parts["known"] or parts["plain"] or parts["other"]
        kept.append((next(free), words, opening, closing))
        return f"{opening}{kept[-1][0]}{closing}"

    return Masked(_pattern(spoken).sub(hidden, text), tuple(kept))


def _pattern(spoken: Sequence[str]) -> re.Pattern[str]:
    """Words known between marks, or else several of them without, or else all between marks."""
    known = sorted(filter(None, spoken), key=len, reverse=True)
    several = [words for words in known if len(words.split()) > 1]
    nothing = "(?!)"
    return re.compile(
        rf"(?P<open>{BEFORE})(?P<known>{'|'.join(map(re.escape, known)) or nothing})"
        rf"(?P<close>{BEHIND})"
        rf"|(?<!\w)(?P<plain>{'|'.join(map(re.escape, several)) or nothing})(?!\w)"
        rf"|(?P<left>[{_DOUBLE}])(?P<other>[^{_DOUBLE}]+)(?P<right>[{_DOUBLE}])"
    )


def _numbers(text: str, form: str) -> Iterator[str]:
    """Masks that the text does not hold."""
    number = 0
    while True:
        mask = form.format(number)
        if mask not in text:
            yield mask
        number += 1


def _alone(mask: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![A-Za-z0-9]){re.escape(mask)}(?![A-Za-z0-9])")


def _between_marks(text: str, start: int, end: int) -> bool:
    before, behind = text[:start].rstrip()[-1:], text[end:].lstrip(" \u00a0\u202f.,!?;…。")[:1]
    return bool(before and behind) and before in _OPENING and behind in _CLOSING
