"""Embeddings of many recordings: from files and shards, to a Parquet table and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from clara.audio import io
from clara.embed import READERS, Encoder, embed_index
from clara.errors import AudioError, DataError, UsageError
from clara.files import replacing, unwritable
from clara.records import Embeddings
from clara.shards import Index
from clara.skips import Skips

_CHUNK = 64


def embed_paths(
    encoder: Encoder,
    paths: Sequence[Path],
    skips: Skips,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Embeddings:
    """All recordings below some paths to unit rows.

    Args:
        encoder: Any encoder.
        paths: Audio files, folders that are searched for audio files, or folders of shards.
        skips: Counts recordings that cannot be read.
        progress: Told how many recordings are done, and how many there are.

    Raises:
        UsageError: A path does not exist, or there is nothing to embed.
    """
    shards, files = [], []
    for path in paths:
        if any(path.rglob("index.parquet")):
            shards.append(path)
        else:
            files.extend(_audio_files(path))
    index = Index.open(*shards) if shards else None
    total = len(files) + (len(index) if index else 0)
    if not total:
        raise UsageError(
            f"Expected recordings in {', '.join(map(str, paths)) or 'the paths given'}, but found "
            f"none with a suffix of {', '.join(io.AUDIO_SUFFIXES)}."
        )
    keys: list[str] = []
    parts: list[np.ndarray] = []
    for start in range(0, len(files), _CHUNK):
        chunk = dict(_readable(files[start : start + _CHUNK], encoder.rate, skips))
        if chunk:
            keys.extend(chunk)
            parts.append(encoder.audio([(wave, encoder.rate) for wave in chunk.values()]))
        progress(min(start + _CHUNK, len(files)), total)
    if index:
        rows = embed_index(encoder, index, progress=lambda done: progress(len(files) + done, total))
        skips.good(len(rows))
        keys.extend(rows.keys)
        parts.append(rows.vectors)
    if not parts:
        raise DataError(f"Expected recordings that can be read, but {skips.summary()}.")
    return Embeddings(np.concatenate(parts), keys)


def save(rows: Embeddings, path: Path) -> None:
    """Writes a Parquet table with the columns `key` and `vector`, whole or not at all.

    Raises:
        DataError: The disk is full, or the folder cannot be written to.
    """
    width = rows.vectors.shape[1]
    vector = pa.FixedSizeListArray.from_arrays(pa.array(rows.vectors.ravel()), width)
    table = pa.table([pa.array(rows.keys, pa.string()), vector], _schema(width))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error
    with replacing(path) as file:
        pq.write_table(table, file)


def load(path: Path) -> Embeddings:
    """Reads what `save` wrote.

    Raises:
        DataError: It is no such table.
    """
    try:
        table = pq.read_table(path, columns=["key", "vector"])
        width = table.schema.field("vector").type.list_size
        table = table.cast(_schema(width))
        if any(column.null_count for column in table.columns):
            raise ValueError("rows are missing")
    except (OSError, pa.ArrowException, AttributeError, ValueError) as error:
        raise DataError(
            f"Expected {path} to be a table with key and vector, as `clara embed` writes it, "
            f"but found: {error!s:.200}"
        ) from error
    vectors = table["vector"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return Embeddings(vectors.reshape(-1, width), table["key"].to_pylist())


def _schema(width: int) -> pa.Schema:
    return pa.schema([("key", pa.string()), ("vector", pa.list_(pa.float32(), width))])


def _audio_files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise UsageError(f"Expected {path} to be a recording or a folder, but there is no such.")
    found = (file for file in path.rglob("*") if file.suffix.lower() in io.AUDIO_SUFFIXES)
    return sorted(file for file in found if file.is_file())


def _readable(files: Sequence[Path], rate: int, skips: Skips) -> Iterator[tuple[str, np.ndarray]]:
    def load(file: Path) -> np.ndarray | AudioError:
        try:
            return io.load(file, rate=rate)[0]
        except AudioError as error:
            return error

    with ThreadPoolExecutor(READERS) as readers:
        for file, found in zip(files, readers.map(load, files), strict=True):
            if isinstance(found, AudioError):
                skips.bad(str(file), found.cause)
            else:
                skips.good()
                yield str(file), found
