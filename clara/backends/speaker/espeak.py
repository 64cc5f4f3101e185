"""espeak-ng in a process beside this one: over 100 languages in 81 timbres, no downloads."""

from __future__ import annotations

import atexit
import contextlib
import os
import subprocess
import sys
import threading
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from clara.backends import Word
from clara.backends.speaker import _common, _espeak
from clara.errors import AudioError, MissingExtraError, UnknownNameError, UsageError
from clara.records import Wave

__all__ = ["Espeak"]

_GENDERS = {"male": "man", "female": "woman"}
# Each is hardly to be told from another: spectrum, pitch and pace of a sentence differ by less than
# a fifth of what voices differ by at the median. So a test by one would be no test of a new voice.
_COPIES = frozenset(
    """
    Gene2 Henrique RicishayMax3 adam anikaRobot aunty edward2 fast iven2 iven3 klatt2 klatt5 klatt6
    miguel mike2 robert robosoft robosoft3 robosoft4 robosoft5 steph2 steph3 victor
    """.split()  # noqa: SIM905
)
# Of these the files tell a gender, but nobody would think of a woman or a man.
_EFFECTS = frozenset({"Demonic", "UniRobot", "croak", "whisper", "whisperf"})


# Letters that every normal form of Unicode writes with a dot apart. The rules that the library has
# for Assamese, and for no other language, want them whole, and else spell them out.
_ASSAMESE = {"\u09a1\u09bc": "\u09dc", "\u09a2\u09bc": "\u09dd", "\u09af\u09bc": "\u09df"}


class _Spoken(NamedTuple):
    samples: bytes
    words: list[tuple[int, int, int]]


class Espeak:
    """Speaks through the espeak-ng library, one text after the other.

    Raises:
        MissingExtraError: The package that carries the library is not installed.

    >>> speaker = Espeak()
    >>> wave, rate = speaker.speak("dzień dobry", language="pl", voice="f2")
    >>> wave.dtype.name, rate
    ('float32', 22050)
    >>> speaker.name, speaker.voices("pl")["f2"]
    ('espeak-ng 1.52.0', 'woman')
    """

    def __init__(self) -> None:
        _process()

    @property
    def name(self) -> str:
        """The library and its version."""
        return f"espeak-ng {_process().version}"

    def speak(
        self, text: str, *, language: str, voice: str = "", pitch: int = 50, speed: int = 175
    ) -> tuple[Wave, int]:
        """Speaks a text.

        Args:
            text: What to say.
            language: BCP 47 tag ("pl"), one of `languages()`.
            voice: A timbre of the library, as `voices()` lists them, or its own if empty.
            pitch: 0 to 100.
            speed: Words a minute, 80 to 450.

        Returns:
            float32 `[T]`, mono, and its rate.

        Raises:
            UnknownNameError: No such language or voice.
            UsageError: Pitch or speed out of range.
            AudioError: Nothing of the text can be spoken.
        """
        wave, rate, _ = self.speak_words(
            text, language=language, voice=voice, pitch=pitch, speed=speed
        )
        return wave, rate

    def speak_words(
        self, text: str, *, language: str, voice: str = "", pitch: int = 50, speed: int = 175
    ) -> tuple[Wave, int, list[Word]]:
        """Speaks a text as `speak` does, and says when each word of it begins and ends.

        Returns:
            float32 `[T]`, mono, its rate, and the words as the library parts them: one ends where
            the next begins, the last with the recording.
        """
        _common.check(pitch, speed)
        process = _process()
        if language not in process.voice_files:
            raise UnknownNameError("language of espeak", language, process.voice_files)
        if voice:
            _common.pick("espeak", process.voices, voice)
        name = process.voice_files[language] + (f"+{voice}" if voice else "")
        text = text.replace("\0", " ").encode("utf-8", "replace").decode()
        if language == "as":
            for apart, whole in _ASSAMESE.items():
                text = text.replace(apart, whole)
        spoken = _ask({"text": text, "voice": name, "pitch": pitch, "speed": speed})
        wave = np.frombuffer(spoken.samples, np.int16).astype(np.float32) / np.float32(32768)
        if not wave.any():
            raise _common.nothing(text, language)
        starts = [time / 1000 for _, _, time in spoken.words]
        ends = [*starts[1:], len(wave) / process.rate]
        words = [
            Word(_written(text[place : place + length], language), start, end)
            for (place, length, _), start, end in zip(spoken.words, starts, ends, strict=True)
        ]
        return wave, process.rate, words

    def languages(self) -> list[str]:
        """The languages that the library speaks, as BCP 47 tags, sorted."""
        return sorted(_process().voice_files)

    def voices(self, language: str = "") -> Mapping[str, str]:
        """The timbres, in which every language can be spoken, and the gender of each.

        Of those that can hardly be told apart it is one; the others can be asked for by name.
        """
        return {name: g for name, g in _process().voices.items() if name not in _COPIES}


def _written(word: str, language: str) -> str:
    """A word as most people's texts have it."""
    return unicodedata.normalize("NFC", word) if language == "as" else word


class _Process:
    """The process that holds the library, from the side that asks."""

    def __init__(self) -> None:
        try:
            import espeakng_loader
        except ImportError as error:
            raise MissingExtraError("the espeak speaker", "speech") from error
        data = Path(espeakng_loader.get_data_path())
        path = espeakng_loader.get_library_path()
        # -W: from 3.12 on Python warns of forks beside threads; the library has one that rests.
        program = [sys.executable, "-I", "-W", "ignore", _espeak.__file__, path, str(data)]
        self.owner = os.getpid()
        self._lock = threading.Lock()
        # In a group of its own: what interrupts this process at the keyboard is not for that one.
        self._popen = subprocess.Popen(
            program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0
        )
        atexit.register(self.end)
        try:
            hello, _ = _espeak.receive(self._out)
        except EOFError:
            hello = {"rate": -1}
        if hello["rate"] <= 0:
            self.end()
            raise UsageError(
                f"Expected espeak-ng to start on the voices in {data}, but it answered "
                f"{hello['rate']}; install the package espeakng-loader again."
            )
        self.rate: int = hello["rate"]
        self.version: str = hello["version"]
        self.voice_files: dict[str, str] = hello["voice_files"]
        self.voices = _voices(data / "voices" / "!v")

    @property
    def _out(self) -> Any:
        return self._popen.stdout

    def ask(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """Hands over a request and gives the reply with its samples; callers take turns.

        Raises:
            OSError: The process is gone.
            EOFError: It went while it was at the request.
        """
        pipe: Any = self._popen.stdin
        with self._lock:
            _espeak.send(pipe, request)
            return _espeak.receive(self._out)

    def end(self) -> None:
        """Ends the process, if it is this one's."""
        atexit.unregister(self.end)
        if self.owner == os.getpid():
            with contextlib.suppress(OSError):
                self._popen.communicate()


_lock = threading.Lock()
_running: _Process | None = None


def _process() -> _Process:
    """The one process of this one; what was forked from another needs one of its own."""
    global _running
    with _lock:
        if _running is None or _running.owner != os.getpid():
            _running = _Process()
        return _running


def _ask(request: dict[str, Any]) -> _Spoken:
    """Has a text spoken, by another process where the first was killed meanwhile.

    Raises:
        AudioError: The library does not do it.
    """
    global _running
    for _ in range(2):
        process = _process()
        try:
            reply, samples = process.ask(request)
        except (OSError, EOFError):
            with _lock:
                process.end()
                _running = None if _running is process else _running
            continue
        if not reply["status"]:
            return _Spoken(samples, reply["words"])
    raise AudioError(
        f"Expected espeak-ng to speak as {request['voice']!r}, but it failed at "
        f"{request['text'][:40]!r}; leave that text out.",
        cause="the speaker failed at the text",
    )


def _voices(folder: Path) -> dict[str, str]:
    """The timbres and their genders, as their files state them."""
    found = {}
    for path in sorted(folder.iterdir()):
        lines = [line.split() for line in path.read_text("utf-8", "replace").splitlines()]
        stated = [words[1].lower() for words in lines if words[:1] == ["gender"] and words[1:]]
        gender = _GENDERS.get(stated[0], "") if stated else ""
        found[path.name] = "" if path.name in _EFFECTS else gender
    return found
