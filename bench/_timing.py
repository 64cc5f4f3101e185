"""How speeds are compared: the contenders take turns in one run, and ratios are of one turn.

A machine is never equally fast for long. Contenders that are measured one after another may each
meet another machine; those that take turns meet the same one, and the ratio of two neighbours
stands even where their speeds drift.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path

BUDGET, FEWEST = 40.0, 3
"""Seconds after which no further round begins, and rounds that are measured even so."""


@dataclass(frozen=True)
class Report:
    """What was measured.

    Attributes:
        title: Of the section ("Log-mel").
        text: What was done, and under which conditions, in Markdown.
        unit: What is counted ("clips/s").
        ours: The contender that the ratios are of.
        speeds: Of each contender, one figure per round.
        notes: What follows from the figures, in Markdown.
    """

    title: str
    text: str
    unit: str
    ours: str
    speeds: Mapping[str, list[float]]
    notes: list[str] = field(default_factory=list)

    def ratios(self, other: str) -> list[float]:
        """How many times as fast ours is, in each round."""
        pairs = zip(self.speeds[self.ours], self.speeds[other], strict=True)
        return [mine / theirs for mine, theirs in pairs]

    def markdown(self) -> str:
        """A section with a table: median, spread over the rounds, and ratio to ours."""
        rounds = f"Rounds: {len(self.speeds[self.ours])}."
        lines = [f"## {self.title}", "", f"{self.text} {rounds}", ""]
        lines += [f"| | {self.unit}, median | lowest to highest | CLARA is |", "|---|---|---|---|"]
        for name, speeds in self.speeds.items():
            ratios = self.ratios(name)
            ratio = (
                "–"
                if name == self.ours
                else f"{figure(statistics.median(ratios))} times as fast "
                f"({figure(min(ratios))} to {figure(max(ratios))})"
            )
            spread = f"{figure(min(speeds))} to {figure(max(speeds))}"
            shown = f"**{name}**" if name == self.ours else name
            lines.append(f"| {shown} | {figure(statistics.median(speeds))} | {spread} | {ratio} |")
        return "\n".join([*lines, *(f"\n{note}" for note in self.notes)])


@dataclass(frozen=True)
class Table:
    """What was measured where nobody competes.

    Attributes:
        title: Of the section.
        text: What was done, and under which conditions, in Markdown.
        columns: What stands in them.
        rows: Of the table.
        notes: What follows from the figures, in Markdown.
    """

    title: str
    text: str
    columns: list[str]
    rows: list[list[str]]
    notes: list[str] = field(default_factory=list)

    def markdown(self) -> str:
        """A section with the table."""
        lines = [f"## {self.title}", "", self.text, ""]
        lines += [_line(self.columns), _line(["---"] * len(self.columns)), *map(_line, self.rows)]
        return "\n".join([*lines, *(f"\n{note}" for note in self.notes)])


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def figure(value: float) -> str:
    """Three digits that count.

    >>> figure(1234.5), figure(12.345), figure(0.012345)
    ('1,230', '12.3', '0.0123')
    """
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.0f}" if rounded >= 100 else f"{rounded:.3g}"


def take_turns(
    contenders: Mapping[str, Callable[[], int]],
    rounds: int,
    before: Callable[[], object] = lambda: None,
    clock: Callable[[], float] = time.perf_counter,
) -> Mapping[str, list[float]]:
    """Speeds of all contenders in each round, after one round that is not counted.

    Args:
        contenders: Each does some work and says how many units it did.
        rounds: How many are counted at most; fewer where they take longer than the budget. The
            order is turned round from one to the next, so that nobody always follows the same
            neighbour.
        before: Is called ahead of each turn, and not timed.
        clock: Seconds; `time.process_time` counts those of computing, of all threads together.

    Returns:
        Of each contender, units per second in each round.
    """
    speeds: dict[str, list[float]] = {name: [] for name in contenders}
    started = time.perf_counter()
    for turn in range(rounds + 1):
        if turn > FEWEST and time.perf_counter() - started > BUDGET:
            break
        names = list(contenders)
        for name in names if turn % 2 else reversed(names):
            before()
            begun = clock()
            units = contenders[name]()
            speed = units / (clock() - begun)
            if turn:
                speeds[name].append(speed)
    return speeds


def machine(*packages: str) -> str:
    """One line on the machine, and the versions of packages."""
    names = [line for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    processor = names[0].partition(":")[2].strip() if names else platform.processor()
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    versions = ", ".join(f"{package} {metadata.version(package)}" for package in packages)
    return (
        f"{processor or platform.machine()}, {os.cpu_count()} cores{load}; "
        f"Python {platform.python_version()}, {versions}."
    )


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


def main(report: Callable[[int], Report | Table]) -> None:
    """What `python -m bench.NAME` does."""
    parser = argparse.ArgumentParser(description=report.__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="rounds that are counted")
    parser.add_argument("--json", action="store_true", help="print all figures as JSON")
    arguments = parser.parse_args()
    measured = report(arguments.rounds)
    print(json.dumps(asdict(measured), indent=1) if arguments.json else measured.markdown())
