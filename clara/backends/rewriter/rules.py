"""Writes by grammar: no model, nothing to download."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import clara
from clara.backends.rewriter import Case, Sentence
from clara.text.describe import describe

__all__ = ["Rules"]


class Rules:
    """Writes the sentences of `clara.text.describe`.

    >>> from clara.text.facts import Facts
    >>> case = Case(Facts({"emotion": ("calm",), "gender": ("man",)}), "a", 2)
    >>> [sentence.text for sentence in Rules().rewrite([case])[0]]
    ['The voice of a man talking in a calm tone', 'A man speaks in a calm voice']
    """

    def __init__(self) -> None:
        self.name = f"rules {clara.__version__}"
        self.lost: Counter[str] = Counter()

    def rewrite(self, cases: Sequence[Case]) -> list[tuple[Sentence, ...]]:
        """As `clara.backends.rewriter.Rewriter`."""
        return [tuple(Sentence(text, self.name) for text in describe(*case)) for case in cases]
