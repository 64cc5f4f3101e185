"""A user's own recordings, described by a manifest in CSV or JSON lines.

Expects the manifest itself, or a folder that holds `manifest.csv` or `manifest.jsonl`. One line is
one recording:

    path        the audio file, relative to the manifest or absolute (the only column that must be)
    text        what a person wrote about it; more in text_2, text_3, ..., or as a JSON list
    label.KIND  what it is, one word or a JSON list; the kinds sound, emotion, gender, age,
                language, keyword, intensity and scene may stand without "label." ("language" is
                then what is spoken)
    split       train (if empty), valid, test, or fold1 to fold10
    language    BCP 47 tag of what is spoken; transcript: the words; speaker: who says them
    start, end  seconds, where the recording is a part of the file
    source      id of the recording it was cut from; key: its own name, the path if empty
    extra.NAME  anything else; so are columns of other names
"""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from clara.corpora import Corpus, _files
from clara.errors import LayoutError
from clara.records import Entry

__all__ = ["corpus"]

_SPLITS = ("train", "valid", "test", *(f"fold{fold}" for fold in range(1, 11)))
_FIELDS = ("path", "key", "split", "language", "transcript", "source", "speaker", "start", "end")
_KINDS = ("sound", "emotion", "gender", "age", "keyword", "intensity", "scene")
_TEXT = re.compile(r"text(_[0-9]+)?")


def _read(root: Path) -> Iterator[Entry]:
    manifest = _find(root)
    lines = (
        _json_lines(manifest) if manifest.suffix == ".jsonl" else _files.rows(manifest, ["path"])
    )
    known: set[str] = set()
    for number, row in lines:
        where = f"line {number} of {manifest}"
        for name in row.keys() - known:
            _check_name(name, where)
        known |= row.keys()
        yield _entry(row, manifest.parent, where)


def _find(root: Path) -> Path:
    if root.is_file() and root.suffix in (".csv", ".jsonl"):
        return root
    for name in ("manifest.csv", "manifest.jsonl"):
        if (root / name).is_file():
            return root / name
    found = "no such file or folder"
    if root.exists():
        found = "a folder without one" if root.is_dir() else "another kind of file"
    raise LayoutError(
        f"Expected a manifest ending in .csv or .jsonl at {root}, or manifest.csv or "
        f"manifest.jsonl in it, but found {found}."
    )


def _json_lines(manifest: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with manifest.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            where = f"line {number} of {manifest}"
            try:
                row = json.loads(line.decode("utf-8-sig"), parse_constant=_refuse)
                if b"\\ud" in line.lower():
                    json.dumps(row, ensure_ascii=False).encode()  # half a surrogate pair fails
            except (ValueError, RecursionError) as error:
                raise LayoutError(f"Expected JSON in {where}, but found: {error}.") from error
            if not isinstance(row, dict):
                raise LayoutError(f"Expected a JSON object in {where}, but found {_name(row)}.")
            yield number, row


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def _check_name(name: str, where: str) -> None:
    """Refuses a column that is nearly one of ours: a slip would lose it, or leak a test split."""
    if _own(name) or name.startswith(("label.", "extra.")):
        return
    near = difflib.get_close_matches(name, (*_FIELDS, *_KINDS, "text", "label."), 1, cutoff=0.8)
    if near:
        ours = "label.KIND" if near == ["label."] else near[0]
        raise LayoutError(
            f"Expected a column {ours!r}, but found {name!r} ({where}); rename it, "
            f"or name it 'extra.{name}' to keep it as it is."
        )


def _own(name: str) -> bool:
    return name in _FIELDS or name in _KINDS or _TEXT.fullmatch(name) is not None


def _entry(row: Mapping[str, Any], base: Path, where: str) -> Entry:
    fields = {name: _word(row.get(name), name, where) for name in _FIELDS}
    if not fields["path"]:
        raise LayoutError(f"Expected a path in {where}, but found none.")
    if "\0" in fields["path"]:
        raise LayoutError(f"Expected a path in {where}, but found a zero byte in it.")
    split = fields["split"] or "train"
    if split not in _SPLITS:
        raise LayoutError(
            f"Expected the split in {where} to be train, valid, test or fold1 to fold10, "
            f"but found {split!r}."
        )
    start = _seconds(fields["start"], "start", where)
    end = _seconds(fields["end"], "end", where)
    if end is not None and end <= (start or 0.0):
        raise LayoutError(f"Expected the end to lie after the start in {where}.")
    part = f"@{fields['start'] or 0}-{fields['end']}" if start or end is not None else ""
    return Entry(
        key=fields["key"] or fields["path"] + part,
        path=base / fields["path"],
        start=start or 0.0,
        end=end,
        split=split,
        language=fields["language"],
        transcript=fields["transcript"],
        labels=_labels(row, where),
        texts=_texts(row, where),
        source=fields["source"],
        speaker=fields["speaker"],
        extra=_extra(row),
    )


def _labels(row: Mapping[str, Any], where: str) -> dict[str, tuple[str, ...]]:
    labels: dict[str, tuple[str, ...]] = {}
    for name, value in row.items():
        kind = name.removeprefix("label.")
        if kind and (name in _KINDS or kind != name):
            values = _words(value, name, where)
            if values:
                labels[kind] = labels.get(kind, ()) + values
    return labels


def _texts(row: Mapping[str, Any], where: str) -> tuple[str, ...]:
    names = sorted(filter(_TEXT.fullmatch, row), key=lambda name: int(name[5:] or 0))
    texts = (text for name in names for text in _words(row[name], name, where))
    return tuple(dict.fromkeys(texts))


def _extra(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name.removeprefix("extra."): value
        for name, value in row.items()
        if not _own(name) and not name.startswith("label.") and value not in ("", None)
    }


def _words(value: Any, name: str, where: str) -> tuple[str, ...]:
    """One word or a list of them; in a CSV cell a list is written as JSON."""
    values = value if isinstance(value, list) else _json_list(value) or [value]
    words = (_word(word, name, where) for word in values)
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


def _word(value: Any, name: str, where: str) -> str:
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise LayoutError(f"Expected text as {name!r} in {where}, but found {_name(value)}.")
    return str(value).strip()


def _seconds(text: str, name: str, where: str) -> float | None:
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds >= 0):
        raise LayoutError(f"Expected seconds as {name!r} in {where}, but found {text!r}.")
    return seconds


def _name(value: Any) -> str:
    names = {dict: "an object", list: "a list", bool: "true or false", str: "a text"}
    return names.get(type(value), "a number")


corpus = Corpus(
    title="Your own recordings",
    homepage="",
    licence="yours",
    cite="yours",
    size="any",
    obtain="Write a manifest, in CSV or JSON lines, with a column `path` and any of text, "
    "label.KIND, split, language, transcript, speaker, start, end, source and key; give the "
    "manifest, or the folder that holds it as manifest.csv or manifest.jsonl.",
    splits=_SPLITS,
    read=_read,
    yours=True,
)
