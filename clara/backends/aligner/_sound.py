"""What a recording sounds like, frame by frame, in figures that another voice shares."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from clara.records import Wave

Array = npt.NDArray[np.float32]

RATE = 16_000
HOP = 0.01
"""Seconds from one frame to the next; frame n is centred on n * HOP."""

_STEP = round(HOP * RATE)
_WINDOW = round(0.025 * RATE)
_FFT = 512
_LOWEST = 100.0
_BANDS = 26
_COEFFICIENTS = 10
_EMPHASIS = 0.97
_AT_ONCE = 4096  # frames
_FLOOR = 60.0  # dB below the loud: what is softer counts as silence


class Sound(NamedTuple):
    """A recording in frames.

    Attributes:
        cepstra: float32 `[F, 20]`: mel-frequency cepstra and how they change.
        level: float32 `[F]`: the level in dB.
    """

    cepstra: Array
    level: Array


def listen(wave: Wave, highest: float) -> Sound:
    """The frames of a recording.

    Args:
        wave: float32 `[T]` at `RATE`.
        highest: The highest frequency to look at, in hertz, so that narrow recordings can be
            compared.
    """
    flat = np.append(wave[:1], wave[1:] - np.float32(_EMPHASIS) * wave[:-1])
    padded = np.pad(flat, (_WINDOW // 2, _WINDOW))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_STEP]
    frames = frames[: 1 + len(wave) // _STEP]
    window, filters = np.hanning(_WINDOW).astype(np.float32), _filters(highest)
    mel, level = [], []
    for start in range(0, len(frames), _AT_ONCE):
        windowed = frames[start : start + _AT_ONCE] * window
        power = np.abs(np.fft.rfft(windowed, _FFT)).astype(np.float32) ** 2
        mel.append(np.log(power @ filters.T + np.float32(1e-8)))
        level.append(10 * np.log10((windowed**2).mean(1) + np.float32(1e-10)))
    bands = np.concatenate(mel)
    # So far below the loud, a recording has noise and synthetic speech has nothing.
    top = np.percentile(bands.max(1), 95)
    cepstra = np.maximum(bands, top - _FLOOR / 10 * np.log(10)) @ _cosines().T
    figures = np.concatenate((cepstra, _slope(cepstra)), axis=1).astype(np.float32)
    return Sound(figures, np.concatenate(level).astype(np.float32))


def edge(level: Array, share: float = 0.35) -> float:
    """The level in dB that parts silence from sound: a share of the way from soft to loud."""
    soft, loud = np.percentile(level, (10, 95))
    soft = max(soft, loud - _FLOOR)
    return float(soft + share * (loud - soft))


def normal(cepstra: Array, spoken: npt.NDArray[np.bool_]) -> Array:
    """Cepstra of mean 0 and deviation 1 over what is spoken: without the voice and the channel."""
    heard = cepstra[spoken]
    result: Array = (cepstra - heard.mean(0)) / (heard.std(0) + np.float32(1e-4))
    return result


def _slope(values: Array) -> Array:
    """The slope over five frames."""
    padded = np.pad(values, ((2, 2), (0, 0)), mode="edge")
    count = len(values)
    ahead = padded[3 : 3 + count] - padded[1 : 1 + count]
    far = padded[4 : 4 + count] - padded[:count]
    return ((ahead + 2 * far) / 10).astype(np.float32)


def _filters(highest: float) -> Array:
    """Triangles, evenly on the mel scale, float32 `[26, 257]`."""
    low, high = (2595 * np.log10(1 + hertz / 700) for hertz in (_LOWEST, highest))
    corners = 700 * (10 ** (np.linspace(low, high, _BANDS + 2) / 2595) - 1)
    bins = np.fft.rfftfreq(_FFT, 1 / RATE)
    before, centre, after = (corners[k : k + _BANDS, None] for k in range(3))
    rising, falling = (bins - before) / (centre - before), (after - bins) / (after - centre)
    triangles: Array = np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
    return triangles


def _cosines() -> Array:
    """The rows of a discrete cosine transform that are kept, float32 `[10, 26]`."""
    rows = np.arange(_COEFFICIENTS)[:, None]
    waves: npt.NDArray[np.float64] = np.cos(np.pi / _BANDS * (np.arange(_BANDS) + 0.5) * rows)
    scale = np.where(rows == 0, np.sqrt(1 / _BANDS), np.sqrt(2 / _BANDS))
    return (waves * scale).astype(np.float32)
