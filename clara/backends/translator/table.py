"""Looks labels and prompts up in the tables written by hand: no model, nothing to download."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

from clara.errors import UnknownNameError
from clara.text import multilingual, phrases

__all__ = ["Table"]

# Where a word is a label of two kinds, the first one counts.
_KINDS = ("sound", "emotion", "gender", "age", "manner", "intensity")


class Table:
    """Translates from English what `clara.text.multilingual` knows, and nothing else.

    >>> Table().translate(["dog", "A man", "Nobody knows."], source="en", target="cs")
    ['pes', 'muž', None]
    """

    name = "table"

    def translate(self, texts: Sequence[str], *, source: str, target: str) -> list[str | None]:
        """Translates labels and the English prompts for them; None for any other text.

        Raises:
            UnknownNameError: `source` is not English, or there is no table of `target`.
        """
        if source.partition("-")[0].lower() != "en":
            raise UnknownNameError("table to translate from the language", source, ("en",))
        if target not in multilingual.languages():  # as a tag of its own: its parts may be known
            multilingual.prompts("sound", "dog", target)
        known = _known(target)
        return [known.get(" ".join(text.split()).lower()) for text in texts]


@functools.cache
def _known(target: str) -> Mapping[str, str]:
    """Labels and prompts in English, in lower case, to those in the language."""
    known: dict[str, str] = {}
    for kind in _KINDS:
        for label in multilingual.known_labels(kind):
            word = multilingual.translate_label(kind, label, target)
            asked = multilingual.prompts(kind, label, target)[0]
            if word is not None:
                for prompt in phrases.prompts(kind, label, "ensemble"):
                    known.setdefault(prompt.lower(), asked)
                known[label.lower()] = known.get(label.lower(), word) if kind != "sound" else word
    return known
