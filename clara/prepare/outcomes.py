"""What came out of a part of the entries, as a file of JSON lines: a head, then an entry a line.

A recording that a step has made is named relative to the folder that all parts share; one that the
part was given, by its place among what was given, for it may be no file at all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from clara.files import make_parent, replacing
from clara.prepare.desk import Desk
from clara.records import Entry


@dataclass(frozen=True)
class Outcome:
    """What is known of a part that went through a chain.

    Attributes:
        file: Where its entries are.
        skipped: Of each step, the entries that it could not use: key, split, cause.
        counts: Of each step, whatever else it counted.
    """

    file: Path
    skipped: Sequence[Sequence[dict[str, str]]]
    counts: Sequence[dict[str, int]]


def save(
    file: Path, mark: str, given: Sequence[Entry], made: Sequence[Entry], desks: Sequence[Desk]
) -> Outcome:
    """Keeps what came out of a part.

    Args:
        file: Where; its grandparent is the folder that all parts share.
        mark: Fingerprint of all that the outcome depends on.
        given: What went in.
        made: What came out.
        desks: Of the steps.

    Raises:
        DataError: It cannot be written.
    """
    places = {entry.path: place for place, entry in enumerate(given)}
    outcome = Outcome(file, [desk.skipped for desk in desks], [dict(desk.counts) for desk in desks])
    head = {"mark": mark, "skipped": outcome.skipped, "counts": outcome.counts}
    make_parent(file)
    with replacing(file) as out:
        for line in (head, *(_to_json(entry, places, file.parents[1]) for entry in made)):
            out.write(json.dumps(line).encode() + b"\n")
    return outcome


def load(file: Path, mark: str) -> Outcome | None:
    """What came out of a part, or None if nothing is known, or it is of something else."""
    try:
        with file.open("rb") as lines:
            head = json.loads(next(lines, b"null"))
        if head["mark"] == mark:
            return Outcome(file, head["skipped"], head["counts"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # what cannot be read is made again
    return None


def entries(outcome: Outcome, given: Sequence[Entry]) -> Iterator[Entry]:
    """The entries that came out of a part.

    Args:
        outcome: Of the part.
        given: What went in.
    """
    with outcome.file.open("rb") as lines:
        next(lines)
        for line in lines:
            yield _from_json(json.loads(line), given, outcome.file.parents[1])


def _to_json(entry: Entry, places: dict[Any, int], folder: Path) -> dict[str, Any]:
    values = {field.name: getattr(entry, field.name) for field in fields(entry)}
    if entry.path in places:
        return {**values, "path": places[entry.path]}
    assert isinstance(entry.path, Path), "a step gives what it was given, or what its desk keeps"
    return {**values, "path": str(entry.path.relative_to(folder))}


def _from_json(values: dict[str, Any], given: Sequence[Entry], folder: Path) -> Entry:
    path = values["path"]
    labels = {kind: tuple(words) for kind, words in values["labels"].items()}
    return Entry(
        **{
            **values,
            "path": given[path].path if isinstance(path, int) else folder / path,
            "labels": labels,
            "texts": tuple(values["texts"]),
        }
    )
