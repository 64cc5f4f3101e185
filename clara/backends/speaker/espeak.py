"""espeak-ng, in this process: over 100 languages in about 100 timbres, nothing to download."""

from __future__ import annotations

import ctypes
import threading
from pathlib import Path
from typing import ClassVar

import numpy as np

from clara.errors import AudioError, MissingExtraError, UnknownNameError, UsageError
from clara.records import Wave

__all__ = ["Espeak"]

_SYNCHRONOUS = 2
_DONT_EXIT = 0x8000
_CHARACTERS = 1
_UTF8 = 1
_RATE, _PITCH = 1, 3
_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


class _Voice(ctypes.Structure):
    """The head of the library's `espeak_VOICE`."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.POINTER(ctypes.c_char)),
        ("identifier", ctypes.c_char_p),
    )


class Espeak:
    """Speaks through the espeak-ng library, which holds one voice at a time, so calls take turns.

    The library keeps its state per process, the slow flutter of its voices among it: the same calls
    in the same order in a new process give the same samples, a call repeated may differ slightly.

    Raises:
        MissingExtraError: The package that carries the library is not installed.

    >>> wave, rate = Espeak().speak("dzień dobry", language="pl", voice="f2")
    >>> wave.dtype.name, rate
    ('float32', 22050)
    """

    _lock = threading.Lock()
    _library: ctypes.CDLL | None = None
    _rate = 0
    _data = Path()
    _voice_files: ClassVar[dict[str, str]] = {}

    def __init__(self) -> None:
        with self._lock:
            if Espeak._library is None:
                Espeak._start()

    @classmethod
    def _start(cls) -> None:
        try:
            import espeakng_loader
        except ImportError as error:
            raise MissingExtraError("the espeak speaker", "speech") from error
        data = Path(espeakng_loader.get_data_path())
        library = ctypes.CDLL(espeakng_loader.get_library_path())
        library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
        library.espeak_Synth.argtypes = (
            *(ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int, ctypes.c_uint),
            *(ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p),
        )
        rate = library.espeak_Initialize(_SYNCHRONOUS, 0, bytes(data.parent), _DONT_EXIT)
        if rate <= 0:
            raise UsageError(
                f"Expected espeak-ng to start on the voices in {data}, but it answered {rate}; "
                "install the package espeakng-loader again."
            )
        cls._voice_files = _voice_files(library, data)
        cls._rate, cls._data, cls._library = rate, data, library

    def speak(
        self, text: str, *, language: str, voice: str = "", pitch: int = 50, speed: int = 175
    ) -> tuple[Wave, int]:
        """Speaks a text.

        Args:
            text: What to say.
            language: BCP 47 tag ("pl"), one of `languages()`.
            voice: One of `voices()`, or the library's own if empty.
            pitch: 0 to 100.
            speed: Words a minute, 80 to 450.

        Returns:
            float32 `[T]`, mono, and its rate.

        Raises:
            UnknownNameError: No such language or voice.
            UsageError: Pitch or speed out of range.
            AudioError: Nothing of the text can be spoken.
        """
        if not (0 <= pitch <= 100 and 80 <= speed <= 450):
            raise UsageError(
                "Expected a pitch of 0 to 100 and a speed of 80 to 450 words a minute, "
                f"but found {pitch} and {speed}."
            )
        if language not in self._voice_files:
            raise UnknownNameError("language of espeak", language, self._voice_files)
        if voice and voice not in (voices := self.voices()):
            raise UnknownNameError("voice of espeak", voice, voices)
        name = self._voice_files[language] + (f"+{voice}" if voice else "")
        with self._lock:
            wave = self._synthesise(text, name, pitch, speed)
        if not wave.any():
            raise AudioError(f"Nothing of the text {text[:40]!r} can be spoken in {language!r}.")
        return wave, self._rate

    def languages(self) -> list[str]:
        """The languages that the library speaks, as BCP 47 tags, sorted."""
        return sorted(self._voice_files)

    def voices(self) -> list[str]:
        """The timbres that every language can be spoken in, sorted."""
        return sorted(path.name for path in (self._data / "voices" / "!v").iterdir())

    def _synthesise(self, text: str, name: str, pitch: int, speed: int) -> Wave:
        library = self._library
        assert library is not None
        blocks: list[bytes] = []

        def keep(samples: ctypes._Pointer[ctypes.c_short], count: int, _events: int) -> int:
            if samples and count:
                blocks.append(ctypes.string_at(samples, 2 * count))
            return 0

        callback = _Callback(keep)
        encoded = text.replace("\0", " ").encode("utf-8", "replace") + b"\0"
        library.espeak_SetSynthCallback(callback)
        library.espeak_ng_SetRandSeed(1)
        status = library.espeak_SetVoiceByName(name.encode())
        library.espeak_SetParameter(_RATE, speed, 0)
        library.espeak_SetParameter(_PITCH, pitch, 0)
        status = status or library.espeak_Synth(
            encoded, len(encoded), 0, _CHARACTERS, 0, _UTF8, None, None
        )
        if status:
            raise AudioError(f"espeak-ng could not speak as {name!r}; it answered {status}.")
        return np.frombuffer(b"".join(blocks), np.int16).astype(np.float32) / np.float32(32768)


def _voice_files(library: ctypes.CDLL, data: Path) -> dict[str, str]:
    """Language tag to the voice file that the library likes best for it."""
    best: dict[str, tuple[int, str]] = {}
    for voice in library.espeak_ListVoices(None):
        if not voice:
            break
        identifier = voice[0].identifier.decode()
        # `languages` repeats: a byte of priority (low is better), a tag, a NUL; a NUL ends it.
        place = ctypes.cast(voice[0].languages, ctypes.c_void_p).value or 0
        tags = []
        while priority := ctypes.string_at(place, 1)[0]:
            tag = ctypes.string_at(place + 1)
            tags.append((priority, tag.decode()))
            place += len(tag) + 2
        if _has_dictionary(data, identifier, tags[0][1]):
            for priority, name in tags:
                best[name] = min(best.get(name, (256, "")), (priority, identifier))
    return {name: identifier for name, (_, identifier) in best.items()}


def _has_dictionary(data: Path, identifier: str, tag: str) -> bool:
    """Whether the words of a voice came with the package; some small languages lack them."""
    name = tag.partition("-")[0]
    for line in (data / "lang" / identifier).read_text("utf-8", "replace").splitlines():
        if line.startswith("dictionary"):
            name = line.split()[1]
    return (data / f"{name}_dict").is_file()
