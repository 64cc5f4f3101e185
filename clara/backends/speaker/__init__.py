"""ROOM: what turns text into speech (figure 1b of the paper); each file holds one `Speaker`.

Speakers that ship with a package are made without arguments; those that need models are given
them: files, folders, or names of the hub, each with the voices of its language.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from clara.records import Wave


class Speaker(Protocol):
    """Speaks text; the contract of this room."""

    @property
    def name(self) -> str:
        """Which one it is, and in which version; it goes into the provenance."""

    def speak(
        self, text: str, *, language: str, voice: str = "", pitch: int = 50, speed: int = 175
    ) -> tuple[Wave, int]:
        """Speaks a text. What comes out follows from the arguments alone, to the sample.

        Args:
            text: What to say.
            language: BCP 47 tag ("pl"), one of `languages()`.
            voice: One of `voices(language)`, or the speaker's own if empty.
            pitch: 0 to 100; 50 is the voice's own.
            speed: Words a minute, 80 to 450; 175 is the voice's own.

        Returns:
            float32 `[T]`, mono, and its rate.

        Raises:
            UnknownNameError: No such language or voice.
            UsageError: Pitch or speed out of range.
            AudioError: Nothing of the text can be spoken.
        """

    def languages(self) -> list[str]:
        """The languages that it speaks, as BCP 47 tags, sorted."""

    def voices(self, language: str) -> Mapping[str, str]:
        """The voices that speak a language, sorted, and the gender of each: man, woman, or ""."""
