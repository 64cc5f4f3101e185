"""Figure 4: how well words are known in each language, against the hours of training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from clara.evaluate.figures import title
from clara.evaluate.page.words import bare
from clara.evaluate.tables import CELLS, HOURS
from clara.pictures import html
from clara.pictures.clouds import Dot, scatter
from clara.pictures.html import foreign
from clara.pictures.svg import percent
from clara.records import Scores
from clara.text.languages import language_name

READING = (
    "As figure 4 of the paper, whose values of Table VIII stand beside ours. Hours are those of "
    "the training part in the shards, for the paper those that it prints; with none, a language "
    "stands at 0 on the left."
)
_WIDE = 900
_FEW = 3  # languages: fewer make no picture of languages
_COLUMNS = ("language", "%", "95 %", "chance", "words", "clips", "hours", "paper")
_SPEAKERS = (("seen_speakers", "known speakers"), ("unseen_speakers", "new speakers"))


def pictures(scores: Sequence[Scores]) -> str:
    """A scatter and a table for each score that has figures by language."""
    return "".join(map(_block, (each for each in scores if each.detail.get("by_language"))))


def printed() -> dict[str, float]:
    """The accuracies of Table VIII by language tag."""
    cells = (cell for cell in CELLS if cell.figure.startswith("by_language:"))
    return {cell.figure.partition(":")[2]: cell.paper for cell in cells if cell.paper is not None}


def _block(scores: Scores) -> str:
    lines: Sequence[Mapping[str, Any]] = scores.detail["by_language"]
    theirs = printed()
    heading = f"{foreign(scores.task)} · {foreign(scores.encoder)}, {escape(title(scores))}"
    picture = _figure(scores, lines, theirs, heading) if len(lines) >= _FEW else ""
    table = _table(lines, theirs)
    return f"{picture}<details><summary>Each language: {heading}</summary>{table}</details>"


def _figure(
    scores: Scores, lines: Sequence[Mapping[str, Any]], theirs: Mapping[str, float], heading: str
) -> str:
    """The scatter twice: for a desk, and for a phone with the languages' tags for names."""
    series = {
        scores.encoder: [
            _dot(str(each["language"]), float(each["accuracy"]), each.get("hours"))
            for each in lines
        ],
        "the paper, on MSWC": [_dot(tag, value, HOURS[tag]) for tag, value in theirs.items()],
    }
    wide = scatter(series, "hours of training", width=_WIDE)
    short = {
        name: [Dot(dot.x, dot.y, dot.name.rpartition(" ")[2].strip("()"), dot.tip) for dot in dots]
        for name, dots in series.items()
    }
    narrow = scatter(short, "hours of training")
    return (
        f'<figure class="card part"><h3>{heading}</h3><div class="on-desk">{wide}</div>'
        f'<div class="on-phone">{narrow}</div></figure>'
    )


def _dot(tag: str, accuracy: float, hours: float | None) -> Dot:
    name = f"{language_name(tag)} ({tag})" if language_name(tag) else tag
    amount = float(hours or 0)
    return Dot(amount, accuracy, name, f"{name}: {percent(accuracy)}, {amount:,.10g} h")


def _table(lines: Sequence[Mapping[str, Any]], theirs: Mapping[str, float]) -> str:
    told = [pair for pair in _SPEAKERS if any(each.get(pair[0]) for each in lines)]
    head = (*_COLUMNS, *(name for _, name in told))
    rows = []
    for each in lines:
        tag = str(each["language"])
        low, high = each.get("accuracy_low"), each.get("accuracy_high")
        hours = each.get("hours")
        rows.append(
            (
                foreign(f"{language_name(tag) or tag} ({tag})"),
                f"<b>{bare(each['accuracy'])}</b>",
                f"{bare(low)}–{bare(high)}" if low is not None and high is not None else "",
                bare(each.get("chance")),
                _count(each.get("words")),
                _count(each.get("support")),
                "–" if hours is None else f"{hours:,.3g}",
                bare(theirs.get(tag)),
                *(_speakers(each.get(key)) for key, _ in told),
            )
        )
    return html.table(head, rows, [False, *[True] * (len(head) - 1)], "words by language")


def _count(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else "–"


def _speakers(part: Mapping[str, Any] | None) -> str:
    if not part:
        return "–"
    return f'{bare(part["accuracy"])} <span class="muted">of {part["support"]:,}</span>'
