"""Cuts long recordings into pieces of 5 to 10 s, each with its own words (figure 1a, III-A1)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from clara.audio import io
from clara.backends import Word
from clara.configs import expect
from clara.errors import AlignmentError, AudioError
from clara.prepare.backend import backend
from clara.prepare.desk import Desk, signed
from clara.prepare.steps import _cuts
from clara.records import Clip, Entry, Wave
from clara.text import words as wording

__all__ = ["Segment"]

_HOURS = 4  # a longer recording would have to fit in memory
_QUOTED = 3  # so many words in a row are a quotation
_QUOTES = re.compile('["“”„«»「」『』]')


@dataclass(frozen=True)
class Segment:
    """Cuts what is longer than `longest`; shorter recordings pass as they are.

    With a transcript, its words are found by an aligner; without one, words are heard by a
    transcriber. Pieces are cut in the silences between words, and have the words that are spoken in
    them as their transcript; what goes on for more than `longest` without a silence of a quarter of
    a second is left out. Where nothing is spoken, a recording is cut where it is quiet.

    A piece keeps the labels, and captions that quote nothing: they are true of the whole, and may
    not be of each piece, as labels of whole clips are. Captions in which words are quoted are not
    kept, nor keywords that are not spoken in the piece. Its source is that of the recording, or the
    recording, so that its pieces count as one where leaks are looked for.

    Attributes:
        aligner: What finds the words of a transcript: a name in `clara.backends.aligner`.
        transcriber: What hears words: a name in `clara.backends.transcriber`; where it is empty,
            recordings without a transcript are cut where they are quiet, as is right for corpora of
            sounds.
        least: Seconds that a piece should have; it may be shorter where the pauses leave no choice.
        longest: Seconds that a piece may have.
        aligner_settings: Of the aligner ("model", "device" and so on).
        transcriber_settings: Of the transcriber.
    """

    aligner: str = "espeak"
    transcriber: str = "faster_whisper"
    least: float = 5.0
    longest: float = 10.0
    aligner_settings: Mapping[str, Any] = field(default_factory=dict)
    transcriber_settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        expect(
            0 < self.least <= self.longest,
            "least above 0 and at most longest",
            f"{self.least} and {self.longest}",
        )

    def __call__(self, entries: Iterable[Entry], desk: Desk) -> Iterator[Entry]:
        """As `clara.prepare.steps.Step`."""
        for entry in entries:
            try:
                yield from self._cut(entry, desk)
            except AudioError as error:
                desk.skip(entry, error)
            except AlignmentError as error:
                desk.skip(entry, error.cause)

    def _cut(self, entry: Entry, desk: Desk) -> Iterator[Entry]:
        stated = _seconds(entry)
        if stated <= self.longest:
            yield entry
            return
        if stated > _HOURS * 3600:
            desk.skip(entry, f"it is longer than {_HOURS} hours")
            return
        wave, rate = desk.load(entry)
        seconds = len(wave) / rate
        if seconds <= self.longest:  # it ends before the end that was stated
            yield entry
            return
        text, words, entry, facts = self._words(entry, wave, rate)
        level = _cuts.levels(wave, rate)
        asked = {"least": self.least, "longest": self.longest}
        if words:
            entry = _unquoted(entry, text.words)
            pieces = _cuts.between_words(words, level, seconds, **asked)
        else:
            desk.count("recordings without words, cut where they are quiet")
            pieces = _cuts.anywhere(level, seconds, **asked)
        lengths = [piece.end - piece.start for piece in pieces]
        longest = self.longest + 1e-6
        left_out = [length for length in lengths if length > longest]
        if len(left_out) == len(pieces):
            desk.skip(entry, "it has no silence to cut at")
            return
        desk.count("recordings cut")
        for number, (piece, length) in enumerate(zip(pieces, lengths, strict=True)):
            if length > longest:
                continue
            desk.count("pieces")
            if length < self.least:
                desk.count("pieces shorter than asked")
            yield _entry(entry, number, piece, text, facts)
        if left_out:
            desk.count("stretches left out, without a silence to cut at", len(left_out))
            desk.count("seconds left out with them", math.ceil(sum(left_out)))

    def _words(
        self, entry: Entry, wave: Wave, rate: int
    ) -> tuple[_Text, Sequence[Word], Entry, dict[str, str]]:
        """The words of a recording with their times, its language, and who found them."""
        spans = wording.spans(entry.transcript)
        if spans:
            aligner = backend("aligner", self.aligner, self.aligner_settings)
            text = _Text(entry.transcript, spans)
            words = aligner.align(wave, rate, text.words, language=entry.language)
            return text, words, entry, {"aligner": aligner.name}
        if not self.transcriber:
            return _Text("", []), [], entry, {}
        transcriber = backend("transcriber", self.transcriber, self.transcriber_settings)
        words, language = transcriber.transcribe(wave, rate, language=entry.language)
        heard = _heard([word.text for word in words])
        spoken = replace(entry, language=entry.language or language) if words else entry
        return heard, words, spoken, {"transcriber": transcriber.name}


class _Text:
    """A text and where its words lie, so that a piece has the spaces and signs of the whole."""

    def __init__(self, text: str, spans: Sequence[wording.Span]) -> None:
        self._text, self._spans = text, spans

    @property
    def words(self) -> list[str]:
        """With the spaces behind them: where few are put, these say where phrases end."""
        starts = [span.start for span in self._spans]
        behind = [*starts[1:], len(self._text)]
        return [self._text[start:end] for start, end in zip(starts, behind, strict=True)]

    def __getitem__(self, part: slice) -> str:
        spans = self._spans[part]
        return self._text[spans[0].start : spans[-1].end] if spans else ""


def _heard(words: Sequence[str]) -> _Text:
    """The text of words that were heard one by one."""
    text, spans = "", []
    for word in words:
        text = wording.join([text, word])
        spans.append(wording.Span(len(text) - len(word.strip()), len(text)))
    return _Text(text, spans)


def _seconds(entry: Entry) -> float:
    """What is said of the length of a recording: without decoding it, nor reading a clip."""
    if entry.end is not None:
        return entry.end - entry.start
    if isinstance(entry.path, Clip):
        return _HOURS * 3600
    return io.probe(entry.path).seconds - entry.start


def _entry(
    entry: Entry, number: int, piece: _cuts.Piece, text: _Text, facts: Mapping[str, str]
) -> Entry:
    said = text[piece.first : piece.behind]
    labels = dict(entry.labels)
    if said:
        labels["keyword"] = tuple(word for word in labels.get("keyword", ()) if word in said)
    made = replace(
        entry,
        key=f"{entry.key}_{number:03d}",
        start=entry.start + piece.start,
        end=entry.start + piece.end,
        transcript=said,
        labels={kind: values for kind, values in labels.items() if values},
        source=entry.source or entry.key,
    )
    return signed(made, "segment", recording=entry.key, **facts)


def _unquoted(entry: Entry, spoken: Sequence[str]) -> Entry:
    """An entry without the texts that say what is spoken in the whole of it."""
    heard = [_letters(word) for word in spoken]
    runs = {tuple(heard[k : k + _QUOTED]) for k in range(len(heard) - _QUOTED + 1)}

    def repeats(text: str) -> bool:
        words = [_letters(word) for word in wording.split(text)]
        return any(tuple(words[k : k + _QUOTED]) in runs for k in range(len(words)))

    return replace(
        entry,
        texts=tuple(text for text in entry.texts if not (_QUOTES.search(text) or repeats(text))),
        extra={
            name: value
            for name, value in entry.extra.items()
            if not (isinstance(value, str) and repeats(value))
        },
    )


def _letters(word: str) -> str:
    return "".join(filter(str.isalnum, word.casefold()))
