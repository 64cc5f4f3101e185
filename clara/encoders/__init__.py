"""ROOM: what puts recordings and sentences into one space; each file holds one kind of encoder.

A member is made from where its weights lie, and is a `clara.embed.Encoder`; the baseline needs
none. Nothing is ever downloaded: weights, configurations and vocabularies lie on the disk.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

from clara import rooms
from clara.embed import Encoder, load
from clara.errors import UsageError

_ROOM = "encoders"
_BASELINE = "baseline"


def open(name: str | Path) -> Encoder:
    """The encoder of a name, as people write it.

    Args:
        name: One of: a model folder, or the folder of a run; the folder of a transformers CLAP, or
            of a model of sentence-transformers; "baseline"; "KIND:WHERE", with KIND a file of this
            room and WHERE its folder or file; "package.module:function", which is called without
            arguments.

    Raises:
        UsageError: There is no such folder, kind, or function.
        MissingExtraError: A package that the kind needs is not installed.
        CheckpointError: What lies there is not, or no whole, model of that kind.
    """
    folder = Path(name)
    name = str(name)
    if name not in ("", _BASELINE) and folder.is_dir():
        kind = _kind(folder)
        return _made(kind, name) if kind else load(folder)
    kind, colon, where = name.partition(":")
    known = rooms.names(_ROOM)
    if kind in known:
        return _made(kind, where)
    if colon and _importable(kind):
        encoder: Encoder = rooms.load_foreign(name)()
        return encoder
    raise UsageError(
        f"Expected {name!r} to be a model, but there is no folder of that name, and it is neither "
        f"{_BASELINE!r}, nor KIND:WHERE with a kind of {', '.join(known)}, nor "
        f"package.module:function; nothing is fetched by its name, so download the model first."
    )


def _made(kind: str, where: str) -> Encoder:
    make = rooms.load(_ROOM, kind)
    if bool(where) == (kind == _BASELINE):
        wanted = kind if where else f"{kind}:WHERE, the folder or file of its weights"
        raise UsageError(f"Expected {wanted}, but found {kind}:{where}.")
    encoder: Encoder = make(where) if where else make()
    return encoder


def _kind(folder: Path) -> str:
    """The member that reads a folder; none if it is CLARA's own, or nothing that is known."""
    config = _json(folder / "config.json")
    if "format" in config:  # ours, even where sentence-transformers can read it too
        return ""
    if (folder / "modules.json").is_file():
        return "sentence_transformers"
    return "clap" if config.get("model_type") == "clap" else ""


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _importable(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError, AttributeError):
        return False
