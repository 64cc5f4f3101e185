"""What a step of the data factory works at: it loads, keeps, skips, counts and signs."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from clara.audio import io
from clara.errors import AudioError
from clara.files import replacing, unwritable
from clara.prepare.encode import cause
from clara.records import Clip, Entry, Wave

PROVENANCE = "provenance"
"""The key of `Entry.extra` under which each step signs: a list, the first step first."""


@dataclass
class Desk:
    """The place of one step at one part of the entries.

    Attributes:
        folder: Where the recordings that the step makes are kept.
        skipped: The entries that it could not use: key, split, cause.
        counts: Whatever else it counts ("rewritten by rules" to 3).
    """

    folder: Path
    skipped: list[dict[str, str]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def load(self, entry: Entry, *, rate: int | None = None) -> tuple[Wave, int]:
        """The recording of an entry, its slice alone.

        Args:
            entry: What to decode.
            rate: Samples per second to resample to; as recorded if None.

        Returns:
            float32 `[T]` and its rate.

        Raises:
            AudioError: It cannot be decoded, or there is none; `skip` takes the error as it is.
        """
        try:
            source = entry.path.read() if isinstance(entry.path, Clip) else entry.path
        except OSError as error:
            found = f"it cannot be read ({error.strerror or error})"
            raise AudioError(
                f"Expected a recording in {entry.path}, but {found}. Bring it back.", cause=found
            ) from error
        return io.load(source, rate=rate, start=entry.start, end=entry.end)

    def keep(self, key: str, wave: Wave, rate: int) -> Path:
        """Keeps a recording that a step has made, as FLAC under a name that follows from `key`.

        Args:
            key: Names it; of another step or settings it must be another.
            wave: float32 `[T]`.
            rate: Its samples per second.

        Raises:
            DataError: It cannot be written.
        """
        name = hashlib.blake2b(key.encode(errors="surrogatepass"), digest_size=16).hexdigest()
        path = self.folder / name[:2] / f"{name}.flac"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(path, error) from error
        with replacing(path) as file:
            file.write(io.encode_flac(wave, rate))
        return path

    def skip(self, entry: Entry, why: str | AudioError) -> None:
        """Counts an entry that could not be used.

        Args:
            entry: It goes no further.
            why: The cause, the same words for all such entries; or what `load` raised.
        """
        if isinstance(why, AudioError):
            why = cause(why, entry.path if isinstance(entry.path, Path) else None)
        self.skipped.append({"key": entry.key, "split": entry.split, "cause": why})

    def count(self, what: str, by: int = 1) -> None:
        """Counts something else that people will want to know."""
        self.counts[what] += by


def dice(seed: int, key: str) -> np.random.Generator:
    """A generator for the draws about one entry, whatever was drawn for others.

    >>> bool(dice(0, "a").random() == dice(0, "a").random() != dice(1, "a").random())
    True
    """
    digest = hashlib.blake2b(f"{seed}/{key}".encode(errors="surrogatepass"), digest_size=16)
    return np.random.default_rng(int.from_bytes(digest.digest(), "big"))


def signed(entry: Entry, step: str, **facts: Any) -> Entry:
    """The entry with one more line in its provenance.

    Args:
        entry: What the step has made.
        step: Its name.
        **facts: What it did, as JSON values: the backend and its version, a score, the entry it
            came from.

    >>> entry = signed(Entry("a", Path("a.wav")), "segment", aligner="espeak-ng 1.52")
    >>> entry.extra["provenance"]
    [{'step': 'segment', 'aligner': 'espeak-ng 1.52'}]
    """
    before = list(entry.extra.get(PROVENANCE, ()))
    return replace(entry, extra={**entry.extra, PROVENANCE: [*before, {"step": step, **facts}]})
