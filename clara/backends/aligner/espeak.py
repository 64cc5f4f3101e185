"""Finds words by the speech that espeak-ng makes of them: over 100 languages, nothing to download.

The recording is warped in time onto synthetic speech whose words have known times. Pauses between
words are free, wherever they are; the cepstra of the synthetic voice are mapped onto those of the
speaker once a first path is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from clara.audio import io
from clara.backends import Word
from clara.backends.aligner._lattice import Lattice
from clara.backends.aligner._sound import HOP, RATE, Array, Sound, edge, listen, normal
from clara.backends.speaker.espeak import Espeak
from clara.errors import AlignmentError, AudioError
from clara.records import Wave
from clara.text import words as wording

__all__ = ["EspeakAligner"]

_VOICE = "f2"
_SPEED = 175
_WORDS = 60  # synthesised at once
_FAR = 60  # characters that the library may pass over between two words
_FASTEST = 50  # letters a second: nobody speaks at half of that, nor the library at all of it
_SOFTEST = -75.0  # dB: below it nothing can be made out
_MOVE = 0.15  # what it costs a frame to be slower or faster than the synthetic speech
_PAUSE, _LOUD_PAUSE = 0.5, 3.0  # what a frame of pause costs, and what it costs more if it is loud
_BLUR = 3.0  # dB
_RIDGE = 30.0  # frames' worth of belief that both voices are the same
# How much cheaper a frame of speech must be than on a path through the same speech backwards: of
# minutes of real speech, right transcripts gain 0.03 to 0.15, wrong ones -0.02 to 0.03.
_WORTH = 0.03


class EspeakAligner:
    """Aligns by dynamic time warping against synthetic speech.

    Raises:
        MissingExtraError: The package that carries espeak-ng is not installed.

    >>> aligner, said = EspeakAligner(), ["one", "two", "three", "four", "five", "six"]
    >>> wave, rate, spoken = aligner.speaker.speak_words(" ".join(said), language="en")
    >>> found = aligner.align(wave, rate, said, language="en")
    >>> all(abs(a.start - b.start) < 0.1 for a, b in zip(found, spoken, strict=True))
    True
    """

    def __init__(self) -> None:
        self.speaker = Espeak()
        self.name = f"time warping against {self.speaker.name}"

    def align(self, wave: Wave, rate: int, words: Sequence[str], *, language: str) -> list[Word]:
        """Finds where each word of a transcript is spoken; see `Aligner`.

        Words that the library speaks as one share its time by their letters.

        Raises:
            AlignmentError: The library does not speak the language or the words, nothing is to be
                heard, or the words fit the recording no better than the same speech backwards.
        """
        if not words:
            return []
        tag = self._tag(language)
        highest = min(7600.0, 0.475 * rate)
        heard = listen(io.resample(wave, rate, RATE), highest)
        limit = edge(heard.level)
        spoken = heard.level > limit
        if np.percentile(heard.level, 95) < _SOFTEST or spoken.sum() < 2:
            raise AlignmentError(
                "Expected speech, but found silence; check the recording.",
                cause="the recording is silent",
            )
        letters = sum(map(str.isalnum, "".join(words)))
        if letters * rate > _FASTEST * len(wave):
            raise AlignmentError(
                f"Expected a recording in which {letters} letters can be said, but found one of "
                f"{len(wave) / rate:.1f} s; check the transcript.",
                cause="the recording is too short for its words",
            )
        script = self._script(words, tag, highest, float(spoken.sum() * HOP))
        loudness = 1 / (1 + np.exp(-(heard.level - limit) / _BLUR))
        pause = (_PAUSE + _LOUD_PAUSE * loudness).astype(np.float32)
        path = _warp(normal(heard.cepstra, spoken), script, pause)
        times = _times(script.owners[path], len(script.firsts))
        return _shared(words, script.firsts, times, len(wave) / rate)

    def _tag(self, language: str) -> str:
        known = self.speaker.languages()
        tag = language.replace("_", "-").lower()
        while tag and tag not in known:
            tag = tag.rpartition("-")[0]
        if not tag:
            cause = "the aligner does not speak its language"
            raise AlignmentError(
                f"Expected a language that espeak-ng speaks, but found {language!r}; say which one "
                "it is, or use another aligner.",
                cause=cause if language else "its language is not known",
            )
        return tag

    def _script(self, words: Sequence[str], tag: str, highest: float, seconds: float) -> _Script:
        """The words spoken about as fast as they are in the recording."""
        speed = _SPEED
        script = self._speak(words, tag, highest, speed)
        for _ in range(2):
            fitting = int(np.clip(speed * (~script.pauses).sum() * HOP / seconds, 80, 450))
            if abs(fitting - speed) < 0.05 * speed:
                break
            speed, script = fitting, self._speak(words, tag, highest, fitting)
        return script

    def _speak(self, words: Sequence[str], tag: str, highest: float, speed: int) -> _Script:
        sounds, firsts, places = [], [], []
        frames = 0
        for start in range(0, len(words), _WORDS):
            block = words[start : start + _WORDS]
            try:
                wave, rate, spoken = self.speaker.speak_words(
                    wording.join(block), language=tag, voice=_VOICE, speed=speed
                )
            except AudioError:
                continue  # not one of these words can be spoken: they get what is left between
            for place, time in _matched(block, spoken):
                firsts.append(start + place)
                places.append(frames + round(time / HOP))
            sounds.append(listen(io.resample(wave, rate, RATE), highest))
            frames += len(sounds[-1].level)
        if not firsts:
            raise AlignmentError(
                f"Expected words that espeak-ng can speak in {tag!r}, but found "
                f"{wording.join(words)[:60]!r}; correct the transcript or the language.",
                cause="the aligner cannot speak its words",
            )
        return _scripted(sounds, firsts, [*places, frames])


@dataclass(frozen=True)
class _Script:
    """Synthetic speech as a row of states: a pause, a word, a pause, a word, ..., a pause.

    Attributes:
        cepstra: float32 `[S, D]`.
        pauses: bool `[S]`.
        owners: int `[S]`: which word, or -1.
        firsts: Of each word that was synthesised its number in the transcript.
    """

    cepstra: Array
    pauses: npt.NDArray[np.bool_]
    owners: npt.NDArray[np.int64]
    firsts: list[int]


def _matched(words: Sequence[str], spoken: Sequence[Word]) -> list[tuple[int, float]]:
    """Which words the library's words begin, and when.

    The library parts some words ("mill-house") and joins others ("of the"): what begins no word is
    passed over.
    """
    text, begun = "", {}
    for number in range(len(words)):
        bare, text = words[number].strip(), wording.join(words[: number + 1])
        letter = next((k for k, character in enumerate(bare) if character.isalnum()), 0)
        start = len(text) - len(bare)
        begun[start] = begun[start + letter] = number
    found: list[tuple[int, float]] = []
    place, last = 0, -1
    for word in spoken:
        start = text.find(word.text, place, place + len(word.text) + _FAR)
        if start < 0:
            continue
        place, number = start + len(word.text), begun.get(start, -1)
        if number > last:
            found.append((number, word.start if found else 0.0))
            last = number
    return found


def _scripted(sounds: Sequence[Sound], firsts: list[int], places: Sequence[int]) -> _Script:
    level = np.concatenate([sound.level for sound in sounds])
    voiced = level > edge(level)
    cepstra = normal(np.concatenate([sound.cepstra for sound in sounds]), voiced)
    rows, owners = [np.zeros(1, np.int64)], [np.full(1, -1)]
    for number, (start, end) in enumerate(pairwise(places)):
        loud = np.flatnonzero(voiced[start:end])
        inside = np.arange(start + loud[0], start + loud[-1] + 1) if len(loud) else [start]
        # A path may skip a state, never two: a word of two is always visited.
        inside = np.repeat(inside, 2) if len(inside) == 1 else np.asarray(inside)
        inside = np.minimum(inside, len(cepstra) - 1)
        rows += [inside, np.zeros(1, np.int64)]
        owners += [np.full(len(inside), number), np.full(1, -1)]
    owner = np.concatenate(owners)
    return _Script(cepstra[np.concatenate(rows)], owner < 0, owner, firsts)


def _warp(heard: Array, script: _Script, pause: Array) -> npt.NDArray[np.int64]:
    """The path through the script; found, judged, and found again with the voices made alike."""
    rough = _lattice(heard, script.cepstra, script.pauses, pause)
    found = rough.best()
    if found is None:
        raise AlignmentError(
            f"Expected speech of about {len(script.cepstra) * HOP:.0f} s, but found "
            f"{len(heard) * HOP:.0f} s in which the words do not come to an end; check the "
            "transcript.",
            cause="the recording and its words do not end together",
        )
    backwards = script.cepstra[::-1].copy()
    backwards[:, backwards.shape[1] // 2 :] *= -1
    gain = _lattice(heard, backwards, script.pauses[::-1], pause).cost() - found.cost
    spoken = ~script.pauses[found.path]
    if gain < _WORTH * spoken.mean():
        raise AlignmentError(
            "Expected the words of the transcript, but found speech that they fit no better than "
            "they do backwards; check the transcript and its language.",
            cause="the words do not fit the recording",
        )
    mapped, heard = _alike(script.cepstra, heard, found.path[spoken], spoken)
    fine = _lattice(heard, mapped, script.pauses, pause).best()
    return (fine or found).path


def _lattice(heard: Array, said: Array, pauses: npt.NDArray[np.bool_], pause: Array) -> Lattice:
    """Frames against states: the distance between their cepstra, or what a pause costs."""
    scale = np.float32(heard.shape[1] ** -0.5)
    frames, states = torch.from_numpy(heard * scale), torch.from_numpy(said * scale)
    silent, quiet = torch.from_numpy(pauses.copy()), torch.from_numpy(pause)
    stay = torch.where(silent, 0.0, _MOVE)
    skip = torch.full((len(said),), _MOVE)
    skip[1:][silent[:-1]] = 0.0

    def emit(first: int, last: int, low: int, high: int) -> Tensor:
        ahead, own = frames[first:last], states[low:high]
        squares = (ahead**2).sum(1)[:, None] + (own**2).sum(1) - 2 * ahead @ own.T
        return torch.where(silent[low:high], quiet[first:last, None], squares.clamp(min=0).sqrt())

    return Lattice(len(heard), len(said), emit, stay, skip)


def _alike(
    said: Array, heard: Array, path: npt.NDArray[np.int64], spoken: npt.NDArray[np.bool_]
) -> tuple[Array, Array]:
    """Maps the synthetic voice onto the speaker's, by least squares along a path.

    Returns:
        The synthetic cepstra as the speaker would have them, and those of the speaker; both over
        the deviation that remains between them.
    """
    voice = np.c_[said, np.ones(len(said), np.float32)]
    width = said.shape[1]
    same = np.eye(width + 1, width)
    given, wanted = voice[path], heard[spoken]
    left = given.T @ given + _RIDGE * np.eye(width + 1)
    map_ = same + np.linalg.solve(left, given.T @ (wanted - given @ same))
    rest = ((wanted - given @ map_) ** 2).sum(0)
    deviation = np.sqrt((rest + _RIDGE) / (len(path) + _RIDGE))
    return (voice @ map_ / deviation).astype(np.float32), (heard / deviation).astype(np.float32)


def _times(owners: npt.NDArray[np.int64], count: int) -> list[tuple[float, float]]:
    """When each synthesised word begins and ends, in seconds."""
    places = np.flatnonzero(owners >= 0)
    numbers, firsts = np.unique(owners[places], return_index=True)
    assert len(numbers) == count, "a path visits each word"
    lasts = np.append(firsts[1:], len(places)) - 1
    return [
        (max(0.0, (places[first] - 0.5) * HOP), (places[last] + 0.5) * HOP)
        for first, last in zip(firsts, lasts, strict=True)
    ]


def _shared(
    words: Sequence[str], firsts: Sequence[int], times: Sequence[tuple[float, float]], end: float
) -> list[Word]:
    """All words with times: those that were synthesised as one share its time by their letters."""
    begins, found = [0, *firsts[1:]], []
    for (start, stop), first, behind in zip(times, begins, [*begins[1:], len(words)], strict=True):
        group = words[first:behind]
        letters = np.cumsum([0, *(sum(map(str.isalnum, word)) for word in group)])
        parts = np.round(start + (stop - start) * letters / max(1, letters[-1]), 4).clip(max=end)
        found += [Word(word, *map(float, parts[k : k + 2])) for k, word in enumerate(group)]
    return found
