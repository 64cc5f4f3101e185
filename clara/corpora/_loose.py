"""Recordings without a manifest: what lies beside them and where they lie says what they are."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from clara.corpora import _files, _manifest
from clara.corpora._manifest import SPLIT_NAMES, FieldError
from clara.errors import LayoutError
from clara.records import Entry

_LARGEST = 1 << 24
# Names of folders that say how recordings are kept, and not what is heard in them.
_NO_CLASSES = re.compile(
    r".*\d.*|audios?|clips?|data|files?|flac|mp3|ogg|rec|recordings?|samples?|sounds?|tracks?|"
    r"wavs?|media|videos?|misc|other|unsorted|new",
    re.IGNORECASE,
)
# Of what LAION keeps under "original_data", the fields that are ours too.
_OURS = ("language", "source", "speaker", "licence", "license", "split", "transcript")
_OUR_LABELS = ("gender", "emotion", "age")
_OWN_NAMES = ("key", "corpus", "labels")


class _Found(NamedTuple):
    """A recording: its path, its name below the root, and what lies beside it."""

    path: Path
    name: str
    text: Path | None
    json: Path | None

    @property
    def folders(self) -> list[str]:
        return self.name.split("/")[:-1]


def read(root: Path, pattern: str = "") -> Iterator[Entry]:
    """The recordings in and below a folder, or those of them that a pattern fits.

    Args:
        root: The folder.
        pattern: As in the shell, with `**` for any folders; all recordings if empty.

    Raises:
        LayoutError: There are none, nothing says what they are, or the folders are ambiguous.
    """
    found = list(_matching(root, pattern) if pattern else _below(root))
    if not found:
        raise LayoutError(_nothing(root, pattern))
    splits = _splits(found, root)
    classes: Mapping[str, str] = {}
    if not any(each.text or each.json for each in found):
        classes = _classes(found, splits, root)
    for each in found:
        split = splits.get(each.folders[0], "train") if each.folders else "train"
        yield from _entries(each, split, classes.get(each.folders[-1] if each.folders else "", ""))


def _below(root: Path) -> Iterator[_Found]:
    for folder, names in _files.walk(root):
        there = frozenset(names)
        inner = os.path.relpath(folder, root)
        for name in _one_of_each(names):
            stem = os.path.splitext(name)[0]  # noqa: PTH122 (a million names)
            text, json = f"{stem}.txt", f"{stem}.json"
            yield _Found(
                Path(folder, name),
                _printable(name if inner == "." else f"{inner}/{name}"),
                Path(folder, text) if text in there else None,
                Path(folder, json) if json in there else None,
            )


def _matching(root: Path, pattern: str) -> Iterator[_Found]:
    if not root.is_dir():
        return
    folders: dict[Path, list[str]] = {}
    try:
        for path in root.glob(pattern):
            inner = path.relative_to(root)
            if not any(step.startswith(".") for step in inner.parts) and not path.is_dir():
                folders.setdefault(inner.parent, []).append(path.name)
    except ValueError as error:
        raise LayoutError(
            f"Expected a pattern for files but found {pattern!r}: {error}."
        ) from error
    for inner in sorted(folders):
        for name in _one_of_each(sorted(set(folders[inner]))):
            path = root / inner / name
            text, json = path.with_suffix(".txt"), path.with_suffix(".json")
            yield _Found(
                path,
                _printable((inner / name).as_posix()),
                text if text.exists() else None,
                json if json.exists() else None,
            )


def _one_of_each(names: Sequence[str]) -> list[str]:
    """The recordings among sorted names, one of each stem: the format that `find` prefers."""
    from clara.audio.io import AUDIO_SUFFIXES  # heavy for a listing of corpora

    best: dict[str, tuple[int, str]] = {}
    for name in names:
        stem, suffix = os.path.splitext(name)  # noqa: PTH122 (a million names)
        if suffix.lower() in AUDIO_SUFFIXES:
            ranked = AUDIO_SUFFIXES.index(suffix.lower()), name
            best[stem] = min(ranked, best.get(stem, ranked))
    return [name for _, name in best.values()]


def _printable(name: str) -> str:
    """A path as text: names need not be UTF-8, but keys do."""
    return os.fsencode(name).decode("utf-8", "backslashreplace").replace(os.sep, "/")


def _nothing(root: Path, pattern: str) -> str:
    from clara.audio.io import AUDIO_SUFFIXES

    if pattern:
        there = "nothing there" if root.is_dir() else f"no folder {root}"
        return f"Expected recordings that fit {root / pattern}, but found {there}."
    names = sorted(path.name for path in root.iterdir() if not path.name.startswith("."))
    listing = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "") or "an empty folder"
    kinds = ", ".join(AUDIO_SUFFIXES[:5])
    return (
        f"Expected a manifest (manifest.csv, .tsv or .jsonl) in {root}, or recordings ({kinds}, "
        f"...) in or below it, but found {listing}."
    )


def _splits(found: Sequence[_Found], root: Path) -> dict[str, str]:
    """The folders that are splits: the outer ones, if all of them are named so."""
    outer = {each.folders[0] if each.folders else "" for each in found}
    splits = {name: SPLIT_NAMES[name.lower()] for name in outer if name.lower() in SPLIT_NAMES}
    if splits.keys() == outer:
        return splits
    # A train may be one of the vehicles.
    if set(splits.values()) - {"train"}:
        other = min(outer - splits.keys())
        beside = f"the folder {other}" if other else "recordings outside of them"
        raise LayoutError(
            f"Expected all recordings in {root} to lie in folders named after splits, since "
            f"{min(splits)} is one, but found {beside} too; move or rename it, or write a manifest."
        )
    return {}


def _classes(found: Sequence[_Found], splits: Mapping[str, str], root: Path) -> dict[str, str]:
    """The folder of each class, and its name; only where it can be nothing else."""
    depth = 2 if splits else 1
    inner = {each.folders[-1] for each in found if len(each.folders) == depth}
    deep = all(len(each.folders) == depth for each in found)
    if deep and len(inner) > 1 and not any(map(_NO_CLASSES.fullmatch, inner)):
        return {name: " ".join(name.replace("_", " ").split()) for name in inner}
    hint = ""
    if (root / "metadata.csv").is_file() or (root / "metadata.jsonl").is_file():
        hint = f"; metadata in the form of Hugging Face are read by: clara prepare hub {root}"
    raise LayoutError(
        f"Expected something to say what is heard in the {len(found)} recordings in {root}, but "
        f"found recordings alone; write NAME.txt with captions or NAME.json beside each, put each "
        f"in a folder named after its class, or write manifest.csv{hint}."
    )


def _entries(found: _Found, split: str, label: str) -> Iterator[Entry]:
    """A recording, or each of its segments; what lies beside it may be a bad record."""
    row: dict[str, Any] = {"split": split, "sound": label}
    bare = _manifest.entry(row, found.path, found.name)
    try:
        if found.path.exists() and not found.path.is_file():
            yield replace(bare, fault="it is a pipe, a device or a folder")
            return
        if found.text:
            row["text"] = _captions(_content(found.text))
        if found.json:
            row = _with_json(row, _manifest.parse(_content(found.json)))
        entries = [_manifest.entry(each, found.path, found.name) for each in _segments(row)]
    except FieldError as error:
        yield replace(bare, fault=f"what lies beside it is wrong: expected {error.expected}")
    except OSError as error:
        yield replace(bare, fault=f"what lies beside it cannot be read ({error.strerror})")
    else:
        yield from entries


def _content(path: Path) -> bytes:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise FieldError("a file", "something else")
    if status.st_size > _LARGEST:
        raise FieldError("at most 16 MiB", f"{status.st_size} bytes")
    return path.read_bytes()


def _captions(content: bytes) -> list[str]:
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise FieldError("text in UTF-8", str(error)) from error
    return [line.strip() for line in lines if line.strip()]


def _with_json(row: Mapping[str, Any], said: dict[str, Any]) -> dict[str, Any]:
    """What the JSON of a recording says, over what its place and its captions say."""
    said = _of_laion(said) if "original_data" in said or "tag" in said else _flat(said)
    texts = said.pop("text", None)
    said["text"] = [*(texts if isinstance(texts, list) else [texts]), *row.get("text", ())]
    return {**row, **{name: value for name, value in said.items() if value is not None}}


def _of_laion(said: Mapping[str, Any]) -> dict[str, Any]:
    """JSON as LAION writes it, and `prepare`: `text`, `tag`, and all else in `original_data`."""
    original = said.get("original_data")
    if not isinstance(original, dict):
        original = {} if original is None else {"original_data": original}
    rest = {name: said[name] for name in said if name not in ("text", "tag", "original_data")}
    row: dict[str, Any] = {"text": said.get("text")}
    labels = original.get("labels")
    if isinstance(labels, dict):
        row |= {f"label.{kind}": values for kind, values in labels.items()}
    else:
        row["label.tag"] = said.get("tag")
        row |= {kind: original.get(kind) for kind in _OUR_LABELS}
    for name, value in {**original, **rest}.items():
        if name in _OURS:
            row[name] = value if isinstance(value, str | int | float) else None
        elif name not in (*_OUR_LABELS, *_OWN_NAMES):
            row[f"extra.{name}"] = value
    if str(row.get("split")).lower() not in SPLIT_NAMES:
        row["split"] = None  # it may be that of the corpus it was taken from
    return row


def _flat(said: Mapping[str, Any]) -> dict[str, Any]:
    """JSON as people write it: the columns of a manifest, with `labels` as an object."""
    labels = said.get("labels") or {}
    if not isinstance(labels, dict):
        raise FieldError("an object as 'labels'", _manifest.named(labels))
    row = {name: value for name, value in said.items() if name not in ("labels", "path")}
    _manifest.check_names({name: value for name, value in row.items() if name != "segments"})
    return {**row, **{f"label.{kind}": values for kind, values in labels.items()}}


def _segments(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The recording, or in its place its segments, with what is said of the whole and of each."""
    segments = row.get("segments") or []
    whole = {name: value for name, value in row.items() if name != "segments"}
    if not isinstance(segments, list) or not all(isinstance(each, dict) for each in segments):
        raise FieldError("a list of objects as 'segments'", _manifest.named(segments))
    shared = {
        name: value
        for name, value in whole.items()
        if not name.startswith("text") and name not in ("transcript", "key", "start", "end")
    }
    for each in segments:
        if each.get("start") is None and each.get("end") is None:
            raise FieldError("a start or an end in each of 'segments'", "neither")
    return [{**shared, **_flat(each)} for each in segments] or [whole]
