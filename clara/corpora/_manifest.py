"""What people write of their own recordings: tables and JSON, a line or an object to an entry."""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from clara.corpora import _files
from clara.errors import LayoutError
from clara.records import Entry

SPLITS = ("train", "valid", "test", *(f"fold{fold}" for fold in range(1, 11)))
SPLIT_NAMES = {
    **{name: name for name in SPLITS},
    "training": "train",
    **dict.fromkeys(("val", "validation", "dev"), "valid"),
    "testing": "test",
}
"""What people call a split, in small letters, to what it is called here."""

_FIELDS = (
    *("path", "key", "split", "language", "transcript", "source", "speaker", "licence"),
    *("start", "end"),
)
_KINDS = ("sound", "emotion", "gender", "age", "keyword", "intensity", "scene")
_TEXT = re.compile(r"text(_[0-9]+)?")
_SPELT = {"license": "licence"}


class FieldError(ValueError):
    """A field that is not what it should be.

    Args:
        expected: What it should be ("seconds as 'start'"); the same for all such records.
        found: What it is instead.
    """

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(expected, found)
        self.expected, self.found = expected, found


def read(manifest: Path) -> Iterator[Entry]:
    """The entries of a manifest ending in .csv, .tsv or .jsonl.

    Raises:
        LayoutError: A line or a column is not what it should be; it is named.
    """
    suffix = manifest.suffix.lower()
    if suffix == ".jsonl":
        rows = _json_lines(manifest)
    else:
        rows = _files.rows(manifest, ["path"], delimiter="\t" if suffix == ".tsv" else ",")
    known: set[str] = set()
    for number, row in rows:
        where = f"line {number} of {manifest}"
        for name in row.keys() - known:
            _check_name(name, where)
        known |= row.keys()
        try:
            yield _of_line(row, manifest.parent)
        except FieldError as error:
            raise _told(error, where) from error


def check_names(row: Mapping[str, Any]) -> None:
    """Refuses a name that is nearly one of ours: a slip would lose it, or leak a test split.

    Raises:
        FieldError: There is one.
    """
    for name in row:
        near = _near(name)
        if near:
            raise FieldError(f"{near!r} to be spelt so", repr(name))


def entry(row: Mapping[str, Any], path: Path, name: str) -> Entry:
    """The entry of a row: a line of a table, or an object of JSON.

    Args:
        row: Column to value: text, or what JSON can hold.
        path: The recording.
        name: Its name: its key if the row has none.

    Raises:
        FieldError: A field is not what it should be.
    """
    row = {_SPELT.get(field, field): value for field, value in row.items()}
    fields = {field: _word(row.get(field), field) for field in _FIELDS}
    split = SPLIT_NAMES.get(fields["split"].lower() or "train")
    if not split:
        raise FieldError("a split of train, valid, test or fold1 to fold10", repr(fields["split"]))
    start, end = _seconds(fields["start"], "start"), _seconds(fields["end"], "end")
    if end is not None and end <= (start or 0.0):
        raise FieldError("an end after the start", f"{fields['start'] or 0} to {fields['end']}")
    is_part = start or end is not None
    part = f"@{fields['start'] or 0}-{fields['end']}" if is_part else ""
    return Entry(
        key=fields["key"] or name + part,
        path=path,
        start=start or 0.0,
        end=end,
        split=split,
        language=fields["language"],
        transcript=fields["transcript"],
        labels=_labels(row),
        texts=_texts(row),
        source=fields["source"] or (name if is_part else ""),
        speaker=fields["speaker"],
        licence=fields["licence"],
        extra=_extra(row),
    )


def parse(text: bytes) -> dict[str, Any]:
    """An object of JSON, as strict as the standard.

    Raises:
        FieldError: It is none.
    """
    try:
        row = json.loads(text.decode("utf-8-sig"), parse_constant=_refuse)
        if b"\\ud" in text.lower():
            json.dumps(row, ensure_ascii=False).encode()  # half a surrogate pair fails
    except (ValueError, RecursionError) as error:
        raise FieldError("JSON", str(error).rstrip(".")) from error
    if not isinstance(row, dict):
        raise FieldError("a JSON object", named(row))
    return row


def named(value: Any) -> str:
    """What a value of JSON is, in words."""
    names = {dict: "an object", list: "a list", bool: "true or false", str: "a text"}
    return names.get(type(value), "a number")


def _of_line(row: Mapping[str, Any], base: Path) -> Entry:
    path = _word(row.get("path"), "path")
    if not path:
        raise FieldError("a path", "none")
    if "\0" in path:
        raise FieldError("a path", "a zero byte in it")
    return entry(row, base / path, path)


def _json_lines(manifest: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with manifest.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                yield number, parse(line)
            except FieldError as error:
                raise _told(error, f"line {number} of {manifest}") from error


def _told(error: FieldError, where: str) -> LayoutError:
    return LayoutError(f"Expected {error.expected} in {where}, but found {error.found}.")


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def _check_name(name: str, where: str) -> None:
    near = _near(name)
    if near:
        raise LayoutError(
            f"Expected a column {near!r}, but found {name!r} ({where}); rename it, "
            f"or name it 'extra.{name}' to keep it as it is."
        )


def _near(name: str) -> str:
    """The name of ours that was most likely meant by one that is not, or nothing."""
    if _own(name) or name.startswith(("label.", "extra.")):
        return ""
    head, dot, kind = name.partition(".")
    if dot and difflib.get_close_matches(head, ("label", "labels"), 1, cutoff=0.8):
        return f"label.{kind}"
    near = difflib.get_close_matches(name, (*_FIELDS, *_KINDS, "text", "label."), 1, cutoff=0.8)
    return "label.KIND" if near == ["label."] else near[0] if near else ""


def _own(name: str) -> bool:
    return name in (*_FIELDS, *_KINDS, *_SPELT) or _TEXT.fullmatch(name) is not None


def _labels(row: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    labels: dict[str, tuple[str, ...]] = {}
    for name, value in row.items():
        kind = name.removeprefix("label.")
        if kind and (name in _KINDS or kind != name):
            values = _words(value, name)
            if values:
                labels[kind] = labels.get(kind, ()) + values
    return labels


def _texts(row: Mapping[str, Any]) -> tuple[str, ...]:
    names = sorted(filter(_TEXT.fullmatch, row), key=lambda name: int(name[5:] or 0))
    texts = (text for name in names for text in _words(row[name], name))
    return tuple(dict.fromkeys(texts))


def _extra(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name.removeprefix("extra."): value
        for name, value in row.items()
        if not _own(name) and not name.startswith("label.") and value not in ("", None)
    }


def _words(value: Any, name: str) -> tuple[str, ...]:
    """One word or a list of them; in a cell of a table a list is written as JSON."""
    values = value if isinstance(value, list) else _json_list(value) or [value]
    words = (_word(word, name) for word in values)
    return tuple(word for word in words if word)


def _json_list(value: Any) -> list[str]:
    """The texts of a JSON list, or none: a text may well begin with a bracket."""
    if not isinstance(value, str) or not value.lstrip().startswith("["):
        return []
    try:
        values = json.loads(value)
    except (ValueError, RecursionError):
        return []
    return values if all(isinstance(text, str) for text in values) else []


def _word(value: Any, name: str) -> str:
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise FieldError(f"text as {name!r}", named(value))
    return str(value).strip()


def _seconds(text: str, name: str) -> float | None:
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds >= 0):
        raise FieldError(f"seconds as {name!r}", repr(text))
    return seconds
