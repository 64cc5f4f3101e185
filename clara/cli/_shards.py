"""How the commands about shards show what they made or found."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from clara.cli._output import note, show_json, show_table

if TYPE_CHECKING:
    from clara.prepare.run import Report

_MOST_LANGUAGES = 5
_SHORT = ("corpus", "split", "clips", "hours", "languages")


def show(report: Report, *, json: bool) -> None:
    """Prints what a run has made: clips and hours of each split, and what was skipped and why."""
    if json:
        show_json(dataclasses.asdict(report))
        return
    if report.already:
        note(f"Nothing to do: {report.out} is complete.")
    show_table([{name: row[name] for name in _SHORT} for row in rows(report.stats)])
    if report.skipped:
        skipped = sorted(report.skipped.items(), key=lambda item: -item[1])
        show_table([{"skipped": count, "because": cause} for cause, count in skipped])
    note(f"Shards and index are in {report.out}.")


def rows(stats: Mapping[str, Any]) -> Iterator[dict[str, object]]:
    """Statistics as the rows of a table: each split of each corpus, and the total."""
    for corpus, summary in stats["corpora"].items():
        for split, part in summary["splits"].items():
            yield _row(corpus, split, part)
    yield _row("total", "", stats["total"])


def _row(corpus: str, split: str, part: Mapping[str, Any]) -> dict[str, object]:
    genders = part["labels"].get("gender", {})
    men, women = genders.get("man", 0), genders.get("woman", 0)
    languages = list(part["languages"])
    more = ", ..." if len(languages) > _MOST_LANGUAGES else ""
    return {
        "corpus": corpus,
        "split": split,
        "clips": part["clips"],
        "hours": part["hours"],
        "languages": ", ".join(languages[:_MOST_LANGUAGES]) + more,
        "speakers": part["speakers"],
        "m/f/?": f"{men}/{women}/{part['clips'] - men - women}",
        "labels": ", ".join(f"{kind} {len(v)}" for kind, v in part["labels"].items()),
    }
