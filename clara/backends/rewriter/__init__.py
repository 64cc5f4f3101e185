"""ROOM: what turns all that is known of a recording into sentences; each file holds one.

It is the function f of equations 1 and 5.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from clara.text.facts import Facts


class Case(NamedTuple):
    """A recording to write of.

    Attributes:
        facts: What is known of it.
        key: Its key; draws are seeded by it.
        wanted: How many sentences.
    """

    facts: Facts
    key: str
    wanted: int


class Sentence(NamedTuple):
    """What was written, and the name of who wrote it."""

    text: str
    by: str


class Rewriter(Protocol):
    """Writes sentences; the contract of this room."""

    @property
    def name(self) -> str:
        """Which one it is, and in which version; it goes into the provenance."""

    @property
    def lost(self) -> Counter[str]:
        """The sentences that it could not write and left to the rules, by cause, over its life."""

    def rewrite(self, cases: Sequence[Case]) -> list[tuple[Sentence, ...]]:
        """Writes of many recordings.

        Returns:
            Of each case in order its sentences in English, each of them `faithful`
            (`clara.text.facts`) and no two the same; at most as many as are wanted, and none where
            nothing is known.
        """
