"""TextGrids of Praat, as forced aligners write them: words and phones with their times."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from clara.errors import DataError

_LARGEST = 64 * 2**20
# What counts in the long form and in the short one: strings, numbers and flags that stand freely.
# All else ("intervals [1]:", "xmin =") is for people.
_TOKEN = re.compile(r'"((?:[^"]|"")*)"|(?<!\S)([+-]?\d[\d.]*(?:[eE][+-]?\d+)?)(?!\S)|(<exists>)')


class Interval(NamedTuple):
    """A stretch of time and what stands there; empty for silence.

    Attributes:
        start: In seconds.
        end: In seconds, not before `start`.
        text: On one line or several, as written.
    """

    start: float
    end: float
    text: str


def read(path: Path) -> dict[str, list[Interval]]:
    """The tiers of intervals of a TextGrid, by name; tiers of points are passed over.

    Args:
        path: In the long or the short form, in UTF-8 or in UTF-16 with its mark.

    Raises:
        DataError: It cannot be read, or is no whole TextGrid.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise DataError(f"Expected at most {_LARGEST >> 20} MiB of TextGrid in {path}.")
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"Expected a TextGrid at {path}, but found: {error.strerror}.") from error
    wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    try:
        return _tiers(_Tokens(data.decode("utf-16" if wide else "utf-8-sig")))
    except (ValueError, StopIteration) as error:
        found = "its end too early" if isinstance(error, StopIteration) else error
        raise DataError(
            f"Expected a TextGrid of Praat at {path}, but found {found}; have it written again."
        ) from error


class _Tokens:
    """The tokens of a TextGrid, in order, each asked for by its kind."""

    def __init__(self, text: str) -> None:
        self._found: Iterator[re.Match[str]] = _TOKEN.finditer(text)

    def string(self) -> str:
        match = next(self._found)
        if match[1] is None:
            raise ValueError(f"{match[0]!r} where a text belongs")
        return match[1].replace('""', '"')

    def number(self) -> float:
        match = next(self._found)
        if match[2] is None:
            raise ValueError(f"{match[0][:40]!r} where a number belongs")
        return float(match[2])

    def count(self) -> int:
        number = self.number()
        if not number.is_integer() or not 0 <= number <= _LARGEST:
            raise ValueError(f"{number} where a count belongs")
        return int(number)

    def flag(self) -> None:
        if next(self._found)[3] is None:
            raise ValueError("no tiers")


def _tiers(tokens: _Tokens) -> dict[str, list[Interval]]:
    if (tokens.string(), tokens.string()) != ("ooTextFile", "TextGrid"):
        raise ValueError("another kind of file")
    tokens.number(), tokens.number()
    tokens.flag()
    tiers: dict[str, list[Interval]] = {}
    for _ in range(tokens.count()):
        kind, name = tokens.string(), tokens.string()
        tokens.number(), tokens.number()
        if kind == "IntervalTier":
            tiers[name] = [_interval(tokens) for _ in range(tokens.count())]
        elif kind == "TextTier":
            for _ in range(tokens.count()):
                tokens.number(), tokens.string()
        else:
            raise ValueError(f"a tier of kind {kind[:40]!r}")
    return tiers


def _interval(tokens: _Tokens) -> Interval:
    interval = Interval(tokens.number(), tokens.number(), tokens.string())
    if interval.end < interval.start:
        raise ValueError(f"an interval from {interval.start} to {interval.end}")
    return interval
