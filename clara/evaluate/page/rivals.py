"""What others have published of the tasks that were measured, with ours among it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from clara.evaluate import published
from clara.evaluate.figures import MAIN_FIGURES, OTHER_FIGURES, title
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
_COLUMNS = ("model", "%", "setting", "source", "to be known")


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
    found = {}
    for cell in CELLS:
        if cell.task == task.partition("@")[0] and cell.paper and ":" not in cell.figure:
            learnt = cell.protocol in ("fine_tune", "linear_probe")
            setting = published.SAW
            if learnt:
                setting = published.TUNED if cell.protocol == "fine_tune" else published.PROBED
            where = f"Table {cell.table.removeprefix('table')}, {cell.row}, {cell.column}"
            one = Published(
                task, cell.figure, "CLARA (the paper)", cell.paper, setting, where, cell.note
            )
            found[cell.figure, cell.table, cell.row, setting] = one
    return list(found.values())


def _figure(figure: str, mine: Sequence[Scores], others: Sequence[Published]) -> str:
    lines = [
        (
            each.value,
            escape(each.model),
            bare(each.value),
            escape(each.setting),
            f'<div class="beside">{escape(each.source)}</div>',
            f'<div class="beside">{escape(each.caveat)}</div>',
        )
        for each in others
        if each.figure == figure
    ]
    lines += [
        (
            each.values[figure],
            f'<div class="name"><b>{foreign(each.encoder)}</b></div>',
            f"<b>{bare(each.values[figure])}</b>",
            f"<b>{escape(title(each))}</b>",
            "this run",
            badge(each.seen),
        )
        for each in mine
        if figure in each.values
    ]
    rows = [tuple(line[1:]) for line in sorted(lines, key=lambda line: -line[0])]
    name = {**OTHER_FIGURES, **MAIN_FIGURES}.get(figure, figure)
    head = [*_COLUMNS[:1], f"{escape(name)}, %", *_COLUMNS[2:]]
    return html.table(head, rows, [False, True, False, False, False], f"{name}, published")
