"""What several parts of the page say in the same words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TypeVar

from clara.evaluate.figures import primary, title
from clara.pictures.html import foreign
from clara.pictures.svg import percent
from clara.records import Scores

SEEN: Mapping[str, str] = {
    "unseen": "the model was trained on nothing of this corpus",
    "held-out": "it was trained on other parts of this corpus, not on these recordings",
    "unknown": "what it was trained on is not known",
    "trained": "it was trained on these very recordings",
}

_Key = TypeVar("_Key")


def badge(state: str, who: str = "") -> str:
    """What a model has seen, in its colour."""
    words = f"{escape(state)} · {foreign(who)}" if who else escape(state)
    kind = state if state in SEEN else "unknown"
    return f'<span class="badge {kind}">{words}</span>'


def how(scores: Scores) -> str:
    """Plain text: what was done, of whom, and what came out."""
    value = percent(scores.values[primary(scores)])
    return f"{title(scores)} · {scores.encoder}: {value}"


def each_once(values: Iterable[_Key]) -> list[_Key]:
    """Different values, in the order in which they first come."""
    return list(dict.fromkeys(values))


def tasks(scores: Sequence[Scores]) -> list[str]:
    """The tasks of scores, in order."""
    return each_once(each.task for each in scores)


def encoders(scores: Sequence[Scores]) -> list[str]:
    """The models of scores, in order."""
    return each_once(each.encoder for each in scores)


def bare(share: float | None) -> str:
    """A share as a number of percent without the sign, for tables that say it once.

    >>> bare(0.5487), bare(None)
    ('54.9', '–')
    """
    return "–" if share is None else f"{100 * share:.1f}"
