"""What is known of a shard while its folder is still in the making: its rows and its bad records.

Each finished job leaves one part in `.work`; the index is made of all parts in the order of the
plan. So neither the number of workers nor a kill in between shows in what comes out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from clara.columns import SCHEMA
from clara.files import Location, borrowed, make_parent, replacing
from clara.skips import Skips

WORK = ".work"


@dataclass(frozen=True)
class Part:
    """The outcome of one job.

    Attributes:
        path: Where it is kept.
        rows: How many samples it has.
        skipped: Its bad records: key, split, cause.
    """

    path: Location
    rows: int
    skipped: Sequence[Mapping[str, str]]

    def count(self, skips: Skips) -> None:
        """Counts the records of this part, good and bad.

        Raises:
            DataError: Too many were bad.
        """
        skips.good(self.rows)
        for record in self.skipped:
            skips.bad(record["key"], record["cause"])

    def table(self) -> pa.Table:
        """Its rows of the index."""
        with borrowed(self.path) as path:
            return pq.read_table(path, schema=SCHEMA)


def digest(*what: Any) -> str:
    """A fingerprint of values that JSON can hold; other values count by their text."""
    text = json.dumps(what, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def save(
    path: Location,
    mark: str,
    rows: Sequence[Mapping[str, Any]],
    skipped: Sequence[Mapping[str, str]],
) -> Part:
    """Keeps the outcome of a job.

    Args:
        path: Where.
        mark: Fingerprint of all that the outcome depends on.
        rows: Rows of the index.
        skipped: Bad records.

    Raises:
        DataError: It cannot be written.
    """
    make_parent(path)
    table = pa.Table.from_pylist(list(rows), schema=SCHEMA)
    notes = {"mark": mark, "skipped": json.dumps(list(skipped))}
    with replacing(path) as file:
        pq.write_table(table.replace_schema_metadata(notes), file)
    return Part(path, len(rows), skipped)


def load(path: Location, mark: str) -> Part | None:
    """The outcome of a job, or None if there is none or it is of something else."""
    try:
        with borrowed(path) as file:
            schema = pq.read_metadata(file)
        notes = schema.metadata or {}
        if notes.get(b"mark", b"").decode() == mark:
            return Part(path, schema.num_rows, json.loads(notes[b"skipped"]))
    except (OSError, ValueError, KeyError):
        pass  # a part that cannot be read is a part that is made again
    return None


def write_skipped(records: Iterator[Mapping[str, str]], path: Location) -> None:
    """Writes the list of bad records, one JSON object a line.

    Raises:
        DataError: It cannot be written.
    """
    with replacing(path) as file:
        for record in records:
            line = json.dumps(record, sort_keys=True).encode("utf-8")
            file.write(line + b"\n")


def write_json(value: Mapping[str, Any], path: Location) -> None:
    """Writes a JSON file for people and programs.

    Raises:
        DataError: It cannot be written.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False)
    with replacing(path) as file:
        file.write(text.encode() + b"\n")
