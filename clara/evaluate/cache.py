"""Embeddings kept on disk, so that no recording goes through the same model twice.

A file holds a chunk of rows as `.npy`, with a SHA-256 of it behind, and is named after all that
decides them: the model's own hash, the release of this package, and of each recording its name,
place and length and the size and time of its shard. So what has changed is not found, and made
again; runs that were stopped go on after their last chunk; and runs side by side write the same
files. Nothing is ever removed: it is all right to remove any of it.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from clara import __version__
from clara.embed import Encoder, Rows, embed_index
from clara.errors import DataError
from clara.files import make_parent, replacing
from clara.hashes import hashed
from clara.records import Embeddings
from clara.remote import File, Url
from clara.shards import Index

_FORMAT = 1
_NUMBERS = ("audio_offset", "audio_size", "frames")
_DIGEST = hashlib.sha256().digest_size


def default_folder() -> Path | None:
    """Where the user's cache lies: `$XDG_CACHE_HOME/clara`, or `~/.cache/clara` if there is a home.

    >>> default_folder().name
    'clara'
    """
    home = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if home.is_absolute():  # by that standard another path counts as none
        return home / "clara"
    try:
        return Path.home() / ".cache" / "clara"
    except RuntimeError:
        return None


class Cache:
    """Rows of recordings that were embedded before.

    Args:
        folder: Where they are kept; nowhere if None.

    Attributes:
        found: How many rows were there.
        made: How many had to be made.
        damaged: How many of its files were broken; they were made again.
        stopped: Why nothing more is kept, as on a full disk; empty if all is well.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.found = 0
        self.made = 0
        self.damaged = 0
        self.stopped = ""

    def embed(
        self,
        encoder: Encoder,
        view: Index,
        *,
        features: bool = False,
        progress: Callable[[int], None] | None = None,
    ) -> Embeddings:
        """As `clara.embed.embed_index`, with what was made before.

        Args:
            encoder: Any encoder; what one without a `hash` gives is not kept.
            view: The recordings.
            features: Take `encoder.features` instead of `encoder.audio`.
            progress: Told after each chunk how many recordings are done.

        Raises:
            UsageError: There are no recordings.
        """
        name = getattr(encoder, "hash", "") if self.folder else ""
        if not name:
            self.made += len(view)
            return embed_index(encoder, view, features=features, progress=progress)
        plain = re.sub(r"[^\w.-]+", "-", encoder.name)[:40]
        folder = f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:16]}"
        what = f"{_FORMAT}\0{__version__}\0{name}\0{encoder.rate}\0{features}\n"
        names = _Names(view, what.encode())

        def kept(rows: npt.NDArray[np.int64], make: Callable[[], Rows]) -> Rows:
            return self._kept(f"{folder}/{names.of(rows)}.npy", len(rows), make)

        return embed_index(encoder, view, features=features, progress=progress, kept=kept)

    def told(self) -> list[str]:
        """What a user should know of it, in sentences."""
        found = []
        if self.damaged:
            found.append(
                f"{self.damaged} files of the cache were damaged; their rows were made again."
            )
        if self.stopped:
            found.append(f"Rows are no longer kept for later runs: {self.stopped}")
        return found

    def _kept(self, name: str, count: int, make: Callable[[], Rows]) -> Rows:
        assert self.folder
        path = self.folder / "embeddings" / name
        rows = self._read(path, count)
        if rows is not None:
            self.found += count
            return rows
        rows = make()
        self.made += count
        # A model that gives no numbers is told by who asked; it may have been the machine's fault.
        if not self.stopped and np.isfinite(rows).all():
            self._write(path, rows)
        return rows

    def _read(self, path: Path, count: int) -> Rows | None:
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError:
            self.damaged += 1
            return None
        body, digest = content[:-_DIGEST], content[-_DIGEST:]
        rows = None
        if hashlib.sha256(body).digest() == digest:
            rows = _parse(body, count)
        self.damaged += rows is None
        return rows

    def _write(self, path: Path, rows: Rows) -> None:
        buffer = io.BytesIO()
        np.save(buffer, np.ascontiguousarray(rows, np.float32), allow_pickle=False)
        body = buffer.getvalue()
        try:
            make_parent(path)
            with replacing(path) as file:
                file.write(body + hashlib.sha256(body).digest())
        except DataError as error:
            self.stopped = str(error)


class _Names:
    """Names for chunks of a view, after all that decides their rows.

    Args:
        view: The recordings.
        what: Says which encoder makes which rows.
    """

    def __init__(self, view: Index, what: bytes) -> None:
        self._what = what
        shards, names = view.codes("shard")
        corpora, known = view.codes("corpus")
        stamps = np.zeros(len(names), np.uint64)
        there = np.unique(shards).tolist()
        stamps[there] = hashed(_stamps([names[code] for code in there]))
        numbers = [view.values(name, slice(None)) for name in _NUMBERS]
        columns = [view.hashes("key"), hashed(known)[corpora], stamps[shards], *numbers]
        self._rows = np.stack([column.astype("<u8") for column in columns], axis=1)

    def of(self, rows: npt.NDArray[np.int64]) -> str:
        """The name of the chunk of some rows of the view."""
        return hashlib.sha256(self._what + self._rows[rows].tobytes()).hexdigest()


def _stamps(shards: Sequence[str]) -> list[str]:
    """The size of each shard and when it was written; empty if it is gone, which is told later."""
    found: list[str] = []
    listed: dict[str, dict[str, File]] = {}
    for shard in shards:
        if "://" in shard:
            folder = Url(shard).parent
            if str(folder) not in listed:
                listed[str(folder)] = folder.files()
            file = listed[str(folder)].get(Url(shard).name)
            found.append(f"{file.size} {file.mark}" if file else "")
            continue
        try:
            about = Path(shard).stat()
        except OSError:
            found.append("")
        else:
            found.append(f"{about.st_size} {about.st_mtime_ns}")
    return found


def _parse(body: bytes, count: int) -> Rows | None:
    """The rows of a file; None if they are not so many rows of float32."""
    try:
        rows = np.load(io.BytesIO(body), allow_pickle=False)
    except (ValueError, EOFError, OSError):
        return None
    good = isinstance(rows, np.ndarray) and rows.dtype == np.float32
    return rows if good and rows.ndim == 2 and len(rows) == count else None
