"""espeak-ng speaks many languages, as told, from many threads, and says what it cannot do."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from clara import rooms
from clara.backends.speaker.espeak import Espeak
from clara.errors import AudioError, MissingExtraError, UnknownNameError, UsageError


@pytest.fixture(scope="module")
def speaker() -> Espeak:
    return Espeak()


def test_every_speaker_of_the_room_keeps_its_contract():
    for name in rooms.names("backends.speaker"):
        speaker = rooms.load("backends.speaker", name)()
        wave, rate = speaker.speak("1 2 3", language=speaker.languages()[0])
        assert wave.dtype == np.float32
        assert wave.ndim == 1
        assert rate > 0
        assert speaker.voices()


def test_speaks_over_a_hundred_languages(speaker):
    languages = speaker.languages()
    assert languages == sorted(languages)
    seconds = {}
    for language in languages:
        try:
            wave, rate = speaker.speak("123", language=language, voice="f1")
        except AudioError:
            continue
        assert np.isfinite(wave).all()
        assert np.abs(wave).max() > 0.01, language
        seconds[language] = len(wave) / rate
    assert len(languages) - len(seconds) <= 3, "a few know no digits"
    assert len(seconds) > 130
    assert min(seconds.values()) > 0.3
    assert max(seconds.values()) < 20


def test_plain_tags_mean_the_main_variety(speaker):
    plain, _ = speaker.speak("water", language="en-gb")
    west, _ = speaker.speak("water", language="en-us")
    assert {"en", "de", "fr", "zh", "pt"} <= set(speaker.languages())
    assert plain.shape != west.shape or not np.array_equal(plain, west)


def test_a_higher_pitch_raises_the_voice(speaker):
    def hertz(pitch: int) -> float:
        wave, rate = speaker.speak("mama mama mama", language="it", voice="m1", pitch=pitch)
        frames = np.lib.stride_tricks.sliding_window_view(wave, 1024)[::512]
        low, high = rate // 400, rate // 60
        lags = [np.argmax(np.correlate(f, f, "full")[1023 + low : 1023 + high]) for f in frames]
        return rate / (low + float(np.median(lags)))

    assert hertz(20) < hertz(50) < hertz(90)


def test_a_higher_speed_is_shorter(speaker):
    slow, _ = speaker.speak("one two three four", language="en", speed=100)
    fast, _ = speaker.speak("one two three four", language="en", speed=300)
    assert len(fast) < 0.6 * len(slow)


def test_the_same_calls_in_a_new_process_give_the_same_samples():
    program = (
        "import hashlib; from clara.backends.speaker.espeak import Espeak; e = Espeak();"
        "w = [e.speak(t, language='pl', voice='f2')[0].tobytes() for t in ('dom', 'las', 'dom')];"
        "print(hashlib.sha256(b''.join(w)).hexdigest())"
    )
    first, second = (
        subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout
        for _ in range(2)
    )
    assert first == second


def test_threads_do_not_mix_their_words(speaker):
    words = ["hi", "a rather long sentence about nothing in particular"] * 20
    with ThreadPoolExecutor(4) as pool:
        waves = list(pool.map(lambda text: speaker.speak(text, language="en")[0], words))
    assert max(map(len, waves[::2])) < min(map(len, waves[1::2]))


def test_unknown_languages_and_voices_are_answered_with_the_nearest(speaker):
    with pytest.raises(UnknownNameError, match="did you mean 'en-us'"):
        speaker.speak("hi", language="en-uss")
    with pytest.raises(UnknownNameError, match="voice"):
        speaker.speak("hi", language="en", voice="../../etc/passwd")


@pytest.mark.parametrize(("pitch", "speed"), [(-1, 175), (101, 175), (50, 20), (50, 9999)])
def test_numbers_out_of_range_are_refused(speaker, pitch, speed):
    with pytest.raises(UsageError, match="pitch"):
        speaker.speak("hi", language="en", pitch=pitch, speed=speed)


def test_text_of_nothing_is_refused_in_one_sentence(speaker):
    with pytest.raises(AudioError, match="can be spoken"):
        speaker.speak("", language="en")


def test_hostile_text_neither_cuts_nor_crashes(speaker):
    whole, _ = speaker.speak("one two", language="en")
    split, _ = speaker.speak("one\0two", language="en")
    assert len(split) > 0.8 * len(whole)
    speaker.speak("<speak>\ud800 [[x]] \u202e 🙂 ok", language="en")


def test_without_its_package_it_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    monkeypatch.setattr(Espeak, "_library", None)
    with pytest.raises(MissingExtraError, match=r"clara-audio\[speech\]"):
        Espeak()
