"""From shards of FLAC to batches of waves, beside webdataset and lhotse with worker processes.

All end with float32 tensors `[B, T]` of the same clips. CLARA also draws captions and makes tokens,
shuffles, and fills batches that any step can begin with; the others hand over waves in the order
of their tars. Run `python -m bench.load`, or `python -m bench.load --json` for all figures.
"""

from __future__ import annotations

import io
import itertools
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
import webdataset
from lhotse import CutSet, MonoCut, Recording
from lhotse.audio.backend import LibsndfileBackend, set_current_audio_backend
from lhotse.dataset import IterableDatasetWrapper, SimpleCutSampler
from lhotse.dataset.collation import collate_audio

from bench import _clips
from bench._timing import Report, figure, machine, main, take_turns
from clara.batches import Batches, DataConfig
from clara.shards import Index
from clara.text.tokens import Tokens

CORES = 2
CLIPS, BATCH = 512, 16
# Batches that are taken before the clock starts, so that what lies ready in a queue is not counted,
# and those that are.
READY, COUNTED = 5, 16
OURS = f"CLARA, `Batches`, {CORES} threads"
FLOOR = f"soundfile alone, {CORES} threads"


class Stopwatch:
    """A clock that can be stopped: what a worker process takes to start is nobody's fault."""

    def __init__(self) -> None:
        self._paused = 0.0

    def __call__(self) -> float:
        """Seconds that it has run."""
        return time.perf_counter() - self._paused

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Stops it for as long as the block takes."""
        begun = time.perf_counter()
        yield
        self._paused += time.perf_counter() - begun


def report(rounds: int) -> Report:
    """Measures clips per second."""
    torch.set_num_threads(CORES)
    with tempfile.TemporaryDirectory() as name:
        folder, shar = Path(name) / "tars", Path(name) / "shar"
        folder.mkdir()
        _clips.write(folder, CLIPS)
        index = Index.open(folder)
        to_shar(index, shar)
        watch = Stopwatch()
        contenders = {OURS: loaded(by_clara(index), watch)}
        for workers in range(CORES + 1):
            contenders[f"webdataset, {_workers(workers)}"] = loaded(
                by_webdataset(folder, workers), watch
            )
        for workers in range(CORES + 1):
            contenders[f"lhotse shar, {_workers(workers)}"] = loaded(
                by_lhotse(shar, workers), watch
            )
        contenders[FLOOR] = by_soundfile([index.read(i) for i in range(BATCH * COUNTED)])
        speeds = take_turns(contenders, rounds, clock=watch)
    return Report(
        title="Loading batches",
        text=(
            f"Clips of {_clips.SECONDS} s at 48 kHz, FLAC in tars in the cache of the system, to "
            f"float32 batches of {BATCH}; {CORES} cores, {BATCH * COUNTED} clips in a round "
            "in steady state: starting of workers is not counted. The others decode with "
            "soundfile and collate, in as many worker processes as it says. CLARA also shuffles, "
            "draws captions and makes tokens. "
            f"{machine('torch', 'soundfile', 'webdataset', 'lhotse')}"
        ),
        unit="clips/s",
        ours=OURS,
        speeds=speeds,
        notes=[
            f"The floor is the last row: {CORES} threads that decode with soundfile what lies in "
            "memory, and throw it away. Reading, checks, batches, captions and tokens leave "
            f"CLARA at {_share(speeds)} of its speed; no loader that decodes with soundfile on as "
            "many cores gets much beyond it."
        ],
    )


def _workers(count: int) -> str:
    return "no worker" if not count else f"{count} worker{'s' if count > 1 else ''}"


def _share(speeds: Any) -> str:
    pairs = zip(speeds[OURS], speeds[FLOOR], strict=True)
    return f"{figure(100 * float(np.median([ours / floor for ours, floor in pairs])))} %"


def loaded(begin: Callable[[], Iterator[torch.Tensor]], watch: Stopwatch) -> Callable[[], int]:
    """Takes batches of a loader that is at full speed."""

    def run() -> int:
        with watch.paused():
            batches = begin()
            for _ in range(READY):
                next(batches)
        clips = 0
        for waves in itertools.islice(batches, COUNTED):
            assert waves.shape == (BATCH, _clips.SECONDS * _clips.RATE)
            assert waves.dtype == torch.float32
            clips += len(waves)
        with watch.paused():
            del batches, waves  # ends the workers
        return clips

    return run


def by_clara(index: Index) -> Callable[[], Iterator[torch.Tensor]]:
    config = DataConfig(batch=BATCH, threads=CORES)
    batches = Batches(index, Tokens.bytes_only(), config, rate=_clips.RATE)

    def begin() -> Iterator[torch.Tensor]:
        return (batch.waves for batch in batches.stream())

    return begin


def by_webdataset(folder: Path, workers: int) -> Callable[[], Iterator[torch.Tensor]]:
    names = [str(tar) for tar in sorted(folder.glob("*.tar"))]

    def begin() -> Iterator[torch.Tensor]:
        stream = webdataset.WebDataset(names, shardshuffle=False, nodesplitter=None).repeat()
        stream = stream.map(_decoded).batched(BATCH, collation_fn=_collated)
        return iter(webdataset.WebLoader(stream, batch_size=None, num_workers=workers))

    return begin


def _decoded(sample: dict[str, Any]) -> np.ndarray:
    return soundfile.read(io.BytesIO(sample["flac"]), dtype="float32")[0]


def _collated(waves: list[np.ndarray]) -> torch.Tensor:
    return torch.from_numpy(np.stack(waves))


def to_shar(index: Index, folder: Path) -> None:
    """Writes the same clips as lhotse keeps them."""
    cuts = []
    for row in range(len(index)):
        recording = Recording.from_bytes(index.read(row), f"clip{row:05d}")
        cuts.append(MonoCut(recording.id, 0, recording.duration, 0, recording=recording))
    folder.mkdir()
    CutSet.from_cuts(cuts).to_shar(folder, {"recording": "flac"}, shard_size=_clips.SHARD)


class _Waves(torch.utils.data.Dataset):
    """What lhotse calls in a worker."""

    def __getitem__(self, cuts: CutSet) -> torch.Tensor:
        return collate_audio(cuts)[0]


def by_lhotse(folder: Path, workers: int) -> Callable[[], Iterator[torch.Tensor]]:
    set_current_audio_backend(LibsndfileBackend())  # the fastest of them

    def begin() -> Iterator[torch.Tensor]:
        cuts = CutSet.from_shar(in_dir=folder, split_for_dataloading=workers > 0).repeat()
        dataset = IterableDatasetWrapper(_Waves(), SimpleCutSampler(cuts, max_cuts=BATCH))
        loader = torch.utils.data.DataLoader(dataset, batch_size=None, num_workers=workers)
        return iter(loader)

    return begin


def by_soundfile(recordings: list[bytes]) -> Callable[[], int]:
    pool = ThreadPoolExecutor(CORES)

    def decode(recording: bytes) -> int:
        return len(soundfile.read(io.BytesIO(recording), dtype="float32")[0])

    def run() -> int:
        assert all(pool.map(decode, recordings))
        return len(recordings)

    return run


if __name__ == "__main__":
    main(report)
