"""The paper's tables: every printed value is there, and every empty cell says why."""

from __future__ import annotations

import re
from dataclasses import replace

import hostile_results
import pytest

from clara.evaluate.page.paper import NUMBERS, tables, value_of
from clara.evaluate.page.words import bare
from clara.evaluate.run import Missing
from clara.evaluate.tables import CELLS, Cell
from clara.records import Scores

RAVDESS = Scores(
    "ravdess/emotion",
    "zero_shot",
    "mine",
    {"accuracy": 0.123, "macro_recall": 0.321, "macro_recall@3": 0.654},
    240,
    seen="held-out",
    detail={"prompts": "paper"},
)


def part(html: str, table: str) -> str:
    """One table with its notes."""
    found = re.search(rf"<h3>Table {table}: .*?(?=<div class=\"card part\">|$)", html)
    return found[0] if found else ""


def plain(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def test_only_tables_of_which_something_was_measured() -> None:
    html = tables([RAVDESS], [])
    assert re.findall(r"<h3>Table (\w+):", html) == ["I", "IV"]
    assert tables([], []) == ""
    assert tables([replace(RAVDESS, task="emodb/emotion")], []) == ""
    assert tables([replace(RAVDESS, protocol="logistic")], []) == ""


def test_every_printed_value_stands_in_its_table() -> None:
    html = tables(hostile_results.results(10, states=("unseen",)).scores, [])
    for name, number in NUMBERS.items():
        shown = part(html, number)
        for cell in CELLS:
            if cell.table == name and cell.paper is not None:
                assert bare(cell.paper) in shown, cell
            if cell.table == name:
                assert plain(cell.row) in plain(shown)


def test_ours_stand_beside_it_with_what_they_are() -> None:
    html = tables([RAVDESS], [])
    assert '<b>12.3</b><div class="small muted">prompts, in-domain</div>' in part(html, "I")
    words = plain(part(html, "IV"))
    assert "32.1 prompts, in-domain 65.4 prompts, in-domain" in words
    other = replace(RAVDESS, detail={"prompts": "ensemble"})
    assert "prompts, in-domain · ensemble prompts" in tables([other], [])


def test_another_split_is_not_the_papers() -> None:
    assert tables([replace(RAVDESS, task="ravdess/emotion@valid")], []) == ""


def test_an_empty_cell_says_why() -> None:
    missing = [
        Missing("crema_d/emotion", "", "mine", "it needs the corpus <crema_d>."),
        Missing("ravdess/emotion", "fine_tune", "mine", "nothing to learn from."),
    ]
    scores = [RAVDESS, replace(RAVDESS, encoder="other", protocol="logistic", values={"x": 1})]
    words = part(tables(scores, missing), "I")
    assert "<bdi>It needs the corpus &lt;crema_d&gt;.</bdi>" in words
    assert "<bdi>Nothing to learn from.</bdi>" in words
    assert "<bdi>The task audioset/sound was not part of this run.</bdi>" in words
    assert "<bdi>Not asked for by fine tune in this run.</bdi>" in words
    reasons = words.count("<li>")
    used = set(re.findall(r'<sup class="muted">(\d+)</sup>', words))
    assert used == {str(number) for number in range(1, reasons + 1)}


def test_what_was_trained_on_is_in_no_table() -> None:
    known = replace(RAVDESS, seen="trained")
    assert tables([known], []) == ""
    beside = replace(RAVDESS, encoder="other")
    html = tables([known, beside], [])
    assert html.count("<b>12.3</b>") == 1
    assert "It was trained on these very recordings" in html


@pytest.mark.parametrize(
    ("figure", "detail", "expected"),
    [
        ("accuracy", {}, 0.5),
        ("top9", {}, None),
        ("by_template:A {label}: yes", {"by_template": {"A {label}: yes": 0.25}}, 0.25),
        ("by_template:{label}", {}, None),
        ("by_language:pl", {"by_language": [{"language": "pl", "accuracy": 0.75}]}, 0.75),
        ("by_language:de", {"by_language": [{"language": "pl", "accuracy": 0.75}]}, None),
    ],
)
def test_a_cell_finds_its_figure(
    figure: str, detail: dict[str, object], expected: float | None
) -> None:
    cell = Cell("table1", "r", "c", "a/b", "zero_shot", figure)
    scores = Scores("a/b", "zero_shot", "m", {"accuracy": 0.5}, 10, detail=detail)
    assert value_of(cell, scores) == expected


def test_bars_of_templates_have_their_lengths() -> None:
    printed = {cell.row: cell.paper for cell in CELLS if cell.table == "table3"}
    mine = dict.fromkeys(printed, 0.5)
    scores = Scores(
        "urbansound8k/sound", "zero_shot", "m", {"accuracy": 0.5}, 10, detail={"by_template": mine}
    )
    html = part(tables([replace(scores, seen="unseen")], []), "III")
    wide = [float(each) for each in re.findall(r'class="tone0"[^>]*?width="([\d.]+)"', html)]
    most = float(re.findall(r'class="track"[^>]*?width="([\d.]+)"', html)[0])
    assert wide[:6] == [pytest.approx(most * value, abs=0.1) for value in printed.values()]
