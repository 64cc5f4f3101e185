"""Augmentation of a batch beside audiomentations, 10 s clips at 48 and at 16 kHz.

What can be compared is checked to do the same before the clock starts. torch-audiomentations needs
torchaudio, of which there is no build for the torch that is measured here. Run
`python -m bench.augment`, or `python -m bench.augment --json` for all figures.
"""

from __future__ import annotations

import math
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import audiomentations
import numpy as np
import soundfile
import torch

from bench._timing import Report, figure, machine, main, take_turns
from clara.audio.threads import spread
from clara.augment import Chain, Dice

THREADS = 2
CLIPS = 16
SECONDS = 10
OURS = "CLARA, a batch"
THEIRS = "audiomentations, clip by clip"
THREADED = "audiomentations from 2 threads"
FLOOR = "the floor"

Theirs = Callable[[np.ndarray], np.ndarray]


@dataclass
class Bench:
    """Clips at a rate, and both sides' augmentations of them.

    Attributes:
        rate: Samples per second.
        clips: float32 `[CLIPS, T]`.
        ours: Name to the line of a recipe.
        theirs: Name to one of audiomentations that does the same.
    """

    rate: int
    clips: np.ndarray
    ours: Mapping[str, str]
    theirs: Mapping[str, Theirs]

    def __post_init__(self) -> None:
        self.batch = self.clips.copy()

    def restore(self) -> None:
        """The batch as it was, for whose turn it is to write over.

        By numpy: torch leaves threads behind that for a while wait at full speed for more to do.
        """
        np.copyto(self.batch, self.clips)

    def clara(self, *names: str) -> Callable[[], int]:
        """The batch through our chain of these."""
        chain = Chain.parse([self.ours[name] for name in names])
        waves = torch.from_numpy(self.batch)
        lengths = torch.full((CLIPS,), self.batch.shape[1])
        generator = torch.Generator().manual_seed(0)

        def run() -> int:
            dice = Dice.roll(generator, CLIPS)
            chain.on_batch(waves, lengths, self.rate, dice, overwrite=True)
            return CLIPS

        return run

    def audiomentations(self, *names: str, clips: int) -> Callable[[], int]:
        """Some of the batch through theirs, one after another.

        What stays as long as it was goes back to its row, which is faster than a new batch.
        """
        same = not {"speed", "tempo"} & set(names)

        def one(row: np.ndarray) -> np.ndarray:
            wave = row
            for name in names:
                wave = self.theirs[name](wave)
            if same:
                row[:] = wave
            return wave

        def run() -> int:
            made = [one(row) for row in self.batch[:clips]]
            if not same:
                wide = np.zeros((clips, max(map(len, made))), np.float32)
                for row, wave in zip(wide, made, strict=True):
                    row[: len(wave)] = wave
            return clips

        return run


def prepare(rate: int, folder: Path) -> Bench:
    """The clips, and a room of half a second in a recording of its own."""
    rng = np.random.default_rng(0)
    waves = (0.1 * rng.standard_normal((CLIPS, SECONDS * rate))).astype(np.float32)
    decay = 10 ** (-3 * np.arange(rate // 2) / (rate // 2))
    response = 0.1 * rng.standard_normal(rate // 2) * decay
    response[0] = 0.9
    folder.mkdir()
    soundfile.write(folder / "room.wav", response, rate, "FLOAT")

    def theirs(kind: Any, **settings: Any) -> Theirs:
        augmentation = kind(**settings, p=1.0)
        return lambda wave: augmentation(wave, sample_rate=rate)

    a = audiomentations
    speeds = {"min_sample_rate": round(rate / 1.1), "max_sample_rate": round(rate / 0.9)}
    return Bench(
        rate,
        waves,
        {
            "pitch": "pitch 1 low=-2 high=2",
            "reverb, measured": f"reverb 1 'folder={folder}'",
            "frequency mask": "frequency_mask 1",
            "clipping": "clipping 1 low=0 high=0.1",
            "speed": "speed 1 low=0.9 high=1.1",
            "tempo": "tempo 1 low=0.9 high=1.1",
            "gain": "gain 1 low=-12 high=6",
            "time mask": "time_mask 1 low=0 high=0.1",
            "reverb, simulated": "reverb 1",
            "room": "room 1",
            "telephone": "telephone 1",
            "codec": "codec 1",
        },
        {
            "pitch": theirs(a.PitchShift, min_semitones=-2, max_semitones=2),
            "pitch, by librosa": theirs(
                a.PitchShift, min_semitones=-2, max_semitones=2, method="librosa_phase_vocoder"
            ),
            "reverb, measured": theirs(a.ApplyImpulseResponse, ir_path=str(folder)),
            "frequency mask": theirs(a.BandStopFilter),
            "clipping": theirs(
                a.ClippingDistortion, min_percentile_threshold=0, max_percentile_threshold=10
            ),
            "speed": theirs(a.Resample, **speeds),
            "tempo": theirs(
                a.TimeStretch, min_rate=0.9, max_rate=1.1, leave_length_unchanged=False
            ),
            "gain": theirs(a.Gain, min_gain_db=-12, max_gain_db=6),
            "time mask": theirs(a.TimeMask, min_band_part=0.0, max_band_part=0.1),
        },
    )


# What both sides can do, in the order in which it is chained.
CHAIN = ("pitch", "speed", "reverb, measured", "gain", "clipping", "frequency mask", "time mask")


def check(folder: Path) -> None:
    """Refuses to compare what does not do the same."""
    bench = prepare(48_000, folder)
    time = np.arange(SECONDS * bench.rate) / bench.rate
    tone = (0.3 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)

    def ours(line: str, wave: np.ndarray) -> np.ndarray:
        dice = Dice.roll(torch.Generator().manual_seed(0), 1)
        waves, lengths = torch.from_numpy(wave[None]), torch.tensor([len(wave)])
        made, sizes = Chain.parse([line]).on_batch(waves, lengths, bench.rate, dice)
        return made[0, : int(sizes)].numpy()

    def hertz(wave: np.ndarray) -> float:
        middle = wave[bench.rate : -bench.rate] * np.hanning(len(wave) - 2 * bench.rate)
        return np.abs(np.fft.rfft(middle, 2**21)).argmax() * bench.rate / 2**21

    shift = audiomentations.PitchShift(min_semitones=2, max_semitones=2, p=1.0)
    made = (ours("pitch 1 low=2 high=2", tone), shift(tone, sample_rate=bench.rate))
    mine, other = (abs(12 * math.log2(hertz(wave) / 440) - 2) for wave in made)
    assert mine < 0.001, f"ours is {mine} semitones beside what was asked"
    assert other < 0.05, f"theirs is {other} semitones beside what was asked"
    room = f"reverb 1 'folder={folder}'"
    mine, other = ours(room, bench.clips[0]), bench.theirs["reverb, measured"](bench.clips[0])
    assert np.corrcoef(mine, other)[0, 1] > 0.99999, "the rooms differ"
    for name in ("speed", "tempo"):
        lengths = {len(bench.theirs[name](tone)) for _ in range(3)}
        assert len(lengths) == 3, f"their {name} leaves the length as it is"


def from_threads(benches: Sequence[Bench], *names: str, clips: int) -> Callable[[], int]:
    """Clips through theirs in a thread for each bench: an object of theirs can serve but one."""
    pool = ThreadPoolExecutor(len(benches))
    shares = [bench.audiomentations(*names, clips=clips) for bench in benches]
    return lambda: sum(pool.map(lambda share: share(), shares))


def floor(rate: int, *names: str) -> Callable[[], int]:
    """The least that members need, in the cache, on as many threads as they have.

    That is, of pitch, tempo, reverb and frequency mask (of a band at 1 kHz) the Fourier transforms
    there and back, of speed the products of kernels and samples; of the rest nothing.
    """
    room, frame = 1 << (rate - 1).bit_length(), 3 * 32 * round(0.01 * rate / 32)
    stop, samples = 1 << (rate // 20).bit_length(), SECONDS * rate
    transforms = {
        "pitch": (frame, 3 * samples // frame),
        "tempo": (frame, 3 * samples // frame),
        "reverb, measured": (room, -(-samples // (room - rate // 2))),
        "frequency mask": (stop, -(-samples // (stop - rate // 40))),
    }
    sizes = [transforms[name] for name in names if name in transforms]
    blocks = [torch.rand(max(1, min(count, (1 << 17) // fft)), fft) for fft, count in sizes]
    resampled = sum(name in ("pitch", "speed") for name in names) * samples // 32
    frames, kernel = torch.rand(min(480, resampled), 109), torch.rand(109, 32)

    def work(rows: object) -> None:
        for _ in rows:
            for (fft, count), block in zip(sizes, blocks, strict=True):
                for start in range(0, count, len(block)):
                    spectra = torch.fft.rfft(block[: count - start])
                    torch.fft.irfft(spectra, fft)
            for start in range(0, resampled, 480):
                torch.mm(frames[: resampled - start], kernel)

    def run() -> int:
        spread(work, [1] * CLIPS)
        return CLIPS

    return run


def moved(bench: Bench) -> Callable[[], int]:
    """The batch read and written once, in place."""
    waves = torch.from_numpy(bench.batch)

    def work(rows: Sequence[int]) -> None:
        for row in rows:
            waves[row].mul_(1.0)

    def run() -> int:
        spread(work, [1] * CLIPS)
        return CLIPS

    return run


def each(bench: Bench, rounds: int) -> str:
    """A table of every augmentation alone."""
    rows = [
        "| 10 s at 48 kHz, one augmentation | CLARA, clips a second of a core "
        "| audiomentations | CLARA is | floor |",
        "|---|---|---|---|---|",
    ]
    memory = ("gain", "clipping", "time mask")
    for name in dict.fromkeys((*bench.ours, *bench.theirs)):
        mine = name if name in bench.ours else name.partition(",")[0]
        contenders = {OURS: bench.clara(mine)}
        if name in bench.theirs:
            # What takes long needs fewer clips to be timed.
            clips = 4 if "pitch" in name or "tempo" in name else CLIPS
            contenders[THEIRS] = bench.audiomentations(name, clips=clips)
            contenders[FLOOR] = moved(bench) if name in memory else floor(bench.rate, mine)
        speeds = take_turns(contenders, rounds, bench.restore, time.process_time)
        shown = [figure(statistics.median(speeds[who])) for who in contenders]
        if name in bench.theirs:
            shown.insert(2, times(speeds[OURS], speeds[THEIRS]))
        rows.append(f"| {' | '.join([name, *shown, *['–'] * (4 - len(shown))])} |")
    return "\n".join(rows)


def times(ours: list[float], theirs: list[float]) -> str:
    """How many times as fast ours is."""
    ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    spread = f"{figure(min(ratios))} to {figure(max(ratios))}"
    return f"{figure(statistics.median(ratios))} times as fast ({spread})"


def report(rounds: int) -> Report:
    """Measures clips per second."""
    torch.set_num_threads(THREADS)
    torch.set_grad_enabled(False)
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 (what audiomentations draws from)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        check(folder / "check")
        several = [prepare(48_000, folder / str(number)) for number in range(THREADS)]
        bench, low = several[0], prepare(16_000, folder / "low")
        speeds = take_turns(
            {
                OURS: bench.clara(*CHAIN),
                THEIRS: bench.audiomentations(*CHAIN, clips=4),
                THREADED: from_threads(several, *CHAIN, clips=4),
                FLOOR: floor(bench.rate, *CHAIN),
            },
            rounds,
            bench.restore,
        )
        both = {OURS: bench.clara(*CHAIN), THEIRS: bench.audiomentations(*CHAIN, clips=4)}
        work = take_turns(both, rounds, bench.restore, time.process_time)
        both = {OURS: low.clara(*CHAIN), THEIRS: low.audiomentations(*CHAIN, clips=8)}
        slow = take_turns(both, rounds, low.restore, time.process_time)
        table = each(bench, rounds)
    share = statistics.median(a / b for a, b in zip(speeds[OURS], speeds[FLOOR], strict=True))
    return Report(
        title="Augmentation",
        text=(
            f"A chain of seven augmentations that both have, on every clip: {', '.join(CHAIN)}. "
            f"{SECONDS} s clips at 48 kHz in a batch of {CLIPS}, CLARA on {THREADS} threads; "
            "both begin with a batch in one tensor, which they may write over, "
            "and end with one. Pitch is audiomentations' default here, Signalsmith Stretch, which "
            "sounds better than a phase vocoder and is 0.02 to 0.04 semitones beside the shift "
            "that was asked. torch-audiomentations needs torchaudio, which has no build for this "
            f"torch. {machine('torch', 'audiomentations', 'librosa')}"
        ),
        unit="clips/s",
        ours=OURS,
        speeds=speeds,
        notes=[
            f"Of one core, where other work does not count: CLARA is "
            f"{times(work[OURS], work[THEIRS])}; at 16 kHz it is "
            f"{times(slow[OURS], slow[THEIRS])}, {figure(statistics.median(slow[OURS]))} clips a "
            f"second of a core to {figure(statistics.median(slow[THEIRS]))}.",
            "The floor is what nobody gets round with these methods, on data that need not be "
            "fetched: the Fourier transforms there and back of pitch, tempo, reverb and frequency "
            "mask, the products of kernels and samples of speed and pitch; of gain, clipping and "
            "time mask, a batch read and written once, of which a time mask needs only a part. "
            f"All else leaves the chain at {100 * share:.0f} % of its speed.",
            table,
            "Gain and time mask do next to nothing with a sample, so memory decides: a batch has "
            "to be fetched and written, where a lone clip stays in the cache.",
        ],
    )


if __name__ == "__main__":
    main(report)
