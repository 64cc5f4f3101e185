"""ROOM: what finds known words in a recording (figure 1a of the paper); each file holds one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from clara.backends import Word
from clara.records import Wave


class Aligner(Protocol):
    """Finds words; the contract of this room.

    Attributes:
        name: Which model, and its version.
    """

    name: str

    def align(self, wave: Wave, rate: int, words: Sequence[str], *, language: str) -> list[Word]:
        """Finds where each word of a transcript is spoken.

        Args:
            wave: float32 `[T]`, mono.
            rate: Its samples per second.
            words: As the transcript has them, in order, with their punctuation; they may have the
                space behind them, which says more in scripts that put few.
            language: BCP 47 tag of what is spoken.

        Returns:
            One for each of `words`, in order, not overlapping.

        Raises:
            AlignmentError: The words cannot be found in the recording.
        """
