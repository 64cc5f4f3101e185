"""Where the recordings of a data set may lie: whoever made it may name any file of this machine."""

from __future__ import annotations

import os
from pathlib import Path

from clara.corpora._hub.address import Address

_REMOTE = ("hf", "https", "http")
# What unpacks or keeps what stands behind the next "::".
_LAYERS = ("zip", "tar", "gzip", "bz2", "xz", "zstd", "simplecache", "filecache")


def is_its_own(path: str, address: Address) -> bool:
    """Whether a recording that a row names is one of the data set, or lies on the network.

    Args:
        path: A path or a URL, as `fsspec` chains them ("zip://a.wav::hf://datasets/...").
        address: The data set.
    """
    *layers, last = path.split("::")
    if any(layer.partition("://")[0] not in _LAYERS for layer in layers):
        return False
    kind, mark, rest = last.partition("://")
    if mark and kind != "file":
        return kind in _REMOTE
    place = Path(os.path.normpath(local(rest if mark else last, address)))
    return any(place.is_relative_to(home) for home in _homes(address))


def local(path: str, address: Address) -> Path:
    """A path that a row names, on this machine."""
    return (address.folder or Path()).absolute() / path


def _homes(address: Address) -> list[Path]:
    """The folders of this machine that hold a data set: its own, or the caches of Hugging Face."""
    if address.folder:
        return [address.folder, address.folder.resolve()]
    from datasets import config
    from huggingface_hub import constants

    kept = os.environ.get("HF_DATASETS_CACHE") or config.HF_DATASETS_CACHE
    homes = (config.HF_CACHE_HOME, kept, constants.HF_HUB_CACHE)
    return [Path(home).absolute() for home in homes]
