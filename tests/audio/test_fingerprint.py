"""Copies of a recording are known, however they were made; what only sounds alike is not one."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from clara.audio import fingerprint as module
from clara.audio.fingerprint import (
    Gallery,
    Match,
    Print,
    Prints,
    comparable,
    fingerprint,
    search,
)
from clara.audio.io import load, resample
from clara.records import Wave

RATE = 16_000


def scene(seed: int, seconds: float = 5.0) -> Wave:
    """Something that changes: gliding partials that come and go, over soft noise."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * RATE)) / RATE
    wave = 0.002 * rng.normal(size=len(time))
    for _ in range(int(8 * seconds)):
        start, length = rng.uniform(0, seconds), rng.uniform(0.1, 0.6)
        pitch = np.geomspace(*rng.uniform(200, 3200, 2), len(time))
        loud = np.exp(-(((time - start) / length) ** 2)) * rng.uniform(0.02, 0.2)
        wave += loud * np.sin(2 * np.pi * np.cumsum(pitch) / RATE)
    return wave.astype(np.float32)


def noise(seed: int, seconds: float = 5.0) -> Wave:
    rng = np.random.default_rng(seed)
    return (0.1 * rng.normal(size=int(seconds * RATE))).astype(np.float32)


def coded(wave: Wave, rate: int, form: str, level: float | None) -> tuple[Wave, int]:
    """What is left of a recording after a lossy codec."""
    file = io.BytesIO()
    soundfile.write(file, wave, rate, format=form, compression_level=level)
    return load(file.getvalue())


def matches(query: tuple[Wave, int], waves: list[Wave]) -> list[Match]:
    gallery = Gallery(Prints.of([fingerprint(wave, RATE) for wave in waves]))
    return search(Prints.of([fingerprint(*query)]), gallery)


@pytest.fixture(scope="module")
def scenes() -> list[Wave]:
    return [*(scene(seed) for seed in range(12)), *(noise(seed) for seed in range(6))]


@pytest.mark.parametrize("at", [3, 15])
@pytest.mark.parametrize(("form", "level"), [("WAV", None), ("MP3", 0.6), ("OGG", 0.8)])
@pytest.mark.parametrize("rate", [8000, 16_000, 48_000])
def test_a_copy_in_another_format_is_found(
    scenes: list[Wave], at: int, form: str, level: float | None, rate: int
) -> None:
    copy = coded(resample(0.2 * scenes[at], RATE, rate), rate, form, level)
    (found,) = matches(copy, scenes)
    assert found.found == at
    assert abs(found.offset) < 0.1  # a codec may begin with some silence
    assert found.likeness > 0.6


@pytest.mark.parametrize("at", [0, 7, 14])
@pytest.mark.parametrize("start", [0.0, 0.777, 1.9313])
def test_a_piece_is_found_and_where_it_lies(scenes: list[Wave], at: int, start: float) -> None:
    first = int(start * RATE)
    piece = scenes[at][first : first + 5 * RATE // 2]
    (found,) = matches((piece, RATE), scenes)
    assert (found.found, found.offset) == (at, pytest.approx(start, abs=0.02))
    # And the whole is found in a set of pieces.
    (turned,) = matches((scenes[at], RATE), [scene(99), piece])
    assert (turned.found, turned.offset) == (1, pytest.approx(-start, abs=0.02))


def test_silence_around_changes_nothing(scenes: list[Wave]) -> None:
    padded = np.concatenate([np.zeros(RATE, np.float32), scenes[5], np.zeros(3 * RATE, np.float32)])
    (found,) = matches((padded, RATE), scenes)
    assert (found.found, found.offset) == (5, pytest.approx(-1.0, abs=0.02))


def test_a_second_is_enough(scenes: list[Wave]) -> None:
    words = [scene(seed, 1.0) for seed in range(100, 130)]
    assert [found.found for found in matches((words[4] * 0.5, RATE), words)] == [4]


def test_others_are_not_found() -> None:
    waves = [
        *(scene(seed) for seed in range(200, 212)),
        *(noise(seed) for seed in range(212, 224)),
        *(np.zeros(RATE * s, np.float32) for s in (1, 2, 5)),
        *(np.full(RATE * 3, level, np.float32) for level in (0.1, -0.5)),
        *(hum(pitch) for pitch in (50, 440, 441, 1000)),
    ]
    prints = Prints.of([fingerprint(wave, RATE) for wave in waves])
    assert search(prints, Gallery(prints), lambda query, found: query != found) == []


def hum(pitch: float, seconds: float = 4.0) -> Wave:
    rng = np.random.default_rng(int(pitch))
    time = np.arange(int(seconds * RATE)) / RATE
    tone = 0.3 * np.sin(2 * np.pi * pitch * time) + 0.001 * rng.normal(size=len(time))
    return tone.astype(np.float32)


def test_what_is_short_or_silent_cannot_be_compared(scenes: list[Wave]) -> None:
    waves = [scenes[0], scenes[0][:3000], scenes[0][:100], np.zeros(RATE * 5, np.float32)]
    prints = Prints.of([fingerprint(wave, RATE) for wave in waves])
    assert comparable(prints).tolist() == [True, False, False, False]
    assert len(fingerprint(scenes[0][:1], RATE).signs) == 0
    assert search(prints, Gallery(Prints.of([]))) == []
    assert search(Prints.of([]), Gallery(prints)) == []


def test_nothing_of_a_long_recording_is_left_out() -> None:
    wave = noise(7, 40.0)  # more than the frames that are taken at once
    whole = fingerprint(wave, RATE)
    piece = fingerprint(wave[RATE * 20 :], RATE)
    same = (whole.signs[20 * 50 :] ^ piece.signs) & whole.firm[20 * 50 :]
    assert np.mean(same == 0) > 0.99
    assert len(whole.signs) == (40 * 8000 - 1024) // 160 + 1 - 6


def test_likeness_is_the_cosine_of_the_firm_signs() -> None:
    rng = np.random.default_rng(1)
    signs, firm = (rng.integers(0, 1 << 32, (2, 60), dtype=np.uint32) for _ in range(2))
    prints = Prints.of([Print(signs[n], firm[n]) for n in range(2)])
    for shift in (-70, -12, 0, 25, 59, 80):
        here, there = max(0, -shift), max(0, shift)
        count = max(0, min(60 - here, 60 - there))
        tables = []
        for n, first in ((0, here), (1, there)):
            rows = [
                [(1 if s >> bit & 1 else -1) * (f >> bit & 1) for bit in range(32)]
                for s, f in zip(signs[n].tolist(), firm[n].tolist(), strict=True)
            ]
            tables.append(np.array(rows[first : first + count]).ravel())
        a, b = tables
        expected = a @ b / np.sqrt(max((a @ a) * (b @ b), 1)) if count else 0
        pair = (np.array([0]), np.array([1]), np.array([shift]))
        likeness, _ = module._compare(prints, prints, *pair)
        assert likeness[0] == pytest.approx(expected)


def test_pairs_of_no_interest_are_left_out(scenes: list[Wave]) -> None:
    prints = Prints.of([fingerprint(wave, RATE) for wave in (scenes[0], scenes[0], scenes[1])])
    found = search(prints, Gallery(prints), lambda query, other: query < other)
    assert [(each.query, each.found, each.likeness) for each in found] == [(0, 1, 1.0)]


def test_takes_of_a_sentence_are_no_copies_and_codecs_make_them(real_data: Path) -> None:
    takes = sorted((real_data / "EmoDB" / "wav").glob("*a01*"))
    sounds = sorted((real_data / "ESC-50" / "audio").glob("*"))[::40]
    waves = [load(path, rate=RATE)[0] for path in (*takes, *sounds)]
    prints = Prints.of([fingerprint(wave, RATE) for wave in waves])
    gallery = Gallery(prints)
    assert search(prints, gallery, lambda query, found: query != found) == []
    copies = [fingerprint(*coded(wave[RATE // 10 :], RATE, "MP3", 0.6)) for wave in waves]
    found = {each.query for each in search(Prints.of(copies), gallery)}
    assert len(found) >= 0.95 * len(waves)
