"""Captions what a video shows where its scene changes, and tells it with its sound (appendix B)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from clara import visual
from clara.backends.captioner import Captioner
from clara.backends.rewriter import Case
from clara.configs import expect, expect_within
from clara.errors import AudioError
from clara.prepare.backend import backend
from clara.prepare.desk import Desk
from clara.prepare.steps import _sentences
from clara.records import Entry
from clara.text.facts import facts_of

__all__ = ["Visual"]


@dataclass(frozen=True)
class Visual:
    """Adds sentences that say what is heard and what is seen, where there is something to see.

    What has no moving pictures passes as it is, and is counted; so does what has pictures that
    cannot be decoded, as its sound may be whole.

    Attributes:
        captioner: Says what a frame shows: a name in `clara.backends.captioner`.
        rate: Frames per second to look at.
        threshold: Structural similarity below which the scene has changed (theta of equation 4).
        most: Most frames to tell of, the first ones; each caption makes the sentence longer.
        rewriter: Who fuses (equation 5): a name in `clara.backends.rewriter`.
        phrasings: How many sentences of each entry.
        captioner_settings: Of the captioner ("model" and so on).
        rewriter_settings: Of the rewriter.
    """

    captioner: str = "coca"
    rate: float = 1.0
    threshold: float = 0.6
    most: int = 4
    rewriter: str = "rules"
    phrasings: int = 1
    captioner_settings: Mapping[str, Any] = field(default_factory=dict)
    rewriter_settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        expect(0 < self.rate <= 100, "rate to be above 0 and at most 100", self.rate)
        expect_within(self, -1, 1, "threshold")
        expect(self.most >= 1, "at least one frame", self.most)
        expect(self.phrasings >= 1, "at least one phrasing", self.phrasings)

    def __call__(self, entries: Iterable[Entry], desk: Desk) -> Iterator[Entry]:
        """As `clara.prepare.steps.Step`."""
        rewriter = backend("rewriter", self.rewriter, self.rewriter_settings, desk.folder)
        for group in _sentences.groups(entries):
            seen = [self._seen(entry, desk) for entry in group]
            cases = [
                list(self._cases(entry, tuple(scene.caption for scene in scenes)))
                for entry, scenes in zip(group, seen, strict=True)
            ]
            written = _sentences.write(rewriter, cases, desk)
            for entry, scenes, sentences in zip(group, seen, written, strict=True):
                facts = {
                    "captioner": self._captioner().name if scenes else "",
                    "seen": [scene._asdict() for scene in scenes],
                    "rewriter": rewriter.name,
                }
                yield _sentences.told(entry, sentences, "visual", desk, **facts)

    def _captioner(self) -> Captioner:
        captioner: Captioner = backend("captioner", self.captioner, self.captioner_settings)
        return captioner

    def _seen(self, entry: Entry, desk: Desk) -> list[_Scene]:
        """What the frames show at which the scene changes, and when; what is said twice, once."""
        kept = list(self._kept(entry, desk))
        if not kept:
            return []
        desk.count("frames captioned", len(kept))
        captions = self._captioner().caption([frame.image for frame in kept])
        found: dict[str, _Scene] = {}
        for frame, caption in zip(kept, captions, strict=True):
            if caption:
                found.setdefault(caption, _Scene(round(frame.seconds - entry.start, 3), caption))
        if not found:
            desk.count("nothing was said of the frames")
        return list(found.values())

    def _kept(self, entry: Entry, desk: Desk) -> Iterator[visual.Frame]:
        if not isinstance(entry.path, Path) or not visual.is_video(entry.path):
            desk.count("no video")
            return
        shown = visual.frames(entry.path, rate=self.rate, start=entry.start, end=entry.end)
        count = 0
        try:
            for frame in visual.changed(shown, self.threshold):
                count += 1
                yield frame
                if count == self.most:
                    return
        except AudioError as error:
            desk.count(error.cause)
        else:
            if not count:
                desk.count("no moving pictures")

    def _cases(self, entry: Entry, seen: tuple[str, ...]) -> Iterator[Case]:
        """What to write: of the captions of the sound, or else of what is known of it."""
        if not seen:
            return
        # What was made of the labels before says no more than they do.
        texts = [text for text in entry.texts if text not in _sentences.made(entry)]
        for number, text in enumerate(texts[: self.phrasings]):
            share = (self.phrasings - number - 1) // min(len(texts), self.phrasings) + 1
            yield Case(facts_of(entry, heard=text, seen=seen), entry.key, share)
        if not texts:
            yield Case(facts_of(entry, seen=seen), entry.key, self.phrasings)


class _Scene(NamedTuple):
    """A caption, and when the frame that it is of is shown, in seconds from the entry's start."""

    seconds: float
    caption: str
