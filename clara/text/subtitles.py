"""Subtitles: what is said in a recording, and when. SRT, WebVTT and the JSON of YouTube.

Written here and not taken from a library, since what one does not understand must not become a
transcript: a broken time is an error and no words, and a comment is not spoken.
"""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from clara.errors import DataError

SUFFIXES = (".srt", ".vtt", ".json3")
"""What `read` takes."""

_LARGEST = 64 * 2**20
_ARROW = "-->"
_TIME = r"(?:(\d{1,3}):)?(\d{1,2}):(\d{2})[.,](\d{3})"
_TIMES = re.compile(rf"\s*{_TIME}\s*{_ARROW}\s*{_TIME}(?:\s.*)?")
# "<i>", "<c.colour>", "<v Name>", "<00:00:01.280>", and what SRT borrowed from other formats.
_TAG = re.compile(r"<[/\d\w][^<>]*>|\{\\[^{}]*\}")
# Of what stands in round brackets only a word or two are a sound; more may have been said.
_UNSAID = re.compile(
    r"\[[^\[\]]*\]|\([^()\s]+(?: [^()\s]+)?\)|[♪♫]+|^\s*(?:>>+|[-–—])|^\([^()]*\)$"
)
_CREDIT = re.compile(
    r"\W*((translator|transcriber|reviewer)s?\s*:"
    r"|(translated|transcribed|transcript|reviewed|subtitles|subtitled|captions|captioned) by\b)",
    re.IGNORECASE,
)
_STOP = re.compile(r"[.!?…。！？।؟۔][\"'”’»)\]]*$")
_ABUT = 0.1  # seconds between lines of which one continues the other


@dataclass(frozen=True, slots=True)
class Line:
    """Words and when they are said.

    Attributes:
        start: In seconds.
        end: In seconds, after `start`.
        text: On one line.
    """

    start: float
    end: float
    text: str


def read(path: Path) -> list[Line]:
    """The lines of subtitles, in order, as they are written there but for markup.

    Args:
        path: A file that ends in one of `SUFFIXES`.

    Raises:
        DataError: It cannot be read, is of another format, holds no line, or a broken one.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise DataError(f"Expected subtitles ending in {', '.join(SUFFIXES)}, but found {path}.")
    try:
        if path.stat().st_size > _LARGEST:
            raise DataError(f"Expected at most {_LARGEST >> 20} MiB of subtitles in {path}.")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"Expected subtitles at {path}, but found: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"Expected subtitles in UTF-8 at {path}, but found: {error}; convert them."
        ) from error
    lines = _json3(text, path) if suffix == ".json3" else _cues(text, path)
    ordered = _once(sorted(lines, key=lambda line: (line.start, line.end)))
    if not ordered:
        raise DataError(f"Expected subtitles in {path}, but found no line in it.")
    return ordered


def spoken(lines: Iterable[Line]) -> Iterator[Line]:
    """The lines in which something is said: without "[Music]", and without who made the subtitles.

    >>> [line.text for line in spoken([Line(0, 1, "[Music]"), Line(1, 2, ">> Hello (sighs)"),
    ...     Line(2, 3, "Translator: A. Person")])]
    ['Hello']
    """
    for line in lines:
        if _CREDIT.match(line.text):
            continue
        text = " ".join(_UNSAID.sub(" ", line.text).split())
        if any(letter.isalnum() for letter in text):
            yield Line(line.start, line.end, text)


def sentences(
    lines: Iterable[Line], *, longest: float = 15.0, pause: float = 1.0
) -> Iterator[Line]:
    """Lines joined to sentences: one ends at a full stop, before a pause, or when it gets long.

    Args:
        lines: In order.
        longest: What a sentence may last, in seconds; a line that lasts longer stays as it is.
        pause: Silence after which no sentence goes on, in seconds.

    >>> [line.text for line in sentences([Line(0, 1, "So this"), Line(1, 2, "is it."),
    ...     Line(2, 3, "Next")])]
    ['So this is it.', 'Next']
    """
    open_: Line | None = None
    for line in lines:
        if open_ and (line.start - open_.end > pause or line.end - open_.start > longest):
            yield open_
            open_ = None
        if open_:
            line = Line(open_.start, max(open_.end, line.end), f"{open_.text} {line.text}")
        open_ = line
        if _STOP.search(line.text):
            yield line
            open_ = None
    if open_:
        yield open_


def _cues(text: str, path: Path) -> Iterator[Line]:
    """SRT and WebVTT: a time, and lines up to an empty one. All else is heads, notes and styles."""
    times: tuple[float, float] | None = None
    texts: list[str] = []
    where = ""
    for number, line in enumerate([*text.splitlines(), ""], start=1):
        if line and _ARROW not in line:
            texts.append(line)
            continue
        if times:
            # Where the empty line is missing, the number of the next one stands last.
            numbered = line and texts and texts[-1].strip().isdecimal()
            yield from _lines(*times, texts[:-1] if numbered else texts, where)
        times, texts = None, []
        if line:
            where = f"line {number} of {path}"
            match = _TIMES.fullmatch(line)
            if match is None:
                raise DataError(
                    f"Expected a time such as 00:00:01,000 --> 00:00:02,500 in {where}, but found "
                    f"{line[:60]!r}."
                )
            times = _seconds(*match.groups()[:4]), _seconds(*match.groups()[4:])


def _seconds(hours: str | None, minutes: str, seconds: str, thousandths: str) -> float:
    return int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds) + int(thousandths) / 1000


def _lines(start: float, end: float, texts: Iterable[str], where: str) -> Iterator[Line]:
    if end < start:
        raise DataError(f"Expected a time that ends after it begins in {where}.")
    for text in texts:
        words = " ".join(html.unescape(_TAG.sub("", text)).split())
        if words and end > start:
            yield Line(start, end, words)


def _json3(text: str, path: Path) -> Iterator[Line]:
    """The JSON of YouTube: events in milliseconds, of segments of text."""
    try:
        for number, event in enumerate(json.loads(text)["events"], start=1):
            if "segs" not in event:
                continue  # a window in which others are shown
            start, length = event["tStartMs"] / 1000, event.get("dDurationMs", 0) / 1000
            if not (math.isfinite(start + length) and start >= 0):
                raise ValueError(f"event {number} has no time")
            words = "".join(segment.get("utf8", "") for segment in event["segs"])
            yield from _lines(start, start + length, words.split("\n"), f"event {number} of {path}")
    except (
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        ArithmeticError,
        RecursionError,
    ) as error:
        raise DataError(
            f"Expected the JSON of YouTube's subtitles at {path}, but found: "
            f"{type(error).__name__}: {error}."
        ) from error


def _once(lines: list[Line]) -> list[Line]:
    """Lines that roll are shown again with the next one: each is kept for the time it is new.

    A line ends at the latest when the next one begins, unless both begin at once: these are joined.
    """
    kept: list[Line] = []
    shown: dict[str, Line] = {}  # each text as it was last seen
    for line in lines:
        before = shown.get(line.text)
        shown[line.text] = line
        if before and before.start < line.start < before.end + _ABUT:
            continue
        if kept and kept[-1].start == line.start:
            kept[-1] = Line(line.start, max(kept[-1].end, line.end), f"{kept[-1].text} {line.text}")
        else:
            if kept and kept[-1].end > line.start:
                kept[-1] = Line(kept[-1].start, line.start, kept[-1].text)
            kept.append(line)
    return kept
