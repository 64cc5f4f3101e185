"""ROOM: what carries text into another language (appendix C of the paper); each file holds one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Translator(Protocol):
    """Translates texts; the contract of this room.

    One that counts what it could not translate, by cause, has that as `lost`, as rewriters do.

    Attributes:
        name: Which model, and its version.
    """

    name: str

    def translate(self, texts: Sequence[str], *, source: str, target: str) -> list[str | None]:
        """Translates texts, many at a time.

        Args:
            texts: In one language.
            source: BCP 47 tag of their language.
            target: BCP 47 tag of the language to translate into.

        Returns:
            A translation of each text in order, or None where there is none that is worth having:
            the caller keeps the text as it was, and counts it.

        Raises:
            UnknownNameError: It does not know one of the languages.
        """
