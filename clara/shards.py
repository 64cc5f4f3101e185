"""Shards and the index that finds any sample in them.

A shard is a tar (`clara.tars`). Beside the shards lies `index.parquet`, one row for each sample:
where its bytes lie, and all that sampling, statistics and checks against leaks need to know without
opening a tar.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import fsspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from clara.audio import io as audio_io
from clara.errors import AudioError, ShardError, UnknownNameError, UsageError
from clara.files import Files, replacing
from clara.records import Labels, Sample
from clara.tars import Place, ShardWriter, safe_key

__all__ = [
    "INDEX_NAME",
    "SCHEMA",
    "Index",
    "Place",
    "ShardWriter",
    "repeated",
    "safe_key",
    "write_index",
]

INDEX_NAME = "index.parquet"
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
    ]
)
"""The columns of an index. `shard` is relative to the index; `labels` is JSON; `text_chars` is the
length of the longest text in characters."""


def write_index(parts: Iterator[pa.Table], path: Path) -> None:
    """Writes the rows of all shards, in their order, as one index.

    Args:
        parts: Tables of `SCHEMA`; they are read one at a time, so that rows need not fit in memory.
        path: The index to write.
    """
    with replacing(path) as file, pq.ParquetWriter(file, SCHEMA, compression="zstd") as writer:
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


class Index:
    """A view of the samples in one or several folders of shards. It never changes.

    Attributes:
        table: The rows, as Arrow with the columns of `SCHEMA`; `shard` is the whole path or URL.
    """

    def __init__(self, table: pa.Table, files: Files | None = None) -> None:
        self.table = table
        self._files = files or Files()

    @classmethod
    def open(cls, *folders: str | Path) -> Index:
        """Opens every index in or below the folders.

        Args:
            folders: Paths, or URLs that fsspec reads ("s3://bucket/shards").

        Raises:
            UsageError: A folder is missing, holds no index, or repeats a sample of another.
            ShardError: An index is broken.
        """
        if not folders:
            raise UsageError("Expected at least one folder of shards but none was given.")
        paths = [path for folder in folders for path in _find(str(folder))]
        tables = [_read_index(path) for path in paths]
        _check_repeats(paths, tables)
        return cls(pa.concat_tables(tables).unify_dictionaries())

    def __len__(self) -> int:
        """Number of samples `N`."""
        return int(self.table.num_rows)

    def codes(self, name: str) -> tuple[npt.NDArray[np.int32], list[str]]:
        """A column of names as numbers: int32 `[N]`, and the name of each number."""
        column = self.table[name]
        chunks = [chunk.indices.to_numpy() for chunk in column.chunks]
        names = column.chunk(0).dictionary.to_pylist() if chunks else []
        return np.concatenate(chunks) if chunks else np.zeros(0, np.int32), names

    def column(self, name: str) -> npt.NDArray[Any]:
        """A column as an array `[N]`: of numbers where it holds numbers, of objects otherwise."""
        if pa.types.is_dictionary(SCHEMA.field(name).type):
            codes, names = self.codes(name)
            return np.array(names, dtype=object)[codes]
        if pa.types.is_list(SCHEMA.field(name).type):
            objects = np.empty(len(self), dtype=object)
            objects[:] = [tuple(texts) for texts in self.table[name].to_pylist()]
            return objects
        array: npt.NDArray[Any] = self.table[name].to_numpy()
        return array

    def select(
        self,
        *,
        corpora: Sequence[str] | None = None,
        splits: Sequence[str] | None = None,
        mask: npt.NDArray[np.bool_] | None = None,
    ) -> Index:
        """The samples that meet every condition given, in the same order.

        Args:
            corpora: Names of corpora.
            splits: Names of splits.
            mask: bool `[N]`.

        Raises:
            UnknownNameError: No sample here is of such a corpus or split.
        """
        keep = np.ones(len(self), dtype=bool) if mask is None else mask
        assert keep.dtype == bool
        assert keep.shape == (len(self),)
        for name, wanted, known in (
            ("corpus", corpora, self.corpora),
            ("split", splits, self.splits),
        ):
            if wanted is not None:
                for value in wanted:
                    if value not in known:
                        raise UnknownNameError(name, value, known)
                codes, names = self.codes(name)
                keep = keep & np.isin(codes, [i for i, n in enumerate(names) if n in wanted])
        return Index(self.table.filter(pa.array(keep)), self._files)

    @functools.cached_property
    def corpora(self) -> list[str]:
        """The corpora of the samples, sorted."""
        return self._present("corpus")

    @functools.cached_property
    def splits(self) -> list[str]:
        """The splits of the samples, sorted."""
        return self._present("split")

    def _present(self, name: str) -> list[str]:
        codes, names = self.codes(name)
        return sorted(names[code] for code in np.unique(codes))

    @functools.cached_property
    def shard_ids(self) -> npt.NDArray[np.int32]:
        """int32 `[N]`, equal where samples lie in the same shard."""
        return self.codes("shard")[0]

    @functools.cached_property
    def _places(self) -> dict[str, npt.NDArray[np.int64]]:
        return {name: self.table[name].to_numpy() for name in Place._fields}

    def key(self, i: int) -> str:
        """The name of sample `i` among all corpora: "corpus/key"."""
        return f"{self.table['corpus'][i].as_py()}/{self.table['key'][i].as_py()}"

    def labels(self, i: int) -> Labels:
        """The labels of sample `i`, as in `Entry`."""
        return dict(_parse_labels(self.table["labels"][i].as_py()))

    def texts(self, i: int) -> tuple[str, ...]:
        """The captions of sample `i`; at least one."""
        return tuple(self.table["texts"][i].as_py())

    def read(self, i: int) -> bytes:
        """The encoded audio of sample `i`. Many threads may read at once.

        Raises:
            ShardError: The shard is missing or shorter than its index says.
        """
        return self._read(i, "audio_offset", "audio_size")

    def meta(self, i: int) -> dict[str, Any]:
        """What the JSON member of sample `i` says.

        Raises:
            ShardError: The shard is missing or is not the one that was indexed.
        """
        try:
            meta = json.loads(self._read(i, "meta_offset", "meta_size"))
        except ValueError as error:
            raise self._stale(i) from error
        if not isinstance(meta, dict):
            raise self._stale(i)
        return meta

    def sample(
        self, i: int, *, rate: int | None = None, start: float = 0.0, end: float | None = None
    ) -> Sample:
        """Sample `i`, decoded.

        Args:
            i: Its row.
            rate: Samples per second to resample to; as stored if None.
            start: Where to begin, in seconds.
            end: Where to stop, in seconds; only what lies between is decoded.

        Raises:
            ShardError: The shard is missing or shorter than its index says.
            AudioError: The recording cannot be decoded.
        """
        try:
            wave, rate = audio_io.load(self.read(i), rate=rate, start=start, end=end)
        except AudioError as error:
            raise AudioError(f"In sample {self.key(i)!r}: {error}") from error
        return Sample(
            key=self.key(i), wave=wave, rate=rate, texts=self.texts(i), labels=self.labels(i)
        )

    def _read(self, i: int, offset: str, size: str) -> bytes:
        path = self.table["shard"][i].as_py()
        first, count = int(self._places[offset][i]), int(self._places[size][i])
        try:
            content = self._files.read(path, first, count)
        except FileNotFoundError as error:
            raise ShardError(
                f"Expected the shard {path} but it is gone; bring it back, or make the index anew "
                "with `clara index`."
            ) from error
        except OSError as error:
            raise ShardError(f"The shard {path} cannot be read: {error.strerror or error}.") from (
                error
            )
        if len(content) != count:
            raise self._stale(i)
        return content

    def _stale(self, i: int) -> ShardError:
        return ShardError(
            f"The shard {self.table['shard'][i].as_py()} is shorter than its index says, or was "
            "replaced since; make it again, or make the index anew with `clara index`."
        )


@functools.lru_cache(maxsize=1 << 16)
def _parse_labels(text: str) -> Labels:
    return {kind: tuple(values) for kind, values in json.loads(text).items()}


def _find(folder: str) -> list[str]:
    """Every index in or below a folder; nothing is searched below a folder that has one."""
    if "://" in folder:
        system, inner = fsspec.core.url_to_fs(folder)
        found = sorted(p for p in system.find(inner) if PurePosixPath(p).name == INDEX_NAME)
        outer = [p for p in found if not any(_inside(p, other) for other in found)]
        paths = [system.unstrip_protocol(p) for p in outer]
    else:
        if not Path(folder).is_dir():
            raise UsageError(f"Expected a folder of shards at {folder} but there is none.")
        paths = list(_walk(Path(folder).absolute(), set()))
    if not paths:
        raise UsageError(
            f"Expected {INDEX_NAME} in or below {folder} but there is none; make shards with "
            "`clara prepare`, or index tars that others made with `clara index`."
        )
    return paths


def _inside(path: str, other: str) -> bool:
    parent = PurePosixPath(other).parent
    return PurePosixPath(path).parent != parent and parent in PurePosixPath(path).parents


def _walk(folder: Path, seen: set[Path]) -> Iterator[str]:
    real = folder.resolve()
    if real in seen:
        return
    seen.add(real)
    if (folder / INDEX_NAME).is_file():
        yield str(folder / INDEX_NAME)
        return
    for child in sorted(folder.iterdir()):
        if child.is_dir() and not child.name.startswith("."):
            yield from _walk(child, seen)


def _read_index(path: str) -> pa.Table:
    """The table of one index, its shards as whole paths."""
    root = path.rpartition("/")[0]
    try:
        with fsspec.open(path, "rb") if "://" in path else pa.memory_map(path) as file:
            table = pq.ParquetFile(file).read(columns=SCHEMA.names)
        table = table.select(SCHEMA.names).cast(SCHEMA)
    except (pa.ArrowException, KeyError, ValueError) as error:
        raise ShardError(
            f"Expected {path} to be an index of shards but found: {str(error).splitlines()[0]}; "
            "make it anew with `clara index`."
        ) from error
    if any(column.null_count for column in table.columns):
        raise ShardError(f"The index {path} has gaps; make it anew with `clara index`.")
    shards = table["shard"].unify_dictionaries()
    chunks = []
    for chunk in shards.chunks:
        names = chunk.dictionary.to_pylist()
        for name in names:
            if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
                raise ShardError(
                    f"The index {path} names a shard outside its own folder: {name!r}."
                )
        whole = pa.array([f"{root}/{name}" for name in names], pa.string())
        chunks.append(pa.DictionaryArray.from_arrays(chunk.indices, whole))
    position = SCHEMA.get_field_index("shard")
    return table.set_column(position, "shard", pa.chunked_array(chunks, _CODES))


def repeated(tables: Iterable[pa.Table]) -> str | None:
    """A sample ("corpus/key") that the tables hold more than once, or None."""
    columns = [table.select(["corpus", "key"]) for table in tables]
    if not columns:
        return None
    pairs = pa.concat_tables(columns).unify_dictionaries()
    counts = pairs.group_by(["corpus", "key"]).aggregate([([], "count_all")])
    twice = counts.filter(pc.greater(counts["count_all"], 1)).slice(0, 1).to_pylist()
    return f"{twice[0]['corpus']}/{twice[0]['key']}" if twice else None


def _check_repeats(paths: Sequence[str], tables: Sequence[pa.Table]) -> None:
    """Refuses a sample of two indexes; within one, its maker has seen to it."""
    homes: dict[str, list[int]] = {}
    for number, table in enumerate(tables):
        for name in table["corpus"].unique().to_pylist():
            homes.setdefault(name, []).append(number)
    for corpus, numbers in homes.items():
        if len(numbers) > 1:
            ours = [tables[n].filter(pc.equal(tables[n]["corpus"], corpus)) for n in numbers]
            twice = repeated(ours)
            if twice:
                both = " and ".join(dict.fromkeys(paths[n].rpartition("/")[0] for n in numbers))
                raise UsageError(
                    f"Expected each sample once but {twice} lies more than once in {both}; "
                    "give each corpus once."
                )
