"""The report as one HTML page: no script, no font, no network; clips lie in a folder beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from clara import __version__
from clara.evaluate.examples import Clip
from clara.evaluate.page import (
    languages,
    listening,
    maps,
    matrices,
    methods,
    overview,
    paper,
    rivals,
    training,
)
from clara.evaluate.page.words import SEEN, badge, encoders, tasks
from clara.evaluate.run import Results
from clara.evaluate.seen import TRAINED
from clara.pictures.html import contents, document, foreign, section
from clara.pictures.svg import Points

if TYPE_CHECKING:
    from clara.evaluate.origin import Origin

__all__ = ["page"]

_READING = (
    "Below each figure stands its interval, that of a bootstrap over recordings, at 95 %; how much "
    "other speakers or places would change a figure is not in it. Chance is the share that a blind "
    "guess gets right, majority the share that the best constant answer gets. Macro recall weighs "
    "every class alike."
)
_KNOWN = (
    "These figures say how well the model remembers, not how well it hears; they are kept out of "
    "all others."
)


def page(
    results: Results,
    curves: Mapping[str, Mapping[str, Points]],
    clips: Mapping[str, Clip] | None = None,
    origin: Origin | None = None,
) -> str:
    """The whole page.

    Args:
        results: What was measured.
        curves: Of each model, the columns of its training run against the steps.
        clips: What can be listened to of each recording ("corpus/key"), in the folder "clips".
        origin: How the figures came about.
    """
    order = tasks(results.scores)
    ordered = sorted(results.scores, key=lambda scores: order.index(scores.task))
    honest = [scores for scores in ordered if scores.seen != TRAINED]
    known = [scores for scores in ordered if scores.seen == TRAINED]
    sections = {
        "Results": (overview.cards(honest), ""),
        "The paper's tables": (paper.tables(ordered, results.missing), paper.READING),
        "Beside published figures": (rivals.lists(honest), rivals.READING),
        "Words in many languages": (languages.pictures(honest), languages.READING),
        "What is taken for what": (matrices.blocks(ordered), matrices.READING),
        "Listen": (listening.blocks(ordered, clips or {}), listening.READING),
        "Maps": (maps.cards(results.maps), maps.READING),
        "Training": (training.cards(curves), ""),
        "All figures": (overview.table(honest), _READING),
        "Not results: trained on these recordings": (overview.table(known), _KNOWN),
        "How it was measured": (methods.blocks(ordered), ""),
        "To measure it again": (methods.again(origin), ""),
        "Not measured": (methods.missing(results.missing), ""),
    }
    there = {title: parts for title, parts in sections.items() if parts[0]}
    body = [
        _head(results),
        contents(list(there)),
        *(section(title, content, note) for title, (content, note) in there.items()),
    ]
    return document(f"CLARA evaluation: {', '.join(encoders(results.scores))}", body)


def _head(results: Results) -> str:
    names: Sequence[str] = encoders(results.scores)
    count = len(tasks(results.scores))
    states = {scores.seen for scores in results.scores}
    badges = "".join(
        f"<li>{badge(state)} {escape(words)}.</li>"
        for state, words in SEEN.items()
        if state in states
    )
    told = f"{count} task{'s' if count != 1 else ''}, measured by CLARA {escape(__version__)}"
    return (
        f"<header><h1>{', '.join(map(foreign, names))}</h1>"
        f'<p class="muted">{told}</p><ul class="small plain">{badges}</ul></header>'
    )
