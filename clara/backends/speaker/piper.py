"""Piper: neural voices as ONNX files, several times faster than real time on a CPU."""

from __future__ import annotations

import importlib.metadata
import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from clara.backends.speaker import _common
from clara.errors import CheckpointError, MissingExtraError, UnknownNameError, UsageError
from clara.records import Wave

__all__ = ["Piper"]


@dataclass(frozen=True)
class _Voice:
    file: Path
    tag: str
    speaker: int | None


class Piper:
    """Speaks through the package piper-tts.

    A voice is called after its file ("pl_PL-gosia-medium"), and of a file with several speakers
    "FILE#SPEAKER". The noise that would vary the speech from call to call is left out, so that the
    same call gives the same samples.

    Args:
        models: Voices, each a file NAME.onnx with NAME.onnx.json beside it, or a folder with such
            files at any depth.

    Raises:
        MissingExtraError: The package is not installed.
        UsageError: There is no voice.
        CheckpointError: The JSON of a voice is not that of one.
    """

    def __init__(self, models: tuple[str, ...]) -> None:
        try:
            import piper
        except ImportError as error:
            raise MissingExtraError("the piper speaker", "piper") from error
        self._piper: Any = piper
        self._voices: dict[str, _Voice] = {}
        for file in sorted({file for model in models for file in _files(Path(model))}):
            self._voices.update(_read(file))
        if not self._voices:
            raise UsageError(
                "Expected voices of Piper, NAME.onnx with NAME.onnx.json beside it, but found no "
                "file or folder named; download some (python -m piper.download_voices) and name "
                "their folder as a model."
            )
        self._loaded: dict[Path, Any] = {}
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """The package and its version; which model it was, the voice says."""
        return f"piper {importlib.metadata.version('piper-tts')}"

    def speak(
        self, text: str, *, language: str, voice: str = "", pitch: int = 50, speed: int = 175
    ) -> tuple[Wave, int]:
        """Speaks a text.

        Args:
            text: What to say.
            language: One of `languages()`.
            voice: One of `voices(language)`, or the first of them if empty.
            pitch: 0 to 100, over an octave around the voice's own, with the resonances.
            speed: Words a minute, 80 to 450; 175 is the voice's own.

        Returns:
            float32 `[T]`, mono, and its rate.

        Raises:
            UnknownNameError: No such language or voice.
            UsageError: Pitch or speed out of range.
            CheckpointError: The file is no voice.
            AudioError: Nothing of the text can be spoken.
        """
        _common.check(pitch, speed)
        if language not in self.languages():
            raise UnknownNameError("language of piper", language, self.languages())
        chosen = self._voices[_common.pick("piper", self.voices(language), voice)]
        # In [[ ]] Piper takes phonemes, which a text of people does not mean.
        text = text.replace("\0", " ").replace("[[", "[ [").encode("utf-8", "replace").decode()
        if not any(map(str.isalnum, text)):
            raise _common.nothing(text, language)  # of a blank, too, a network makes some sound
        with self._lock:
            loaded = self._load(chosen.file)
            settings = self._piper.SynthesisConfig(
                speaker_id=chosen.speaker,
                length_scale=loaded.config.length_scale / _common.pace(pitch, speed),
                noise_scale=0.0,
                noise_w_scale=0.0,
            )
            try:
                chunks = [each.audio_float_array for each in loaded.synthesize(text, settings)]
            except Exception as error:  # of the runtime, which has a tree of its own
                raise _broken(chosen.file, error) from error
        rate = loaded.config.sample_rate
        wave = np.concatenate(chunks).astype(np.float32) if chunks else np.zeros(0, np.float32)
        if not wave.any():
            raise _common.nothing(text, language)
        return _common.repitch(wave, rate, pitch), rate

    def languages(self) -> list[str]:
        """The languages of the voices, as BCP 47 tags with and without the country, sorted."""
        return sorted({tag for voice in self._voices.values() for tag in _tags(voice.tag)})

    def voices(self, language: str) -> Mapping[str, str]:
        """The voices of a language; the files do not say of which gender they are."""
        found = (name for name, voice in self._voices.items() if language in _tags(voice.tag))
        return dict.fromkeys(sorted(found), "")

    def _load(self, file: Path) -> Any:
        if file not in self._loaded:
            try:
                self._loaded[file] = self._piper.PiperVoice.load(file)
            except Exception as error:  # of the runtime, which has a tree of its own
                raise _broken(file, error) from error
        return self._loaded[file]


def _files(path: Path) -> Iterator[Path]:
    """The voices in a folder or file."""
    found = sorted(path.rglob("*.onnx")) if path.is_dir() else [path]
    for file in found:
        if not file.is_file() or not _settings(file).is_file():
            raise UsageError(
                f"Expected a voice of Piper, {file} with {_settings(file).name} beside it, but "
                "found no such files; download both."
            )
    yield from found


def _settings(file: Path) -> Path:
    return file.with_name(f"{file.name}.json")


def _read(file: Path) -> Iterator[tuple[str, _Voice]]:
    """What a voice says of itself, without loading it."""
    try:
        settings = json.loads(_settings(file).read_bytes())
        code = settings.get("language", {}).get("code") or settings["espeak"]["voice"]
        speakers = settings.get("speaker_id_map") or {}
        if int(settings["num_speakers"]) == 1:
            speakers = {}
        elif not speakers:
            speakers = {str(number): number for number in range(int(settings["num_speakers"]))}
        tag = str(code).replace("_", "-")
        for speaker, number in speakers.items():
            yield f"{file.stem}#{speaker}", _Voice(file, tag, int(number))
        if not speakers:
            yield file.stem, _Voice(file, tag, None)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _broken(_settings(file), error) from error


def _tags(tag: str) -> set[str]:
    return {tag, tag.partition("-")[0]}


def _broken(file: Path, error: Exception) -> CheckpointError:
    reason = " ".join(str(error).split())[:200]
    return CheckpointError(
        f"Expected a voice of Piper at {file}, but found: {reason or type(error).__name__}; "
        "download it again."
    )
