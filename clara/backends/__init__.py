"""Outside models behind seams of one method; each kind of them is a room below this one.

A backend has a `name` that says which model it is, and in which version: it goes into the
provenance of what it makes.
"""

from __future__ import annotations

from typing import NamedTuple


class Word(NamedTuple):
    """A word and where it is spoken.

    Attributes:
        text: As it is written, punctuation included.
        start: In seconds from the beginning of the recording.
        end: In seconds.
    """

    text: str
    start: float
    end: float
