"""A phase vocoder: waves made longer or shorter without a change of pitch.

After Flanagan and Golden, "Phase Vocoder" (1966): the short-time spectrum is read at another speed,
and the phase of each bin goes on by as much as it turns from one frame to the next at that place.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

# Length of a frame in seconds, about, and how many frames there are over each sample.
_SECONDS = 0.03
_OVERLAP = 3
# The squares of Hann windows, so many over each sample, add up to this.
_SUM = 3 * _OVERLAP / 8
# Samples of frames that are worked on at a time on a CPU: their spectra stay in the cache, where
# each operation is several times as fast.
_CHUNK = 96_000
# Bins to each side over which Hann's window spreads a tone.
_REACH = 2
# Below all that is heard; its square is still a number.
_TINY = 1e-15


def stretch(waves: Tensor, factors: Tensor, rate: int) -> Tensor:
    """Each row `factor` times as long, at the same pitch.

    Args:
        waves: `[B, T]`.
        factors: Of each row, above 0; float64 `[B]`, on the CPU.
        rate: Samples per second.

    Returns:
        `[B, ceil(T * greatest factor)]`; a row reads zeros behind its end.
    """
    # A multiple of 32, for which there are fast transforms.
    hop = 32 * max(1, round(_SECONDS * rate / _OVERLAP / 32))
    frame = _OVERLAP * hop
    size = math.ceil(waves.shape[1] * float(factors.max()))
    window = torch.hann_window(frame, device=waves.device)
    # Frame `i` is centred on sample `i * hop`.
    count = -(-(size + frame // 2) // hop) + 1
    places = torch.arange(count, dtype=torch.float64, device="cpu") / factors[:, None]
    last = int(places.max()) + 1
    behind = max(0, last * hop + frame // 2 - waves.shape[1])
    framed = functional.pad(waves, (frame // 2, behind)).unfold(1, frame, hop)
    out = waves.new_zeros(len(waves), (count + _OVERLAP - 1) * hop)
    phase = None
    chunk = _CHUNK // frame if waves.device.type == "cpu" else count
    for start in range(0, count, chunk):
        place = places[:, start : start + chunk]
        first, end = int(place.min()), int(place.max()) + 2
        spectra = torch.fft.rfft(framed[:, first:end] * window)
        made, phase = _spectra(spectra, place - first, phase)
        frames = torch.fft.irfft(made, frame).mul_(window / _SUM)
        _overlap(out[:, start * hop :], frames, hop)
    return out[:, frame // 2 : frame // 2 + size]


def _spectra(spectra: Tensor, places: Tensor, phase: Tensor | None) -> tuple[Tensor, Tensor]:
    """Spectra at places between frames, each bin turned to where it has got by then.

    Args:
        spectra: `[B, F, bins]`.
        places: From 0 to F - 2, float64 `[B, N]`, on the CPU.
        phase: What was returned for the places before, `[B, bins]`; None at the beginning.

    Returns:
        `[B, N, bins]`, and the phase with which to go on.
    """
    batch, frames, bins = spectra.shape
    number = torch.arange(batch, device="cpu")[:, None]
    rows = (places.long() + number * frames).flatten().to(spectra.device)
    if phase is None:
        phase = _unit(spectra[:, 0].clone())
    turns = _unit(spectra[:, 1:] * spectra[:, :-1].conj())
    before = (places.long() + number * (frames - 1)).flatten().to(spectra.device)
    turns = turns.flatten(0, 1).index_select(0, before)
    phases = torch.cat([phase[:, None], turns.view(batch, -1, bins)], 1).cumprod(1)
    here = spectra.flatten(0, 1).index_select(0, rows).view(batch, -1, bins)
    # By how much to turn a bin: by as much as the loudest of its neighbours, so that what belongs
    # to one tone stays together, as Laroche and Dolson lock phases to peaks (1999).
    turn = _unit(_among_neighbours(phases[:, :-1] * here.conj()))
    return turn.mul_(here), _unit(phases[:, -1].clone())


def _unit(spectra: Tensor) -> Tensor:
    """Each bin brought to size 1, in place; what is zero has no direction and becomes 1."""
    spectra += _TINY
    # Squares of sizes: several times as fast as `abs`.
    parts = torch.view_as_real(spectra).flatten(-2)
    parts = parts * parts
    spectra *= (parts[..., ::2] + parts[..., 1::2]).rsqrt_()
    return spectra


def _among_neighbours(turns: Tensor) -> Tensor:
    """The sum of each bin and those up to `_REACH` away, `[B, N, bins]`."""
    total = turns.clone()
    for away in range(1, _REACH + 1):
        total[..., away:] += turns[..., :-away]
        total[..., :-away] += turns[..., away:]
    return total


def _overlap(out: Tensor, frames: Tensor, hop: int) -> None:
    """Adds frames `[B, N, frame]` to waves, each a hop behind the one before."""
    count, parts = frames.shape[1], frames.shape[2] // hop
    for part in range(parts):
        place = out[:, part * hop : (part + count) * hop].view(len(out), count, hop)
        place += frames[..., part * hop : (part + 1) * hop]
