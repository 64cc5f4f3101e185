"""All that the figures rest on, how to measure them again, and what could not be measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from clara.evaluate.page.words import how, tasks
from clara.evaluate.run import Missing
from clara.pictures import html
from clara.pictures.html import foreign
from clara.pictures.svg import percent
from clara.records import Scores

if TYPE_CHECKING:
    from clara.evaluate.origin import Origin

_TOLD_ELSEWHERE = ("confusion", "primary", "majority", "examples", "by_language")
_SHARES = ("accuracy", "by_template", "cross_validated", "chance_audio_to_text")
_FACTS = {
    "parts": "tested on",
    "left_out": "recordings left out",
    "overlap": "recordings whose source (left out) or speaker was trained on",
    "by_template": "accuracy by template",
    "example": "for instance",
    "met": "of this test the model has met",
    "grouped_by": "kept on one side by",
    "captions": "captions asked with",
}


def blocks(scores: Sequence[Scores]) -> str:
    """One block for each task."""
    made = []
    for task in tasks(scores):
        parts = "".join(
            f'<div class="example"><h4>{foreign(how(each))}</h4><dl>{_facts(each)}</dl></div>'
            for each in scores
            if each.task == task
        )
        made.append(f"<details><summary>{foreign(task)}</summary>{parts}</details>")
    return "".join(made)


def missing(found: Sequence[Missing]) -> str:
    """What was asked for and could not be measured, each reason once."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for each in found:
        what = " by ".join(filter(None, (each.task, each.protocol.replace("_", " "))))
        reasons.setdefault((each.encoder, each.reason), []).append(what)
    shown = "".join(
        f"<li><b>{foreign(encoder)}</b>: {foreign(reason)}"
        f'<div class="small muted">{", ".join(map(foreign, filter(None, whats)))}</div></li>'
        for (encoder, reason), whats in reasons.items()
    )
    return f"<ul>{shown}</ul>" if shown else ""


def again(origin: Origin | None) -> str:
    """What it takes to measure all this again; nothing if it is not known."""
    if origin is None:
        return ""
    told = {
        "in the folder": origin.folder,
        "measured": origin.date,
        **{f"model {name}": f"{each.asked} {each.hash}" for name, each in origin.models.items()},
        "recordings": f"{origin.data.recordings:,}, {origin.data.hash}",
        "packages": ", ".join(f"{name} {release}" for name, release in origin.packages.items()),
        "machine": ", ".join(f"{name} {value}" for name, value in origin.machine.items() if value),
    }
    facts = "".join(f"<dt>{foreign(name)}</dt><dd>{foreign(told[name])}</dd>" for name in told)
    command = f"<pre><code>{escape(origin.command)}</code></pre>"
    return f'<div class="card">{command}<dl>{facts}</dl></div>'


def _facts(scores: Scores) -> str:
    told = {key: value for key, value in scores.detail.items() if key not in _TOLD_ELSEWHERE}
    return "".join(
        f"<dt>{escape(_FACTS.get(key, key.replace('_', ' ')))}</dt><dd>{_value(key, value)}</dd>"
        for key, value in told.items()
        if value not in ({}, [], (), None)
    )


def _value(key: str, value: object) -> str:
    if isinstance(value, Mapping):
        return "<br>".join(f"{foreign(str(k))}: {_value(key, v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        if value and isinstance(value[0], Mapping):
            return _small_table(key, value)
        return ", ".join(_value(key, each) for each in value)
    if isinstance(value, float):
        return percent(value) if key in _SHARES else f"{value:.4g}"
    return foreign({True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value))


def _small_table(key: str, rows: Sequence[Mapping[str, object]]) -> str:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    lines = [[_value(name, row.get(name, "")) for name in columns] for row in rows]
    head = [escape(name.replace("_", " ")) for name in columns]
    return html.table(head, lines, [False] * len(columns), _FACTS.get(key, key))
