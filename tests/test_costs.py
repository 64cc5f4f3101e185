"""What loading costs, counted and not timed: decodes, reads, bytes, columns and memory."""

from __future__ import annotations

import gc
import itertools
import os
import tracemalloc
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from clara.audio.io import encode_flac
from clara.batches import Batches, DataConfig
from clara.records import Batch
from clara.shards import INDEX_NAME, SCHEMA, Index, ShardWriter, write_index
from clara.text.tokens import Tokens

RATE = 8_000
BATCH = 8
IN_THE_MAKING = 2 * BATCH
"""Clips of the batches that are begun while one is at work."""


def make(folder: Path, seconds: list[float], *, noisy: bool = False) -> Index:
    """A shard of clips; noise takes as many bytes in FLAC as elsewhere."""
    rows = []
    with ShardWriter(folder / "0.tar") as shard:
        for i, length in enumerate(seconds):
            frames = round(length * RATE)
            wave = np.random.default_rng(i).uniform(-0.9, 0.9, frames).astype(np.float32)
            audio = encode_flac(wave if noisy else np.zeros_like(wave), RATE)
            known = {"key": f"k{i}", "corpus": "c", "split": "train", "labels": {}}
            place = shard.add(f"k{i}", audio, {"text": [f"Text {i}"], "original_data": known})
            rows.append(
                {
                    **place._asdict(),
                    **{**known, "labels": "{}", "shard": "0.tar", "suffix": "flac", "rate": RATE},
                    **{"frames": frames, "seconds": length, "text_chars": 6},
                    **{"texts": [f"Text {i}"], "language": "", "source": "", "speaker": ""},
                    "licence": "",
                }
            )
    write_index(iter([pa.Table.from_pylist(rows, SCHEMA)]), folder / INDEX_NAME)
    return Index.open(folder)


def batches(index: Index, **settings: Any) -> Batches:
    config = DataConfig(batch=BATCH, **settings)
    return Batches(index, Tokens.bytes_only(), config, rate=RATE)


class Counts:
    """What was asked of the decoder and of the system."""

    def __init__(self) -> None:
        self.decoders = 0
        self.frames = 0
        self.reads: list[int] = []
        self.opened: Counter[str] = Counter()
        self.columns: list[str] = []


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Counts:
    counts = Counts()
    pread, opens = os.pread, os.open

    class Decoder(soundfile.SoundFile):
        def __init__(self, *args: Any, **named: Any) -> None:
            super().__init__(*args, **named)
            counts.decoders += self.mode == "r"

        def read(self, *args: Any, **named: Any) -> Any:
            found = super().read(*args, **named)
            counts.frames += len(found)
            return found

    def counted_pread(number: int, size: int, offset: int) -> bytes:
        counts.reads.append(size)
        return pread(number, size, offset)

    def counted_open(path: Any, *args: Any, **named: Any) -> int:
        counts.opened[str(path)] += 1
        return opens(path, *args, **named)

    def counted_columns(name: str) -> None:
        whole = getattr(pq.ParquetFile, name)

        def read(self: pq.ParquetFile, *args: Any, **named: Any) -> Any:
            counts.columns += named["columns"]
            return whole(self, *args, **named)

        monkeypatch.setattr(pq.ParquetFile, name, read)

    monkeypatch.setattr(soundfile, "SoundFile", Decoder)
    monkeypatch.setattr(os, "pread", counted_pread)
    monkeypatch.setattr(os, "open", counted_open)
    for name in ("read", "read_row_group", "iter_batches"):
        counted_columns(name)
    return counts


def take(loader: Batches, steps: int) -> list[Batch]:
    with closing(loader.stream()) as stream:
        return list(itertools.islice(stream, steps))


def test_a_visit_decodes_once_and_nothing_but_its_crop(tmp_path: Path, counts: Counts) -> None:
    index = make(tmp_path, [30.0] * 80, noisy=True)
    taken = take(batches(index, max_seconds=1.0), 8)
    assert sum(int(batch.wave_lengths.sum()) for batch in taken) == 64 * RATE
    assert 64 <= counts.decoders <= 64 + IN_THE_MAKING
    assert counts.frames == counts.decoders * RATE


@pytest.mark.parametrize("seconds", [0.2, 15.0])
def test_a_sample_is_one_read(tmp_path: Path, counts: Counts, seconds: float) -> None:
    """The JSON comes with the recording; the tar is opened once, and nothing is copied."""
    index = make(tmp_path, [seconds] * 16, noisy=True)
    sizes = []
    for i in range(16):
        raw = index.raw(i)
        place = index.place(i)[1]
        assert len(raw.audio) == place.audio_size
        sizes.append(place.meta_offset + place.meta_size - place.audio_offset)
        # Between the two lie the padding and the head of a tar.
        assert sizes[-1] < place.audio_size + place.meta_size + 1024
        assert raw.audio.nbytes < len(raw.audio.obj) == sizes[-1]  # type: ignore[arg-type]
    assert counts.reads == sizes
    assert counts.opened[index.place(0)[0]] == 1


def test_an_epoch_reads_each_sample_once(tmp_path: Path, counts: Counts) -> None:
    index = make(tmp_path, [0.5] * 40)
    taken = [key for batch in take(batches(index), 5) for key in batch.keys]
    assert len(set(taken)) == 40
    assert 40 <= len(counts.reads) == counts.decoders <= 40 + IN_THE_MAKING


def test_a_batch_reads_the_columns_it_needs_and_no_texts(tmp_path: Path, counts: Counts) -> None:
    """Each once: an index may have tens of millions of rows."""
    index = make(tmp_path, [0.5] * 40)
    assert counts.columns == ["shard"]
    for _ in range(2):
        take(batches(Batches.choose(index, DataConfig(batch=BATCH))), 5)
    named = {"shard", "corpus", "split", "language", "labels"}
    places = {"audio_offset", "audio_size", "meta_offset", "meta_size"}
    assert len(counts.columns) == len(set(counts.columns))
    assert set(counts.columns) == named | places | {"frames", "rate", "seconds"}


def test_a_wave_is_decoded_where_it_stays(tmp_path: Path) -> None:
    """Beside its place a sample takes what it is encoded in, and a check of a byte a sample."""
    index = make(tmp_path, [60.0])
    place = np.empty(60 * RATE, np.float32)
    index.sample(0)
    tracemalloc.start()
    try:
        sample = index.sample(0, rate=RATE, out=place)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert np.shares_memory(sample.wave, place)
    assert most < 0.4 * place.nbytes


def test_memory_does_not_grow_with_steps(tmp_path: Path) -> None:
    """At most the batch that is taken, the two in the making, and the waves that are decoded."""
    index = make(tmp_path, [20.0] * 48)
    size = BATCH * 20 * RATE * 4
    loader = batches(index, max_seconds=20.0)
    held: list[int] = []
    with closing(loader.stream()) as stream:
        next(stream)
        tracemalloc.start()
        try:
            for _ in range(24):
                batch = next(stream)
                assert batch.waves.nbytes == size
                gc.collect()
                held.append(tracemalloc.get_traced_memory()[0])
            most = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert max(held[12:]) <= max(held[4:12]) + 0.1 * size
    assert most < 4.6 * size
