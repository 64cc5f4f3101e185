"""Many recordings to a table: from files, folders and shards, with the bad ones counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clara import embeddings
from clara.audio.io import encode_flac
from clara.audio.io import load as load_audio
from clara.errors import DataError, UsageError
from clara.records import Embeddings
from clara.shards import Index
from clara.skips import Skips


class Mean:
    """An encoder whose row tells how long and how loud a recording is."""

    name, rate = "mean", 8000

    def audio(self, sources):
        waves = [load_audio(source, rate=self.rate)[0] for source in sources]
        rows = np.array([[len(wave) / 8000, np.abs(wave).max()] for wave in waves], np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def text(self, texts):
        raise AssertionError

    def seen(self, corpus, split):
        return "unknown"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Seventy recordings in two folders, and other files between them."""
    (tmp_path / "in" / "deep").mkdir(parents=True)
    for number in range(70):
        wave = np.full(800 + 10 * number, 0.25, np.float32)
        place = tmp_path / "in" / ("deep" if number % 2 else ".") / f"{number:02d}.FLAC"
        place.write_bytes(encode_flac(wave, 8000))
    (tmp_path / "in" / "notes.txt").write_text("no recording")
    return tmp_path / "in"


def embed(*paths: Path) -> tuple[Embeddings, Skips, list[tuple[int, int]]]:
    skips, told = Skips(), list[tuple[int, int]]()
    rows = embeddings.embed_paths(Mean(), paths, skips, lambda *done: told.append(done))
    return rows, skips, told


def test_a_folder_is_searched(folder: Path) -> None:
    rows, skips, told = embed(folder)
    assert len(rows) == 70
    assert list(rows.keys) == sorted(str(path) for path in folder.rglob("*.FLAC"))
    assert rows.vectors.dtype == np.float32
    place = rows.keys.index(str(folder / "08.FLAC"))
    np.testing.assert_allclose(
        rows.vectors[place], Mean().audio([folder / "08.FLAC"])[0], atol=1e-6
    )
    assert skips.skipped == 0
    assert told == [(64, 70), (70, 70)]


def test_files_folders_and_shards_together(folder: Path, tones: Path) -> None:
    rows, skips, told = embed(tones, folder / "deep", folder / "00.FLAC")
    index = Index.open(tones)
    assert list(rows.keys[-len(index) :]) == [index.key(i) for i in range(len(index))]
    assert len(rows) == 35 + 1 + len(index) == skips.kept
    assert told[-1] == (len(rows), len(rows))


def test_bad_files_are_counted_and_left_out(folder: Path) -> None:
    (folder / "00.FLAC").write_bytes(b"nothing")
    (folder / "02.FLAC").write_bytes(b"")
    rows, skips, _ = embed(folder)
    assert len(rows) == 68
    assert skips.skipped == 2
    assert {Path(key).name for key, _ in skips.examples} == {"00.FLAC", "02.FLAC"}
    assert str(folder) not in skips.summary()


def test_nothing_that_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"nothing")
    with pytest.raises(DataError, match="1 of 1 records skipped"):
        embed(tmp_path)


def test_nothing_to_embed(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no recording")
    with pytest.raises(UsageError, match=r"^Expected recordings in .*\.wav"):
        embed(tmp_path)
    with pytest.raises(UsageError, match="the paths given"):
        embed()


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"missing\.wav to be a recording or a folder"):
        embed(tmp_path / "missing.wav")


def test_a_table_comes_back(tmp_path: Path) -> None:
    rows = Embeddings(np.random.default_rng(0).random((5, 3), np.float32), ["a", "б", "c", "d", ""])
    path = tmp_path / "new" / "rows.parquet"
    embeddings.save(rows, path)
    again = embeddings.load(path)
    np.testing.assert_array_equal(again.vectors, rows.vectors)
    assert list(again.keys) == rows.keys
    assert [each.name for each in path.parent.iterdir()] == ["rows.parquet"]
    assert pq.read_schema(path).field("vector").type == pa.list_(pa.float32(), 3)


def test_a_place_that_cannot_be_written_to(tmp_path: Path) -> None:
    rows = Embeddings(np.eye(2, dtype=np.float32), ["a", "b"])
    (tmp_path / "file").write_text("in the way")
    for path in (tmp_path / "file" / "rows.parquet", tmp_path):
        with pytest.raises(DataError, match=r"^Expected to write "):
            embeddings.save(rows, path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    with pytest.raises(DataError, match="to be a table with key and vector"):
        embeddings.load(path)
    path.write_bytes(b"PAR1 and no more")
    with pytest.raises(DataError, match="to be a table with key and vector"):
        embeddings.load(path)
    for table in (
        {"key": ["a"]},
        {"key": ["a"], "vector": [1.0]},
        {"key": ["a"], "vector": [[1.0, 2.0]]},
        {"key": ["a", None], "vector": pa.array([[1.0], None], pa.list_(pa.float32(), 1))},
        {"key": ["a"], "vector": pa.array([["x"]], pa.list_(pa.string(), 1))},
    ):
        pq.write_table(pa.table(table), path)
        with pytest.raises(DataError, match="to be a table with key and vector"):
            embeddings.load(path)
