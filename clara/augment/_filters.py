"""What several augmentations do to waves: convolve with responses, and read at another speed."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from fractions import Fraction

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from clara.augment import silence

# The kernel that reads between samples, in Blackman's window: zero crossings to each side, and
# where its band ends as a share of what the samples can hold.
_CROSSINGS = 32
_CUTOFF = 0.92
# A speed is the nearest fraction with a denominator up to this: within 0.002 of a cent.
_DENOMINATOR = 1000
# Samples that are read by one matrix product, and in one period at least.
_BLOCK = 32
_PERIOD = 256


def convolve(waves: Tensor, kernels: Tensor, start: int = 0) -> Tensor:
    """The convolution of each row with its kernel, by overlapping blocks of Fourier transforms.

    Args:
        waves: `[B, T]`.
        kernels: `[B, K]`, or `[1, K]` for all rows; K at least 1.
        start: The sample of the whole convolution, of T + K - 1, that becomes the first.

    Returns:
        `[B, T]`.

    >>> convolve(torch.tensor([[1.0, 0, 0, 0]]), torch.tensor([[3.0, 2, 1]])).round()
    tensor([[3., 2., 1., 0.]])
    """
    size, taps = waves.shape[1], kernels.shape[1]
    # As short as gives two new samples for a tap: short transforms stay in the cache.
    fft = max(4096, 1 << (2 * taps - 1).bit_length())
    hop = fft - taps + 1
    blocks = -(-size // hop)
    padded = functional.pad(waves, (taps - 1 - start, blocks * hop - size + start))
    spectra = torch.fft.rfft(padded.unfold(1, fft, hop))
    spectra *= torch.fft.rfft(kernels, fft)[:, None]
    # What comes before is what the end of a block has turned round to.
    found: Tensor = torch.fft.irfft(spectra, fft)[..., taps - 1 :]
    return found.reshape(len(waves), -1)[:, :size]


def reverberate(
    waves: Tensor, lengths: Tensor, responses: Sequence[Tensor]
) -> tuple[Tensor, Tensor]:
    """Each row `[T]` with its response `[K]`, as long as it was, and the lengths."""
    # What comes later than the end of a row nobody hears.
    kernels = pad_sequence([response[: waves.shape[1] + 1] for response in responses], True)
    return silence(convolve(waves, kernels.to(waves)), lengths), lengths


def band_pass(low: Tensor, high: Tensor, taps: Sequence[int], rate: int) -> Tensor:
    """Kernels that keep what lies in a band, 6 dB down at its ends.

    Args:
        low: Where each band begins, in hertz, `[B]`; 0 for all that lies below its end.
        high: Where it ends.
        taps: Of each kernel, odd; the ends are 5.5 * rate / taps hertz wide (Blackman's window).
        rate: Samples per second.

    Returns:
        float64 `[B, most taps]`, symmetric, short ones in the middle; of sum 1 within 0.001 where
        the band begins at 0.
    """
    assert all(count % 2 for count in taps), "expected kernels with a middle"
    place = torch.arange(1 + max(taps) // 2, dtype=torch.float64, device="cpu")
    reach = torch.tensor(taps, dtype=torch.float64, device="cpu")[:, None] / 2
    share = torch.stack([low, high]).double()[..., None] * (2 / rate)
    below, within = share * torch.sinc(share * place)
    turn = torch.cos(place * (math.pi / reach))
    window = (0.34 + turn * (0.5 + 0.16 * turn)).masked_fill_(place > reach, 0.0)
    half = (within - below) * window
    return torch.cat([half[:, 1:].flip(1), half], 1)


def resample(waves: Tensor, factors: Sequence[float]) -> Tensor:
    """Each row read `factor` times as fast; what the result cannot hold is filtered away.

    Args:
        waves: `[B, T]`.
        factors: Of each row, above 0: 2 halves the length.

    Returns:
        `[B, ceil(T / least factor)]`; a row reads zeros behind its end.
    """
    size = waves.shape[1]
    read = [
        _read(wave, Fraction(factor), math.ceil(size / factor))
        for wave, factor in zip(waves, factors, strict=True)
    ]
    return pad_sequence(read, batch_first=True) if len(read) > 1 else read[0][None]


def _read(wave: Tensor, factor: Fraction, count: int) -> Tensor:
    """Samples of a wave `[T]`, `factor` apart, `count` of them."""
    factor = factor.limit_denominator(_DENOMINATOR)
    times = -(-_PERIOD // factor.denominator)
    step, period = factor.numerator * times, factor.denominator * times
    if step == period:
        return functional.pad(wave, (0, count - len(wave)))
    kernels, firsts, reach = _kernels(step, period)
    kernels, width = kernels.to(wave), kernels.shape[1]
    turns = max(1, -(-count // period))
    room = max((turns - 1) * step + firsts[-1] + width, reach + len(wave))
    padded = functional.pad(wave, (reach, room - reach - len(wave)))
    out = wave.new_empty(turns, period)
    for place, first, kernel in zip(range(0, period, _BLOCK), firsts, kernels, strict=True):
        # Where a period begins the kernels are the same again: one product reads them all.
        frames = padded[first:].unfold(0, width, step)[:turns]
        part = out[:, place : place + _BLOCK]
        torch.mm(frames, kernel[:, : part.shape[1]], out=part)
    return out.flatten()[:count]


@functools.lru_cache(64)
def _kernels(step: int, period: int) -> tuple[Tensor, list[int], int]:
    """What reads `period` samples from `step` samples.

    Returns:
        Kernels of each `_BLOCK` outputs `[blocks, width, _BLOCK]`, the first of the inputs that
        each block reads, and how many inputs lie before the one at the place of an output.
    """
    band = _CUTOFF * min(1.0, period / step)
    reach = math.ceil(_CROSSINGS / band)
    firsts = [begin * step // period for begin in range(0, period, _BLOCK)]
    width = 2 * reach + 1 + _BLOCK * step // period + 1
    outputs = torch.arange(len(firsts) * _BLOCK, dtype=torch.float64, device="cpu")
    offsets = torch.tensor(firsts, dtype=torch.float64, device="cpu")[:, None, None]
    outputs = outputs.view(-1, 1, _BLOCK) * step / period - offsets
    inputs = torch.arange(width, dtype=torch.float64, device="cpu")[:, None] - reach
    # Single precision will do but for the distances, which may be next to nothing.
    away = (inputs - outputs).float()
    # The sine and the cosine of a difference, by those of inputs and outputs, which are fewer.
    turn = _sine(inputs + reach / 2, outputs, math.pi / reach)
    kernels = _sine(inputs, outputs, math.pi * band) / (math.pi * away)
    kernels = kernels.masked_fill_(away == 0, band) * (0.34 + turn * (0.5 + 0.16 * turn))
    kernels.masked_fill_(away.abs() > reach, 0.0)
    return kernels, firsts, reach


def _sine(first: Tensor, second: Tensor, rate: float) -> Tensor:
    """The sine of `rate * (first - second)`, in single precision."""
    first, second = first * rate, second * rate
    parts = first.sin(), second.cos(), first.cos(), second.sin()
    a, b, c, d = (part.float() for part in parts)
    return a * b - c * d
