"""Log-mel of the paper, 10 s at 48 kHz, beside librosa's and transformers'.

All compute the same features from the same waves, which is checked before the clock starts. Run
`python -m bench.mel`, or `python -m bench.mel --json` for all figures.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import librosa
import numpy as np
import torch
from transformers import ClapFeatureExtractor

from bench._timing import Report, figure, machine, main, take_turns
from clara.audio.mel import LogMel, paper
from clara.audio.threads import spread

THREADS = 2
CLIPS = 16
SECONDS = 10
CONFIG = paper()
OURS = "CLARA, `LogMel`"
FLOOR = "the Fourier transforms alone"


def by_librosa(wave: np.ndarray) -> np.ndarray:
    power = librosa.feature.melspectrogram(
        y=wave,
        sr=CONFIG.rate,
        n_fft=CONFIG.fft,
        hop_length=CONFIG.hop,
        n_mels=CONFIG.bands,
        fmin=CONFIG.low,
        fmax=CONFIG.high,
        pad_mode="constant",
    )
    return librosa.power_to_db(power, ref=1.0, amin=10 ** (CONFIG.floor / 10), top_db=None)


def by_transformers() -> Callable[[np.ndarray], np.ndarray]:
    extractor = ClapFeatureExtractor(
        feature_size=CONFIG.bands,
        sampling_rate=CONFIG.rate,
        fft_window_size=CONFIG.fft,
        hop_length=CONFIG.hop,
        frequency_min=CONFIG.low,
        frequency_max=CONFIG.high,
        max_length_s=SECONDS,
        truncation="rand_trunc",
        padding="repeatpad",
    )

    def features(wave: np.ndarray) -> np.ndarray:
        answer = extractor(wave, sampling_rate=CONFIG.rate, return_tensors="np")
        return answer["input_features"][0, 0].T

    return features


def by_stft(waves: torch.Tensor, window: torch.Tensor, bank: torch.Tensor) -> torch.Tensor:
    """What one writes at first: the whole batch through `torch.stft`."""
    spectra = torch.stft(
        waves, CONFIG.fft, CONFIG.hop, window=window, pad_mode="constant", return_complex=True
    )
    power = bank @ spectra.abs().square()
    return 10 * power.clamp(min=10 ** (CONFIG.floor / 10)).log10()


def transforms(frames: torch.Tensor, clips: int) -> None:
    """The transforms of as many clips, of frames that already lie in the cache."""

    def work(rows: object) -> None:
        for _ in rows:
            for start in range(0, CONFIG.frames(SECONDS * CONFIG.rate), len(frames)):
                torch.fft.rfft(frames[: CONFIG.frames(SECONDS * CONFIG.rate) - start])

    spread(work, [1] * clips)


def check(waves: np.ndarray, others: dict[str, Callable[[np.ndarray], np.ndarray]]) -> None:
    """Refuses to compare what is not the same."""
    mel, _ = LogMel(CONFIG)(torch.from_numpy(waves[:1]), torch.tensor([waves.shape[1]]))
    ours = mel[0].numpy() * CONFIG.scale + CONFIG.shift
    for name, other in others.items():
        # The first and last frames depend on what the padding of a clip is filled with.
        error = np.abs(other(waves[0])[:, 2:936] - ours[:, 2:936]).max()
        assert error < 1e-3, f"{name} differs by {error} dB"


def report(rounds: int) -> Report:
    """Measures clips per second."""
    torch.set_num_threads(THREADS)
    torch.set_grad_enabled(False)
    rng = np.random.default_rng(0)
    length = SECONDS * CONFIG.rate
    waves = (0.1 * rng.standard_normal((CLIPS, length))).astype(np.float32)
    tensor, lengths = torch.from_numpy(waves), torch.full((CLIPS,), length)
    module = LogMel(CONFIG)
    clap = by_transformers()
    window = torch.hann_window(CONFIG.fft)
    bank = torch.zeros(CONFIG.bands, CONFIG.fft // 2 + 1)
    bank[:, module._first : module._last] = module.bank
    check(
        waves,
        {
            "librosa": by_librosa,
            "transformers": clap,
            "torch.stft": lambda wave: by_stft(torch.from_numpy(wave), window, bank).numpy(),
        },
    )
    pool = ThreadPoolExecutor(THREADS)
    few = waves[: CLIPS // 2]
    frames = torch.rand(128, CONFIG.fft)

    def counted(work: Callable[[], object], clips: int = CLIPS) -> Callable[[], int]:
        def run() -> int:
            work()
            return clips

        return run

    speeds = take_turns(
        {
            OURS: counted(lambda: module(tensor, lengths)),
            "librosa": counted(lambda: [by_librosa(wave) for wave in few], len(few)),
            "librosa from 2 threads": counted(lambda: list(pool.map(by_librosa, waves))),
            "transformers, `ClapFeatureExtractor`": counted(
                lambda: [clap(wave) for wave in few], len(few)
            ),
            "transformers from 2 threads": counted(lambda: list(pool.map(clap, few)), len(few)),
            "`torch.stft`, a batch": counted(lambda: by_stft(tensor, window, bank)),
            FLOOR: counted(lambda: transforms(frames, CLIPS)),
        },
        rounds,
    )
    return Report(
        title="Log-mel",
        text=(
            f"The paper's features (48 kHz, window 1024, hop 512, 80 bands to 8 kHz, in decibels) "
            f"of {SECONDS} s clips on {THREADS} threads. All contenders give the "
            "same numbers to 0.001 dB, away from the padding. "
            f"{machine('torch', 'librosa', 'transformers')}"
        ),
        unit="clips/s",
        ours=OURS,
        speeds=speeds,
        notes=[_floor(speeds[OURS], speeds[FLOOR])],
    )


def _floor(ours: list[float], floor: list[float]) -> str:
    share = statistics.median(mine / bound for mine, bound in zip(ours, floor, strict=True))
    frames = CONFIG.frames(SECONDS * CONFIG.rate)
    return (
        f"The floor is the last row: {frames} real Fourier transforms of {CONFIG.fft} samples for "
        "each clip, on frames that need not be fetched, and nothing else. Window, squares, bands "
        f"and logarithm leave `LogMel` at {100 * share:.0f} % of its speed "
        f"({figure(statistics.median(ours))} of {figure(statistics.median(floor))} clips/s)."
    )


if __name__ == "__main__":
    main(report)
