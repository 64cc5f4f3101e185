from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from clara.augment import Dice
from clara.augment.reverb import Reverb, measured, simulated
from clara.errors import AudioError, UsageError

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def church(tmp_path: Path) -> tuple[str, np.ndarray]:
    """A recording of an impulse response that begins after a while, and what is in it."""
    rng = np.random.default_rng(0)
    response = 0.3 * rng.uniform(-1, 1, 3000) * np.exp(-np.arange(3000) / 600)
    response[0] = 0.9
    soundfile.write(tmp_path / "a.wav", np.concatenate([np.zeros(500), response]), 8000, "FLOAT")
    return str(tmp_path), response


def test_an_impulse_comes_back_as_the_response(
    church: tuple[str, np.ndarray], dice: Callable[..., Dice]
) -> None:
    """Of energy 1, and from where the impulse was: the way to the microphone is not heard."""
    folder, response = church
    waves = torch.zeros(2, 6000)
    waves[0, 1000] = 1
    waves[1, 0] = 0.5
    lengths = torch.tensor([6000, 100])
    made, new = Reverb(folder=folder).on_batch(waves, lengths, 8000, dice(2))
    expected = response / np.linalg.norm(response)
    np.testing.assert_allclose(made[0, 1000:4000], expected, atol=2e-6)
    assert made[0, :1000].abs().max() < 1e-6
    np.testing.assert_allclose(made[1, :100], 0.5 * expected[:100], atol=2e-6)
    assert not made[1, 100:].any()
    assert new.tolist() == [6000, 100]
    assert float(made[0].norm()) == pytest.approx(1, abs=1e-5)


def test_a_response_is_resampled_to_the_rate(church: tuple[str, np.ndarray]) -> None:
    folder, _ = church
    low = measured(Path(folder) / "a.wav", 8000)
    high = measured(Path(folder) / "a.wav", 16_000)
    assert len(high) == pytest.approx(2 * len(low), abs=4)
    assert float(high.norm()) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("seconds", [0.1, 0.4, 1.0])
@pytest.mark.parametrize("ratio", [-3.0, 6.0])
def test_a_simulated_room_decays_in_its_time(seconds: float, ratio: float) -> None:
    """By Schroeder's backward integral, from -5 to -25 dB, as rooms are measured (ISO 3382)."""
    rate = 48_000
    noise = torch.randn(round(seconds * rate), generator=torch.Generator().manual_seed(0))
    response = simulated(noise, seconds, ratio, rate).double()
    assert float(response.norm()) == pytest.approx(1, abs=1e-5)
    direct, tail = response[0].square(), response[1:].square()
    assert float(10 * (direct / tail.sum()).log10()) == pytest.approx(ratio, abs=1e-3)
    left = 10 * (tail.flip(0).cumsum(0).flip(0) / tail.sum()).log10()
    start, end = (int((left < level).int().argmax()) for level in (-5, -25))
    assert 3 * (end - start) / rate == pytest.approx(seconds, rel=0.07)


def test_noise_keeps_its_level_and_its_time(dice: Callable[..., Dice]) -> None:
    rate = 16_000
    waves = torch.randn(8, 2 * rate, generator=torch.Generator().manual_seed(1))
    lengths = torch.full((8,), 2 * rate)
    made, _ = Reverb().on_batch(waves, lengths, rate, dice(8))
    levels = 20 * (made[:, rate:].norm(dim=1) / waves[:, rate:].norm(dim=1)).log10()
    assert levels.abs().max() < 1
    size = 4 * rate
    across = torch.fft.irfft(torch.fft.rfft(made, size) * torch.fft.rfft(waves, size).conj())
    assert across.argmax(1).tolist() == [0] * 8


def test_rooms_are_drawn_over_the_range(dice: Callable[..., Dice]) -> None:
    responses = Reverb(low=0.1, high=0.3, near=10, far=0)._drawn(8000, dice(200))
    sizes = np.array([len(response) - 1 for response in responses]) / 8000
    ratios = [10 * math.log10(r[0] ** 2 / (r[1:] ** 2).sum()) for r in responses]
    assert 0.1 <= sizes.min() < 0.11
    assert 0.29 < sizes.max() <= 0.3001
    assert -0.001 <= min(ratios) < 0.5
    assert 9.5 < max(ratios) <= 10.001


def test_every_recording_of_a_folder_is_drawn(tmp_path: Path, dice: Callable[..., Dice]) -> None:
    for number in range(3):
        folder = tmp_path / str(number)
        folder.mkdir()
        response = np.zeros(50)
        response[[0, 10 * (number + 1)]] = 1, 0.5
        soundfile.write(folder / "response.flac", response, 8000)
    (tmp_path / "notes.txt").write_text("not a recording")
    waves = torch.zeros(60, 100)
    waves[:, 0] = 1
    lengths = torch.full((60,), 100)
    made, _ = Reverb(folder=str(tmp_path)).on_batch(waves, lengths, 8000, dice(60))
    echoes = made[:, 1:].argmax(1) + 1
    assert set(echoes.tolist()) == {10, 20, 30}


def test_folders_that_will_not_do(tmp_path: Path, dice: Callable[..., Dice]) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(UsageError, match="found no recording in"):
            Reverb(folder=str(folder))
    waves, lengths = torch.ones(1, 9), torch.tensor([9])
    for name, content, error in [
        ("silent", np.zeros(100), UsageError),
        ("broken", None, AudioError),
    ]:
        folder = tmp_path / name
        folder.mkdir()
        path = folder / "a.wav"
        if content is None:
            path.write_bytes(b"RIFF no")
        else:
            soundfile.write(path, content, 8000)
        with pytest.raises(error, match=r"a\.wav"):
            Reverb(folder=str(folder)).on_batch(waves, lengths, 8000, dice(1))
