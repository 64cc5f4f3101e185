"""VITS through transformers: MMS-TTS speaks over 1,100 languages, a checkpoint each."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from clara.backends import _latin
from clara.backends._models import loading, title
from clara.backends.speaker import _common
from clara.errors import MissingExtraError, UnknownNameError, UsageError
from clara.records import Wave
from clara.text.iso639 import shortest

__all__ = ["Vits"]

_GIVEN = re.compile(r"(?P<tag>[A-Za-z]{2,3}(-\w+)*)=(?P<model>.+)")


@dataclass(frozen=True)
class _Model:
    network: Any
    tokenizer: Any
    title: str
    speakers: tuple[str, ...]


class Vits:
    """Speaks through transformers' `VitsModel`, in the language of each checkpoint.

    A voice is called after its checkpoint ("mms-tts-pol"), and of one with several speakers
    "CHECKPOINT#SPEAKER". The noise that the model draws is seeded by the call, so that the same
    call gives the same samples.

    Args:
        models: Checkpoints, each a folder or a name on the hub. Its language is the one that its
            tokenizer states; where it states none, or to say it otherwise: "pl=FOLDER".
        device: Where they run.

    Raises:
        MissingExtraError: transformers is not installed, or uroman where a checkpoint needs it to
            write a language in Latin letters.
        UsageError: No model is given, or one whose language is not known.
        CheckpointError: There is no such model, or it is of another kind.
    """

    def __init__(self, models: tuple[str, ...], device: str = "cpu") -> None:
        try:
            import transformers
        except ImportError as error:
            raise MissingExtraError("the vits speaker", "vits") from error
        if not models:
            raise UsageError(
                "Expected a VITS checkpoint, a folder or a name on the hub such as "
                "facebook/mms-tts-pol, but found none; name one as a model."
            )
        self._version: str = transformers.__version__
        self._device = device
        self._models: dict[str, dict[str, _Model]] = {}
        for model in models:
            given = _GIVEN.fullmatch(model)
            path = given["model"] if given else model
            loaded = _load(transformers, path, device)
            language = given["tag"] if given else _language(loaded.tokenizer, path)
            self._models.setdefault(language, {})[Path(path).name] = loaded
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """Each checkpoint, with its revision where it is from the hub, and the library."""
        titles = sorted(model.title for each in self._models.values() for model in each.values())
        return f"{', '.join(titles)} (transformers {self._version})"

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
            UsageError: Pitch or speed out of range, or the tokenizer needs a package.
            AudioError: Nothing of the text can be spoken.
        """
        _common.check(pitch, speed)
        if language not in self._models:
            raise UnknownNameError("language of vits", language, self._models)
        voice = _common.pick("vits", self.voices(language), voice)
        checkpoint, _, speaker = voice.partition("#")
        model = self._models[language][checkpoint]
        asked = (text.encode("utf-8", "replace").decode(), voice, str(pitch), str(speed))
        ids = _ids(model.tokenizer, asked[0])
        if ids is None:
            raise _common.nothing(text, language)
        wave = self._run(model, ids, speaker, _common.pace(pitch, speed), _seed(asked))
        if not wave.any():
            raise _common.nothing(text, language)
        rate = int(model.network.config.sampling_rate)
        return _common.repitch(wave, rate, pitch), rate

    def languages(self) -> list[str]:
        """The languages of the checkpoints, as BCP 47 tags, sorted."""
        return sorted(self._models)

    def voices(self, language: str) -> Mapping[str, str]:
        """The voices of a language; checkpoints do not say of which gender they are."""
        found: Iterator[str] = (
            f"{name}#{speaker}" if speaker else name
            for name, model in self._models.get(language, {}).items()
            for speaker in model.speakers
        )
        return dict.fromkeys(sorted(found), "")

    def _run(self, model: _Model, ids: Any, speaker: str, pace: float, seed: int) -> Wave:
        import torch

        # The model draws from the generator of all torch: that is put back afterwards.
        cuda = self._device.startswith("cuda")
        devices = [torch.device(self._device)] if cuda else []
        with self._lock, torch.random.fork_rng(devices), torch.inference_mode():
            torch.manual_seed(seed)
            out = model.network(
                ids.to(self._device),
                speaker_id=int(speaker) if speaker else None,
                speaking_rate=pace * float(model.network.config.speaking_rate),
            )
        wave: Wave = np.asarray(out.waveform[0].float().cpu())
        return wave.clip(-1, 1)


def _load(transformers: Any, path: str, device: str) -> _Model:
    import torch

    with loading("a VITS checkpoint in the format of transformers", path):
        tokenizer = transformers.VitsTokenizer.from_pretrained(path)
        with torch.random.fork_rng([]):  # weights are drawn before they are loaded
            network = transformers.VitsModel.from_pretrained(path)
    if tokenizer.is_uroman:
        _latin.check(f"the language of {path}", "vits")
    count = int(network.config.num_speakers)
    speakers = tuple(map(str, range(count))) if count > 1 else ("",)
    return _Model(network.to(device).eval(), tokenizer, title(path, network), speakers)


def _language(tokenizer: Any, path: str) -> str:
    """BCP 47 tag of what a tokenizer calls its language ("pol", "uig-script_arabic").

    Raises:
        UsageError: It does not say.
    """
    stated = shortest(str(tokenizer.language or ""))
    if not stated:
        raise UsageError(
            f"Expected the tokenizer of {path} to state its language, but it does not; give the "
            f"model as LANGUAGE={path}, with a BCP 47 tag such as pl."
        )
    return stated


def _ids(tokenizer: Any, text: str) -> Any:
    """Tokens `[1, L]`, or None where the alphabet of the model has no letter of the text."""
    if tokenizer.is_uroman:
        text = _latin.romanised(text)  # the tokenizer would load the tables for each text anew
    try:
        ids = tokenizer(text, return_tensors="pt").input_ids
    except ImportError as error:
        reason = " ".join(str(error).split())[:200]
        raise UsageError(
            f"Expected all packages that this checkpoint's tokenizer needs, but: {reason}"
        ) from error
    # Blanks stand between letters, so one alone is no text.
    return ids.long() if ids.shape[1] > 1 else None


def _seed(asked: tuple[str, ...]) -> int:
    digest = hashlib.blake2b("\0".join(asked).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
