"""Has texts spoken, in several voices (figure 1b): keyword and sentence corpora out of lists."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

from clara.backends.speaker import Speaker
from clara.configs import expect, expect_within
from clara.errors import AudioError, UnknownNameError
from clara.prepare.backend import backend
from clara.prepare.desk import Desk, signed
from clara.records import Entry, Unspoken
from clara.text.sentences import sentences

__all__ = ["Synthesise"]


class _Part(NamedTuple):
    """A text of an entry, or one of its sentences."""

    key: str
    text: str


@dataclass(frozen=True)
class Synthesise:
    """Has each entry that is not spoken yet spoken in several voices; others go on as they are.

    No voice is in two splits: each is kept for one, drawn by its name and the seed, men and women
    in equal parts where the speaker knows them. A text of several sentences becomes several
    recordings; a keyword stays whole.

    Attributes:
        speaker: Who speaks: a name in `clara.backends.speaker`.
        settings: Of the speaker ("models").
        voices: How many voices, or which; where a language has fewer, all that it has.
        takes: How many of them speak each text, drawn for each; 0 for all.
        pitch: Lowest and highest, 0 to 100; 50 is a voice's own.
        speed: Slowest and fastest, in words a minute; 175 is a voice's own.
        valid: The share of the voices to validate on.
        test: The share of the voices to test on.
        split: What decides on the split of a recording. By "voice", every text is in all splits,
            and is tested by voices that were not trained on. By "text" it stays that of the entry,
            spoken by the voices of this split only, so that texts are new in a test as well.
        seed: Of the draws.
    """

    speaker: str = "espeak"
    settings: Mapping[str, Any] = field(default_factory=dict)
    voices: int | tuple[str, ...] = 12
    takes: int = 0
    pitch: tuple[int, int] = (35, 65)
    speed: tuple[int, int] = (130, 190)
    valid: float = 0.1
    test: float = 0.2
    split: Literal["voice", "text"] = "voice"
    seed: int = 0

    def __post_init__(self) -> None:
        some = self.voices if isinstance(self.voices, int) else len(self.voices)
        expect(some > 0, "at least one voice", some)
        expect(self.takes >= 0, "takes to be at least 0", self.takes)
        for name, low, high in (("pitch", 0, 100), ("speed", 80, 450)):
            least, most = getattr(self, name)
            within = low <= least <= most <= high
            expect(within, f"{name} to go up between {low} and {high}", f"{least} to {most}")
        expect_within(self, 0, 1, "valid", "test")
        expect(self.valid + self.test <= 1, "valid and test to be 1 at most", "more together")
        expect(self.split in ("voice", "text"), 'split to be "voice" or "text"', repr(self.split))

    def __call__(self, entries: Iterable[Entry], desk: Desk) -> Iterator[Entry]:
        """As `clara.prepare.steps.Step`."""
        speaker: Speaker = backend("speaker", self.speaker, self.settings)
        self._check_names(speaker)
        for entry in entries:
            if not isinstance(entry.path, Unspoken):
                desk.count("spoken already")
                yield entry
                continue
            language = _spoken_as(entry.language, tuple(speaker.languages()))
            parts = _parts(entry)
            if not parts:
                desk.skip(entry, "it has no text to speak")
            elif not entry.language:
                desk.skip(entry, "its language is not known")
            elif not language:
                desk.skip(entry, f"the speaker {self.speaker} speaks no {entry.language}")
            elif not (chosen := self._chosen(speaker, language, entry)):
                desk.skip(entry, f"no voice is kept for the split {entry.split}")
            else:
                yield from self._spoken(entry, parts, chosen, speaker, language, desk)

    def _check_names(self, speaker: Speaker) -> None:
        known = {voice for each in speaker.languages() for voice in speaker.voices(each)}
        for voice in () if isinstance(self.voices, int) else self.voices:
            if voice not in known:
                raise UnknownNameError(f"voice of {self.speaker}", voice, known)

    def _spoken(
        self,
        entry: Entry,
        parts: list[_Part],
        chosen: Mapping[str, str],
        speaker: Speaker,
        language: str,
        desk: Desk,
    ) -> Iterator[Entry]:
        """The recordings of an entry; it counts as bad where there is none."""
        genders = speaker.voices(language)
        made, why = 0, ""
        for part in parts:
            for voice, split in chosen.items():
                dice = _dice(self.seed, part.key, voice)
                pitch, speed = _between(self.pitch, dice[0]), _between(self.speed, dice[1])
                asked = {"language": language, "voice": voice, "pitch": pitch, "speed": speed}
                try:
                    wave, rate = speaker.speak(
                        part.text, language=language, voice=voice, pitch=pitch, speed=speed
                    )
                except AudioError as error:
                    why = error.cause
                    desk.count(f"not spoken: {why}")
                    continue
                facts = {"speaker": speaker.name, **asked}
                gender = {"gender": (genders[voice],)} if genders[voice] else {}
                spoken = replace(
                    entry,
                    key=f"{part.key}@{voice}",
                    path=desk.keep(json.dumps([part.text, facts]), wave, rate),
                    split=split,
                    transcript=part.text,
                    speaker=f"{self.speaker}:{voice}",
                    labels={**gender, **entry.labels},
                )
                made += 1
                yield signed(spoken, "synthesise", **facts)
        desk.count("spoken", made)
        if not made:
            desk.skip(entry, why)

    def _chosen(self, speaker: Speaker, language: str, entry: Entry) -> dict[str, str]:
        """The voices that speak an entry, and the split of each of its recordings."""
        genders = speaker.voices(language)
        if isinstance(self.voices, int):
            names = _drawn(tuple(genders.items()), self.seed)[: self.voices]
        else:
            named = tuple((name, genders[name]) for name in self.voices if name in genders)
            names = _drawn(named, self.seed)
        kept = _kept(names, self.valid, self.test)
        if self.split == "text":
            kept = {voice: split for voice, split in kept.items() if split == entry.split}
        if self.takes:
            ranked = sorted(kept, key=lambda voice: _dice(self.seed, entry.key, "take", voice))
            kept = {voice: kept[voice] for voice in sorted(ranked[: self.takes])}
        return kept


def _parts(entry: Entry) -> list[_Part]:
    """What an entry says: a keyword as it stands, anything else sentence by sentence."""
    keyword = " ".join(entry.labels.get("keyword", ()))
    text = entry.transcript.strip() or keyword.strip()
    if keyword or not text:
        return [_Part(entry.key, text)] if text else []
    found = sentences(text, entry.language)
    if len(found) == 1:
        return [_Part(entry.key, found[0])]
    return [_Part(f"{entry.key}#{number}", part) for number, part in enumerate(found, start=1)]


@functools.lru_cache(maxsize=1024)
def _spoken_as(language: str, known: tuple[str, ...]) -> str:
    """The tag that a speaker has for a language, or the nearest wider one; empty if none.

    >>> _spoken_as("pt_PT", ("en-us", "pt")), _spoken_as("en-US", ("en", "en-us"))
    ('pt', 'en-us')
    """
    lower = {tag.lower(): tag for tag in known}
    tag = language.replace("_", "-").lower()
    while tag and tag not in lower:
        tag = tag.rpartition("-")[0]
    return lower.get(tag, "")


@functools.lru_cache(maxsize=1024)
def _drawn(voices: tuple[tuple[str, str], ...], seed: int) -> tuple[str, ...]:
    """Voices in an order that is drawn, women and men by turns, then those of unknown gender."""
    ranked = sorted(voices, key=lambda voice: _dice(seed, "voice", voice[0]))
    by_gender = {gender: [v for v, g in ranked if g == gender] for gender in ("woman", "man", "")}
    women, men = by_gender["woman"], by_gender["man"]
    pairs = min(len(women), len(men))
    turns = [voice for pair in zip(women[:pairs], men[:pairs], strict=True) for voice in pair]
    return (*turns, *women[pairs:], *men[pairs:], *by_gender[""])


@functools.lru_cache(maxsize=1024)
def _kept(names: tuple[str, ...], valid: float, test: float) -> dict[str, str]:
    """The split that each voice is kept for; of three or more, each split has one that asks for it.

    >>> _kept(("a", "b", "c", "d"), 0.1, 0.25)
    {'a': 'test', 'b': 'valid', 'c': 'train', 'd': 'train'}
    """
    enough = len(names) > 2
    tested = max(round(test * len(names)), int(test > 0 and len(names) > 1))
    judged = max(round(valid * len(names)), int(valid > 0 and enough))
    splits = ["test"] * tested + ["valid"] * judged
    splits += ["train"] * (len(names) - len(splits))
    return dict(zip(names, splits, strict=False))


def _dice(*of: object) -> tuple[float, float]:
    """Two draws from 0 to 1 that follow from what they are for."""
    text = json.dumps([str(each) for each in of])
    digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
    return int.from_bytes(digest[:8], "big") / 2**64, int.from_bytes(digest[8:], "big") / 2**64


def _between(bounds: tuple[int, int], dice: float) -> int:
    least, most = bounds
    return least + int(dice * (most - least + 1))
