"""ROOM: what hears words in a recording (figure 1a of the paper); each file holds one."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from clara.backends import Word
from clara.records import Wave


class Transcript(NamedTuple):
    """What was heard.

    Attributes:
        words: With their times, in order, not overlapping; none where nothing is spoken.
        language: BCP 47 tag.
    """

    words: tuple[Word, ...]
    language: str


class Transcriber(Protocol):
    """Hears words; the contract of this room.

    Attributes:
        name: Which model, and its version.
    """

    name: str

    def transcribe(self, wave: Wave, rate: int, *, language: str = "") -> Transcript:
        """Hears the words of a recording of any length.

        Args:
            wave: float32 `[T]`, mono.
            rate: Its samples per second.
            language: BCP 47 tag of what is spoken; found out if empty.
        """
