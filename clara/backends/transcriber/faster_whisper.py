"""Whisper through faster-whisper, which is CTranslate2: a few times as fast on a CPU."""

from __future__ import annotations

import threading
from importlib import metadata
from pathlib import Path
from typing import Any

from clara.audio import io
from clara.backends import Word
from clara.backends._models import loading
from clara.backends.transcriber import Transcript
from clara.backends.transcriber._words import timed
from clara.errors import AlignmentError, MissingExtraError
from clara.records import Wave

__all__ = ["FasterWhisper"]

_RATE = 16_000


class FasterWhisper:
    """Hears words with a Whisper model in the format of CTranslate2.

    What is no speech is left out first, by the detector that comes with the package: of it Whisper
    would make words up.

    Args:
        model: Folder, or a size or name that faster-whisper knows.
        device: Where it runs ("cpu", "cuda"; "auto" for whichever there is).
        beams: Width of the search.

    Raises:
        MissingExtraError: faster-whisper is not installed.
        CheckpointError: There is no such model, or it is of another kind.
    """

    def __init__(self, model: str = "small", *, device: str = "auto", beams: int = 5) -> None:
        try:
            import faster_whisper
        except ImportError as error:
            raise MissingExtraError("the faster_whisper transcriber", "whisper") from error
        hint = "name a folder that holds one, or a size such as 'small'"
        with loading("a Whisper model in the format of CTranslate2", model, hint):
            self._model: Any = faster_whisper.WhisperModel(model, device=device)
        self._beams = beams
        self._lock = threading.Lock()
        self.name = f"{Path(model).name} (faster-whisper {metadata.version('faster-whisper')})"

    def transcribe(self, wave: Wave, rate: int, *, language: str = "") -> Transcript:
        """Hears the words of a recording of any length; see `Transcriber`.

        Raises:
            AlignmentError: The model does not know the language.
        """
        known = self._model.supported_languages
        tag = language.replace("_", "-").lower().partition("-")[0]
        if tag and tag not in known:
            raise AlignmentError(
                f"Expected a language that Whisper knows, but found {language!r}; leave it empty "
                "to have it found out.",
                cause="the transcriber does not know its language",
            )
        with self._lock:
            segments, info = self._model.transcribe(
                io.resample(wave, rate, _RATE),
                language=tag or None,
                beam_size=self._beams,
                temperature=0.0,  # nothing is drawn: the same recording has the same words
                word_timestamps=True,
                vad_filter=True,
                condition_on_previous_text=False,  # an error would be carried on and on
            )
            parts = [
                Word(word.word, float(word.start), float(word.end))
                for segment in segments
                for word in segment.words or ()
            ]
        return Transcript(timed(parts, len(wave) / rate), str(info.language or tag))
