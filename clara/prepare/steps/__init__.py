"""ROOM: the steps of the data factory (section III, figures 1 and 2): entries in, entries out.

A member is one file with one frozen dataclass: its fields are the settings of the step, as they
stand in a recipe, and calling it turns entries into entries. It is called once for each part of the
entries, in any process and any order, so what it makes of an entry follows from that entry and the
settings alone; draws are seeded by the entry's key. Models are loaded when they are first needed,
once for a process.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from clara.prepare.desk import Desk
from clara.records import Entry


class Step(Protocol):
    """Turns entries into entries; the contract of this room."""

    def __call__(self, entries: Iterable[Entry], desk: Desk) -> Iterator[Entry]:
        """Turns entries into none, one or several each, in order, with keys of their own.

        What cannot be used goes to `desk.skip`; what is made is signed
        (`clara.prepare.desk.signed`) with the step, its backend and the backend's version.

        Args:
            entries: As a corpus or the step before gives them.
            desk: Loads, keeps, skips and counts.
        """
