"""The columns of an index of shards: what they are, how they are written, and read when needed.

An index may have tens of millions of rows. So nothing is read before it is asked for, names are
kept as numbers, and of the texts only those around the ones that were asked for last.
"""

from __future__ import annotations

import bisect
import functools
import itertools
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from clara import remote
from clara.errors import ShardError, UsageError
from clara.files import Location, locate
from clara.hashes import Hashes, hashed
from clara.remote import Url

INDEX_NAME = "index.parquet"
Codes = tuple[npt.NDArray[np.int32], list[str]]

# Small enough that the texts of a few rows are soon read, large enough that there are not too many.
_ROW_GROUP = 1 << 14
# So many values of columns of texts are kept.
_RECENT = 1 << 20
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
_PLACES = ("audio_offset", "audio_size", "meta_offset", "meta_size")
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
    with pq.ParquetWriter(file, SCHEMA, compression="zstd", write_statistics=False) as writer:
        held: list[pa.Table] = []
        rows = 0
        for part in parts:
            held.append(part)
            rows += len(part)
            if rows >= _ROW_GROUP:
                _write(held, writer)
                held, rows = [], 0
        if held:
            _write(held, writer)


def _write(tables: list[pa.Table], writer: pq.ParquetWriter) -> None:
    table = pa.concat_tables(tables).unify_dictionaries()
    # Nothing is cut off that would be a small group of its own.
    writer.write_table(table, _ROW_GROUP if len(table) >= 2 * _ROW_GROUP else len(table) or 1)


def open_all(folders: Iterable[str | Location]) -> Columns:
    """The columns of every index in or below the folders, but for those that say nothing new.

    Raises:
        UsageError: A folder is missing or holds no index, or two of them list the same shards.
        ShardError: An index is broken.
        DataError: The store of a URL does not answer, or refuses.
    """
    held = Columns([path for folder in folders for path in _find(folder)])
    covered = _covered(held)
    return Columns([path for path in held.paths if path not in covered]) if covered else held


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
        self._groups = [
            (path, file, number)
            for path, file in zip(self.paths, self._files, strict=True)
            for number in range(file.num_row_groups)
        ]
        sizes = [file.metadata.row_group(number).num_rows for _, file, number in self._groups]
        self._starts = [0, *itertools.accumulate(sizes)]
        self._recent: OrderedDict[tuple[str, int], pa.Array] = OrderedDict()
        self._recent_rows = 0

    def __reduce__(self) -> tuple[type[Columns], tuple[tuple[str, ...]]]:
        return Columns, (self.paths,)

    def codes(self, name: str) -> Codes:
        """A column of names as numbers: int32 `[N]`, and the name of each number."""
        assert name in _NAMED
        codes: Codes = self._hold(name, lambda: self._number(name))
        return codes

    def name(self, name: str, row: int) -> str:
        """One value of a column of names."""
        codes, names = self._held.get(name) or self.codes(name)
        found: str = names[codes.item(row)]
        return found

    def numbers(self, name: str) -> npt.NDArray[Any]:
        """A column of numbers `[N]`, in as few bytes as hold them all."""
        numbers: npt.NDArray[Any] = self._hold(name, lambda: self._gather(name))
        return numbers

    @functools.cached_property
    def places(self) -> tuple[npt.NDArray[Any], ...]:
        """Where samples lie: first byte and length in bytes of the audio, and of the JSON."""
        return tuple(map(self.numbers, _PLACES))

    def _hold(self, name: str, make: Callable[[], Any]) -> Any:
        """What is held under a name; it is made once, and then found without waiting."""
        if name not in self._held:
            with self._lock:
                if name not in self._held:
                    self._held[name] = make()
                    # What Arrow read it into is of no more use, and may be large.
                    pa.default_memory_pool().release_unused()
        return self._held[name]

    def _gather(self, name: str) -> npt.NDArray[Any]:
        parts = [_narrow(column.to_numpy()) for _, column in self._read(name)]
        numbers = parts[0] if len(parts) == 1 else np.concatenate(parts)
        numbers.setflags(write=False)
        return numbers

    def texts(self, name: str, rows: npt.NDArray[np.int64] | None = None) -> pa.ChunkedArray:
        """A column of texts, or of lists of them, `[N]`; no text of it is kept.

        Args:
            name: Of the column.
            rows: The rows wanted, in rising order; all if None.
        """
        kind = _IN_MEMORY[SCHEMA.field(name).type]
        chunks = []
        for number, (start, end) in enumerate(itertools.pairwise(self._starts)):
            first, last = (0, end - start) if rows is None else np.searchsorted(rows, [start, end])
            if first < last:
                with self._lock:
                    group = self._group(name, number)
                if rows is not None:
                    group = group.take(pa.array(rows[first:last] - start))
                chunks.append(group.cast(kind))
        return pa.chunked_array(chunks, kind)

    def text(self, name: str, row: int) -> Any:
        """One value of a column of texts; those around it are kept, for they are wanted next."""
        number = bisect.bisect_right(self._starts, row) - 1
        with self._lock:
            group = self._recent.pop((name, number), None)
            if group is None:
                group = self._group(name, number)
                self._recent_rows += len(group)
            self._recent[name, number] = group
            while self._recent_rows > _RECENT and len(self._recent) > 1:
                self._recent_rows -= len(self._recent.popitem(last=False)[1])
        return group[row - self._starts[number]].as_py()

    def _group(self, name: str, number: int) -> pa.Array:
        path, file, own = self._groups[number]
        try:
            group = file.read_row_group(own, columns=[name])[name].combine_chunks()
        except (pa.ArrowException, OSError, ValueError) as error:
            raise _broken(path, error) from error
        if group.null_count:
            raise _broken(path, f"gaps in the column {name!r}")
        return group

    def hashes(self, name: str) -> Hashes:
        """A column of texts as numbers: uint64 `[N]`, by `clara.hashes`; no text of it is kept."""
        hashes: Hashes = self._hold(f"hashes of {name}", lambda: self._hash_all(name))
        return hashes

    def _hash_all(self, name: str) -> Hashes:
        hashes = np.concatenate([np.zeros(0, np.uint64), *self._hash(name)])
        hashes.setflags(write=False)
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


def _narrow(numbers: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Whole numbers in as few bytes as hold them; there may be many millions of them."""
    if numbers.dtype.kind != "i" or numbers.min(initial=0) < 0:
        return numbers.copy()
    return numbers.astype(np.min_scalar_type(numbers.max(initial=0)))


def _open(path: str) -> pq.ParquetFile:
    try:
        # A table is read by columns: behind a URL just their bytes are asked for.
        source = remote.Reader(path) if "://" in path else pa.OSFile(path)
        file = pq.ParquetFile(source, read_dictionary=_NAMED, pre_buffer="://" in path)
        found = {field.name: _kind(field.type) for field in file.schema_arrow}
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _broken(path, error) from error
    except KeyError as error:  # what it says of a column that is to be read as a dictionary
        raise _broken(path, f"no column {error.args[0].decode()!r}") from error
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


def _find(folder: str | Location) -> list[str]:
    """Every index in or below a folder, those above others first."""
    place = locate(folder)
    if isinstance(place, Url):
        found = [name for name in place.files() if name.rpartition("/")[2] == INDEX_NAME]
        found = [name for name in found if "/." not in f"/{name}"]
        paths = [str(place / name) for name in sorted(found, key=lambda name: name.split("/"))]
    else:
        if not place.is_dir():
            raise UsageError(f"Expected a folder of shards at {folder} but there is none.")
        paths = list(_walk(place, set()))
    if not paths:
        raise UsageError(
            f"Expected {INDEX_NAME} in or below {folder} but there is none; make shards with "
            "`clara prepare`, or index tars that others made with `clara index`."
        )
    return paths


def _walk(folder: Path, seen: set[Path]) -> Iterator[str]:
    real = folder.resolve()
    if real in seen:
        return
    seen.add(real)
    if (folder / INDEX_NAME).is_file():
        yield str(folder / INDEX_NAME)
    with os.scandir(folder) as found:
        names = [each.name for each in found if not each.name.startswith(".") and each.is_dir()]
    for name in sorted(names):
        yield from _walk(folder / name, seen)


def _covered(held: Columns) -> set[str]:
    """The indexes whose every shard is listed by one in a folder above.

    Raises:
        UsageError: Some of the shards of an index are, and others are not.
    """
    roots = [path.rpartition("/")[0] for path in held.paths]
    above = [[m for m, r in enumerate(roots) if root.startswith(f"{r}/")] for root in roots]
    if not any(above):
        return set()
    codes, names = held.codes("shard")
    ends = np.cumsum([0, *held.lengths])
    shards = [set(np.unique(codes[a:b]).tolist()) for a, b in itertools.pairwise(ends)]
    covered = set()
    for n, outer in enumerate(above):
        for m in outer:
            if shards[n] <= shards[m]:
                covered.add(held.paths[n])
            elif both := shards[n] & shards[m]:
                raise UsageError(
                    f"Expected each shard in one index but {names[min(both)]} is listed in "
                    f"{roots[m]} and in {roots[n]}, which lists others too; make the index of "
                    f"{roots[m]} anew with `clara index`."
                )
    return covered
