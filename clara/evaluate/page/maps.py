"""Maps of embeddings with their legends."""

from __future__ import annotations

from collections.abc import Sequence

from clara.evaluate.map import Map
from clara.evaluate.page.words import each_once
from clara.pictures.clouds import Spot, chart, group_style
from clara.pictures.html import card, foreign, grid
from clara.pictures.shapes import mark

READING = (
    "Each small mark is a recording, each diamond the prompt of a class. Recordings and prompts "
    "are each centred on their own mean first, since a model keeps the two apart. What is near is "
    "alike; how far apart groups are, and how large, says little."
)
_NAMED = 24  # classes with a mark of their own; those less frequent share one


def cards(maps: Sequence[Map]) -> str:
    """A card for each map, folded away for all models but the first."""
    made = []
    for number, encoder in enumerate(each_once(each.encoder for each in maps)):
        cards = grid([_card(each) for each in maps if each.encoder == encoder])
        opened = "" if number else " open"
        made.append(f"<details{opened}><summary>{foreign(encoder)}</summary>{cards}</details>")
    return "".join(made)


def _card(found: Map) -> str:
    named = found.classes[:_NAMED]

    def spot(place: Sequence[float], label: int, tip: str) -> Spot:
        return Spot(float(place[0]), float(place[1]), label if label < len(named) else -1, tip)

    spots = [
        spot(place, label, f"{found.classes[label]}: {key}")
        for place, label, key in zip(found.audio, found.labels, found.keys, strict=True)
    ]
    flags = [
        spot(place, label, f"prompt: {name}")
        for label, (place, name) in enumerate(zip(found.prompts, found.classes, strict=False))
        if label < len(named)
    ]
    told = (
        f"map of {len(spots)} recordings and {len(flags)} prompts of {len(found.classes)} classes"
    )
    picture = chart(spots, flags, named, told)
    return card(
        foreign(found.task),
        picture + _legend(found, named),
        _caption(found),
    )


def _legend(found: Map, named: Sequence[str]) -> str:
    counts = [found.labels.count(label) for label in range(len(found.classes))]
    entries = [(group, name, counts[group]) for group, name in enumerate(named)]
    if len(named) < len(found.classes):
        others = f"{len(found.classes) - len(named)} other classes"
        entries.append((-1, others, sum(counts[len(named) :])))
    lines = []
    for group, name, count in entries:
        shape, kind = group_style(group)
        sign = f'<svg viewBox="0 0 12 12" aria-hidden="true">{mark(shape, 6, 6, 4, kind)}</svg>'
        lines.append(f'<li>{sign}{foreign(name)} <span class="muted">{count}</span></li>')
    return f'<ul class="legend small">{"".join(lines)}</ul>'


def _caption(found: Map) -> str:
    shown = len(found.audio)
    drawn = f"{shown:,} of {found.total:,}" if shown < found.total else f"All {shown:,}"
    told = f"{drawn} recordings, placed by {found.method}"
    if found.gap is None:
        return f"{told}; the model has no text side."
    return (
        f"{told}; prompts: {foreign(found.template)}. The cosine between the mean of the "
        f"recordings and that of the prompts is {found.gap:.2f}."
    )
