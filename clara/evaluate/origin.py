"""How figures came about: all that somebody needs who wants to measure them again."""

from __future__ import annotations

import datetime
import os
import platform
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from importlib import metadata
from pathlib import Path

import numpy as np
import torch

from clara import __version__
from clara.embed import Encoder
from clara.hashes import Hashes, combined, hashed, mixed
from clara.shards import Index

_PACKAGES = (
    "torch",
    "numpy",
    "pyarrow",
    "soundfile",
    "soxr",
    "tokenizers",
    "scikit-learn",
    "transformers",
    "sentence-transformers",
    "laion-clap",
    "msclap",
)
_TEXTS = ("key", "source", "speaker")
_NAMES = ("corpus", "split", "labels", "language")


@dataclass(frozen=True, slots=True)
class Model:
    """A model as it was asked for, and what decides its rows; empty if it does not say."""

    asked: str
    hash: str


@dataclass(frozen=True, slots=True)
class Data:
    """Recordings.

    Attributes:
        folders: Where they lie.
        recordings: How many they are.
        hash: Of their names, labels, texts, speakers and sources, in whatever order.
    """

    folders: tuple[str, ...]
    recordings: int
    hash: str


@dataclass(frozen=True, slots=True)
class Origin:
    """How figures came about.

    Attributes:
        command: Measures them again, typed in `folder`.
        folder: Where it was typed.
        models: What each model is called in the scores, and the model.
        data: The recordings.
        options: What was asked for: tasks, protocols, folds, prompts, seed.
        date: When they were measured, in UTC.
        packages: Releases of what had a hand in it.
        machine: What it ran on.
    """

    command: str
    folder: str
    models: Mapping[str, Model]
    data: Data
    options: Mapping[str, object]
    date: str = field(default_factory=lambda: _now())
    packages: Mapping[str, str] = field(default_factory=lambda: _packages())
    machine: Mapping[str, object] = field(default_factory=lambda: _machine())


def origin(
    models: Mapping[str, tuple[str, Encoder]],
    data: tuple[Sequence[str], Index],
    options: Mapping[str, object],
) -> Origin:
    """How figures of a run come about.

    Args:
        models: What each model is called in the scores; what it was asked for as, and the encoder.
        data: The folders of shards and what they hold.
        options: Of `clara evaluate`, each by its name without dashes.
    """
    folders, index = data
    words = ["clara", "evaluate", *(asked for asked, _ in models.values()), "--data", *folders]
    for name, value in options.items():
        given = [str(each) for each in value] if isinstance(value, tuple) else [str(value)]
        words += [f"--{name}", *given] if given else []
    return Origin(
        command=shlex.join(words),
        folder=str(Path.cwd()),
        models={
            name: Model(asked, str(getattr(encoder, "hash", "")))
            for name, (asked, encoder) in models.items()
        },
        data=Data(tuple(folders), len(index), data_hash(index)),
        options=dict(options),
    )


def data_hash(index: Index) -> str:
    """What says whether two runs had the same recordings: "sha256:...", whatever their order."""
    columns = [index.hashes(name) for name in _TEXTS]
    for name in _NAMES:
        codes, names = index.codes(name)
        columns.append(hashed(names)[codes])
    columns.append(index.values("frames", slice(None)).astype(np.uint64))
    columns.append(_texts(index))
    rows = combined(columns, np.zeros(len(index), np.uint64))
    return f"sha256:{sha256(np.sort(mixed(rows)).astype('<u8').tobytes()).hexdigest()}"


def _texts(index: Index) -> Hashes:
    """The captions of each recording as one number `[N]`, whatever their order."""
    found = np.zeros(len(index), np.uint64)
    row = 0
    for chunk in index.arrow("texts").chunks:
        counts = chunk.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
        owners = np.repeat(np.arange(row, row + len(chunk)), counts)
        np.add.at(found, owners, mixed(hashed(chunk.flatten())))
        row += len(chunk)
    return found


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _packages() -> dict[str, str]:
    found = {"clara-audio": __version__}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _machine() -> dict[str, object]:
    cards = [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())]
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "accelerators": cards,
    }


def _processor() -> str:
    told = Path("/proc/cpuinfo")
    lines = told.read_text(errors="replace").splitlines() if told.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
