"""Shards read without decoding: every member of every sample, from the cache of the system.

Of short clips what is done for each sample counts, of long ones what is done for each byte.

Run `python -m bench.read`, or `python -m bench.read --json` for all figures.
"""

from __future__ import annotations

import os
import statistics
import tarfile
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import webdataset

from bench import _clips
from bench._timing import Report, figure, machine, main, take_turns
from clara.order import DataConfig, epoch_order
from clara.shards import Index

CLIPS, SHORT = 512, 4096
BATCH = 32
OURS = "CLARA, shuffled"
PREAD = "pread, 1 MiB at a time"
PLACES = "pread, a sample at a time"
BLOCK = 1 << 20


def report(rounds: int) -> Report:
    """Measures megabytes per second."""
    each, speeds = measured(_clips.SECONDS, CLIPS, rounds)
    each_short, short = measured(1, SHORT, rounds)
    return Report(
        title="Reading shards",
        text=(
            f"{CLIPS} clips of {_clips.SECONDS} s at 48 kHz ({each / 1e6:.2f} MB of FLAC each) "
            "with their JSON, in tars, not decoded, on one thread, "
            "from the cache of the system. CLARA parses the JSON and hands over "
            "key, captions and labels; webdataset hands over bytes, in the order of the tar. "
            f"{machine('webdataset')}"
        ),
        unit="MB/s",
        ours=OURS,
        speeds={name: [speed / 1e6 for speed in found] for name, found in speeds.items()},
        notes=[
            "The floor are the last rows: the same bytes in blocks, with no idea where a sample "
            "begins; and those of each sample, its place known beforehand, and nothing parsed.",
            f"The same of {SHORT:,} clips of 1 s ({each_short / 1e3:.0f} kB each):",
            _short(each_short, short),
        ],
    )


def measured(seconds: int, clips: int, rounds: int) -> tuple[float, Mapping[str, list[float]]]:
    """Bytes of a clip, and bytes per second of all contenders."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _clips.write(folder, clips, seconds, shard_size=_clips.SHARD * _clips.SECONDS // seconds)
        tars = sorted(folder.glob("*.tar"))
        index = Index.open(folder)
        order = epoch_order(index, DataConfig(batch=BATCH), 0).ravel().tolist()
        speeds = take_turns(
            {
                OURS: by_index(index, order),
                "CLARA, in order": by_index(index, list(range(len(index)))),
                "webdataset": by_webdataset(tars),
                "tarfile": by_tarfile(tars),
                PLACES: by_places(index),
                PREAD: by_pread(tars),
            },
            rounds,
        )
        return sum(tar.stat().st_size for tar in tars) / clips, speeds


def _short(each: float, speeds: Mapping[str, list[float]]) -> str:
    rows = [f"| 1 s | clips/s, median | {OURS} is |", "|---|---|---|"]
    for name, found in speeds.items():
        ratios = [mine / other for mine, other in zip(speeds[OURS], found, strict=True)]
        ratio = "–" if name == OURS else f"{figure(statistics.median(ratios))} times as fast"
        rows.append(f"| {name} | {figure(statistics.median(found) / each)} | {ratio} |")
    return "\n".join(rows)


def by_index(index: Index, order: list[int]) -> Callable[[], int]:
    def run() -> int:
        return sum(len(index.raw(row).audio) for row in order)

    return run


def by_webdataset(tars: list[Path]) -> Callable[[], int]:
    names = [str(tar) for tar in tars]

    def run() -> int:
        stream = webdataset.WebDataset(names, shardshuffle=False)
        return sum(len(sample["flac"]) for sample in stream)

    return run


def by_tarfile(tars: list[Path]) -> Callable[[], int]:
    def run() -> int:
        read = 0
        for path in tars:
            with tarfile.open(path) as tar:
                for member in tar:
                    content = tar.extractfile(member).read()
                    read += len(content) * member.name.endswith(".flac")
        return read

    return run


def by_places(index: Index) -> Callable[[], int]:
    shards = {index.place(row)[0] for row in range(len(index))}
    files = {shard: os.open(shard, os.O_RDONLY) for shard in shards}
    reads = []
    for shard, place in map(index.place, range(len(index))):
        end = place.meta_offset + place.meta_size
        reads.append((files[shard], end - place.audio_offset, place.audio_offset))

    def run() -> int:
        return sum(len(os.pread(*read)) for read in reads)

    return run


def by_pread(tars: list[Path]) -> Callable[[], int]:
    def run() -> int:
        read = 0
        for path in tars:
            file, place = os.open(path, os.O_RDONLY), 0
            while content := os.pread(file, BLOCK, place):
                place += len(content)
            os.close(file)
            read += place
        return read

    return run


if __name__ == "__main__":
    main(report)
