"""Text of any script in Latin letters, for models that know no others."""

from __future__ import annotations

import functools
import importlib.util
from typing import Any

from clara.errors import MissingExtraError


def check(what: str, extra: str) -> None:
    """Checks that texts can be written in Latin letters.

    Args:
        what: What needs it ("the ctc aligner").
        extra: The extra of this package that brings it.

    Raises:
        MissingExtraError: The package for it is not installed.
    """
    if importlib.util.find_spec("uroman") is None:
        raise MissingExtraError(what, extra)


def romanised(text: str) -> str:
    """A text in ASCII; what has no letters in it (emoji) is left out."""
    return "".join(filter(str.isascii, str(_speller().romanize_string(text))))


@functools.cache
def _speller() -> Any:
    # Its tables take seconds to read.
    import uroman

    return uroman.Uroman()
