"""How a user says which data set is meant: its place, and behind a "?" how to read it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote_plus

from clara.errors import LayoutError, UnknownNameError, UsageError

FIELDS = ("audio", "text", "transcript", "language", "speaker", "licence", "source")
KINDS = ("sound", "emotion", "gender", "age", "keyword", "scene", "intensity", "accent")
_OPTIONS = ("config", "split", "revision", "streaming", "rows")
_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
_YES = {"": True, "1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


@dataclass(frozen=True)
class Address:
    """A data set and how to read it.

    Attributes:
        place: "user/name" on the hub, or a folder.
        folder: The folder, if it is one of this machine.
        config: Its configuration (subset); empty for its only one.
        splits: The splits to read; all if empty.
        revision: Branch, tag or commit on the hub; the newest if empty.
        streaming: Whether to stream it; None for what suits.
        rows: How many rows of each split to read; 0 for all.
        columns: A field or kind of label to the columns that hold it, over what their names say.
    """

    place: str
    folder: Path | None = None
    config: str = ""
    splits: tuple[str, ...] = ()
    revision: str = ""
    streaming: bool | None = None
    rows: int = 0
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The last part of its place: what rows are called after, wherever they lie."""
        return self.folder.name if self.folder else self.place


def parse(source: str) -> Address:
    """Takes an address apart.

    Raises:
        LayoutError: There is no such folder, and it is no name on the hub either.
        UsageError: An option is unknown, or has a value that it cannot have.

    >>> parse("user/name?config=clean&split=train,test&text=caption&rows=100").splits
    ('train', 'test')
    """
    exists = bool(source) and Path(source).expanduser().exists()
    place, query = (source, "") if exists else _divide(source)
    folder = Path(place).expanduser()
    if folder.is_file():
        raise LayoutError(f"Expected the folder of a data set at {folder}, but found a file there.")
    if not (place and folder.is_dir()) and not _ID.fullmatch(place):
        raise LayoutError(
            f"Expected a data set as user/name, or the folder of one, but found no folder at "
            f"{place!r}."
        )
    options: dict[str, str] = {}
    for part in filter(None, query.split("&")):
        name, _, value = part.partition("=")
        options[unquote_plus(name)] = unquote_plus(value)
    columns = {
        name: _several(options.pop(name))
        for name in list(options)
        if name in (*FIELDS, *KINDS) or name.startswith("label.")
    }
    for name in options:
        if name not in _OPTIONS:
            known = (*_OPTIONS, *FIELDS, *KINDS, "label.KIND")
            raise UnknownNameError("option of a data set", name, known)
    return Address(
        place=place,
        folder=folder.absolute() if folder.is_dir() else None,
        config=options.get("config", ""),
        splits=_splits(options.get("split", "")),
        revision=options.get("revision", ""),
        streaming=_flag(options["streaming"]) if "streaming" in options else None,
        rows=_count(options.get("rows", "0")),
        columns=columns,
    )


def _divide(source: str) -> tuple[str, str]:
    place, mark, query = source.rpartition("?")
    place, query = (place, query) if mark else (query, "")
    # As copied from the address line of a browser.
    place = re.sub(r"^(https?:/+huggingface\.co/datasets/|hf:/+(datasets/)?)", "", place)
    return place.rstrip("/") or source, query


def _several(value: str) -> tuple[str, ...]:
    return tuple(filter(None, (name.strip() for name in value.split(","))))


def _splits(value: str) -> tuple[str, ...]:
    if "[" in value or "+" in value:
        raise UsageError(
            f"Expected names of splits, parted by commas, but found split={value}; to read a part "
            "of each say rows=N."
        )
    return _several(value)


def _flag(value: str) -> bool:
    if value.lower() not in _YES:
        raise UsageError(f"Expected streaming=1 or streaming=0 but found streaming={value}.")
    return _YES[value.lower()]


def _count(value: str) -> int:
    if not re.fullmatch(r"\d{1,12}", value):
        raise UsageError(f"Expected a number of rows but found rows={value}.")
    return int(value)
