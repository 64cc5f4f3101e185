"""espeak-ng speaks many languages, as told, from many threads, and says what it cannot do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from clara.backends.speaker import espeak
from clara.backends.speaker.espeak import Espeak
from clara.errors import AudioError, MissingExtraError, UnknownNameError, UsageError


@pytest.fixture(scope="module")
def speaker() -> Espeak:
    return Espeak()


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


def hertz(wave: np.ndarray, rate: int) -> float:
    frames = np.lib.stride_tricks.sliding_window_view(wave, 1024)[::512]
    low, high = rate // 400, rate // 60
    lags = [np.argmax(np.correlate(f, f, "full")[1023 + low : 1023 + high]) for f in frames]
    return rate / (low + float(np.median(lags)))


def test_a_higher_pitch_raises_the_voice(speaker):
    low, middle, high = (
        hertz(*speaker.speak("mama mama mama", language="it", voice="m1", pitch=pitch))
        for pitch in (20, 50, 90)
    )
    assert low < middle < high


def test_women_speak_higher_than_men(speaker):
    voices = speaker.voices()
    assert list(voices) == sorted(voices)
    assert set(voices.values()) == {"man", "woman", ""}
    assert {voices[name] for name in ("f1", "f5", "belinda", "steph")} == {"woman"}
    assert {voices[name] for name in ("m1", "m8", "Andy", "michel")} == {"man"}
    assert voices["Mr serious"] == voices["whisper"] == ""
    pitch = {
        gender: np.median([hertz(*speaker.speak("mama", language="it", voice=v)) for v in names])
        for gender, names in {"man": ["m1", "m2", "m3"], "woman": ["f1", "f2", "f4"]}.items()
    }
    assert pitch["man"] < 0.75 * pitch["woman"]


def timbre(speaker: Espeak, voice: str) -> np.ndarray:
    """Mean log spectrum in 40 bands, pitch and length, each in steps that can just be heard."""
    wave, rate = speaker.speak("mama nie ma domu, a kot pije", language="pl", voice=voice)
    frames = np.lib.stride_tricks.sliding_window_view(wave, 1024)[::512]
    power = np.abs(np.fft.rfft(frames * np.hanning(1024), axis=1)) ** 2
    edges = np.unique(np.geomspace(4, 372, 41).astype(int))
    bands = np.log(np.add.reduceat(power, edges, axis=1)[:, :-1] + 1e-4)
    loud = bands[bands.mean(1) > bands.mean(1).max() - 8].mean(0)
    return np.array([*(loud - loud.mean()), 6 * np.log(hertz(wave, rate)), 6 * np.log(len(wave))])


def test_no_two_voices_are_one(speaker):
    # A voice under two names could be trained on by one and tested by the other.
    names = [*speaker.voices(), "steph2"]
    assert len(names) == 82
    timbres = np.array([timbre(speaker, name) for name in names])
    apart = np.sqrt(((timbres[:, None] - timbres[None]) ** 2).mean(-1))
    np.fill_diagonal(apart, np.inf)
    listed = apart[:-1, :-1]
    assert apart[-1].min() < 0.1 * np.median(listed), "what is left out is a copy"
    assert listed.min() > 0.15 * np.median(listed)


def test_a_higher_speed_is_shorter(speaker):
    slow, _ = speaker.speak("one two three four", language="en", speed=100)
    fast, _ = speaker.speak("one two three four", language="en", speed=300)
    assert len(fast) < 0.6 * len(slow)


CALLS = [("dom", "pl", "f2"), ("水", "zh", "whisper"), ("hello", "en", "klatt3"), ("las", "pl", "")]


def test_what_is_spoken_follows_from_the_call_whatever_came_before(speaker):
    program = (
        "import sys, hashlib; from clara.backends.speaker.espeak import Espeak\n"
        f"calls = {CALLS!r}\n"
        "for n in map(int, sys.argv[1:]):\n"
        "    t, l, v = calls[n]; wave, _ = Espeak().speak(t, language=l, voice=v)\n"
        "    print(n, hashlib.sha256(wave.tobytes()).hexdigest())"
    )
    said: set[str] = set()
    for order in ("0123", "3021001", "2", "1"):
        done = subprocess.run(
            [sys.executable, "-c", program, *order], capture_output=True, check=True, text=True
        )
        said |= set(done.stdout.splitlines())
    assert len(said) == len(CALLS)


def test_words_are_told_with_their_times(speaker):
    wave, rate, words = speaker.speak_words("Cześć, mój drogi Świecie!", language="pl")
    assert [word.text for word in words] == ["Cześć", "mój", "drogi", "Świecie"]
    assert all(word.start < word.end for word in words)
    assert [word.end for word in words[:-1]] == [word.start for word in words[1:]]
    assert words[-1].end == len(wave) / rate
    same, _ = speaker.speak("Cześć, mój drogi Świecie!", language="pl")
    assert np.array_equal(wave, same)
    # Between "Cześć," and "mój" it draws breath.
    frame = wave[int((words[1].start - 0.1) * rate) : int((words[1].start - 0.02) * rate)]
    assert np.abs(frame).max() < 0.02 * np.abs(wave).max()


def test_letters_of_assamese_with_a_dot_are_not_spelled_out(speaker):
    apart, whole = "বিদ্যালয\u09bc", "বিদ্যালয\u09bc".replace("\u09af\u09bc", "\u09df")
    wave, rate, (word,) = speaker.speak_words(apart, language="as")
    assert len(wave) / rate < 1.5
    assert np.array_equal(wave, speaker.speak(whole, language="as")[0])
    assert word.text == apart


def test_threads_do_not_mix_their_words(speaker):
    words = ["hi", "a rather long sentence about nothing in particular"] * 20
    with ThreadPoolExecutor(4) as pool:
        waves = list(pool.map(lambda text: speaker.speak(text, language="en")[0], words))
    assert max(map(len, waves[::2])) < min(map(len, waves[1::2]))


def test_a_process_that_was_killed_is_replaced(speaker):
    before, _ = speaker.speak("still here", language="en")
    killed = espeak._process()
    os.kill(killed._popen.pid, signal.SIGKILL)
    after, _ = speaker.speak("still here", language="en")
    assert np.array_equal(before, after)
    assert espeak._process() is not killed


def test_a_text_that_the_library_crashes_on_is_a_bad_text(speaker, monkeypatch):
    ask = espeak._Process.ask

    def crash(self, request):
        if request["text"] == "crash":
            request = {**request, "voice": None}  # on which the copy fails before it answers
        return ask(self, request)

    monkeypatch.setattr(espeak._Process, "ask", crash)
    with pytest.raises(AudioError, match="failed at 'crash'") as error:
        speaker.speak("crash", language="en")
    assert error.value.cause == "the speaker failed at the text"
    assert len(speaker.speak("still here", language="en")[0])


def test_a_forked_process_speaks_through_one_of_its_own(speaker):
    here, _ = speaker.speak("who speaks", language="en")
    read, write = os.pipe()
    copy = os.fork()
    if not copy:
        try:
            there, _ = speaker.speak("who speaks", language="en")
            os.write(write, b"same" if np.array_equal(here, there) else b"other")
            espeak._process().end()
        finally:
            os._exit(0)
    os.waitpid(copy, 0)
    os.close(write)
    assert os.read(read, 10) == b"same"
    os.close(read)
    assert np.array_equal(here, speaker.speak("who speaks", language="en")[0])


def test_it_goes_with_the_process_that_asked():
    program = (
        "import os; from clara.backends.speaker import espeak;"
        "print(espeak.Espeak() and espeak._process()._popen.pid, flush=True); os.abort()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    pid = int(done.stdout)
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        status = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True)
        if status.stdout.startswith(b"Z"):
            return
        time.sleep(0.05)
    pytest.fail("it is still there")


def test_unknown_languages_and_voices_are_answered_with_the_nearest(speaker):
    with pytest.raises(UnknownNameError, match="did you mean 'en-us'"):
        speaker.speak("hi", language="en-uss")
    with pytest.raises(UnknownNameError, match="voice"):
        speaker.speak("hi", language="en", voice="../../etc/passwd")


@pytest.mark.parametrize(("pitch", "speed"), [(-1, 175), (101, 175), (50, 20), (50, 9999)])
def test_numbers_out_of_range_are_refused(speaker, pitch, speed):
    with pytest.raises(UsageError, match="pitch"):
        speaker.speak("hi", language="en", pitch=pitch, speed=speed)


@pytest.mark.parametrize("text", ["", "  \n", "...", "\u200b"])
def test_text_of_nothing_is_refused_in_one_sentence(speaker, text):
    with pytest.raises(AudioError, match="can be spoken") as error:
        speaker.speak(text, language="en")
    assert error.value.cause == "nothing of the text can be spoken"


def test_hostile_text_neither_cuts_nor_crashes(speaker):
    whole, _ = speaker.speak("one two", language="en")
    split, _ = speaker.speak("one\0two", language="en")
    assert len(split) > 0.8 * len(whole)
    speaker.speak("<speak>\ud800 [[x]] \u202e 🙂 ok", language="en")
    speaker.speak("x" * 5000, language="en", speed=450)


def test_without_its_package_it_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    monkeypatch.setattr(espeak, "_running", None)
    with pytest.raises(MissingExtraError, match=r"clara-audio\[speech\]"):
        Espeak()
