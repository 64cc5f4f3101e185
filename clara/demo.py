"""A small real corpus, made on the spot: words spoken in ten languages, and synthesised sounds.

It lets the whole path be walked with nothing to download: a folder of FLAC files with a manifest,
as anyone would write one for recordings of their own. No voice and no drawing of a sound is in two
splits at once.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from clara import rooms
from clara.audio.io import encode_flac
from clara.backends.speaker import Speaker
from clara.errors import UsageError
from clara.files import replacing, unwritable
from clara.records import Wave

RATE = 22050
LANGUAGES = ("en", "de", "fr", "es", "pl", "ru", "tr", "ar", "hi", "zh")

# One meaning a line, one language a column, in the order of LANGUAGES.
WORDS = """
    water | Wasser | eau | agua | woda | вода | su | ماء | पानी | 水
    house | Haus | maison | casa | dom | дом | ev | بيت | घर | 房子
    dog | Hund | chien | perro | pies | собака | köpek | كلب | कुत्ता | 狗
    music | Musik | musique | música | muzyka | музыка | müzik | موسيقى | संगीत | 音乐
    night | Nacht | nuit | noche | noc | ночь | gece | ليل | रात | 夜晚
    friend | Freund | ami | amigo | przyjaciel | друг | arkadaş | صديق | दोस्त | 朋友
    sun | Sonne | soleil | sol | słońce | солнце | güneş | شمس | सूरज | 太阳
    door | Tür | porte | puerta | drzwi | дверь | kapı | باب | दरवाज़ा | 门
"""
SOUND_NAMES = """
    siren | Sirene | sirène | sirena | syrena | сирена | siren | صفارة إنذار | सायरन | 警报声
    bell | Glocke | cloche | campana | dzwon | колокол | çan | جرس | घंटी | 钟声
    rain | Regen | pluie | lluvia | deszcz | дождь | yağmur | مطر | बारिश | 雨
    wind | Wind | vent | viento | wiatr | ветер | rüzgar | ريح | हवा | 风
    clock | Uhr | horloge | reloj | zegar | часы | saat | ساعة | घड़ी | 时钟
    engine | Motor | moteur | motor | silnik | двигатель | motor | محرك | इंजन | 发动机
    bird | Vogel | oiseau | pájaro | ptak | птица | kuş | طائر | पक्षी | 鸟
    heartbeat | Herzschlag | battement de cœur | latido | bicie serca | сердцебиение | kalp atışı \
        | نبض القلب | दिल की धड़कन | 心跳
    drum | Trommel | tambour | tambor | bęben | барабан | davul | طبل | ढोल | 鼓
    telephone | Telefon | téléphone | teléfono | telefon | телефон | telefon | هاتف | टेलीफ़ोन \
        | 电话
"""

# Timbres of espeak-ng by who they sound like, and the split that each is kept for.
VOICES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "man": {"train": ("m1", "m2", "m3", "m7"), "valid": ("m5",), "test": ("m4",)},
    "woman": {"train": ("f1", "f2", "f4", "linda"), "valid": ("belinda",), "test": ("f3",)},
}
DRAWINGS: Mapping[str, int] = {"train": 24, "valid": 4, "test": 8}

_Signal = npt.NDArray[np.float64]
_TEXTS = tuple(f"text_{number}" for number, _ in enumerate(LANGUAGES, start=1))
_COLUMNS = (
    *("path", "split", "language", "transcript", "speaker"),
    *("label.keyword", "label.language", "label.gender", "label.sound"),
    *_TEXTS,
)


@dataclass(frozen=True)
class _Clip:
    path: str
    wave: Wave
    row: Mapping[str, str]


def make_corpus(out: Path, *, seed: int = 0) -> int:
    """Makes the corpus in a folder, for `clara prepare folder`.

    Args:
        out: The folder to make. One that this function finished before is left as it is, one that
            it was stopped in is completed.
        seed: For the drawings of the sounds and the pitch and speed of the voices.

    Returns:
        How many recordings lie there.

    Raises:
        UsageError: The folder holds something else, or the corpus of another seed.
        DataError: The folder cannot be written to.
        MissingExtraError: The package of the speaker is not installed.
    """
    manifest = out / "manifest.csv"
    mark = {"made by": "clara demo", "seed": seed}
    try:
        _claim(out, json.dumps(mark))
        if not manifest.exists():
            _write(out, manifest, seed)
    except OSError as error:
        raise unwritable(out, error) from error
    return manifest.read_bytes().count(b"\n") - 1


def _claim(out: Path, mark: str) -> None:
    """Marks a folder as ours before anything else is in it, so that nobody's files are touched."""
    path = out / "demo.json"
    out.mkdir(parents=True, exist_ok=True)
    if not any(out.iterdir()):
        with replacing(path) as file:
            file.write(mark.encode())
    found = path.read_text(errors="replace") if path.is_file() else "other files"
    if found != mark:
        raise UsageError(
            f"Expected {out} to be empty or to hold the demo corpus of {mark}, but found "
            f"{found[:80]}; choose another folder."
        )


def _write(out: Path, manifest: Path, seed: int) -> None:
    """Writes the recordings, then the manifest: while it is not there, all are written anew."""
    speaker: Speaker = rooms.load("backends.speaker", "espeak")()
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    for clip in _clips(speaker, seed):
        path = out / clip.path
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(encode_flac(clip.wave, RATE))
        writer.writerow({"path": clip.path, **clip.row})
    with replacing(manifest) as file:
        file.write(table.getvalue().encode())


def _clips(speaker: Speaker, seed: int) -> Iterator[_Clip]:
    yield from _sound_clips(np.random.default_rng([seed, 0]))
    yield from _spoken_clips(speaker, np.random.default_rng([seed, 1]))


def _sound_clips(rng: np.random.Generator) -> Iterator[_Clip]:
    for names in _table(SOUND_NAMES):
        for split, count in DRAWINGS.items():
            for number in range(count):
                wave = _finish(SOUNDS[names[0]](rng, rng.uniform(1.5, 3.0)), rng)
                row = {"split": split, "label.sound": names[0]}
                row |= dict(zip(_TEXTS, names, strict=True))
                yield _Clip(f"sounds/{names[0]}-{split}-{number:02}.flac", wave, row)


def _spoken_clips(speaker: Speaker, rng: np.random.Generator) -> Iterator[_Clip]:
    for gender, splits in VOICES.items():
        for split, voices in splits.items():
            for voice in voices:
                for words in _table(WORDS):
                    for language, word in zip(LANGUAGES, words, strict=True):
                        pitch, speed = int(rng.integers(35, 66)), int(rng.integers(130, 191))
                        wave, rate = speaker.speak(
                            word, language=language, voice=voice, pitch=pitch, speed=speed
                        )
                        assert rate == RATE, "the speaker's rate is the corpus's"
                        row = {
                            **{"split": split, "language": language, "transcript": word},
                            **{"label.keyword": word, "label.language": language},
                            **{"label.gender": gender, "speaker": voice},
                        }
                        yield _Clip(f"words/{language}-{words[0]}-{voice}.flac", wave, row)


def _table(text: str) -> list[list[str]]:
    """The cells of each line of a table.

    >>> _table("a | b")
    [['a', 'b']]
    """
    lines = text.strip().splitlines()
    return [[cell.strip() for cell in line.split("|")] for line in lines]


# Sounds. Each takes a generator and a length in seconds and gives samples at RATE.


def _siren(rng: np.random.Generator, seconds: float) -> _Signal:
    time = _time(seconds)
    middle, swing, pace = rng.uniform(700, 1000), rng.uniform(200, 400), rng.uniform(0.4, 1.5)
    pitch = middle + swing * np.sin(2 * np.pi * pace * time + rng.uniform(0, 2 * np.pi))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    return sum((np.sin(k * phase) / k**1.5 for k in (1, 2, 3)), np.zeros_like(time))


def _bell(rng: np.random.Generator, seconds: float) -> _Signal:
    base = rng.uniform(400, 900)
    # The partials of a church bell: hum, prime, tierce, quint, nominal, and two above.
    partials = (0.5, 1.0, 1.2, 1.5, 2.0, 2.6, 3.0)
    time = _time(1.5)
    strike = sum(
        (
            np.exp(-time * (1.5 + ratio)) * np.sin(2 * np.pi * base * ratio * time) / ratio**0.5
            for ratio in partials
        ),
        np.zeros_like(time),
    )
    return _repeat(strike, seconds, rng.uniform(0.5, 1.2), rng)


def _rain(rng: np.random.Generator, seconds: float) -> _Signal:
    hiss = _noise(rng, seconds, rng.uniform(800, 1500), 9000)
    drops = (rng.random(len(hiss)) < rng.uniform(0.001, 0.004)) * rng.normal(size=len(hiss))
    splash = np.exp(-_time(0.01) * 600)
    return np.asarray(hiss + 4 * np.convolve(drops, splash)[: len(hiss)])


def _wind(rng: np.random.Generator, seconds: float) -> _Signal:
    time = _time(seconds)
    gusts = 0.55 + 0.45 * np.sin(2 * np.pi * rng.uniform(0.2, 0.6) * time + rng.uniform(0, 6))
    return _noise(rng, seconds, 60, rng.uniform(250, 500)) * gusts


def _clock(rng: np.random.Generator, seconds: float) -> _Signal:
    time = _time(0.03)
    tick = np.exp(-time * 300) * np.sin(2 * np.pi * rng.uniform(2000, 4000) * time)
    return _repeat(tick, seconds, rng.uniform(0.25, 0.5), None)


def _engine(rng: np.random.Generator, seconds: float) -> _Signal:
    time = _time(seconds)
    pitch = rng.uniform(40, 90) * (1 + 0.05 * np.sin(2 * np.pi * rng.uniform(0.2, 1) * time))
    phase = np.cumsum(pitch) / RATE
    return np.asarray(2 * (phase % 1) - 1 + 0.3 * _noise(rng, seconds, 100, 1500))


def _bird(rng: np.random.Generator, seconds: float) -> _Signal:
    time = _time(rng.uniform(0.08, 0.2))
    sweep = np.linspace(rng.uniform(2500, 3500), rng.uniform(4000, 6000), len(time))
    trill = 1 + 0.05 * np.sin(2 * np.pi * rng.uniform(30, 60) * time)
    chirp = np.sin(2 * np.pi * np.cumsum(sweep * trill) / RATE) * np.hanning(len(time))
    return _repeat(chirp, seconds, rng.uniform(0.25, 0.5), rng)


def _heartbeat(rng: np.random.Generator, seconds: float) -> _Signal:
    time = _time(0.15)
    thump = np.sin(2 * np.pi * rng.uniform(45, 70) * time) * np.hanning(len(time))
    pair = np.concatenate([thump, np.zeros(int(0.1 * RATE)), 0.7 * thump])
    return _repeat(pair, seconds, 60 / rng.uniform(60, 100), None)


def _drum(rng: np.random.Generator, seconds: float) -> _Signal:
    time = _time(0.4)
    pitch = rng.uniform(90, 160) * (1 + np.exp(-time * 30))
    skin = np.sin(2 * np.pi * np.cumsum(pitch) / RATE) * np.exp(-time * 10)
    return _repeat(skin + 0.3 * _noise(rng, 0.4, 200, 4000) * np.exp(-time * 60), seconds, 0.4, rng)


def _telephone(rng: np.random.Generator, seconds: float) -> _Signal:
    time = _time(seconds)
    shift = rng.uniform(0.9, 1.1)
    tones = sum((np.sin(2 * np.pi * f * shift * time) for f in (1000, 1250)), np.zeros_like(time))
    warble = 0.5 + 0.5 * np.sign(np.sin(2 * np.pi * rng.uniform(15, 25) * time))
    return tones * warble * ((time + rng.uniform(0, 0.6)) % 1.2 < 0.8)


SOUNDS: Mapping[str, Callable[[np.random.Generator, float], _Signal]] = {
    "siren": _siren,
    "bell": _bell,
    "rain": _rain,
    "wind": _wind,
    "clock": _clock,
    "engine": _engine,
    "bird": _bird,
    "heartbeat": _heartbeat,
    "drum": _drum,
    "telephone": _telephone,
}


def _time(seconds: float) -> _Signal:
    return np.arange(int(seconds * RATE)) / RATE


def _noise(rng: np.random.Generator, seconds: float, low: float, high: float) -> _Signal:
    """White noise between two frequencies, of unit power."""
    count = int(seconds * RATE)
    spectrum = np.fft.rfft(rng.normal(size=count))
    frequency = np.fft.rfftfreq(count, 1 / RATE)
    spectrum[(frequency < low) | (frequency > high)] = 0
    noise = np.fft.irfft(spectrum, count)
    return np.asarray(noise / np.sqrt(np.mean(noise**2)))


def _repeat(
    event: _Signal, seconds: float, every: float, rng: np.random.Generator | None
) -> _Signal:
    """An event again and again, at intervals in seconds that a generator makes uneven."""
    signal = np.zeros(int(seconds * RATE) + len(event))
    at = 0.05
    while at < seconds:
        start = int(at * RATE)
        signal[start : start + len(event)] += event
        at += every * (1 if rng is None else rng.uniform(0.8, 1.2))
    return signal[: int(seconds * RATE)]


def _finish(signal: _Signal, rng: np.random.Generator) -> Wave:
    """Adds a faint room, and sets a level that differs from clip to clip."""
    room = 0.01 * rng.normal(size=len(signal)) * np.abs(signal).max()
    level = rng.uniform(0.3, 0.9)
    return np.asarray(level * (signal + room) / np.abs(signal + room).max(), np.float32)
