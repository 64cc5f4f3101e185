"""The loss of real codecs: each row is encoded as MP3, Vorbis or Opus, and decoded again."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Literal

import numpy as np
import soundfile
import torch
from torch import Tensor

from clara.augment import Dice
from clara.configs import expect, expect_within
from clara.records import Wave

__all__ = ["Codec"]

# Container, and name of the codec, as libsndfile has them.
_CODECS = {"mp3": ("MP3", "MPEG_LAYER_III"), "vorbis": ("OGG", "VORBIS"), "opus": ("OGG", "OPUS")}
_RATES = {
    "mp3": (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000),
    "opus": (8000, 12000, 16000, 24000, 48000),
}
# Samples that are encoded at a time: the encoder of Vorbis takes its memory from the stack.
_PIECE = 1 << 16


@dataclass(frozen=True, slots=True)
class Codec:
    """Sends each row through a codec, on the CPU whatever the device of the batch.

    It stays as long as it was, and in its place.

    Attributes:
        low: Least compression, from 0 to 1 as libsndfile counts: bits per second differ by codec
            and rate.
        high: Greatest compression.
        form: Which codec; "any" draws one that knows the rate for each row.
    """

    low: float = 0.5
    high: float = 0.95
    form: Literal["any", "mp3", "vorbis", "opus"] = "any"

    def __post_init__(self) -> None:
        expect_within(self, 0, 0.95, "low", "high")
        expect(self.low <= self.high, f"high to be at least low, {self.low}", self.high)

    def on_batch(
        self, waves: Tensor, lengths: Tensor, rate: int, dice: Dice
    ) -> tuple[Tensor, Tensor]:
        """As `clara.augment.Acoustic.on_batch`.

        Raises:
            UsageError: The codec that was asked for does not know the rate.
        """
        able = [name for name in _CODECS if rate in _RATES.get(name, (rate,))]
        forms = able if self.form == "any" else [self.form]
        expect(forms[0] in able, f"a rate that {self.form} knows", f"{rate} Hz")
        levels, draws = dice.uniform(self.low, self.high), dice.uniform(0, 1)
        numbers = (draws * len(forms)).long().tolist()
        heard = torch.zeros_like(waves, device="cpu")
        rows = zip(waves.cpu(), heard, lengths.tolist(), numbers, levels.tolist(), strict=True)
        for wave, out, length, number, level in rows:
            if length:
                coded = code(wave[:length].numpy(), rate, forms[number], level)
                out[:length] = torch.from_numpy(coded)
        return heard.to(waves.device), lengths


def code(wave: Wave, rate: int, form: str, level: float) -> Wave:
    """A wave `[T]` through the codec `form` at a compression from 0 to 0.95, `[T]`.

    What is beyond -1 to 1 goes through quieter and comes out as loud as before; what is not finite
    comes back as it was. Encoders take neither: that of MP3 ends the process.
    """
    peak = np.abs(wave).max(initial=np.float32(1))
    if not np.isfinite(peak):
        return wave
    stream = io.BytesIO()
    container, subtype = _CODECS[form]
    with soundfile.SoundFile(
        stream, "w", rate, 1, subtype, format=container, compression_level=level
    ) as file:
        for start in range(0, len(wave), _PIECE):
            file.write(wave[start : start + _PIECE] / peak)
    stream.seek(0)
    heard, _ = soundfile.read(stream, dtype="float32")
    heard = heard[: len(wave)] * peak
    return np.pad(heard, (0, len(wave) - len(heard)))
