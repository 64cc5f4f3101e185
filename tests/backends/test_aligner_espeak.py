"""Words are found in other voices, in noise and between pauses; wrong transcripts are refused."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from clara.audio import io
from clara.backends import Word
from clara.backends.aligner import _sound
from clara.backends.aligner.espeak import EspeakAligner, _matched, _shared
from clara.backends.speaker.espeak import Espeak
from clara.errors import AlignmentError, MissingExtraError
from clara.text import words as wording

SENTENCES = {
    "en": "The quick brown fox jumps over the lazy dog, and nobody has ever seen it since.",
    "pl": "Wczoraj wieczorem poszliśmy nad rzekę, a potem długo rozmawialiśmy o dawnych czasach.",
    "ar": "ذهب الولد إلى المدرسة في الصباح الباكر ثم عاد إلى البيت مع صديقه.",
    "zh": "今天天气很好，我们一起去公园散步，然后回家吃晚饭。",
}

STORY = """Wczoraj wieczorem poszliśmy nad rzekę, a potem długo rozmawialiśmy o dawnych czasach.
Stary rybak naprawiał sieci i nie zwracał na nas uwagi. Na drugim brzegu ktoś grał na skrzypcach."""
OTHER = """Kupiłem nową szafę do sypialni, bo stara nie mieściła już wszystkich moich ubrań.
Jutro przyjdzie stolarz, żeby ją złożyć, a pojutrze pomalujemy ściany na jasnozielony kolor."""


@pytest.fixture(scope="module")
def aligner() -> EspeakAligner:
    return EspeakAligner()


@pytest.fixture(scope="module")
def speaker() -> Espeak:
    return Espeak()


def spoken(speaker: Espeak, text: str, language: str, **how: object) -> tuple[object, int, dict]:
    """A text in another voice, and when each of its words begins, by number."""
    wave, rate, found = speaker.speak_words(text, language=language, **{"voice": "m3", **how})
    units, begun, place = wording.spans(text), {}, 0
    for word in found:
        place = text.index(word.text, place)
        number = next(k for k, unit in enumerate(units) if unit.start <= place < unit.end)
        begun.setdefault(number, word.start)
    return wave, rate, begun


def check_contract(words: list[str], found: list[Word], seconds: float) -> None:
    assert [word.text for word in found] == words
    times = [time for word in found for time in (word.start, word.end)]
    assert times == sorted(times)
    assert times[0] >= 0
    assert times[-1] <= seconds


@pytest.mark.parametrize("language", SENTENCES)
def test_words_of_another_voice_are_found(aligner, speaker, language):
    text = SENTENCES[language]
    wave, rate, begun = spoken(speaker, text, language, speed=140, pitch=30)
    words = wording.split(text)
    found = aligner.align(wave, rate, words, language=language)
    check_contract(words, found, len(wave) / rate)
    errors = [abs(found[number].start - start) for number, start in begun.items()]
    assert np.median(errors) < 0.03
    assert max(errors) < 0.25


def test_noise_a_telephone_and_long_pauses_do_not_lead_astray(aligner, speaker):
    rng = np.random.default_rng(0)
    parts, begun, at, text = [], {}, 0.5, " ".join([SENTENCES["en"]] * 3)
    count = len(wording.split(SENTENCES["en"]))
    for number in range(3):
        wave, rate, own = spoken(speaker, SENTENCES["en"], "en", speed=200)
        gap = np.zeros(round(rate * (0.5 + 2 * number)), np.float32)
        parts += [gap, wave]
        at = sum(map(len, parts[:-1])) / rate
        begun |= {number * count + word: at + start for word, start in own.items()}
    whole = io.resample(np.concatenate(parts), rate, 8000)
    whole += rng.normal(0, 0.02, len(whole)).astype(np.float32)
    found = aligner.align(whole, 8000, wording.split(text), language="en-GB")
    errors = [abs(found[number].start - start) for number, start in begun.items()]
    assert np.median(errors) < 0.05
    assert np.percentile(errors, 90) < 0.2


def test_a_recording_that_is_longer_than_the_band(aligner, speaker, monkeypatch):
    from clara.backends.aligner import espeak

    whole = espeak.Lattice
    monkeypatch.setattr(espeak, "Lattice", lambda *given: whole(*given, width=800))
    text = " ".join([SENTENCES["en"]] * 6)
    wave, rate, begun = spoken(speaker, text, "en", speed=150)
    found = aligner.align(wave, rate, wording.split(text), language="en")
    assert len(wave) / rate > 30
    errors = [abs(found[number].start - start) for number, start in begun.items()]
    assert np.median(errors) < 0.03


def test_the_same_call_gives_the_same_times(aligner, speaker):
    wave, rate, _ = spoken(speaker, SENTENCES["pl"], "pl")
    words = wording.split(SENTENCES["pl"])
    first, second = (aligner.align(wave, rate, words, language="pl") for _ in range(2))
    assert first == second


def test_other_words_are_refused(aligner, speaker):
    wave, rate, _ = spoken(speaker, OTHER, "pl")
    aligner.align(wave, rate, wording.split(OTHER), language="pl")
    with pytest.raises(AlignmentError, match="backwards") as caught:
        aligner.align(wave, rate, wording.split(STORY), language="pl")
    assert caught.value.cause == "the words do not fit the recording"


@pytest.mark.parametrize(
    ("text", "language", "cause"),
    [
        (SENTENCES["en"], "en", "the recording is too short for its words"),
        ("hello world " * 100_000, "en", "the recording is too short for its words"),
        (
            "一二三四五六七八九十",
            "zh",
            "the recording and its words do not end together",
        ),
    ],
)
def test_words_for_which_there_is_no_room_are_refused(aligner, speaker, text, language, cause):
    wave, rate, _ = spoken(speaker, "yes", "en")
    with pytest.raises(AlignmentError) as caught:
        aligner.align(wave, rate, wording.split(text), language=language)
    assert caught.value.cause == cause


def test_phrases_of_scripts_with_few_spaces(aligner, speaker):
    """Of Thai the library has words of a dozen letters, and pauses at spaces."""
    phrases = ["สวัสดีครับ ", "วันนี้อากาศดีมาก ", "เราไปเดินเล่นที่สวนกันเถอะ ", "แล้วค่อยกลับบ้านกินข้าวเย็น "]
    parts, starts, words, firsts, samples = [], [], [], [], 0
    for phrase in phrases * 3:
        wave, rate = speaker.speak(phrase, language="th", voice="m3")
        loud = np.flatnonzero(np.abs(wave) > 0.01)
        starts.append(samples / rate)
        parts += [wave[loud[0] : loud[-1]], np.zeros(rate // 2, np.float32)]
        samples += sum(map(len, parts[-2:]))
        firsts.append(len(words))
        words += wording.split(phrase)
        words[-1] += " "
    found = aligner.align(np.concatenate(parts), rate, words, language="th")
    errors = [abs(found[k].start - start) for k, start in zip(firsts, starts, strict=True)]
    assert max(errors) < 0.1


@pytest.mark.parametrize(
    ("wave", "words", "language", "cause"),
    [
        (np.zeros(16_000, np.float32), ["one"], "en", "the recording is silent"),
        (np.ones(1, np.float32), ["one"], "en", "the recording is silent"),
        (np.ones(16_000, np.float32), ["one"], "tlh", "the aligner does not speak its language"),
        (np.ones(16_000, np.float32), ["one"], "", "its language is not known"),
    ],
)
def test_what_cannot_be_aligned_says_why(aligner, wave, words, language, cause):
    with pytest.raises(AlignmentError) as caught:
        aligner.align(wave, 16_000, words, language=language)
    assert caught.value.cause == cause


def test_words_that_cannot_be_spoken_are_refused(aligner, speaker):
    wave, rate, _ = spoken(speaker, "one two three", "en")
    with pytest.raises(AlignmentError) as caught:
        aligner.align(wave, rate, ["\u200b", "..."], language="en")
    assert caught.value.cause == "the aligner cannot speak its words"
    assert aligner.align(wave, rate, [], language="en") == []


def test_words_that_the_library_joins_or_parts():
    words = ["«of", "the", "mill-house", "–", "25"]
    said = [Word("of", 0.1, 0), Word("mill", 0.5, 0), Word("25", 1.0, 0), Word("5", 1.2, 0)]
    assert _matched(words, said) == [(0, 0.0), (2, 0.5), (4, 1.0)]
    found = _shared(words, [0, 2, 4], [(0.0, 0.5), (0.6, 1.0), (1.0, 2.0)], 1.5)
    assert [(word.start, word.end) for word in found] == [
        (0.0, 0.2),
        (0.2, 0.5),
        (0.6, 1.0),
        (1.0, 1.0),
        (1.0, 1.5),
    ]


def test_frames_do_not_depend_on_the_piece_that_is_worked_on(monkeypatch):
    wave = np.random.default_rng(0).normal(0, 0.1, 30_000).astype(np.float32)
    whole = _sound.listen(wave, 7600)
    assert len(whole.level) == 1 + len(wave) // 160
    monkeypatch.setattr(_sound, "_AT_ONCE", 7)
    parts = _sound.listen(wave, 7600)
    assert np.allclose(whole.cepstra, parts.cepstra, atol=1e-4)
    assert np.allclose(whole.level, parts.level, atol=1e-4)


def test_the_cepstra_are_those_of_a_discrete_cosine_transform():
    cosines = _sound._cosines()
    assert np.allclose(cosines @ cosines.T, np.eye(len(cosines)), atol=1e-6)


def test_without_its_package_it_names_the_extra(monkeypatch):
    from clara.backends.speaker import espeak

    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    monkeypatch.setattr(espeak, "_running", None)
    with pytest.raises(MissingExtraError, match=r"clara-audio\[speech\]"):
        EspeakAligner()


def test_real_speech_of_known_joins(aligner, real_data):
    """Sentences of one Polish speaker behind each other: where each begins is known."""
    from clara import corpora

    entries = [e for e in corpora.get("nemo").read(real_data / "nEMO") if e.path.is_file()]
    mine = [entry for entry in entries if entry.speaker == entries[0].speaker][:8]
    rng = np.random.default_rng(0)
    parts, begun, words, samples = [], [], [], 0
    for entry in mine:
        wave, rate = io.load(entry.path)
        loud = np.flatnonzero(np.abs(wave) > 0.05 * np.abs(wave).max())
        said = wave[loud[0] : loud[-1]]
        parts += [rng.normal(0, 1e-4, rate // 3).astype(np.float32), said]
        begun.append((len(words), (samples + rate // 3) / rate))
        samples += rate // 3 + len(said)
        words += wording.split(entry.transcript)
    found = aligner.align(np.concatenate(parts), rate, words, language="pl")
    errors = [abs(found[number].start - start) for number, start in begun]
    assert np.median(errors) < 0.05
