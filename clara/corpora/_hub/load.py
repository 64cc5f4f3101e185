"""Has a data set by the package `datasets`, as Arrow files: those it keeps, or a spool of our own.

Audio is never decoded there. A data set is loaded whole, which keeps it in the cache of
Hugging Face, or streamed: then its rows are written, once, to `XDG_CACHE_HOME/clara/hub` (below
`~/.cache` if that is not set), where they take as much room as the encoded audio. A stream that was
cut off goes on where it stopped; one that has ended needs no network any more.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import json
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from clara.corpora._hub import columns
from clara.corpora._hub.address import Address
from clara.corpora._hub.faults import told
from clara.corpora._hub.places import is_its_own
from clara.errors import LayoutError, MissingExtraError
from clara.files import locked, replacing

_TAKEN = 16  # rows at a time from a stream
_FILE_ROWS = 512
_FILE_BYTES = 64 << 20


@dataclass(frozen=True)
class Part:
    """A split of a data set.

    Attributes:
        split: As the data set calls it.
        files: Its Arrow files, in order.
        kinds: The kind of each column, as `columns.described` gives it.
        licence: Of the data set, as its card says; empty if it does not.
    """

    split: str
    files: tuple[str, ...]
    kinds: Mapping[str, str | list[str]]
    licence: str


def parts(address: Address) -> list[Part]:
    """The splits of a data set, once all their rows are on this machine.

    Raises:
        MissingExtraError: The package `datasets` is not installed.
        DownloadError: The hub cannot be reached, or has no such data set.
        LayoutError: The data set cannot be read, or has no such configuration or split.
    """
    with _quiet(), told(address):
        if address.folder and _is_saved(address.folder):
            return _saved(address)
        spool = _spool(address)
        if address.streaming is not False and (done := _spooled(spool)) is not None:
            return done
        builder = _builder(address)
        streams = builder.as_streaming_dataset()
        # What is wrong with the columns asked for is said before anything large is fetched.
        kinds = _kinds(streams[_chosen(streams, address)[0]])
        columns.meaning(kinds, address.columns, address.place)
        streaming = address.streaming
        if streaming is None:
            # Audio in files of its own is copied into tables by decoding it; a stream names it.
            streaming = not isinstance(builder, _datasets(address).ArrowBasedBuilder)
        return _streamed(streams, address, spool) if streaming else _loaded(builder, address)


def _is_saved(folder: Path) -> bool:
    return any((folder / name).is_file() for name in ("state.json", "dataset_dict.json"))


def _saved(address: Address) -> list[Part]:
    """What `save_to_disk` wrote: one split, or several."""
    datasets = _datasets(address)
    found = datasets.load_from_disk(str(address.folder), keep_in_memory=False)
    if not isinstance(found, datasets.DatasetDict):
        found = {str(found.split or "train"): found}
    return [_whole(split, found[split], address) for split in _chosen(found, address)]


def _loaded(builder: Any, address: Address) -> list[Part]:
    builder.download_and_prepare()
    found = builder.as_dataset()
    return [_whole(split, found[split], address) for split in _chosen(found, address)]


def _whole(split: str, dataset: Any, address: Address) -> Part:
    files = tuple(each["filename"] for each in dataset.cache_files)
    rows = sum(_rows(file) for file in files)
    if rows != dataset.num_rows:
        raise LayoutError(
            f"Expected the files of {address.place} to hold the {dataset.num_rows} rows of "
            f"{split}, but found {rows}; write it anew with `save_to_disk` after `flatten_indices`."
        )
    return Part(split, files, columns.described(dataset.features), _licence(dataset))


def _rows(file: str) -> int:
    with pa.memory_map(file) as source, pa.ipc.open_stream(source) as reader:
        return sum(batch.num_rows for batch in reader)


def _builder(address: Address) -> Any:
    return _datasets(address).load_dataset_builder(
        str(address.folder or address.place),
        name=address.config or None,
        revision=address.revision or None,
        cache_dir=os.environ.get("HF_DATASETS_CACHE") or None,
    )


def _chosen(found: Mapping[str, Any], address: Address) -> list[str]:
    for split in address.splits:
        if split not in found:
            raise LayoutError(
                f"Expected a split {split!r} in {address.place}, but found {', '.join(found)}."
            )
    return list(address.splits or found)


def _licence(dataset: Any) -> str:
    value = dataset.info.license if dataset.info else ""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value or "")


def _streamed(found: Mapping[str, Any], address: Address, spool: Path) -> list[Part]:
    chosen = _chosen(found, address)
    spool.mkdir(parents=True, exist_ok=True)
    with locked(spool / ".lock", str(spool)):
        for split in chosen:
            _write_split(found[split], spool / _folder(split), address, split)
        _write_json(spool / "splits.json", {"place": address.place, "splits": chosen})
    done = _spooled(spool)
    assert done is not None
    return done


def _spooled(spool: Path) -> list[Part] | None:
    """A stream that has been written to its end, or None."""
    try:
        splits = json.loads((spool / "splits.json").read_bytes())["splits"]
        states = {split: _state(spool / _folder(split)) for split in splits}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not all(state.get("done") for state in states.values()):
        return None
    return [
        Part(split, _files(spool / _folder(split), state), state["kinds"], state["licence"])
        for split, state in states.items()
    ]


def _write_split(stream: Any, folder: Path, address: Address, split: str) -> None:
    """Writes what is not there yet of a split. The state is written last, so it is true."""
    folder.mkdir(parents=True, exist_ok=True)
    state = _state(folder)
    if state.get("done"):
        return
    stream, kinds = _undecoded(stream)
    if state:
        stream.load_state_dict(state["position"])
    start = {"files": 0, "rows": 0, "licence": _licence(stream), "kinds": kinds, "done": False}
    state = {**start, **state}
    held: list[pa.Table] = []
    with _bar(f"{address.name} {split}", state["rows"]) as show:
        for batch in _batches(stream, address.rows - state["rows"] if address.rows else None):
            held.append(_embedded(batch, kinds, address))
            state["rows"] += batch.num_rows
            show(state["rows"])
            rows, size = sum(map(len, held)), sum(table.nbytes for table in held)
            if rows >= _FILE_ROWS or size >= _FILE_BYTES:
                _flush(folder, state, held, stream.state_dict())
        _flush(folder, {**state, "done": True}, held, None)


def _kinds(stream: Any) -> dict[str, str | list[str]]:
    """The kind of each column of a stream, by its first row if it says nothing else."""
    if stream.features:
        return columns.described(stream.features)
    first = next(stream.with_format("arrow").iter(batch_size=1), None)
    return {} if first is None else columns.of_schema(first.schema)


def _undecoded(stream: Any) -> tuple[Any, dict[str, str | list[str]]]:
    """A stream of Arrow tables in which audio stays as it is encoded, and its columns."""
    from datasets import Audio

    kinds = _kinds(stream)
    for name, kind in kinds.items():
        if kind == "audio" and stream.features:
            stream = stream.cast_column(name, Audio(decode=False))
    return stream.with_format("arrow"), kinds


def _batches(stream: Any, most: int | None) -> Iterator[pa.Table]:
    if most is not None and most <= 0:
        return
    for batch in stream.iter(batch_size=_TAKEN):
        if most is not None and batch.num_rows >= most:
            yield batch.slice(0, most)
            return
        yield batch
        most = None if most is None else most - batch.num_rows


def _embedded(table: pa.Table, kinds: Mapping[str, Any], address: Address) -> pa.Table:
    """A table with the recordings in it that lie in files elsewhere than on this machine."""
    for number, name in enumerate(table.column_names):
        column = table.column(number)
        if kinds.get(name) == "audio" and pa.types.is_struct(column.type):
            rows = [_fetched(row, address) for row in column.to_pylist()]
            table = table.set_column(number, name, pa.array(rows, _AUDIO))
    return table


_AUDIO = pa.struct([("bytes", pa.large_binary()), ("path", pa.string())])


def _fetched(row: dict[str, Any] | None, address: Address) -> dict[str, Any] | None:
    path = (row or {}).get("path")
    if not row or row["bytes"] or not path or Path(path).is_file():
        return row
    if not is_its_own(path, address):
        return row
    import fsspec

    # A missing recording is a bad record, and not the end of all.
    with contextlib.suppress(FileNotFoundError), fsspec.open(path, "rb") as file:
        return {"bytes": file.read(), "path": path}
    return row


def _flush(folder: Path, state: dict[str, Any], held: list[pa.Table], position: Any) -> None:
    if held:
        table = pa.concat_tables(held, promote_options="permissive")
        with (
            replacing(folder / _file(state["files"])) as file,
            pa.ipc.new_stream(file, table.schema) as writer,
        ):
            writer.write_table(table, max_chunksize=_TAKEN)
        state["files"] += 1
        held.clear()
    _write_json(folder / "state.json", {**state, "position": position})


def _state(folder: Path) -> dict[str, Any]:
    try:
        state = json.loads((folder / "state.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def _files(folder: Path, state: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(folder / _file(number)) for number in range(state["files"]))


def _file(number: int) -> str:
    return f"{number:06d}.arrow"


def _folder(split: str) -> str:
    return re.sub(r"[^\w.-]", "_", split)


def _write_json(path: Path, value: Any) -> None:
    with replacing(path) as file:
        file.write(json.dumps(value, sort_keys=True).encode())


def _spool(address: Address) -> Path:
    """Where a stream of a data set is written: a folder that follows from what is asked for."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    asked = {name: value for name, value in asdict(address).items() if name != "columns"}
    asked |= {"folder": str(address.folder), "streaming": None, "inside": _inside(address.folder)}
    text = json.dumps(asked, sort_keys=True, default=str)
    digest = hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=6).hexdigest()
    return Path(home) / "clara" / "hub" / f"{re.sub(r'[^A-Za-z0-9.]+', '-', address.name)}-{digest}"


def _inside(folder: Path | None) -> list[tuple[str, int, int]]:
    """The files of a folder with their sizes and times: a change of them is another data set."""
    if folder is None or _is_saved(folder):
        return []
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    stats = ((path, path.stat()) for path in found)
    return [(str(path.relative_to(folder)), s.st_size, s.st_mtime_ns) for path, s in stats]


def _datasets(address: Address) -> Any:
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError(f"reading the data set {address.place}", "hub") from error
    return datasets


@contextlib.contextmanager
def _bar(title: str, done: int) -> Iterator[Callable[[int], None]]:
    """Shows on a terminal how many rows have come; how many will come is not known."""
    if not sys.stderr.isatty():
        yield lambda rows: None
        return
    from rich.console import Console
    from rich.status import Status

    with Status(f"{title}: {done:,} rows", console=Console(stderr=True)) as status:
        yield lambda rows: status.update(f"{title}: {rows:,} rows")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps bars off what is no terminal, and to itself that `datasets` leaves files open."""
    try:
        from datasets.utils import logging
    except ImportError:
        yield
        return
    shown = logging.is_progress_bar_enabled()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        if not sys.stderr.isatty():
            logging.disable_progress_bar()
        try:
            yield
        finally:
            gc.collect()  # those files are closed here, while that is kept quiet
            if shown:
                logging.enable_progress_bar()
