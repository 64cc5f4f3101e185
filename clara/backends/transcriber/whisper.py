"""Whisper through transformers: Radford et al., Robust Speech Recognition, 2022 (figure 1a)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

from clara.audio import io
from clara.backends import Word
from clara.backends._models import loading, title
from clara.backends.transcriber import Transcript
from clara.backends.transcriber._words import timed
from clara.errors import AlignmentError, MissingExtraError
from clara.records import Wave

__all__ = ["Whisper"]

_BROKEN = (OSError, ValueError, KeyError, TypeError, RuntimeError, AttributeError)
_WINDOW = 30.0  # seconds, that the model hears at once
_LATE = 1.0  # seconds before the end of a window in which a word may be cut off
_LEAST = 5.0  # seconds by which to go on at the least
_SILENT = 1e-3  # of full scale: of what is softer Whisper would make words up


class Whisper:
    """Hears words with a `WhisperForConditionalGeneration` checkpoint.

    It is heard in windows of 30 s; each goes on where the last whole word of the one before ends.

    Args:
        model: Folder, or name on the hub, of a model in the format of transformers. To time words
            it must state its alignment heads, as those of OpenAI do.
        device: Where it runs.

    Raises:
        MissingExtraError: transformers is not installed.
        CheckpointError: There is no such model, or it is of another kind.
    """

    def __init__(self, model: str = "openai/whisper-small", *, device: str = "cpu") -> None:
        try:
            import torch
            import transformers
        except ImportError as error:
            raise MissingExtraError("the whisper transcriber", "whisper") from error
        what = "a Whisper model in the format of transformers, with alignment heads,"
        with loading(what, model):
            self._tokenizer: Any = transformers.WhisperTokenizer.from_pretrained(model)
            self._ears: Any = transformers.WhisperFeatureExtractor.from_pretrained(model)
            with torch.random.fork_rng([]):  # weights are drawn before they are loaded
                kind = transformers.WhisperForConditionalGeneration
                network: Any = kind.from_pretrained(model)
            self._end_of_text = int(self._tokenizer.eos_token_id)
            network.generation_config.alignment_heads  # noqa: B018 (without them it times nothing)
        self._network = network.to(device).eval()
        self._device = device
        self._lock = threading.Lock()
        self.name = f"{title(model, network)} (transformers {transformers.__version__})"

    def transcribe(self, wave: Wave, rate: int, *, language: str = "") -> Transcript:
        """Hears the words of a recording of any length; see `Transcriber`.

        Raises:
            AlignmentError: The model does not know the language.
        """
        codes = getattr(self._network.generation_config, "lang_to_id", None) or {"<|en|>": -1}
        tag = language.replace("_", "-").lower().partition("-")[0]
        if tag and f"<|{tag}|>" not in codes:
            raise AlignmentError(
                f"Expected a language that the model knows, but found {language!r}; leave it empty "
                "to have it found out, or use a model of that language.",
                cause="the transcriber does not know its language",
            )
        own = self._ears.sampling_rate
        wave = io.resample(wave, rate, own)
        seconds = len(wave) / own
        found: list[Word] = []
        start = end = 0.0
        while end < seconds:
            end = min(start + _WINDOW, seconds)
            window = wave[round(start * own) : round(end * own)]
            heard: tuple[Word, ...] = ()
            if len(window) and np.abs(window).max() > _SILENT:
                with self._lock:
                    features = self._features(window)
                    tag = tag or self._language(features)
                    heard = timed(self._hear(features, tag, start), end)
            kept = [word for word in heard if end == seconds or word.start < end - _LATE]
            found += kept
            last = kept[-1].end if kept else end - _LATE if heard else end
            start = max(start + _LEAST, last)
        return Transcript(tuple(found), tag)

    def _features(self, window: Wave) -> Any:
        heard = self._ears(
            window,
            sampling_rate=self._ears.sampling_rate,
            return_attention_mask=True,
            return_tensors="pt",
        )
        return heard.to(self._device)

    def _language(self, features: Any) -> str:
        """The language that is likeliest in a window."""
        settings = self._network.generation_config
        if not getattr(settings, "lang_to_id", None):
            return "en"
        codes = {label: code for code, label in settings.lang_to_id.items()}
        return str(codes[int(self._network.detect_language(features.input_features)[0])])[2:-2]

    def _hear(self, features: Any, tag: str, start: float) -> Iterator[Word]:
        """The text of a window that begins at `start`, in parts with times."""
        settings = self._network.generation_config
        many = bool(getattr(settings, "lang_to_id", None))
        told = {"language": tag, "task": "transcribe"} if many else {}
        said = self._network.generate(**features, return_token_timestamps=True, **told)
        labels = said["sequences"][0].tolist()
        times = said["token_timestamps"][0].tolist()
        # All that is no text has a label behind it, and the first of these ends the text.
        spoken = [place for place, label in enumerate(labels) if label < self._end_of_text]
        buffer: list[int] = []
        began = 0.0
        for place in spoken:
            if not buffer:
                began = times[place]
            buffer.append(labels[place])
            text = self._tokenizer.decode(buffer)
            if "\ufffd" in text and place != spoken[-1]:
                continue  # part of a character
            stop = times[min(place + 1, len(times) - 1)]
            yield Word(text, start + began, start + max(began, stop))
            buffer = []
