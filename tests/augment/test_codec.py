from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from clara.augment import Dice
from clara.augment.codec import Codec, code
from clara.errors import UsageError
from clara.records import Wave

pytestmark = pytest.mark.usefixtures("one_thread")

FORMS = ("mp3", "vorbis", "opus")


def coloured(size: int) -> Wave:
    """Noise that falls off with frequency, as most sounds do."""
    wave = np.random.default_rng(0).standard_normal(size + 500).cumsum()
    wave = wave[250:-250] - np.convolve(wave, np.ones(501) / 501, "valid")
    return (0.1 * wave / max(wave.std(), 1.0)).astype(np.float32)


def error(wave: Wave, form: str, level: float) -> float:
    """Noise over signal, in decibels."""
    lost = code(wave, 48_000, form, level) - wave
    return float(20 * np.log10(np.linalg.norm(lost) / np.linalg.norm(wave)))


@pytest.mark.parametrize("form", FORMS)
def test_more_compression_loses_more_and_nothing_moves(form: str) -> None:
    wave = coloured(96_000)
    gentle, strong = error(wave, form, 0.1), error(wave, form, 0.95)
    assert strong > gentle + 3
    assert gentle < -18
    made = code(wave, 48_000, form, 0.5)
    size = 2**18
    across = np.fft.irfft(np.fft.rfft(made, size) * np.fft.rfft(wave, size).conj())
    assert across.argmax() == 0


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [1, 100, 65_537, 200_000])
def test_a_wave_stays_as_long_as_it_was(form: str, size: int) -> None:
    wave = coloured(size)
    made = code(wave, 16_000, form, 0.8)
    assert made.dtype == np.float32
    assert made.shape == wave.shape
    np.testing.assert_array_equal(made, code(wave, 16_000, form, 0.8))


def test_each_row_has_its_codec(dice: Callable[..., Dice]) -> None:
    waves = torch.from_numpy(coloured(4000)).repeat(40, 1)
    lengths = torch.full((40,), 4000)
    made, _ = Codec(0.7, 0.7).on_batch(waves, lengths, 16_000, dice(40))
    expected = {torch.from_numpy(code(waves[0].numpy(), 16_000, form, 0.7)) for form in FORMS}
    assert len(made.unique(dim=0)) == 3
    for wave in made:
        assert any(torch.equal(wave, other) for other in expected)


@pytest.mark.parametrize("form", FORMS)
def test_what_encoders_do_not_take(form: str) -> None:
    """That of MP3 ends the process at samples far beyond 1."""
    loud = coloured(20_000)
    loud /= np.abs(loud).max()
    for gain in (2.0, 1e6, 1e30):
        scaled = np.float32(gain) * loud
        np.testing.assert_array_equal(
            code(scaled, 16_000, form, 0.5),
            code(scaled / np.abs(scaled).max(), 16_000, form, 0.5) * np.abs(scaled).max(),
        )
    for bad in (np.nan, np.inf):
        broken = loud.copy()
        broken[100] = bad
        np.testing.assert_array_equal(code(broken, 16_000, form, 0.5), broken)


def test_rates_that_a_codec_does_not_know(dice: Callable[..., Dice]) -> None:
    waves, lengths = torch.from_numpy(coloured(4000))[None], torch.tensor([4000])
    for rate in (22_050, 12_345):
        made, _ = Codec().on_batch(waves, lengths, rate, dice(1))
        assert made.shape == waves.shape
        with pytest.raises(UsageError, match=f"Expected a rate that opus knows but found {rate}"):
            Codec(form="opus").on_batch(waves, lengths, rate, dice(1))
