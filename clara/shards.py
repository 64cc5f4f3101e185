"""Shards and the index that finds any sample in them.

A shard is a tar (`clara.tars`). Beside the shards lies `index.parquet`, one row for each sample:
where its bytes lie, and all that sampling, statistics and checks against leaks need to know without
opening a tar.
"""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from clara import columns
from clara.audio import io as audio_io
from clara.columns import INDEX_NAME, SCHEMA
from clara.errors import AudioError, DataError, ShardError, UnknownNameError, UsageError
from clara.files import Files, Location, replacing
from clara.hashes import Hashes
from clara.records import Labels, Sample, Wave
from clara.tars import Place, ShardWriter, clean, ours, parse, safe_key, words

__all__ = [
    "INDEX_NAME",
    "SCHEMA",
    "Index",
    "Place",
    "Raw",
    "ShardWriter",
    "safe_key",
    "write_index",
]

# Bytes between two members that are read together: padding, and the head of the second one, with
# its long name in front where there is one.
_BETWEEN = 4096


class Raw(NamedTuple):
    """A sample that is not decoded yet.

    Attributes:
        key: "corpus/key".
        audio: The encoded recording, a view of the bytes that were read.
        texts: Its captions.
        labels: As in `Entry`.
    """

    key: str
    audio: memoryview
    texts: tuple[str, ...]
    labels: Labels


def write_index(parts: Iterable[pa.Table], path: Location) -> None:
    """Writes the rows of all shards, in their order, as one index.

    Args:
        parts: Tables of `SCHEMA`; they are read one at a time, so that rows need not fit in memory.
        path: The index to write.

    Raises:
        DataError: It cannot be written.
    """
    with replacing(path) as file:
        columns.write_index(parts, file)


class Index:
    """A view of the samples in one or several folders of shards. It never changes.

    Columns are read when they are first asked for, once for all views of the same folders.

    Args:
        held: The columns of the folders.
        rows: int64 `[N]`, the rows of them that this view shows; all of them if None.
        files: The open shards.
    """

    def __init__(
        self,
        held: columns.Columns,
        rows: npt.NDArray[np.int64] | None = None,
        files: Files | None = None,
    ) -> None:
        self._held = held
        self._rows = rows
        self._files = files or Files()
        self._count = sum(held.lengths) if rows is None else len(rows)

    @classmethod
    def open(cls, *folders: str | Location) -> Index:
        """Opens every index in or below the folders.

        An index that lists no shard but those of an index above it says nothing new and is left
        out: `clara index` makes one of many folders.

        Args:
            folders: Paths, or URLs that fsspec reads ("s3://bucket/shards").

        Raises:
            UsageError: A folder is missing, holds no index, or repeats a sample of another.
            ShardError: An index is broken.
            DataError: The store of a URL does not answer, or refuses.
        """
        if not folders:
            raise UsageError("Expected at least one folder of shards but none was given.")
        index = cls(columns.open_all(folders))
        index._check_repeats()
        index.shard_ids  # noqa: B018 - whether every shard lies inside is to be known from the start
        return index

    def __len__(self) -> int:
        """Number of samples `N`."""
        return self._count

    def codes(self, name: str) -> columns.Codes:
        """A column of names as numbers: int32 `[N]`, and the name of each number.

        The names are those of the whole folders, in this view or not.
        """
        codes, names = self._held.codes(name)
        return codes if self._rows is None else codes[self._rows], names

    def column(self, name: str) -> npt.NDArray[Any]:
        """A column as an array `[N]`: of numbers where it holds numbers, of objects otherwise."""
        kind = SCHEMA.field(name).type
        if pa.types.is_dictionary(kind):
            codes, names = self.codes(name)
            return np.array(names, dtype=object)[codes]
        if pa.types.is_list(kind):
            objects = np.empty(len(self), dtype=object)
            objects[:] = [tuple(texts) for texts in self.arrow(name).to_pylist()]
            return objects
        if pa.types.is_string(kind):
            return np.array(self.arrow(name).to_pylist(), dtype=object)
        return self.values(name, slice(None))

    def values(self, name: str, rows: npt.NDArray[np.int64] | slice) -> npt.NDArray[Any]:
        """A column of numbers at some rows of this view."""
        numbers = self._held.numbers(name)
        found = numbers[rows] if self._rows is None else numbers[self._rows[rows]]
        return found.astype(SCHEMA.field(name).type.to_pandas_dtype())

    def arrow(self, name: str) -> pa.ChunkedArray:
        """A column of texts `[N]` without an object for each text."""
        return self._held.texts(name, self._rows)

    def hashes(self, name: str) -> Hashes:
        """A column of texts as numbers `[N]`, equal where the texts are (`clara.hashes.hashed`)."""
        hashes = self._held.hashes(name)
        return hashes if self._rows is None else hashes[self._rows]

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
        if corpora is not None:
            keep = keep & self._among("corpus", corpora, self.corpora)
        if splits is not None:
            keep = keep & self._among("split", splits, self.splits)
        rows = np.flatnonzero(keep) if self._rows is None else self._rows[keep]
        return Index(self._held, rows, self._files)

    def _among(self, name: str, wanted: Sequence[str], known: list[str]) -> npt.NDArray[np.bool_]:
        for value in wanted:
            if value not in known:
                raise UnknownNameError(name, value, known)
        codes, names = self.codes(name)
        return np.array([each in set(wanted) for each in names], dtype=bool)[codes]

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
        return sorted(names[code] for code in np.flatnonzero(np.bincount(codes)))

    @property
    def shard_ids(self) -> npt.NDArray[np.int32]:
        """int32 `[N]`, equal where samples lie in the same shard."""
        return self.codes("shard")[0]

    def key(self, i: int) -> str:
        """The name of sample `i` among all corpora: "corpus/key"."""
        row = self._row(i)
        return f"{self._held.name('corpus', row)}/{self._held.text('key', row)}"

    def labels(self, i: int) -> Labels:
        """The labels of sample `i`, as in `Entry`."""
        return dict(_parse_labels(self._held.name("labels", self._row(i))))

    def texts(self, i: int) -> tuple[str, ...]:
        """The captions of sample `i`; at least one."""
        return tuple(self._held.text("texts", self._row(i)))

    def _row(self, i: int) -> int:
        return range(self._count)[i] if self._rows is None else self._rows.item(i)

    def place(self, i: int) -> tuple[str, Place]:
        """Where sample `i` lies: its shard, and the bytes of it."""
        row = self._row(i)
        first, size, meta_first, meta_size = self._held.places
        place = first.item(row), size.item(row), meta_first.item(row), meta_size.item(row)
        return self._held.name("shard", row), Place(*place)

    def read(self, i: int) -> bytes:
        """The encoded audio of sample `i`. Many threads may read at once.

        Raises:
            ShardError: The shard is missing or shorter than its index says.
        """
        shard, place = self.place(i)
        return self._read(i, shard, place.audio_offset, place.audio_size)

    def meta(self, i: int) -> dict[str, Any]:
        """What the JSON member of sample `i` says.

        Raises:
            ShardError: The shard is missing or is not the one that was indexed.
        """
        shard, place = self.place(i)
        return self._parse(i, self._read(i, shard, place.meta_offset, place.meta_size))

    def _parse(self, i: int, content: bytes) -> dict[str, Any]:
        try:
            meta = parse(content)
        except (ValueError, RecursionError) as error:
            raise self._stale(i) from error
        if not isinstance(meta, dict):
            raise self._stale(i)
        return meta

    def raw(self, i: int) -> Raw:
        """Sample `i` as its shard holds it: key and texts are what the JSON says.

        So of a large index no texts are held, and a sample is one read or request.

        Raises:
            ShardError: The shard is missing or is not the one that was indexed.
        """
        shard, (first, size, meta_first, meta_size) = self.place(i)
        between = meta_first - first - size
        if 0 <= between <= _BETWEEN:
            audio = self._read(i, shard, first, size + between + meta_size)
            text = audio[size + between :]
        else:
            audio = self._read(i, shard, first, size)
            text = self._read(i, shard, meta_first, meta_size)
        meta = self._parse(i, text)
        own = ours(meta)
        key = self.key(i) if own is None else f"{own['corpus']}/{own['key']}"
        return Raw(key, memoryview(audio)[:size], tuple(clean(words(meta, "text"))), self.labels(i))

    def sample(
        self,
        i: int,
        *,
        rate: int | None = None,
        start: float = 0.0,
        end: float | None = None,
        out: Wave | None = None,
    ) -> Sample:
        """Sample `i`, decoded.

        Args:
            i: Its row.
            rate: Samples per second to resample to; as stored if None.
            start: Where to begin, in seconds.
            end: Where to stop, in seconds; only what lies between is decoded.
            out: float32 `[N]` to decode into where that can be done, as in `clara.audio.io.load`.

        Raises:
            ShardError: The shard is missing or shorter than its index says.
            AudioError: The recording cannot be decoded.
        """
        raw = self.raw(i)
        try:
            wave, rate = audio_io.load(raw.audio, rate=rate, start=start, end=end, out=out)
        except AudioError as error:
            raise AudioError(f"In sample {raw.key!r}: {error}", error.cause) from error
        return Sample(key=raw.key, wave=wave, rate=rate, texts=raw.texts, labels=raw.labels)

    def _read(self, i: int, path: str, first: int, count: int) -> bytes:
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
        except DataError as error:
            raise ShardError(str(error)) from error
        if len(content) != count:
            raise self._stale(i)
        return content

    def _stale(self, i: int) -> ShardError:
        return ShardError(
            f"The shard {self.place(i)[0]} is shorter than its index says, or was "
            "replaced since; make it again, or make the index anew with `clara index`."
        )

    def _check_repeats(self) -> None:
        """Refuses a sample that two indexes hold; within one, its maker has seen to it."""
        if len(self._held.paths) < 2:
            return
        ends = np.cumsum([0, *self._held.lengths])
        codes, names = self.codes("corpus")
        parts = itertools.pairwise(ends)
        homes = np.array([np.bincount(codes[a:b], minlength=len(names)) > 0 for a, b in parts])
        for code in np.flatnonzero(homes.sum(axis=0) > 1):
            twice = columns.repeated(self.select(corpora=[names[code]]).arrow("key"))
            if twice:
                paths = [self._held.paths[n] for n in np.flatnonzero(homes[:, code])]
                both = " and ".join(dict.fromkeys(path.rpartition("/")[0] for path in paths))
                raise UsageError(
                    f"Expected each sample once but {names[code]}/{twice} lies more than once "
                    f"in {both}; give each corpus once."
                )


@functools.lru_cache(maxsize=1 << 16)
def _parse_labels(text: str) -> Labels:
    return {kind: tuple(values) for kind, values in json.loads(text).items()}
