"""The main figures: a card of bars for each task, and the table of all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape

from clara.evaluate.embedded import LEAKED
from clara.evaluate.figures import OTHER_FIGURES, interval, name_of, primary, title
from clara.evaluate.page.words import badge, each_once, encoders, tasks
from clara.pictures import html, svg
from clara.pictures.html import card, foreign, grid
from clara.pictures.svg import Bar, percent
from clara.records import Scores

_KEY = (
    '<p class="key"><span><i class="c"></i>chance</span><span><i class="m"></i>always the most '
    'frequent class</span><span><i class="w"></i>95 % interval</span></p>'
)
_BACK = "audio_to_text_recall@1"


def cards(scores: Sequence[Scores]) -> str:
    """A card of bars for each task, the same colour for the same model and protocol throughout."""
    series = each_once((each.encoder, each.protocol) for each in scores)
    tones = {name: tone for tone, name in enumerate(series)}
    several = len(encoders(scores)) > 1
    made = []
    for task in tasks(scores):
        mine = [each for each in scores if each.task == task]
        rows = [bar for each in mine for bar in _bars(each, tones, several)]
        states = each_once((each.seen, each.encoder if several else "") for each in mine)
        seen = " ".join(badge(state, who) for state, who in states)
        counts = sorted({each.support for each in mine})
        note = f"{' to '.join(f'{count:,}' for count in (counts[0], *counts[1:][-1:]))} recordings"
        note += "".join(each_once(_met(each) for each in mine))
        made.append(card(f"{foreign(task)} {seen}", svg.bars(rows), note))
    return grid(made) + _KEY if made else ""


def _met(scores: Scores) -> str:
    """What the model has met of the sources and speakers that it is tested on."""
    overlap = scores.detail.get("overlap", {})
    source, speaker = overlap.get("source", 0), overlap.get("speaker", 0)
    told = f"; {source:,} left out, {LEAKED}" if source else ""
    if speaker:
        told += f"; {speaker:,} by speakers whom {foreign(scores.encoder)} knows from training"
    return told


def _bars(scores: Scores, tones: Mapping[tuple[str, str], int], several: bool) -> Iterator[Bar]:
    who = f" · {scores.encoder}" if several else ""
    name, tone = primary(scores), tones[scores.encoder, scores.protocol]
    low, high = interval(scores)
    what = title(scores) if name == "accuracy" else name_of(name)
    majority = float(scores.detail.get("majority", 0))
    yield Bar(what + who, scores.values[name], low, high, scores.chance, majority, tone)
    if _BACK in scores.values and name != _BACK:
        value = scores.values[_BACK]
        low, high = (scores.values.get(f"{_BACK}_{end}", value) for end in ("low", "high"))
        chance = float(scores.detail.get("chance_audio_to_text", 0))
        yield Bar(OTHER_FIGURES[_BACK] + who, value, low, high, chance, 0, tone)


def table(scores: Sequence[Scores]) -> str:
    """Every score in a line: its main figure over its interval, and what stands beside it."""
    if not scores:
        return ""
    numeric = ("%", "chance", "majority", "recordings")
    columns = ("task", *numeric, "seen", "beside it")
    lines = []
    for each in scores:
        low, high = interval(each)
        beside = "; ".join(
            f"{label} {percent(each.values[name])}"
            for name, label in OTHER_FIGURES.items()
            if name in each.values
        )
        majority = each.detail.get("majority")
        lines.append(
            (
                f'<div class="name">{foreign(each.task)}{_small(title(each), each.encoder)}</div>',
                f"<b>{percent(each.values[primary(each)])}</b>"
                f"{_small(f'{100 * low:.1f}–{100 * high:.1f}' if low < high else '')}"
                f"{_named(primary(each))}",
                percent(each.chance) if each.chance else "",
                "" if majority is None else percent(float(majority)),
                f"{each.support:,}",
                badge(each.seen),
                f'<div class="beside">{escape(beside)}</div>',
            )
        )
    right = [name in numeric for name in columns]
    return html.table(columns, lines, right, "all figures", "card")


def _named(figure: str) -> str:
    """What a main figure is, where it is not the accuracy that the others are."""
    return "" if figure == "accuracy" else _small(name_of(figure))


def _small(*lines: str) -> str:
    """Plain text in small print."""
    return "".join(f'<div class="small muted">{foreign(line)}</div>' for line in lines if line)
