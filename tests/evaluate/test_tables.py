"""The cells of the paper's tables: all are there, and each names what exists."""

from __future__ import annotations

from collections import Counter

import pytest

from clara import rooms
from clara.corpora import mswc
from clara.evaluate.tables import CELLS, HOURS, TITLES, Cell
from clara.evaluate.tasks import GROUPS, TASKS
from clara.text.languages import language_name
from clara.text.phrases import TABLE_III, TEMPLATES


def test_no_cell_is_missing() -> None:
    assert Counter(cell.table for cell in CELLS) == {
        "table1": 14,  # 5 columns of ours, by words and fine-tuned; mAP columns also as top-1
        "table2": 5,
        "table3": 6,
        "table4": 21,  # 3 corpora x 7 columns
        "table5": 6,
        "table6": 24,  # 3 corpora x 2 ways x 4 columns
        "table8": 36,
    }
    assert set(TITLES) == {cell.table for cell in CELLS} == set(GROUPS) - {"beyond"}


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: f"{cell.table}-{cell.row}-{cell.column}")
def test_a_cell_names_a_task_and_a_printed_share(cell: Cell) -> None:
    assert cell.task in TASKS
    assert cell.paper is None or 0 < cell.paper < 1
    assert cell.protocol in rooms.names("evaluate.protocols")


def test_no_two_cells_have_one_place() -> None:
    assert len({(cell.table, cell.row, cell.column) for cell in CELLS}) == len(CELLS)


@pytest.mark.parametrize(
    ("table", "row", "column", "printed"),
    [
        ("table1", "zero-shot", "CREMA-D (Acc)", 0.5487),
        ("table1", "fine-tuned", "FSD50K (mAP)", 0.6135),
        ("table3", "The {label} emits a distinctive sound", "Acc", 0.55),
        ("table4", "RAVDESS", "Emotion (LP) Acc", 0.8692),
        ("table4", "EmoV-DB", "Gender (ZS) Acc", 0.5835),
        ("table5", "AudioCaps", "Audio → Text R@10", 0.93),
        ("table5", "AudioCaps", "Text → Audio R@5", 0.8012),
        ("table6", "EDB + CD + RAV", "Text → Audio mAP@5", 0.828),
        ("table6", "CREMA-D", "Audio → Text R@1", 0.9097),
        ("table8", "Odia", "Accuracy", 0.615),
    ],
)
def test_what_is_printed(table: str, row: str, column: str, printed: float) -> None:
    (cell,) = [c for c in CELLS if (c.table, c.row, c.column) == (table, row, column)]
    assert cell.paper == printed


def test_table_two_and_three_are_asked_with_their_templates() -> None:
    rows = {cell.row.lower() for cell in CELLS if cell.table == "table2"}
    assert rows == {"age", "gender", "emotion", "sound", "language"} <= set(TEMPLATES)
    assert tuple(cell.row for cell in CELLS if cell.table == "table3") == TABLE_III


def test_the_languages_of_table_eight_are_of_the_corpus() -> None:
    assert len(HOURS) == 36
    assert set(HOURS) <= set(mswc.corpus.languages)
    for cell in CELLS:
        if cell.table == "table8":
            tag = cell.figure.removeprefix("by_language:")
            assert language_name(tag) == cell.row


def test_beyond_the_paper_is_what_no_cell_asks() -> None:
    assert "esc50/sound" in GROUPS["beyond"]
    assert {name for names in GROUPS.values() for name in names} == set(TASKS)
