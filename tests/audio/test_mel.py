from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from clara.audio.mel import PRESETS, LogMel, MelConfig, filterbank, paper, speech
from clara.errors import UsageError

CONFIGS = {name: make() for name, make in PRESETS.items()} | {
    "a band from 500 Hz": MelConfig(low=500.0, high=4000.0, bands=20, window=800),
    "odd hop": MelConfig(rate=22_050, fft=512, window=400, hop=220, bands=40, high=11_025.0),
}


def noise(config: MelConfig, samples: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 0.1 * torch.randn(samples, generator=generator)


def one(module: LogMel, wave: torch.Tensor) -> torch.Tensor:
    mel, frames = module(wave[None], torch.tensor([len(wave)]))
    assert frames.tolist() == [mel.shape[2]]
    return mel[0]


def reference_power(config: MelConfig, wave: np.ndarray) -> np.ndarray:
    """The definition, frame by frame in float64: sums of window, Fourier, squares, triangles."""
    margin = (config.fft - config.window) // 2
    window = np.zeros(config.fft)
    turn = 2 * np.pi * np.arange(config.window) / config.window
    window[margin : margin + config.window] = 0.5 - 0.5 * np.cos(turn)
    padded = np.pad(wave.astype(np.float64), config.fft // 2)
    starts = range(0, len(padded) - config.fft + 1, config.hop)
    spectra = np.array([np.fft.rfft(window * padded[at : at + config.fft]) for at in starts])
    return filterbank(config) @ (np.abs(spectra) ** 2).T


@pytest.mark.parametrize("name", CONFIGS)
def test_power_is_its_definition_to_the_rounding_of_float32(name: str) -> None:
    """The error of a cell is 2e-7 of it in the mean, and 4e-7 of the loudest cell at most.

    (The unit of rounding is 1.2e-7. Of a cell itself it can be more, 2e-5 in this noise, where
    large samples cancel to a small power in the single bin of a narrow band.)
    """
    config = CONFIGS[name]
    module = LogMel(config)
    wave = noise(config, 3 * config.rate + 77)
    expected = reference_power(config, wave.numpy())
    power, frames = module.power(wave[None], torch.tensor([len(wave)]))
    assert power.dtype == torch.float32
    assert frames.tolist() == [expected.shape[1]] == [config.frames(len(wave))]
    error = np.abs(power[0].double().numpy() - expected)
    assert (error / expected).mean() < 2e-7
    assert (error / expected).max() < 5e-5
    assert error.max() < 4e-7 * expected.max()


@pytest.mark.parametrize("name", CONFIGS)
def test_power_equals_librosa(name: str) -> None:
    librosa = pytest.importorskip("librosa", reason="librosa comes with the extra `bench`")
    config = CONFIGS[name]
    wave = noise(config, 2 * config.rate)
    expected = librosa.feature.melspectrogram(
        y=wave.numpy(),
        sr=config.rate,
        n_fft=config.fft,
        win_length=config.window,
        hop_length=config.hop,
        n_mels=config.bands,
        fmin=config.low,
        fmax=config.high,
        center=True,
        pad_mode="constant",
        power=2.0,
        htk=False,
        norm="slaney",
    )
    power, _ = LogMel(config).power(wave[None], torch.tensor([len(wave)]))
    np.testing.assert_allclose(power[0].numpy(), expected, rtol=5e-5, atol=4e-7 * expected.max())
    decibels = librosa.power_to_db(expected, ref=1.0, amin=1e-9, top_db=None)
    mel = one(LogMel(config), wave).numpy() * config.scale + config.shift
    np.testing.assert_allclose(mel, decibels, atol=1e-4)


def test_the_papers_filterbank() -> None:
    """PAPER_NOTES: no filter of the paper's is empty, and 12 see a single bin."""
    bank = filterbank(paper())
    seen = (bank > 0).sum(axis=1)
    assert seen.min() == 1
    assert (seen == 1).sum() == 12
    # Each triangle has unit area over frequency; where bins are dense enough, so has its sampling.
    fine = filterbank(MelConfig(fft=16_384, window=1024))
    np.testing.assert_allclose(fine.sum(axis=1) * 48_000 / 16_384, 1.0, atol=5e-3)


@pytest.mark.parametrize("name", PRESETS)
def test_a_tone_peaks_at_its_band(name: str) -> None:
    config = CONFIGS[name]
    module = LogMel(config)
    bank = filterbank(config)
    time = torch.arange(config.rate) / config.rate
    for band in range(10, config.bands, 7):
        hertz = bank[band].argmax() * config.rate / config.fft
        tone = torch.sin(2 * math.pi * hertz * time)
        mel = one(module, tone)[:, 10:-10].mean(dim=1)
        assert abs(int(mel.argmax()) - band) <= 1


def test_loudness_is_a_shift() -> None:
    """Ten times the amplitude is 20 dB more, everywhere."""
    config = paper()
    module = LogMel(config)
    wave = noise(config, 48_000)
    louder = one(module, 10 * wave) - one(module, wave)
    torch.testing.assert_close(
        louder, torch.full_like(louder, 20 / config.scale), atol=1e-4, rtol=0
    )


def test_silence_is_the_floor() -> None:
    config = paper()
    mel = one(LogMel(config), torch.zeros(48_000))
    floor = (config.floor - config.shift) / config.scale
    torch.testing.assert_close(mel, torch.full_like(mel, floor), atol=1e-5, rtol=0)


def test_the_normalisation_centres_real_recordings(real_data: object) -> None:
    from pathlib import Path

    from clara.audio.io import AUDIO_SUFFIXES, load

    assert isinstance(real_data, Path)
    for config in (CONFIGS[name] for name in PRESETS):
        module = LogMel(config)
        means, squares = [], []
        for corpus in sorted(path for path in real_data.iterdir() if path.is_dir()):
            files = sorted(path for path in corpus.rglob("*") if path.suffix in AUDIO_SUFFIXES)
            for path in files[:: max(1, len(files) // 8)]:
                wave, _ = load(path, rate=config.rate, end=1.0)
                mel = one(module, torch.from_numpy(wave))
                means.append(mel.mean().item())
                squares.append(mel.square().mean().item())
        assert abs(np.mean(means)) < 0.3
        assert 0.7 < math.sqrt(np.mean(squares)) < 1.3


LENGTHS = [9600, 480, 48_000, 1, 0, 24_001, 48_001, 511, 512]


@pytest.mark.parametrize("name", CONFIGS)
def test_a_row_knows_nothing_of_its_padding_and_companions(name: str) -> None:
    """Exactly, not nearly: to the last bit."""
    config = CONFIGS[name]
    module = LogMel(config)
    longest = 96_000
    # What lies behind the lengths is the worst that can lie there.
    waves = torch.full((len(LENGTHS), longest), math.nan)
    for row, length in enumerate(LENGTHS):
        waves[row, :length] = noise(config, length, seed=row)
    mel, frames = module(waves, torch.tensor(LENGTHS))
    assert mel.shape == (len(LENGTHS), config.bands, config.frames(longest))
    assert frames.dtype == torch.int64
    assert frames.tolist() == [1 + length // config.hop for length in LENGTHS]
    for row, length in enumerate(LENGTHS):
        alone = one(module, waves[row, :length])
        count = alone.shape[1]
        assert torch.equal(mel[row, :, :count], alone)
        assert mel[row, :, count:].abs().sum() == 0.0
    back, _ = module(waves.flip(0), torch.tensor(LENGTHS[::-1]))
    assert torch.equal(back.flip(0), mel)


@pytest.mark.parametrize("name", CONFIGS)
def test_the_two_paths_agree(name: str) -> None:
    """Clip by clip for speed on a CPU, all at once for GPUs, gradients and export."""
    config = CONFIGS[name]
    module = LogMel(config)
    waves = torch.full((4, 48_000), math.nan)
    lengths = torch.tensor([48_000, 100, 0, 30_001])
    for row, length in enumerate(lengths.tolist()):
        waves[row, :length] = noise(config, length, seed=row)
    fast, frames = module(waves, lengths)
    whole, frames_too = module(waves.clone().requires_grad_(), lengths)
    assert torch.equal(frames, frames_too)
    torch.testing.assert_close(fast, whole.detach(), atol=2e-5, rtol=1e-5)


def test_gradients_reach_the_wave() -> None:
    module = LogMel(MelConfig(rate=8000, fft=64, window=64, hop=32, bands=8, high=4000.0))
    waves = torch.stack([noise(module.config, 200), noise(module.config, 200, seed=1)])
    waves.requires_grad_()
    mel, _ = module(waves, torch.tensor([200, 90]))
    mel.sum().backward()
    assert waves.grad is not None
    assert waves.grad.isfinite().all()
    assert waves.grad[0].abs().min() > 0
    assert waves.grad[1, 90:].abs().max() == 0
    # And a step along the gradient does what the gradient says.
    direction = torch.randn(2, 200, generator=torch.Generator().manual_seed(0))
    step = 1e-4
    with torch.no_grad():
        higher, _ = module(waves + step * direction, torch.tensor([200, 90]))
        lower, _ = module(waves - step * direction, torch.tensor([200, 90]))
    slope = (higher.double().sum() - lower.double().sum()) / (2 * step)
    torch.testing.assert_close(slope, (waves.grad * direction).sum().double(), rtol=2e-2, atol=1e-2)


def test_float32_whatever_the_precision_around() -> None:
    config = speech()
    module = LogMel(config)
    wave = noise(config, 16_000)
    expected = one(module, wave)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(one(module, wave), expected)
        traced, _ = module(wave[None].clone().requires_grad_(), torch.tensor([16_000]))
        assert traced.dtype == torch.float32
    assert torch.equal(one(module.to(torch.bfloat16), wave), expected)
    assert torch.equal(one(module.half(), wave), expected)
    assert one(module, wave.to(torch.bfloat16)).dtype == torch.float32


def test_a_checkpoint_holds_none_of_it() -> None:
    assert LogMel(paper()).state_dict() == {}


def test_it_can_be_exported() -> None:
    class Mouth(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mel = LogMel(speech())

        def forward(self, waves: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
            return self.mel(waves, lengths)[0]

    waves = torch.stack([noise(speech(), 16_000, seed=row) for row in range(3)])
    lengths = torch.tensor([16_000, 9000, 20])
    samples = torch.export.Dim("samples", min=1000, max=1_000_000)
    rows = torch.export.Dim("rows", min=2, max=64)
    program = torch.export.export(
        Mouth(), (waves, lengths), dynamic_shapes=({0: rows, 1: samples}, {0: rows})
    )
    longer = torch.nn.functional.pad(waves[:2], (0, 5000))
    torch.testing.assert_close(
        program.module()(longer, lengths[:2]), Mouth()(longer, lengths[:2]), atol=2e-5, rtol=1e-5
    )


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_agrees() -> None:
    config = paper()
    waves = torch.stack([noise(config, 96_000, seed=row) for row in range(3)])
    lengths = torch.tensor([96_000, 50_000, 10])
    module = LogMel(config)
    expected, _ = module(waves, lengths)
    got, frames = module.cuda()(waves.cuda(), lengths.cuda())
    assert frames.is_cuda
    torch.testing.assert_close(got.cpu(), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    "change",
    [{"window": 2048}, {"hop": 0}, {"high": 30_000.0}, {"low": 9000.0}, {"bands": 0}],
)
def test_settings_that_make_no_sense(change: dict[str, int]) -> None:
    with pytest.raises(UsageError, match=r"^Expected "):
        MelConfig(**change)
