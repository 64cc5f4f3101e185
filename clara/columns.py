"""The columns of an index of shards: what they are, how they are written, and read when needed.

An index may have tens of millions of rows. So nothing is read before it is asked for, names are
kept as numbers, and texts stay in Arrow until somebody wants one.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from clara import remote
from clara.errors import ShardError
from clara.hashes import Hashes, hashed

Codes = tuple[npt.NDArray[np.int32], list[str]]

_ROW_GROUP = 1 << 17
_CODES = pa.dictionary(pa.int32(), pa.string())
SCHEMA = pa.schema(
    [
        ("key", pa.string()),
        ("corpus", _CODES),
        ("split", _CODES),
        ("shard", _CODES),
        ("audio_offset", pa.int64()),
        ("audio_size", pa.int64()),
        ("meta_offset", pa.int64()),
        ("meta_size", pa.int64()),
        ("suffix", _CODES),
        ("rate", pa.int32()),
        ("frames", pa.int64()),
        ("seconds", pa.float32()),
        ("text_chars", pa.int32()),
        ("texts", pa.list_(pa.string())),
        ("language", _CODES),
        ("labels", _CODES),
        ("source", pa.string()),
        ("speaker", pa.string()),
        ("licence", _CODES),
    ]
)
"""The columns of an index. `shard` is relative to the index; `labels` is JSON; `text_chars` is the
length of the longest text in characters."""
_NAMED = [field.name for field in SCHEMA if pa.types.is_dictionary(field.type)]
# In memory texts get 64-bit offsets, for all of a column may be more than 2 GiB.
_IN_MEMORY = {
    pa.string(): pa.large_string(),
    SCHEMA.field("texts").type: pa.large_list(pa.large_string()),
}


def write_index(parts: Iterable[pa.Table], file: BinaryIO) -> None:
    """Writes the rows of all shards, in their order, as one index.

    Args:
        parts: Tables of `SCHEMA`; they are read one at a time, so that rows need not fit in memory.
        file: Where to write.
    """
    with pq.ParquetWriter(file, SCHEMA, compression="zstd") as writer:
        held: list[pa.Table] = []
        rows = 0
        for part in parts:
            held.append(part)
            rows += len(part)
            if rows >= _ROW_GROUP:
                writer.write_table(pa.concat_tables(held).unify_dictionaries())
                held, rows = [], 0
        if held:
            writer.write_table(pa.concat_tables(held).unify_dictionaries())


def repeated(names: pa.ChunkedArray) -> str | None:
    """A text that the column holds more than once, or None."""
    counts = pc.value_counts(names)
    twice = counts.filter(pc.greater(counts.field("counts"), 1))
    return str(twice[0]["values"]) if len(twice) else None


class Columns:
    """The columns of several indexes, one behind the other. Threads may share it.

    A pickle of it holds the paths alone.

    Args:
        paths: Of the indexes; URLs that fsspec reads are fine.

    Raises:
        ShardError: An index is broken. What opening does not show is raised by the first use.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        self.paths = tuple(paths)
        self._lock = threading.Lock()
        self._files = [_open(path) for path in self.paths]
        self._held: dict[str, Any] = {}
        self.lengths = [file.metadata.num_rows for file in self._files]

    def __reduce__(self) -> tuple[type[Columns], tuple[tuple[str, ...]]]:
        return Columns, (self.paths,)

    def codes(self, name: str) -> Codes:
        """A column of names as numbers: int32 `[N]`, and the name of each number."""
        assert name in _NAMED
        with self._lock:
            if name not in self._held:
                self._held[name] = self._number(name)
            codes: Codes = self._held[name]
            return codes

    def numbers(self, name: str) -> npt.NDArray[Any]:
        """A column of numbers `[N]`."""
        with self._lock:
            if name not in self._held:
                parts = [column.to_numpy() for _, column in self._read(name)]
                self._held[name] = np.concatenate(parts)
                self._held[name].setflags(write=False)
            numbers: npt.NDArray[Any] = self._held[name]
            return numbers

    def texts(self, name: str) -> pa.ChunkedArray:
        """A column of texts, or of lists of them, `[N]`."""
        with self._lock:
            if name not in self._held:
                chunks = [chunk for _, column in self._read(name) for chunk in column.chunks]
                self._held[name] = pa.chunked_array(chunks, _IN_MEMORY[SCHEMA.field(name).type])
            return self._held[name]

    def hashes(self, name: str) -> Hashes:
        """A column of texts as numbers: uint64 `[N]`, by `clara.hashes`; no text of it is kept."""
        with self._lock:
            place = f"hashes of {name}"
            if place not in self._held:
                self._held[place] = np.concatenate([np.zeros(0, np.uint64), *self._hash(name)])
                self._held[place].setflags(write=False)
            hashes: Hashes = self._held[place]
            return hashes

    def _hash(self, name: str) -> Iterator[Hashes]:
        for path, file in zip(self.paths, self._files, strict=True):
            try:
                for batch in file.iter_batches(columns=[name]):
                    if batch.column(0).null_count:
                        raise _broken(path, f"gaps in the column {name!r}")
                    yield hashed(batch.column(0))
            except (pa.ArrowException, OSError, ValueError) as error:
                raise _broken(path, error) from error

    def _number(self, name: str) -> Codes:
        numbers: dict[str, int] = {}
        parts = [np.zeros(0, np.int32)]
        for path, column in self._read(name):
            root = path.rpartition("/")[0]
            # Arrow makes one dictionary of those of all row groups, and far faster than Python.
            chunks = column.unify_dictionaries().chunks
            names = chunks[0].dictionary.to_pylist() if chunks else []
            if name == "shard":
                names = [_inside(root, shard, path) for shard in names]
            mine = np.array([numbers.setdefault(each, len(numbers)) for each in names], np.int32)
            parts += [mine[chunk.indices.to_numpy()] for chunk in chunks]
        codes = np.concatenate(parts)
        codes.setflags(write=False)
        return codes, list(numbers)

    def _read(self, name: str) -> Iterator[tuple[str, pa.ChunkedArray]]:
        kind = SCHEMA.field(name).type
        for path, file in zip(self.paths, self._files, strict=True):
            try:
                column = file.read(columns=[name])[name].cast(_IN_MEMORY.get(kind, kind))
            except (pa.ArrowException, OSError, ValueError) as error:
                raise _broken(path, error) from error
            if column.null_count:
                raise _broken(path, f"gaps in the column {name!r}")
            yield path, column


def _open(path: str) -> pq.ParquetFile:
    try:
        # A table is read by columns: behind a URL just their bytes are asked for.
        source = remote.Reader(path) if "://" in path else pa.memory_map(path)
        file = pq.ParquetFile(source, read_dictionary=_NAMED, pre_buffer="://" in path)
        found = {field.name: _kind(field.type) for field in file.schema_arrow}
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _broken(path, error) from error
    for field in SCHEMA:
        if found.get(field.name) != _kind(field.type):
            raise _broken(path, f"no column {field.name!r} of {_kind(field.type)}")
    return file


def _kind(kind: pa.DataType) -> str:
    """What a column holds, however wide it is and however it is encoded."""
    if pa.types.is_dictionary(kind):
        return _kind(kind.value_type)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return f"lists of {_kind(kind.value_type)}"
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return "texts"
    return "numbers" if pa.types.is_integer(kind) or pa.types.is_floating(kind) else str(kind)


def _inside(root: str, shard: str, path: str) -> str:
    """The whole path of a shard, which must lie below its index."""
    if PurePosixPath(shard).is_absolute() or ".." in PurePosixPath(shard).parts:
        raise ShardError(f"The index {path} names a shard outside its own folder: {shard!r}.")
    return f"{root}/{shard}"


def _broken(path: str, found: object) -> ShardError:
    return ShardError(
        f"Expected {path} to be an index of shards but found: {str(found).partition(chr(10))[0]}; "
        "make it anew with `clara index`."
    )
