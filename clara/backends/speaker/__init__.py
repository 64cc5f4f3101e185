"""ROOM: what turns text into speech (figure 1b of the paper); each file holds one `Speaker`."""

from __future__ import annotations

from typing import Protocol

from clara.records import Wave


class Speaker(Protocol):
    """Speaks text; the contract of this room."""

    def speak(
        self, text: str, *, language: str, voice: str = "", pitch: int = 50, speed: int = 175
    ) -> tuple[Wave, int]:
        """Speaks a text.

        Args:
            text: What to say.
            language: BCP 47 tag ("pl"), one of `languages()`.
            voice: One of `voices()`, or the speaker's own if empty.
            pitch: 0 to 100.
            speed: Words a minute.

        Returns:
            float32 `[T]`, mono, and its rate.
        """

    def languages(self) -> list[str]:
        """The languages that it speaks, as BCP 47 tags, sorted."""

    def voices(self) -> list[str]:
        """The timbres that it speaks every language in, sorted."""
