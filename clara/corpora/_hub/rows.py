"""Rows of a table in Arrow files, read where they lie: neither copied nor held in memory."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

_OPEN_FILES = 32


@dataclass(frozen=True, slots=True)
class Row:
    """The audio in a row of an Arrow file: a `clara.records.Clip`.

    Attributes:
        file: The file, as a stream of Arrow.
        column: Of the audio: encoded bytes, or an object that has them as "bytes".
        row: Number of the row in the file.
        name: What it is called, the same wherever the file lies.
    """

    file: str
    column: str
    row: int
    name: str

    def __str__(self) -> str:
        return self.name

    def read(self) -> bytes:
        """The encoded audio.

        Raises:
            OSError: The file is gone or damaged, or the row has no audio.
        """
        try:
            stat = Path(self.file).stat()
            table = _open(self.file, stat.st_size, stat.st_mtime_ns)
            value = table.column(self.column)[self.row].as_py()
        except (pa.ArrowException, KeyError, IndexError) as error:
            raise OSError(f"the Arrow file that holds it is damaged: {error}") from error
        data = value.get("bytes") if isinstance(value, dict) else value
        if not data:
            raise OSError("its row has no audio")
        return bytes(data)


class Listed(NamedTuple):
    """A row without its audio.

    Attributes:
        values: Column to value, of the columns asked for.
        size: Bytes of the encoded audio, 0 if there are none.
        path: Where the audio lies if it is not in the row; empty if that is not said.
    """

    values: dict[str, Any]
    size: int
    path: str


def listed(file: str, audio: str, columns: Sequence[str]) -> Iterator[Listed]:
    """The rows of an Arrow file, in order; their audio is not read.

    Args:
        file: The file, as a stream of Arrow.
        audio: The column of the audio.
        columns: The columns wanted.

    Raises:
        OSError: The file cannot be read.
    """
    with pa.memory_map(file) as source, pa.ipc.open_stream(source) as reader:
        for batch in reader:
            values = batch.select(list(columns)).to_pylist()
            sizes, paths = _described(batch.column(audio))
            for row, size, path in zip(values, sizes, paths, strict=True):
                yield Listed(row, size, path)


def _described(audio: pa.Array) -> tuple[list[int], list[str]]:
    """Size and path of each recording of a column."""
    content, paths = audio, [None] * len(audio)
    if pa.types.is_struct(audio.type):
        names = [field.name for field in audio.type]
        content = pc.struct_field(audio, "bytes") if "bytes" in names else None
        if "path" in names:
            paths = pc.struct_field(audio, "path").to_pylist()
    elif pa.types.is_string(audio.type) or pa.types.is_large_string(audio.type):
        content, paths = None, audio.to_pylist()
    sizes = [0] * len(audio) if content is None else pc.binary_length(content).to_pylist()
    return [size or 0 for size in sizes], [path or "" for path in paths]


@functools.lru_cache(maxsize=_OPEN_FILES)
def _open(file: str, size: int, time: int) -> pa.Table:
    """A file as a table that lies in the file; the size and the time tell it from a later one."""
    with pa.ipc.open_stream(pa.memory_map(file)) as reader:
        return reader.read_all()
