"""The paper's tables, with ours below what is printed there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape

from clara.evaluate.figures import title
from clara.evaluate.page.words import bare, each_once, encoders
from clara.evaluate.run import Missing
from clara.evaluate.seen import TRAINED
from clara.evaluate.tables import CELLS, HOURS, TITLES, Cell
from clara.pictures import html, svg
from clara.pictures.html import foreign
from clara.records import Scores
from clara.text.phrases import TEMPLATES

READING = (
    "All figures in percent. A printed value stands for itself and is no target: the paper's "
    "models, test recordings and candidates are not these. Only tables of which something was "
    "measured are shown; where a cell is empty, the number beside it says why."
)
_PAPER = "the paper"
_ROWS = {"zero-shot": "by words, which the paper calls zero-shot"}
NUMBERS = {"table1": "I", "table2": "II", "table3": "III", "table4": "IV", "table5": "V"}
NUMBERS |= {"table6": "VI", "table8": "VIII"}
_KNOWN = {
    "table1": "The paper calls its first row zero-shot, but all five corpora are in its own "
    "training list (Table VII). Its code tests on random shares of the clips, with the same actors "
    "in training, and on UrbanSound8K without the folds.",
    "table4": "Table I prints other zero-shot figures for two of these corpora (54.87 for "
    "CREMA-D, 26.33 for RAVDESS): they come from other checkpoints. The speakers of its tests are "
    "in its training.",
    "table8": "The paper does not say among how many words it asks, nor whether their speakers "
    "were in training.",
}
_KNOWN |= dict.fromkeys(
    ("table5", "table6"),
    "The paper's code looks for an answer in batches of eight; here it is looked for among all "
    "recordings, or all captions, of the test.",
)


def tables(scores: Sequence[Scores], missing: Sequence[Missing]) -> str:
    """Every table of which something was measured."""
    made = []
    for name, heading in TITLES.items():
        cells = [cell for cell in CELLS if cell.table == name]
        ours = _Ours(scores, missing)
        if not any(ours.scores(cell, who) for cell in cells for who in ours.who):
            continue
        content = _bars(cells, ours) if name == "table3" else _table(cells, ours)
        made.append(
            f'<div class="card part"><h3>Table {NUMBERS[name]}: {escape(heading)}</h3>'
            f"{content}{_notes(name, cells)}{ours.reasons()}</div>"
        )
    return "".join(made)


def value_of(cell: Cell, scores: Scores) -> float | None:
    """The figure of a cell among those of its score; None if it has none.

    >>> value_of(CELLS[0], Scores("crema_d/emotion", "zero_shot", "m", {"accuracy": 0.5}, 9))
    0.5
    """
    where, _, name = cell.figure.partition(":")
    if where == "by_template":
        found = scores.detail.get(where, {}).get(name)
    elif where == "by_language":
        lines = scores.detail.get(where, ())
        found = next((line["accuracy"] for line in lines if line["language"] == name), None)
    else:
        found = scores.values.get(cell.figure)
    return None if found is None else float(found)


class _Ours:
    """What stands in our lines of one table, and the numbered reasons for what does not."""

    def __init__(self, scores: Sequence[Scores], missing: Sequence[Missing]) -> None:
        self._scores = [each for each in scores if each.seen != TRAINED]
        self._known = {_place(each) for each in scores if each.seen == TRAINED}
        self._missing = missing
        self._reasons: dict[str, int] = {}
        self.who = encoders(scores)

    def scores(self, cell: Cell, encoder: str) -> Scores | None:
        """The score that a cell is taken from."""
        wanted = cell.task, cell.protocol, encoder
        for each in self._scores:
            if _place(each) == wanted and value_of(cell, each) is not None:
                return each
        return None

    def value(self, cell: Cell, encoder: str) -> float | None:
        """Our figure."""
        found = self.scores(cell, encoder)
        return value_of(cell, found) if found else None

    def cell(self, cell: Cell, encoder: str) -> str:
        """Our figure with what it is, or why there is none, as HTML."""
        found = self.scores(cell, encoder)
        if found is None:
            number = self._reasons.setdefault(self._why(cell, encoder), len(self._reasons) + 1)
            return f'–<sup class="muted">{number}</sup>'
        asked = str(found.detail.get("prompts", cell.prompts))
        by = f" · {escape(asked)} prompts" if asked != cell.prompts else ""
        told = f'<div class="small muted">{escape(title(found))}{by}</div>'
        return f"<b>{bare(value_of(cell, found))}</b>{told}"

    def reasons(self) -> str:
        """What the numbers say, as HTML."""
        lines = "".join(f"<li>{foreign(why[:1].upper() + why[1:])}</li>" for why in self._reasons)
        return f'<ol class="small muted">{lines}</ol>' if lines else ""

    def _why(self, cell: Cell, encoder: str) -> str:
        if (cell.task, cell.protocol, encoder) in self._known:
            return "It was trained on these very recordings, so that its figure is no result."
        for each in self._missing:
            same = each.task in (cell.task, "") and each.protocol in (cell.protocol, "")
            if same and each.encoder in (encoder, ""):
                return each.reason
        what = cell.protocol.replace("_", " ")
        measured = {each.protocol for each in self._scores if each.task == cell.task}
        if cell.protocol in measured:
            return "Not among the figures of this run."
        if measured:
            return f"Not asked for by {what} in this run."
        return f"The task {cell.task} was not part of this run."


def _place(scores: Scores) -> tuple[str, str, str]:
    return scores.task, scores.protocol, scores.encoder


def _table(cells: Sequence[Cell], ours: _Ours) -> str:
    """Rows and columns as printed; a table of one column has a column for each model instead."""
    columns = each_once(cell.column for cell in cells)
    label = TITLES[cells[0].table]
    if len(columns) == 1:
        head = ["", _PAPER, *(f'<div class="name">{foreign(who)}</div>' for who in ours.who)]
        lines = [
            (
                _row_name(cell),
                bare(cell.paper),
                *(ours.cell(cell, encoder) for encoder in ours.who),
            )
            for cell in cells
        ]
        return html.table(head, lines, [False, *[True] * (len(head) - 1)], label)
    rows = list(_lines(cells, columns, ours))
    head = ["", *(escape(column) for column in columns)]
    return html.table(head, rows, [False, *[True] * len(columns)], label)


def _lines(cells: Sequence[Cell], columns: Sequence[str], ours: _Ours) -> Iterator[tuple[str, ...]]:
    for row in each_once(cell.row for cell in cells):
        mine = {cell.column: cell for cell in cells if cell.row == row}
        yield (escape(_ROWS.get(row, row)),)
        yield _PAPER, *(bare(mine[each].paper) if each in mine else "" for each in columns)
        for encoder in ours.who:
            values = (ours.cell(mine[each], encoder) if each in mine else "" for each in columns)
            yield f'<div class="name">{foreign(encoder)}</div>', *values


def _row_name(cell: Cell) -> str:
    """What a row is of, and in small print what goes with it."""
    small = ""
    if cell.table == "table2":
        small = TEMPLATES[cell.task.rpartition("/")[2]][0]
    elif cell.table == "table8":
        small = f"{HOURS[cell.figure.partition(':')[2]]:g} h in the paper's training"
    more = f'<div class="small muted">{escape(small)}</div>' if small else ""
    return f"{escape(cell.row)}{more}"


def _bars(cells: Sequence[Cell], ours: _Ours) -> str:
    rows: list[tuple[str, list[float | None]]] = [
        (cell.row, [cell.paper, *(ours.value(cell, encoder) for encoder in ours.who)])
        for cell in cells
    ]
    for cell in cells:
        for encoder in ours.who:
            ours.cell(cell, encoder)  # so that what is empty has its reason below
    return f'<div class="narrow">{svg.beside(rows, [_PAPER, *ours.who])}</div>'


def _notes(name: str, cells: Sequence[Cell]) -> str:
    """What a reader must know of the printed figures."""
    of: Mapping[str, list[str]] = {
        note: each_once(cell.column for cell in cells if cell.note == note)
        for note in each_once(cell.note for cell in cells if cell.note)
    }
    every = len(each_once(cell.column for cell in cells))
    told = [_KNOWN[name]] if name in _KNOWN else []
    for note, columns in of.items():
        where = f"{', '.join(columns)}: " if len(columns) < every else ""
        told.append(f"{where}{note}")
    return "".join(f'<p class="small muted">{escape(each)}</p>' for each in told)
