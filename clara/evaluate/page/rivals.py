"""What others have published of the tasks that were measured, with ours among it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from clara.evaluate import published
from clara.evaluate.figures import name_of, title
from clara.evaluate.page.paper import NUMBERS
from clara.evaluate.page.words import badge, bare, each_once, tasks
from clara.evaluate.published import SETTINGS, Published
from clara.evaluate.tables import CELLS
from clara.pictures import html
from clara.pictures.html import foreign
from clara.records import Scores

READING = (
    "In percent, the highest first. The setting matters more than the rank: figures of different "
    "settings say nothing about which model is better, and prompts, decoding and resampling alone "
    "move such figures by ten points and more."
)


def lists(scores: Sequence[Scores]) -> str:
    """A block for each task of which something is published."""
    blocks, settings = [], set()
    for task in tasks(scores):
        mine = [each for each in scores if each.task == task]
        others = [*_paper(task), *published.of(task)]
        figures = [
            figure
            for figure in each_once(each.figure for each in others)
            if any(figure in each.values for each in mine)
        ]
        if not figures:
            continue
        settings |= {each.setting for each in others if each.figure in figures}
        content = "".join(_figure(figure, mine, others) for figure in figures)
        count = sum(each.figure in figures for each in others)
        blocks.append(
            f"<details><summary>{foreign(task)} "
            f'<span class="muted">{count} published figures</span></summary>{content}</details>'
        )
    if not blocks:
        return ""
    meaning = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(words)}</dd>"
        for name, words in SETTINGS.items()
        if name in settings
    )
    return f"{''.join(blocks)}<dl class='small'>{meaning}</dl>"


def _paper(task: str) -> list[Published]:
    """The paper's own figures of a task, each under the setting that its training list gives it."""
    settings = {"fine_tune": published.TUNED, "linear_probe": published.PROBED}
    return [
        Published(
            task,
            cell.figure,
            "CLARA (the paper)",
            cell.paper,
            settings.get(cell.protocol, published.SAW),
            f"Table {NUMBERS[cell.table]}: {cell.row}, {cell.column}",
            cell.note,
        )
        for cell in CELLS
        if cell.task == task.partition("@")[0] and cell.paper and ":" not in cell.figure
    ]


def _figure(figure: str, mine: Sequence[Scores], others: Sequence[Published]) -> str:
    """The figures of one kind, theirs and ours, in one table."""
    lines = [
        (each.value, _model(each.model, each.setting), bare(each.value), _source(each))
        for each in others
        if each.figure == figure
    ]
    lines += [
        (
            each.values[figure],
            _model(each.encoder, title(each), "b"),
            f"<b>{bare(each.values[figure])}</b>",
            f"<b>this run</b> {badge(each.seen)}",
        )
        for each in mine
        if figure in each.values
    ]
    rows = [tuple(line[1:]) for line in sorted(lines, key=lambda line: -line[0])]
    name = name_of(figure)
    head = ["model and setting", "%", "source"]
    made = html.table(head, rows, [False, True, False], f"{name}, published and ours")
    return f"<h4>{escape(name)}</h4>{made}"


def _model(name: str, setting: str, tag: str = "span") -> str:
    small = f'<div class="small muted">{escape(setting)}</div>'
    return f'<div class="name"><{tag}>{foreign(name)}</{tag}>{small}</div>'


def _source(each: Published) -> str:
    caveat = f"<br>To be known: {escape(each.caveat)}" if each.caveat else ""
    return f'<div class="beside">{escape(each.source)}{caveat}</div>'
