"""An entry of a corpus becomes a sample: FLAC, JSON and its row of the index (section III-A1)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from clara.audio import io
from clara.errors import AudioError
from clara.records import Clip, Entry
from clara.tars import LONGEST_TEXT, clean
from clara.text import phrases

LONGEST_SECONDS = 3600.0
"""A longer recording is a bad record: it would have to fit in memory."""


class BadRecordError(Exception):
    """A record that is to be skipped, by its cause. It never leaves this package."""


class Encoded(NamedTuple):
    """A sample as it goes into a shard: audio, JSON, and its row but for where it lies."""

    audio: bytes
    meta: dict[str, Any]
    row: dict[str, Any]


def encode(entry: Entry, corpus: str, rate: int) -> Encoded:
    """Decodes, resamples, describes and encodes an entry.

    Args:
        entry: What to read.
        corpus: Name of its corpus.
        rate: Samples per second of the FLAC.

    Raises:
        BadRecordError: It cannot be used; the message is the cause, the same for all such records.
    """
    texts = captions(entry)
    known = {
        "key": entry.key,
        "corpus": corpus,
        "split": entry.split,
        "language": entry.language,
        "transcript": entry.transcript,
        "labels": {kind: list(values) for kind, values in entry.labels.items()},
        "source": entry.source,
        "speaker": entry.speaker,
        "licence": entry.licence,
    }
    tags = dict.fromkeys(value for values in entry.labels.values() for value in values)
    meta = {"text": texts, "tag": list(tags), "original_data": {**entry.extra, **known}}
    check_text(meta)
    wave = _wave(entry, rate)
    row = describe(known, texts, suffix="flac", rate=rate, frames=len(wave))
    return Encoded(io.encode_flac(wave, rate), meta, row)


def describe(
    known: Mapping[str, Any], texts: Sequence[str], *, suffix: str, rate: int, frames: int
) -> dict[str, Any]:
    """A row of the index, but for the shard and the places in it."""
    return {
        "key": known["key"],
        "corpus": known["corpus"],
        "split": known["split"],
        "suffix": suffix,
        "rate": rate,
        "frames": frames,
        "seconds": frames / rate,
        "text_chars": max(map(len, texts)),
        "texts": list(texts),
        "language": known["language"],
        "labels": json.dumps(known["labels"], sort_keys=True, ensure_ascii=False),
        "source": known["source"],
        "speaker": known["speaker"],
        "licence": known["licence"],
    }


def check_text(meta: Mapping[str, Any]) -> None:
    """Refuses what cannot be written as JSON in UTF-8.

    Raises:
        BadRecordError: A text has half a character, or a value has no form in JSON.
    """
    try:
        json.dumps(meta, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError as error:
        raise BadRecordError("a text is not valid Unicode") from error
    except (TypeError, ValueError, RecursionError) as error:
        raise BadRecordError("a value has no form in JSON") from error


def usable(texts: Sequence[str]) -> list[str]:
    """The captions worth keeping, as `clara.tars.clean` has them.

    Raises:
        BadRecordError: None is left.
    """
    kept = clean(texts)
    if not kept:
        if any(text.strip() for text in texts):
            raise BadRecordError(f"every caption has more than {LONGEST_TEXT} characters")
        raise BadRecordError("it has no label and no caption")
    return kept


def cause(error: AudioError, path: Path | None = None) -> str:
    """What an audio error says of any recording: without its name, its times and the advice.

    Args:
        error: As `clara.audio.io` raises them.
        path: The recording; encoded bytes if None.

    >>> path = Path("rooster.wav")
    >>> try:
    ...     _ = io.load(path)
    ... except AudioError as error:
    ...     print(cause(error, path))
    it cannot be opened (No such file or directory)
    """
    name = "the bytes given" if path is None else repr(str(path))
    message = str(error).removeprefix(f"Expected a recording in {name}, but ")
    # What is in seconds differs from one recording to the next.
    return re.sub(r" \([^()]*\d s\b[^()]*\)", "", message.rpartition(". ")[0] or message)


def captions(entry: Entry) -> list[str]:
    """All that is said of an entry: by templates over its labels, and by people.

    Raises:
        BadRecordError: Nothing is.
    """
    made = phrases.captions(entry.labels, entry.transcript, entry.language)
    return usable([*made, *entry.texts])


def _wave(entry: Entry, rate: int) -> Any:
    try:
        source = entry.path.read() if isinstance(entry.path, Clip) else entry.path
        start, end = entry.start, entry.end
        return io.load(source, rate=rate, start=start, end=end, longest=LONGEST_SECONDS)[0]
    except AudioError as error:
        if error.cause == io.TOO_LONG:
            why = "it is longer than an hour; cut it, by `start` and `end`"
            raise BadRecordError(why) from error
        path = entry.path if isinstance(entry.path, Path) else None
        raise BadRecordError(cause(error, path)) from error
    except OSError as error:
        raise BadRecordError(f"it cannot be read ({error.strerror or error})") from error
