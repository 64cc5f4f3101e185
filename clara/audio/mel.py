"""Log-mel features as a torch module (section V-A of the paper).

The wave goes in and the features come out on whatever device the model runs, so that a trained
model takes waves and carries its own preprocessing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from clara.audio.threads import spread
from clara.configs import expect, expect_within

# Frames that are turned into spectra at a time: half a MiB of windowed frames and as much of
# spectra, which stays in the cache. A whole batch at once runs at a quarter of the speed.
_CHUNK = 128
# The triangles of a filterbank are narrow, so that a dense product multiplies mostly by zero. Cut
# into this many groups of neighbouring bands, each reads only the bins that it needs.
_GROUPS = 4


@dataclass(frozen=True, slots=True)
class MelConfig:
    """What makes a log-mel spectrogram.

    The normalisation is fixed, not per clip: loudness and silence are information, and a clip must
    give the same features whatever it is cut from.

    Attributes:
        rate: Samples per second of the waves.
        fft: Length of the Fourier transform, in samples.
        window: Length of the Hann window, in samples, centred in the transform.
        hop: Samples from one frame to the next.
        bands: Number of mel bands `M`.
        low: Lower edge of the first band, in hertz.
        high: Upper edge of the last band, in hertz.
        floor: What lies below this power is raised to it, in decibels.
        shift: Mean of the features over recordings, in decibels; it becomes 0.
        scale: Their standard deviation, in decibels; it becomes 1.
    """

    rate: int = 48_000
    fft: int = 1024
    window: int = 1024
    hop: int = 512
    bands: int = 80
    low: float = 0.0
    high: float = 8000.0
    floor: float = -90.0
    shift: float = -40.0
    scale: float = 25.0

    def __post_init__(self) -> None:
        expect_within(self, 1, 1 << 20, "rate")
        expect_within(self, 2, 1 << 14, "fft")
        expect(self.fft % 2 == 0, "fft to be even", self.fft)
        expect_within(self, 1, self.fft, "window", "hop")
        expect_within(self, 1, 512, "bands")
        expect_within(self, 0, self.rate / 2, "low", "high")
        expect(self.low < self.high, f"high to be above low, {self.low}", self.high)
        expect_within(self, -300, 300, "floor", "shift")
        expect_within(self, 1e-3, 1e3, "scale")

    def frames(self, samples: int) -> int:
        """Number of frames of a wave.

        >>> MelConfig().frames(480_000)
        938
        """
        return 1 + samples // self.hop


def paper() -> MelConfig:
    """The paper's features: 48 kHz, Hann window 1024, hop 512, 80 bands up to 8 kHz."""
    return MelConfig()


def speech() -> MelConfig:
    """What speech recognisers use: 16 kHz, windows of 25 ms every 10 ms, 80 bands up to 8 kHz."""
    return MelConfig(rate=16_000, fft=512, window=400, hop=160, shift=-45.0)


def wide() -> MelConfig:
    """The whole audible range: 48 kHz, window 2048, hop 512, 128 bands up to 24 kHz."""
    return MelConfig(fft=2048, window=2048, bands=128, high=24_000.0, shift=-45.0, scale=32.0)


PRESETS: dict[str, Callable[[], MelConfig]] = {"paper": paper, "speech": speech, "wide": wide}


class LogMel(nn.Module):
    """Waves to normalised log-mel spectrograms.

    The features of a row do not depend on its padding nor on the other rows of its batch. They are
    computed in float32 whatever the precision around them.

    Args:
        config: What to compute.

    >>> mel, frames = LogMel(paper())(torch.zeros(2, 48_000), torch.tensor([48_000, 24_000]))
    >>> mel.shape, frames.tolist()
    (torch.Size([2, 80, 94]), [94, 47])
    """

    hann: Tensor
    bank: Tensor

    def __init__(self, config: MelConfig) -> None:
        super().__init__()
        self.config = config
        bank = filterbank(config)
        used = np.flatnonzero(bank.any(axis=0))
        # Half the Fourier bins of the paper's features lie above the last band: they are dropped.
        self._first, self._last = int(used[0]), int(used[-1]) + 1
        self._hann = torch.hann_window(config.window, dtype=torch.float64).float()
        self._bank = torch.from_numpy(bank[:, self._first : self._last].astype(np.float32))
        self._groups = _groups(bank[:, self._first : self._last])
        self.register_buffer("hann", self._hann, persistent=False)
        self.register_buffer("bank", self._bank, persistent=False)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        """Follows the model to another device, but not to another precision."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self.hann = self._hann.to(self.hann.device)
        self.bank = self._bank.to(self.bank.device)
        return self

    def forward(self, waves: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Computes normalised log-mel spectrograms.

        Args:
            waves: `[B, T]`, samples in [-1, 1]; what lies behind a length is not looked at.
            lengths: int64 `[B]`, in samples.

        Returns:
            float32 `[B, M, F]` with F = 1 + T // hop, exactly 0 behind each row's frames, and the
            number of frames of each row, int64 `[B]`.
        """
        frames = 1 + lengths // self.config.hop
        with torch.autocast(waves.device.type, enabled=False):
            if _by_row(waves):
                return self._one_by_one(waves.float(), lengths, self._decibels), frames
            mel = self._decibels(self._batched(waves.float(), lengths))
            beyond = torch.arange(mel.shape[2], device=mel.device) >= frames[:, None]
            return mel.masked_fill(beyond[:, None], 0.0), frames

    def power(self, waves: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Computes mel spectrograms of power, without logarithm and normalisation.

        It equals `librosa.feature.melspectrogram` with centred frames, zero padding, and the Slaney
        scale and norm, to the rounding of float32.

        Args:
            waves: `[B, T]`.
            lengths: int64 `[B]`, in samples.

        Returns:
            float32 `[B, M, F]`, and the number of frames of each row, int64 `[B]`. The frames
            behind them are undefined.
        """
        frames = 1 + lengths // self.config.hop
        with torch.autocast(waves.device.type, enabled=False):
            if _by_row(waves):
                return self._one_by_one(waves.float(), lengths, lambda power: power), frames
            return self._batched(waves.float(), lengths), frames

    def _decibels(self, power: Tensor) -> Tensor:
        """Power to decibels, above the floor, and normalised."""
        config = self.config
        # 10 log10(x) = 10 log10(2) log2(x), minus the shift, over the scale.
        factor = 10 * math.log10(2) / config.scale
        above = power.clamp_(min=10 ** (config.floor / 10))
        return above.log2_().mul_(factor).sub_(config.shift / config.scale)

    def _batched(self, waves: Tensor, lengths: Tensor) -> Tensor:
        """All rows in a few large operations: for GPUs, for gradients and for export."""
        config = self.config
        beyond = torch.arange(waves.shape[1], device=waves.device) >= lengths[:, None]
        padded = functional.pad(waves.masked_fill(beyond, 0.0), (config.fft // 2, config.fft // 2))
        margin = (config.fft - config.window) // 2
        window = functional.pad(self.hann, (margin, config.fft - config.window - margin))
        spectra = torch.fft.rfft(padded.unfold(1, config.fft, config.hop) * window)
        parts = torch.view_as_real(spectra[..., self._first : self._last])
        return self.bank @ parts.square().sum(-1).transpose(1, 2)

    def _one_by_one(
        self, waves: Tensor, lengths: Tensor, finish: Callable[[Tensor], Tensor]
    ) -> Tensor:
        """Row by row in memory that stays in the cache: several times as fast on a CPU."""
        config = self.config
        sizes = lengths.tolist()
        # Whatever torch would spread over the cores itself, such as zeros for all rows, leaves
        # threads behind that spin for some milliseconds, in the way of those that work on rows.
        mel = waves.new_empty(len(sizes), config.bands, config.frames(waves.shape[1]))

        def work(rows: Sequence[int]) -> None:
            room = _Room(config, max(sizes[row] for row in rows), self._bank.shape[1])
            for row in rows:
                # The shapes of all steps follow from the length alone, so that the order of the
                # sums, and with it the last bit of the result, does so too.
                power = self._clip(waves[row, : sizes[row]], room)
                mel[row, :, : power.shape[1]] = finish(power)
                mel[row, :, power.shape[1] :] = 0.0

        spread(work, sizes)
        return mel

    def _clip(self, wave: Tensor, room: _Room) -> Tensor:
        """Power `[M, F]` of a wave `[T]`."""
        config = self.config
        half = config.fft // 2
        signal = room.signal[: len(wave) + config.fft]
        signal[:half] = 0.0
        signal[half : half + len(wave)] = wave
        signal[half + len(wave) :] = 0.0
        framed = signal.unfold(0, config.fft, config.hop)
        margin = (config.fft - config.window) // 2
        inner = slice(margin, margin + config.window)
        spectrum = room.spectrum[: len(framed)]
        for start in range(0, len(framed), _CHUNK):
            chunk = framed[start : start + _CHUNK, inner]
            windowed, squares = room.windowed[: len(chunk)], room.squares[: len(chunk)]
            torch.mul(chunk, self.hann, out=windowed[:, inner])
            transformed = torch.view_as_real(torch.fft.rfft(windowed))
            # Real and imaginary parts lie side by side. To square all of them and then to add
            # neighbours is twice as fast as to pick the ones and the others from the start.
            parts = transformed[:, self._first : self._last].flatten(1)
            torch.mul(parts, parts, out=squares)
            out = spectrum[start : start + len(chunk)]
            torch.add(squares[:, ::2], squares[:, 1::2], out=out)
        power = wave.new_zeros(config.bands, len(framed))
        for bands, bins in self._groups:
            torch.mm(self._bank[bands, bins], spectrum[:, bins].T, out=power[bands])
        return power


def _by_row(waves: Tensor) -> bool:
    """Whether the fast way on a CPU is open: it is not for gradients, nor for export."""
    assert waves.ndim == 2, "expected waves [B, T]"
    traced = waves.requires_grad and torch.is_grad_enabled()
    return waves.device.type == "cpu" and not traced and not torch.compiler.is_compiling()


class _Room:
    """Memory for one clip after another, since to ask for it anew costs more than to fill it.

    Args:
        config: Of the features.
        longest: Samples of the longest clip.
        bins: How many are kept of a spectrum.
    """

    def __init__(self, config: MelConfig, longest: int, bins: int) -> None:
        frames = config.frames(longest)
        self.signal = torch.empty(longest + config.fft, device="cpu")
        # Zero outside of the window, where that is shorter than the transform.
        self.windowed = torch.zeros(min(_CHUNK, frames), config.fft, device="cpu")
        self.squares = torch.empty(len(self.windowed), 2 * bins, device="cpu")
        self.spectrum = torch.empty(frames, bins, device="cpu")


def filterbank(config: MelConfig) -> npt.NDArray[np.float64]:
    """Triangles on the Slaney mel scale, each of unit area over frequency in hertz.

    Args:
        config: Rate, transform, bands and edges.

    Returns:
        float64 `[M, fft // 2 + 1]`.

    >>> filterbank(MelConfig()).shape
    (80, 513)
    """
    edges = _hertz(np.linspace(_mel(config.low), _mel(config.high), config.bands + 2))
    bins = np.linspace(0.0, config.rate / 2, config.fft // 2 + 1)
    left, centre, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (bins - left) / (centre - left), (right - bins) / (right - centre)
    triangles: npt.NDArray[np.float64] = np.maximum(0.0, np.minimum(rising, falling))
    return triangles * (2.0 / (right - left))


# The scale of Slaney's Auditory Toolbox: linear below 1 kHz, then 27 steps for each factor of 6.4.
_LINEAR = 200.0 / 3.0
_BREAK = 1000.0
_STEP = math.log(6.4) / 27.0


def _mel(hertz: float) -> float:
    if hertz < _BREAK:
        return hertz / _LINEAR
    return _BREAK / _LINEAR + math.log(hertz / _BREAK) / _STEP


def _hertz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    above = mel - _BREAK / _LINEAR
    hertz: npt.NDArray[np.float64] = np.where(
        above < 0, mel * _LINEAR, _BREAK * np.exp(above * _STEP)
    )
    return hertz


def _groups(bank: npt.NDArray[np.float64]) -> list[tuple[slice, slice]]:
    """Groups of neighbouring bands with the bins that they read."""
    cuts = np.linspace(0, len(bank), min(_GROUPS, len(bank)) + 1).round().astype(int).tolist()
    groups = []
    for start, stop in pairwise(cuts):
        used = np.flatnonzero(bank[start:stop].any(axis=0))
        if len(used):
            groups.append((slice(start, stop), slice(int(used[0]), int(used[-1]) + 1)))
    return groups
