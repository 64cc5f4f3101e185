"""Every task that can be asked for, and what it needs."""

from __future__ import annotations

from dataclasses import dataclass

from clara.evaluate.figures import LEARNING
from clara.evaluate.tables import CELLS
from clara.evaluate.tasks import FOLDS, TASKS, Task


@dataclass(frozen=True, slots=True)
class Listed:
    """A task, and what it needs.

    Attributes:
        task: Its name.
        tables: The paper's tables that it is in; none if it is beyond the paper.
        corpora: The corpora whose shards it needs.
        tested: What it is tested on: a split, several as one, or "folds".
        protocols: How it can be measured, those of the paper's tables first.
        usual: Those that measure it unless others are asked for.
        needs: The splits that the shards must hold, by words alone and with a classifier.
    """

    task: str
    tables: tuple[str, ...]
    corpora: tuple[str, ...]
    tested: str
    protocols: tuple[str, ...]
    usual: tuple[str, ...]
    needs: str


def listed() -> list[Listed]:
    """The tasks with a record, in order.

    >>> by_name = {each.task: each for each in listed()}
    >>> by_name["audiocaps/retrieval"].tables, by_name["audiocaps/retrieval"].needs
    (('table5',), 'test')
    >>> by_name["ravdess/emotion"].needs
    'test; to learn, train and valid'
    """
    return [_listed(task) for task in TASKS.values()]


def _listed(task: Task) -> Listed:
    cells = [cell for cell in CELLS if cell.task == task.name]
    protocols = tuple(dict.fromkeys((*(cell.protocol for cell in cells), *task.protocols)))
    learning = LEARNING.keys() & protocols
    if task.split == FOLDS:
        needs = "every fold"
    else:
        needs = " and ".join(task.split.split("+"))
        others = " and ".join(each for each in ("train", "valid") if each not in task.split)
        needs += f"; to learn, {others}" if learning else ""
    return Listed(
        task=task.name,
        tables=tuple(sorted({cell.table for cell in cells})),
        corpora=task.corpora,
        tested=task.split,
        protocols=protocols,
        usual=task.protocols,
        needs=needs,
    )
