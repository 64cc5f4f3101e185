"""The report as one HTML page that needs nothing else: no script, no font, no network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape

from clara import __version__
from clara.evaluate.embedded import LEAKED, TRAINED
from clara.evaluate.figures import MAIN_FIGURES, OTHER_FIGURES, interval, primary
from clara.evaluate.run import Results
from clara.pictures import svg
from clara.pictures.html import card, document, grid, section, table_row
from clara.pictures.svg import Bar, Points, percent
from clara.records import Scores

Curves = Mapping[str, Mapping[str, Points]]

_SEEN = {
    "unseen": "the model was trained on nothing of this corpus",
    "held-out": "it was trained on other parts of this corpus, not on these recordings",
    "unknown": "what it was trained on is not known",
    TRAINED: "it was trained on these very recordings",
}
_SHOWN_POINTS = 240
_SMALL_MATRIX = 12  # classes; larger ones are folded away
_TOLD_ELSEWHERE = ("confusion", "primary", "majority")
_SHARES = ("accuracy", "by_template", "cross_validated", "chance_audio_to_text")
_FACTS = {
    "parts": "tested on",
    "left_out": "recordings left out",
    "overlap": "recordings whose source (left out) or speaker was trained on",
    "by_template": "accuracy by template",
    "example": "for instance",
    "grouped_by": "kept on one side by",
    "captions": "captions asked with",
}


def page(results: Results, curves: Curves) -> str:
    """The whole page.

    Args:
        results: What was measured.
        curves: Of each model, the columns of its training run against the steps.
    """
    models = list(dict.fromkeys(scores.encoder for scores in results.scores))
    tasks = list(dict.fromkeys(scores.task for scores in results.scores))
    ordered = sorted(results.scores, key=lambda scores: tasks.index(scores.task))
    honest = [scores for scores in ordered if scores.seen != TRAINED]
    known = [scores for scores in ordered if scores.seen == TRAINED]
    body = [
        _head(results, models),
        _cards(honest),
        section("All figures", _table(honest), _READING) if honest else "",
        section("Not results: trained on these recordings", _table(known), _KNOWN) if known else "",
        _training(curves),
        _confusions(ordered),
        _methods(ordered),
        _missing(results),
    ]
    return document(f"CLARA evaluation: {', '.join(models)}", body)


_READING = (
    "The interval is that of a bootstrap over recordings, at 95 %; how much other speakers or "
    "places would change a figure is not in it. Chance is the share that a blind guess gets right, "
    "majority the share that the best constant answer gets. Macro recall weighs every class alike."
)
_KNOWN = (
    "These figures say how well the model remembers, not how well it hears; they are kept out of "
    "all others."
)


def _head(results: Results, models: Sequence[str]) -> str:
    tasks = len({scores.task for scores in results.scores})
    states = {scores.seen for scores in results.scores}
    badges = "".join(
        f"<li>{_badge(state)} {escape(words)}.</li>"
        for state, words in _SEEN.items()
        if state in states
    )
    count = f"{tasks} task{'s' if tasks != 1 else ''}"
    return (
        f"<header><h1>{escape(', '.join(models))}</h1>"
        f'<p class="muted">{count}, measured by CLARA {escape(__version__)}</p>'
        f'<ul class="small">{badges}</ul></header>'
    )


def _cards(scores: Sequence[Scores]) -> str:
    """A card of bars for each task, the same colour for the same model and protocol throughout."""
    series = dict.fromkeys((each.encoder, each.protocol) for each in scores)
    tones = {name: tone for tone, name in enumerate(series)}
    several = len({encoder for encoder, _ in series}) > 1
    cards = []
    for task in dict.fromkeys(each.task for each in scores):
        mine = [each for each in scores if each.task == task]
        rows = [bar for each in mine for bar in _bars(each, tones, several)]
        states = dict.fromkeys((each.seen, each.encoder if several else "") for each in mine)
        seen = " ".join(_badge(state, who) for state, who in states)
        counts = sorted({each.support for each in mine})
        note = f"{' to '.join(f'{count:,}' for count in (counts[0], *counts[1:][-1:]))} recordings"
        note += "".join(dict.fromkeys(_met(each) for each in mine))
        cards.append(card(f"{escape(task)} {seen}", svg.bars(rows), note))
    key = (
        '<p class="key"><span><i class="c"></i>chance</span><span><i class="m"></i>always the most '
        'frequent class</span><span><i class="w"></i>95 % interval</span></p>'
    )
    return section("Results", grid(cards) + key) if cards else ""


def _met(scores: Scores) -> str:
    """What the model has met of the sources and speakers that it is tested on."""
    overlap = scores.detail.get("overlap", {})
    source, speaker = overlap.get("source", 0), overlap.get("speaker", 0)
    told = f"; {source:,} left out, {LEAKED}" if source else ""
    if speaker:
        told += f"; {speaker:,} by speakers whom {escape(scores.encoder)} knows from training"
    return told


def _bars(scores: Scores, tones: Mapping[tuple[str, str], int], several: bool) -> Iterator[Bar]:
    who = f" · {scores.encoder}" if several else ""
    name, tone = primary(scores), tones[scores.encoder, scores.protocol]
    low, high = interval(scores)
    what = scores.protocol.replace("_", " ") if name == "accuracy" else MAIN_FIGURES.get(name, name)
    majority = float(scores.detail.get("majority", 0))
    yield Bar(what + who, scores.values[name], low, high, scores.chance, majority, tone)
    back = "audio_to_text_recall@1"
    if back in scores.values:
        low, high = scores.values[f"{back}_low"], scores.values[f"{back}_high"]
        chance = float(scores.detail["chance_audio_to_text"])
        yield Bar(OTHER_FIGURES[back] + who, scores.values[back], low, high, chance, 0, tone)


def _table(scores: Sequence[Scores]) -> str:
    numeric = ("", "95 %", "chance", "majority", "recordings")
    columns = ("task", "protocol", "model", *numeric, "seen", "beside it")
    lines = []
    for each in scores:
        low, high = interval(each)
        beside = "; ".join(
            f"{label} {percent(each.values[name])}"
            for name, label in OTHER_FIGURES.items()
            if name in each.values
        )
        majority = each.detail.get("majority")
        cells = (
            escape(each.task),
            escape(each.protocol.replace("_", " ")),
            escape(each.encoder),
            f"<b>{percent(each.values[primary(each)])}</b>{_named(primary(each))}",
            f"{100 * low:.1f}–{100 * high:.1f}" if low < high else "",
            percent(each.chance) if each.chance else "",
            "" if majority is None else percent(float(majority)),
            f"{each.support:,}",
            _badge(each.seen),
            f'<div class="beside">{escape(beside)}</div>',
        )
        lines.append(table_row("td", cells, [name in numeric for name in columns]))
    head = table_row("th", columns, [name in numeric for name in columns])
    return f'<div class="card scroll"><table>{head}{"".join(lines)}</table></div>'


def _named(figure: str) -> str:
    """What a main figure is, where it is not the accuracy that the others are."""
    if figure == "accuracy":
        return ""
    return f'<div class="small muted">{escape(MAIN_FIGURES.get(figure, figure))}</div>'


def _training(curves: Curves) -> str:
    """The loss and what was validated along the way, one picture for each figure."""
    pictures = []
    for model, columns in curves.items():
        grouped: dict[str, dict[str, Points]] = {}
        for name, points in columns.items():
            if name == "loss":
                grouped["loss"] = {"loss": _thinned(points)}
            elif name.startswith("valid/"):
                task, _, figure = name.removeprefix("valid/").rpartition("/")
                grouped.setdefault(f"validation: {figure}", {})[task or figure] = points
        pictures += [
            card(escape(title), svg.curves(series, "step"), escape(model) + _alone(series))
            for title, series in grouped.items()
        ]
    return section("Training", grid(pictures)) if pictures else ""


def _alone(series: Mapping[str, Points]) -> str:
    """The name of a curve that has no legend since it is the only one."""
    name = next(iter(series))
    return f", {escape(name)}" if len(series) == 1 and name != "loss" else ""


def _thinned(points: Points) -> Points:
    """At most some hundred points, each the mean of its neighbours."""
    size = -(-len(points) // _SHOWN_POINTS)
    parts = [points[start : start + size] for start in range(0, len(points), size)]
    return [(part[-1][0], sum(y for _, y in part) / len(part)) for part in parts]


def _confusions(scores: Sequence[Scores]) -> str:
    """What is taken for what, one block for each task."""
    shown = []
    for task in dict.fromkeys(each.task for each in scores if "confusion" in each.detail):
        mine = [each for each in scores if each.task == task and "confusion" in each.detail]
        pictures = "".join(
            f"<figure>{svg.confusion(each.detail['confusion'], each.detail['classes'])}"
            f"<figcaption><b>{escape(_how(each))}</b><br>"
            f"{escape(_mistakes(each.detail['confusion'], each.detail['classes']))}</figcaption>"
            "</figure>"
            for each in mine
        )
        few = max(len(each.detail["classes"]) for each in mine) <= _SMALL_MATRIX
        shown.append(
            f"<details{' open' if few else ''}><summary>{escape(task)}</summary>"
            f'<div class="row">{pictures}</div></details>'
        )
    reading = "A row is what was there, a column what the model said, the stronger the more."
    return section("What is taken for what", "".join(shown), reading) if shown else ""


def _mistakes(counts: Sequence[Sequence[int]], classes: Sequence[str]) -> str:
    """The most frequent confusions in words."""
    wrong = sorted(
        (
            (-count, classes[row], classes[column])
            for row, line in enumerate(counts)
            for column, count in enumerate(line)
            if row != column and count
        ),
    )[:5]
    if not wrong:
        return "Nothing is taken for anything else."
    told = ", ".join(f"{true} for {answer} ({-count})" for count, true, answer in wrong)
    return f"Most often mistaken: {told}."


def _methods(scores: Sequence[Scores]) -> str:
    """All that the figures rest on, folded away."""
    shown = [
        f"<details><summary>{escape(each.task)} · {escape(_how(each))}</summary>"
        f"<dl>{_facts(each)}</dl></details>"
        for each in scores
    ]
    return section("How it was measured", "".join(shown))


def _facts(scores: Scores) -> str:
    told = {key: value for key, value in scores.detail.items() if key not in _TOLD_ELSEWHERE}
    return "".join(
        f"<dt>{escape(_FACTS.get(key, key.replace('_', ' ')))}</dt><dd>{_value(key, value)}</dd>"
        for key, value in told.items()
        if value not in ({}, [], ())
    )


def _value(key: str, value: object) -> str:
    if isinstance(value, Mapping):
        return "<br>".join(f"{escape(str(k))}: {_value(key, v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        if value and isinstance(value[0], Mapping):
            return _small_table(value)
        return ", ".join(_value(key, each) for each in value)
    if isinstance(value, float):
        return percent(value) if key in _SHARES else f"{value:.4g}"
    return escape({True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value))


def _small_table(rows: Sequence[Mapping[str, object]]) -> str:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    plain = [False] * len(columns)
    lines = [table_row("td", [_value(c, row.get(c, "")) for c in columns], plain) for row in rows]
    head = table_row("th", [escape(name.replace("_", " ")) for name in columns], plain)
    return f'<div class="scroll"><table>{head}{"".join(lines)}</table></div>'


def _missing(results: Results) -> str:
    shown = "".join(
        f"<li><b>{escape(' · '.join(filter(None, (m.task, m.protocol, m.encoder))))}</b>: "
        f"{escape(m.reason)}</li>"
        for m in results.missing
    )
    return section("Not measured", f"<ul>{shown}</ul>") if shown else ""


def _how(scores: Scores) -> str:
    value = percent(scores.values[primary(scores)])
    return f"{scores.protocol.replace('_', ' ')} · {scores.encoder}: {value}"


def _badge(state: str, who: str = "") -> str:
    words = f"{who}: {state}" if who else state
    return f'<span class="badge {escape(state)}">{escape(words)}</span>'
