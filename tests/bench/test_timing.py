from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def timing(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(Path(__file__).parents[2])
    return importlib.import_module("bench._timing")


def test_contenders_take_turns(timing: ModuleType) -> None:
    order: list[str] = []

    def contender(name: str) -> Callable[[], int]:
        def work() -> int:
            order.append(name)
            return 5

        return work

    speeds = timing.take_turns({name: contender(name) for name in "abc"}, rounds=2)
    assert "".join(order) == "cbaabccba"
    assert {name: len(figures) for name, figures in speeds.items()} == {"a": 2, "b": 2, "c": 2}
    assert min(min(figures) for figures in speeds.values()) > 0


def test_what_comes_before_a_turn_is_not_timed(timing: ModuleType) -> None:
    now = [0.0]

    def takes(seconds: float) -> Callable[[], int]:
        def work() -> int:
            now[0] += seconds
            return 6

        return work

    speeds = timing.take_turns({"a": takes(2)}, 3, before=takes(100), clock=lambda: now[0])
    assert speeds == {"a": [3.0, 3.0, 3.0]}


def test_a_report_has_ratios_of_neighbours(timing: ModuleType) -> None:
    report = timing.Report(
        title="Steps",
        text="How it was done.",
        unit="steps/s",
        ours="ours",
        speeds={"ours": [2.0, 20.0, 2000.0], "theirs": [1.0, 5.0, 1000.0]},
        notes=["So it is."],
    )
    assert report.ratios("theirs") == [2.0, 4.0, 2.0]
    page = report.markdown()
    assert "| **ours** | 20 | 2 to 2,000 | – |" in page
    assert "| theirs | 5 | 1 to 1,000 | 2 times as fast (2 to 4) |" in page
    assert page.startswith("## Steps\n")
    assert page.endswith("\n\nSo it is.")
    assert timing.Report(**json.loads(json.dumps(asdict(report)))).markdown() == page


def test_one_line_on_the_machine(timing: ModuleType) -> None:
    line = timing.machine("torch")
    assert "\n" not in line
    assert "torch" in line
    assert f"Python {sys.version.split()[0]}" in line


def test_a_section_takes_the_place_of_the_one_before(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parents[2])
    write = importlib.import_module("bench.__main__").write
    page = tmp_path / "docs" / "performance.md"
    write(page, "## One\n\nslow\n")
    write(page, "## Two\n\n### inside\n\nfast\n")
    before = page.read_text()
    write(page, "## One\n\nfaster\n")
    assert page.read_text() == before.replace("slow", "faster")
    assert page.read_text().count("\n## ") == 2
    assert page.read_text().startswith("# Performance\n")
    assert [path.name for path in page.parent.iterdir()] == ["performance.md"]


def test_a_table_without_contenders(timing: ModuleType) -> None:
    table = timing.Table("Index", "What was done.", ["stage", "s"], [["open", "1"]], ["A note."])
    assert table.markdown().splitlines() == [
        *("## Index", "", "What was done.", ""),
        *("| stage | s |", "| --- | --- |", "| open | 1 |", "", "A note."),
    ]
