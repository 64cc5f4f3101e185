from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from clara.audio import io
from clara.augment import Dice
from clara.augment.pitch import Pitch, pitch

pytestmark = pytest.mark.usefixtures("one_thread")


def shifted(wave: Tensor, semitones: float, rate: int) -> Tensor:
    return pitch(wave, torch.tensor([wave.shape[1]]), torch.tensor([semitones]), rate)


@pytest.mark.parametrize("rate", [8000, 16_000, 44_100, 48_000])
@pytest.mark.parametrize("semitones", [-12.0, -4.0, -0.5, 0.0, 1.0, 2.37, 7.0])
def test_a_tone_moves_by_the_semitones_asked(
    rate: int,
    semitones: float,
    tone: Callable[..., Tensor],
    pitch_of: Callable[[Tensor, int], float],
) -> None:
    """Within a hundredth of a semitone, as loud as before and as long."""
    for hertz in (110.0, 440.0, 1234.5):
        wave = tone(hertz, rate, 1.5)
        made = shifted(wave, semitones, rate)
        assert made.shape == wave.shape
        middle = made[0, rate // 4 : -rate // 4]
        moved = 12 * math.log2(pitch_of(middle, rate) / hertz)
        assert moved == pytest.approx(semitones, abs=0.01)
        assert float(middle.std() / wave.std()) == pytest.approx(1, abs=0.05)


def test_a_chord_stays_a_chord() -> None:
    """Each partial of a note moves by the same ratio, and its level stays."""
    rate, ratio = 16_000, 2 ** (3 / 12)
    time = torch.arange(2 * rate, dtype=torch.float64) / rate
    levels = {200: 0.2, 400: 0.1, 600: 0.05, 1000: 0.1, 2200: 0.02}
    note = sum(level * torch.sin(2 * math.pi * hertz * time) for hertz, level in levels.items())
    assert isinstance(note, Tensor)
    made = shifted(note.float()[None], 3, rate)[0, rate // 2 : -rate // 2]
    window = torch.hann_window(len(made), periodic=False)
    loud = torch.fft.rfft(made * window).abs() / window.sum() * 2
    hertz = torch.fft.rfftfreq(len(made), 1 / rate)
    for partial, level in levels.items():
        near = (hertz - partial * ratio).abs() < 5
        assert float(loud[near].max()) == pytest.approx(level, rel=0.15)


def test_words_stay_where_they_are() -> None:
    """A burst between two silences is neither early nor late, nor much longer."""
    rate = 16_000
    wave = torch.zeros(1, rate)
    wave[0, 6000:8000] = 0.1 * torch.randn(2000, generator=torch.Generator().manual_seed(0))
    for semitones in (-3.0, 3.0):
        made = shifted(wave, semitones, rate)[0].double().square()
        spread = made.cumsum(0) / made.sum()
        assert int((spread > 0.5).int().argmax()) == pytest.approx(7000, abs=300)
        assert int((spread > 0.01).int().argmax()) > 6000 - 0.03 * rate
        assert int((spread > 0.99).int().argmax()) < 8000 + 0.03 * rate


def test_real_speech_keeps_its_words_and_moves_its_voice(real_data: Path) -> None:
    path = io.find(sorted((real_data / "LJSpeech-1.1" / "wavs").glob("LJ*"))[0])
    assert path is not None
    wave, rate = io.load(path, rate=16_000)
    speech = torch.from_numpy(wave[: 4 * rate].copy())[None]
    made = shifted(speech, 2, rate)
    assert float(made.std() / speech.std()) == pytest.approx(1, abs=0.1)
    frames = [
        torch.stft(x[0], 512, 256, window=torch.hann_window(512), return_complex=True).abs()
        for x in (speech, made)
    ]
    envelopes = [frame.norm(dim=0).numpy() for frame in frames]
    assert np.corrcoef(*envelopes)[0, 1] > 0.9


def test_shifts_are_drawn_over_the_range(
    tone: Callable[..., Tensor],
    pitch_of: Callable[[Tensor, int], float],
    dice: Callable[..., Dice],
) -> None:
    rate = 8000
    waves = tone(440, rate, 0.5).repeat(40, 1)
    made, _ = Pitch(-2, 2).on_batch(waves, torch.full((40,), rate // 2), rate, dice(40))
    found = [12 * math.log2(pitch_of(wave[800:-800], rate) / 440) for wave in made]
    asked = dice(40).uniform(-2, 2).tolist()
    np.testing.assert_allclose(found, asked, atol=0.02)
    assert min(found) < -1.7
    assert max(found) > 1.7
