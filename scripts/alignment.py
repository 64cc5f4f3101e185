"""Measures the aligner that needs no download: how far off it is, and what is cut by it.

    python scripts/alignment.py RECORDINGS [--minutes 6]

RECORDINGS holds corpora in their official layouts, each in a folder of its official name. Long
recordings are made of theirs: cut to what is spoken (within 30 dB of the loudest; single words also
without the noise of their clips), at equal levels, one behind the other with silences of known
lengths or with none, so that it is known where each of them begins and ends. They are of one
speaker where a corpus has enough of each. A second table is of synthetic speech in another voice,
in which every word is known; the aligner speaks through the same program, so it flatters.

A cut goes through a word if it parts more than a hundredth of its energy from the rest.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from clara import corpora
from clara.audio import io
from clara.backends import Word
from clara.backends.aligner.espeak import EspeakAligner
from clara.backends.speaker.espeak import Espeak
from clara.errors import AlignmentError
from clara.prepare.desk import Desk
from clara.prepare.steps.segment import Segment
from clara.records import Entry, Wave
from clara.text import words as wording

Trim = Callable[[Wave, int], tuple[int, int]]

SOURCES = {
    "English, LJSpeech": ("ljspeech", "LJSpeech-1.1"),
    "English, RAVDESS": ("ravdess", "RAVDESS"),
    "German, EmoDB": ("emodb", "EmoDB"),
    "Polish, nEMO": ("nemo", "nEMO"),
    "Mandarin, audio-cmn": ("", "audio-cmn"),
    "Arabic, commands": ("arabic_speech_commands", "arabic-speech-commands-dataset"),
    "English, commands": ("speech_commands", "speech_commands_test_set_v0.02"),
    "English, digits": ("fsdd", "free-spoken-digit-dataset"),
}
WORDS = ("audio-cmn", "commands", "digits")
MIXED = ("English, commands",)  # four takes of a word by each of 175 speakers make no minute
SPOKEN = {
    "en": "The quick brown fox jumps over the lazy dog, and nobody has seen it since.",
    "de": "Der alte Mann geht jeden Morgen langsam über die Brücke, niemand kennt seinen Namen.",
    "fr": "Le vieux jardinier arrose les fleurs du parc, puis il rentre tranquillement chez lui.",
    "es": "Los niños juegan en la plaza del pueblo mientras sus padres preparan la comida.",
    "pl": "Wczoraj wieczorem poszliśmy nad rzekę, a potem długo rozmawialiśmy o dawnych czasach.",
    "ru": "Старый дом стоит на высоком берегу, и по вечерам в его окнах горит свет.",
    "tr": "Küçük kız her sabah bahçedeki kuşlara yem verir ve onları sessizce izler.",
    "fi": "Vanha kalastaja lähtee aamulla järvelle ja palaa kotiin vasta illan hämärtyessä.",
    "ar": "ذهب الولد إلى المدرسة في الصباح الباكر ثم عاد إلى البيت مع صديقه.",
    "hi": "बूढ़ा किसान हर सुबह अपने खेत में जाता है और शाम को घर लौटता है।",
    "zh": "今天天气很好，我们一起去公园散步，然后回家吃晚饭。",
    "sw": "Watoto wanacheza mpira uwanjani wakati wazazi wao wanapika chakula cha jioni.",
}
REPEATS = 6
SECONDS = 60.0
THROUGH = 0.01  # of the energy of a word
PAUSES = {"pauses of 0.15 to 0.8 s": (0.15, 0.8), "no pauses": (0.0, 0.0)}


@dataclass
class Figures:
    """What was found for one kind of recording."""

    errors: list[float] = field(default_factory=list)
    cuts: int = 0
    torn: int = 0
    lost: int = 0
    cut: float = 0.0
    pieces: float = 0.0
    refused: int = 0
    wrong: int = 0
    wrong_refused: int = 0
    recordings: int = 0
    audio: float = 0.0
    clock: float = 0.0

    def row(self, name: str) -> str:
        """A line of the table."""
        errors = np.array(self.errors) * 1000
        return " | ".join(
            (
                f"| {name}",
                f"{self.audio / 60:.1f} min",
                f"{len(errors)}",
                f"{np.median(errors):.0f} ms",
                f"{np.percentile(errors, 90):.0f} ms",
                f"{np.mean(errors <= 100):.0%}",
                f"{self.refused} of {self.recordings}",
                f"{self.wrong_refused} of {self.wrong}" if self.wrong else "–",
                f"{self.pieces / self.cut:.0%}",
                f"{self.torn} of {self.cuts}" if self.torn >= 0 else f"– of {self.cuts}",
                f"{self.lost}",
                f"{self.audio / self.clock:.0f} |",
            )
        )


HEAD = (
    "| | long recordings | boundaries | median error | 90 % below | within 100 ms | refused | "
    "wrong transcripts refused | kept in pieces | cuts through a word | "
    "words outside their piece | times real time |\n" + "|---" * 12 + "|"
)


@dataclass(frozen=True)
class Long:
    """A recording with its words, and the stretches of which it is made."""

    wave: Wave
    rate: int
    text: str
    language: str
    truth: Sequence[tuple[int, int, float, float]]


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("recordings", type=Path)
    parser.add_argument("--minutes", type=float, default=6.0, help="of each kind")
    arguments = parser.parse_args()
    aligner = EspeakAligner()
    count = max(2, round(arguments.minutes * 60 / SECONDS))
    for kind, pauses in PAUSES.items():
        print(f"\n## Real speech, {kind}\n\n{HEAD}")
        torn = cuts = 0
        for name, (corpus, folder) in SOURCES.items():
            if not (arguments.recordings / folder).is_dir():
                continue
            entries = list(_entries(arguments.recordings / folder, corpus))
            words = name.endswith(WORDS)
            trim = _one_word if words else _loud
            made = list(_long(entries, pauses, count, trim, by_speaker=name not in MIXED))
            figures = _measure(aligner, made, words=words)
            if figures.torn >= 0:
                torn, cuts = torn + figures.torn, cuts + figures.cuts
            print(figures.row(name), flush=True)
        print(f"\nCuts through a word: {torn} of {cuts} ({torn / max(1, cuts):.1%}).")
    print(f"\n## Synthetic speech of another voice, every word\n\n{HEAD}")
    for language, text in SPOKEN.items():
        print(_measure(aligner, [_spoken(language, text)], words=True).row(language), flush=True)


def _entries(folder: Path, corpus: str) -> Iterator[Entry]:
    if corpus:
        for entry in corpora.get(corpus).read(folder):
            heard = entry.transcript and entry.transcript not in ("_silence_", "_unknown_")
            if heard and entry.path.is_file():
                yield entry
        return
    for path in sorted(folder.rglob("cmn-*.mp3")):
        yield Entry(path.stem, path, language="zh", transcript=path.stem[4:], speaker="cmn")


def _long(
    entries: Sequence[Entry],
    pauses: tuple[float, float],
    count: int,
    trim: Trim,
    *,
    by_speaker: bool,
) -> Iterator[Long]:
    rng = np.random.default_rng(0)
    speakers: dict[str, list[Entry]] = {}
    for entry in entries:
        speakers.setdefault(entry.speaker if by_speaker else "", []).append(entry)
    names = sorted(speakers)
    for number in range(count):
        mine = speakers[names[number % len(names)]]
        order = rng.permutation(len(mine))
        yield _joined([mine[place] for place in order], pauses, trim, rng)


def _joined(
    entries: Sequence[Entry],
    pauses: tuple[float, float],
    trim: Trim,
    rng: np.random.Generator,
) -> Long:
    parts: list[Wave] = []
    truth = []
    units: list[str] = []
    texts: list[str] = []
    samples, rate = 0, 0

    def silence(seconds: float) -> None:
        nonlocal samples
        parts.append(rng.normal(0, 1e-4, round(seconds * rate)).astype(np.float32))
        samples += len(parts[-1])

    for entry in entries:
        wave, rate = io.load(entry.path, rate=rate or None)
        first, last = trim(wave, rate)
        if len(wave) == 2 * rate and last > 1.9 * rate:
            continue  # the mirror of EmoDB cut what is longer
        if not parts:
            silence(0.3)
        said = wave[first:last] * (0.05 / np.sqrt(np.mean(wave[first:last] ** 2)))
        words = wording.split(entry.transcript)
        begun = len(units)
        units += words
        texts.append(entry.transcript)
        truth.append((begun, len(units) - 1, samples / rate, (samples + len(said)) / rate))
        parts.append(said.astype(np.float32))
        samples += len(said)
        silence(rng.uniform(*pauses))
        if samples > SECONDS * rate:
            break
    silence(0.3)
    text = wording.join(texts)
    return Long(np.concatenate(parts), rate, text, entries[0].language, truth)


def _loud(wave: Wave, rate: int) -> tuple[int, int]:
    """What is within 30 dB of the loudest, in samples."""
    step = rate // 100
    level = _level(wave, step)
    loud = np.flatnonzero(level > np.percentile(level, 98) - 30)
    return int(loud[0]) * step, int(loud[-1] + 1) * step


def _one_word(wave: Wave, rate: int) -> tuple[int, int]:
    """The same for one word: without the noise of its clip, and clicks and breath beside it."""
    step = rate // 100
    level = _level(wave, step)
    loudest = np.percentile(level, 98)
    noise = min(np.mean(level[:5]), np.mean(level[-5:]))
    loud = np.flatnonzero(level > max(loudest - 30, min(noise + 6, loudest - 12)))
    runs = np.split(loud, np.flatnonzero(np.diff(loud) > 15) + 1)
    word = max(runs, key=lambda run: float((10 ** (level[run] / 10)).sum()))
    return int(word[0]) * step, int(word[-1] + 1) * step


def _level(wave: Wave, step: int) -> npt.NDArray[np.float64]:
    frames = wave[: len(wave) // step * step].reshape(-1, step)
    return np.asarray(10 * np.log10((frames**2).mean(1) + 1e-10))


def _spoken(language: str, text: str) -> Long:
    """A text spoken some times by a man, in a room with some noise."""
    rng = np.random.default_rng(0)
    whole = " ".join([text] * REPEATS)
    wave, rate, words = Espeak().speak_words(whole, language=language, voice="m3", speed=150)
    noise = rng.normal(0, 0.003, len(wave)).astype(np.float32)
    units = wording.spans(whole)
    truth = []
    place = 0
    for word in words:
        at = whole.find(word.text, place)
        owner = next((k for k, unit in enumerate(units) if unit.start <= at < unit.end), None)
        if at < 0 or owner is None or (truth and truth[-1][0] >= owner):
            continue
        place = at
        first, last = (round(time * rate) for time in (word.start, word.end))
        begun, ended = _loud(wave[first:last], rate)
        truth.append((owner, owner, (first + begun) / rate, (first + ended) / rate))
    return Long(wave + noise, rate, whole, language, truth)


def _measure(aligner: EspeakAligner, made: Sequence[Long], *, words: bool) -> Figures:
    figures = Figures()
    for number, each in enumerate(made):
        figures.recordings += 1
        figures.audio += len(each.wave) / each.rate
        begun = time.perf_counter()
        found = _aligned(aligner, each, each.text)
        figures.clock += time.perf_counter() - begun
        if len(made) > 1:
            wrong = made[(number + 1) % len(made)].text
            figures.wrong += 1
            figures.wrong_refused += _aligned(aligner, each, wrong) is None
        if found is None:
            figures.refused += 1
            continue
        for first, last, start, end in each.truth:
            figures.errors += (abs(found[first].start - start), abs(found[last].end - end))
        _count_cuts(each, figures)
    if not words:
        figures.torn = -1  # where sentences begin and end is known, not where their words do
    return figures


def _aligned(aligner: EspeakAligner, each: Long, text: str) -> list[Word] | None:
    try:
        return aligner.align(each.wave, each.rate, wording.split(text), language=each.language)
    except AlignmentError:
        return None


def _count_cuts(each: Long, figures: Figures) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.flac"
        path.write_bytes(io.encode_flac(each.wave, each.rate))
        entry = Entry("long", path, language=each.language, transcript=each.text)
        desk = Desk(Path(folder))
        pieces = list(Segment()([entry], desk))
    figures.cut += len(each.wave) / each.rate
    energy = np.concatenate(([0.0], np.cumsum(np.square(each.wave, dtype=np.float64))))

    def within(start: float, end: float) -> float:
        first, last = (
            min(max(0, round(time * each.rate)), len(each.wave)) for time in (start, end)
        )
        return float(energy[max(first, last)] - energy[first])

    said = 0
    for piece in pieces:
        begin, end = piece.start, piece.end or 0.0
        figures.pieces += end - begin
        for cut in (begin, end):
            if not each.truth[0][2] < cut < each.truth[-1][3]:
                continue  # where the recording begins or ends
            figures.cuts += 1
            figures.torn += any(
                min(within(first, cut), within(cut, last)) > THROUGH * within(first, last)
                for *_, first, last in each.truth
                if first < cut < last
            )
        said = each.text.index(piece.transcript, said)
        owners = [k for k, unit in enumerate(wording.spans(each.text)) if unit.start >= said]
        behind = owners[0] + len(wording.spans(piece.transcript))
        said += len(piece.transcript)
        figures.lost += sum(
            within(max(begin, first), min(end, last)) < within(first, last) / 2
            for begun, ended, first, last in each.truth
            if owners[0] <= begun and ended < behind
        )


if __name__ == "__main__":
    main()
