"""Fingerprints are kept beside the shard they were taken from, in `.fingerprints/`.

A file that is not whole, or of another shard than the one that lies there now, counts for none.
"""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from clara.audio.fingerprint import VERSION, Prints
from clara.errors import DataError
from clara.files import replacing
from clara.shards import Index

FOLDER = ".fingerprints"


def mark(index: Index, rows: npt.NDArray[np.int64], shard: str) -> str:
    """What changes when the recordings of some rows of a shard, or their fingerprints, do."""
    digest = hashlib.blake2b(f"{VERSION} {_state(shard)}".encode(), digest_size=16)
    for name in ("audio_offset", "audio_size"):
        digest.update(index.values(name, rows).astype("<i8").tobytes())
    return digest.hexdigest()


def load(shard: str, expected: str, count: int) -> Prints | None:
    """The fingerprints that were kept of a shard, if they are those of these recordings.

    Args:
        shard: Path of the shard.
        expected: As `mark` gives it.
        count: How many recordings there are.
    """
    try:
        with safe_open(_path(shard), "numpy") as file:
            if (file.metadata() or {}).get("mark") != expected:
                return None
            signs, firm, starts = map(file.get_tensor, ("signs", "firm", "starts"))
    except (OSError, SafetensorError, ValueError):
        return None
    kinds = [(each.dtype, each.ndim) for each in (signs, firm, starts)]
    if kinds != [(np.uint32, 1), (np.uint32, 1), (np.int64, 1)] or len(starts) != count + 1:
        return None
    fits = starts[0] == 0 and starts[-1] == len(signs) == len(firm) and (np.diff(starts) >= 0).all()
    return Prints(signs, firm, starts) if fits else None


def store(shard: str, found: str, prints: Prints) -> None:
    """Keeps the fingerprints of a shard, if its folder may be written to."""
    if "://" in shard:
        return
    tensors: dict[str, npt.NDArray[Any]] = {
        "signs": prints.signs,
        "firm": prints.firm,
        "starts": prints.starts,
    }
    with contextlib.suppress(OSError, DataError):
        _path(shard).parent.mkdir(exist_ok=True)
        with replacing(_path(shard)) as file:
            file.write(save(tensors, {"mark": found}))


def _path(shard: str) -> Path:
    path = Path(shard)
    return path.parent / FOLDER / f"{path.name}.safetensors"


def _state(shard: str) -> str:
    try:
        found = Path(shard).stat()
    except OSError:
        return shard
    return f"{found.st_size} {found.st_mtime_ns}"
