"""Indexes tars that others made, as LAION lays them out: `<corpus>/<split>/0.tar`, audio and JSON.

The tars stay as they are. Audio and JSON belong together by name, not by order, so that a missing
one costs one sample and not the rest of the tar.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

import clara
from clara.audio import io
from clara.columns import Columns, repeated
from clara.errors import AudioError, ShardError, UsageError
from clara.files import Location, borrowed, find, locate, locked, remove_all
from clara.prepare import jobs, parts
from clara.prepare.encode import BadRecordError, cause, check_text, describe, usable
from clara.prepare.engines import Tick
from clara.prepare.engines.local import Local
from clara.prepare.members import members
from clara.prepare.parts import WORK, Part
from clara.prepare.run import LOCK, Report, report, tables
from clara.prepare.stats import summarise
from clara.shards import INDEX_NAME, Index, write_index
from clara.skips import Skips
from clara.tars import ours, words

LARGEST_AUDIO = 1 << 29
LARGEST_JSON = 1 << 24
_LOCALE = re.compile(r"[a-z]{2}(-[A-Za-z]{2,8})?|[a-z]{3}-[A-Za-z]{2,8}")
_SPLIT = re.compile(r"(^|[_-])(train|valid|val|validation|dev|test|eval|fold\d+)([_-]|\d|$)")
_SPLIT_NAMES = {"val": "valid", "validation": "valid", "dev": "valid"}
_LONGEST_NAME = 255
_GENDERS = {"male": "man", "m": "man", "female": "woman", "f": "woman"}
_WORDS = ("language", "source", "speaker", "licence")
_FIELDS = ("key", "corpus", "split", *_WORDS)


class _Found(NamedTuple):
    """A member of a sample: what it is, and where it lies."""

    suffix: str
    offset: int
    size: int


@dataclass(frozen=True)
class _Job:
    """One tar to walk."""

    root: Location
    tar: str
    corpus: str
    mark: str

    @property
    def part(self) -> Location:
        return self.root / WORK / f"{self.tar}.parquet"


def index_tars(
    root: str | Location,
    *,
    corpus: str | None = None,
    workers: int | None = None,
    allowed_bad: float = 0.05,
) -> Report:
    """Makes the index of all tars in and below a folder, and writes it into that folder.

    A tar lies in the folder of its split, which lies in the folder of its corpus, or of a language
    of its corpus. What the JSON of our own tars says of corpus, split and key goes before that.

    Args:
        root: The folder, or a URL such as "s3://bucket/tars".
        corpus: Name of the corpus, where the folders do not tell.
        workers: Processes; one for each core if None.
        allowed_bad: The share of bad records above which to stop.

    Raises:
        UsageError: There is no such folder, no tar in it, or another run is at work on it.
        ShardError: Two tars hold the same sample.
        DataError: Too many records are bad, or the index cannot be written.
    """
    folder = locate(root)
    plan = list(_plan(folder, corpus))
    with locked(folder / LOCK, str(folder)):
        skips = Skips(allowed_bad)
        done = _walk_all(plan, skips, workers)
        skips.check()
        twice = repeated(_names(done))
        if twice:
            raise ShardError(
                f"Expected each sample once but {twice} lies more than once in the tars below "
                f"{folder}; remove one of them, and run this again."
            )
        records = (record for part in done for record in part.skipped)
        parts.write_skipped(records, folder / "skipped.jsonl")
        write_index(tables(done), folder / INDEX_NAME)
        parts.write_json(
            summarise(Index(Columns([str(folder / INDEX_NAME)]))), folder / "stats.json"
        )
        remove_all(folder / WORK)
        return report(corpus or folder.name, folder, already=False)


def _plan(root: Location, corpus: str | None) -> Iterator[_Job]:
    if isinstance(root, Path) and not root.is_dir():
        raise UsageError(f"Expected a folder of tars at {root} but there is none.")
    files = find(root)
    tars = [name for name in files if name.endswith(".tar") and WORK not in name.split("/")]
    if not tars:
        raise UsageError(f"Expected tars in or below {root} but there are none.")
    for name in tars:
        mark = parts.digest(clara.__version__, name, corpus, *files[name])
        yield _Job(root, name, corpus or "", mark)


def _walk_all(plan: list[_Job], skips: Skips, workers: int | None) -> list[Part]:
    there = find(plan[0].root / WORK)
    kept = (job for job in plan if f"{job.tar}.parquet" in there)
    found = {job.part: part for job in kept if (part := parts.load(job.part, job.mark))}
    for part in found.values():
        part.count(skips)
    todo = [job for job in plan if job.part not in found]
    ready = len(plan) - len(todo)
    with jobs.running(
        Local(workers), _walk, todo, done=ready, total=len(plan), title="shards"
    ) as results:
        for part in results:
            part.count(skips)
            found[part.path] = part
    return [found[job.part] for job in plan]


def _names(done: Sequence[Part]) -> pa.ChunkedArray:
    """The "corpus/key" of every sample."""
    names = (
        pc.binary_join_element_wise(table["corpus"].cast(pa.string()), table["key"], "/")
        for table in tables(done)
    )
    chunks = [chunk for column in names for chunk in column.chunks]
    return pa.chunked_array(chunks, pa.string())


def _walk(job: _Job, tick: Tick) -> Part:
    """Walks one tar; this is what the worker processes run."""
    rows: list[dict[str, Any]] = []
    skipped: list[dict[str, str]] = []
    known = _known_by_folder(job)

    def skip(name: str, why: str) -> None:
        key = f"{job.tar}: {name}" if name else job.tar
        skipped.append({"key": key, "split": known["split"], "cause": why})

    try:
        with borrowed(job.root / job.tar) as path:
            _read(path, job, known, rows, skip)
    except OSError as error:
        skip("", f"the tar cannot be read ({error.strerror})")
    tick()
    return parts.save(job.part, job.mark, rows, skipped)


def _read(
    path: Path,
    job: _Job,
    known: Mapping[str, str],
    rows: list[dict[str, Any]],
    skip: Callable[[str, str], None],
) -> None:
    """Appends the rows of a tar of this machine, and reports what it skips."""
    pairs = _pair(path, skip)
    bases = Counter(_base(stem) for stem in pairs)
    with path.open("rb") as file:
        for stem, pair in pairs.items():
            name = _base(stem) if bases[_base(stem)] == 1 else _plain(stem)
            key = f"{job.tar.removesuffix('.tar')}/{name}"
            try:
                rows.append({**_row(file, pair, {**known, "key": key}), "shard": job.tar})
            except BadRecordError as error:
                skip(name, str(error))


def _pair(path: Path, skip: Callable[[str, str], None]) -> dict[str, dict[str, _Found]]:
    """The members of a tar by their name without suffix, each with its audio and its JSON."""
    pairs: dict[str, dict[str, _Found]] = {}
    try:
        for member in members(path):
            stem, suffix = _divide(member.name)
            if suffix != ".json" and suffix not in io.AUDIO_SUFFIXES:
                continue
            kind = "JSON" if suffix == ".json" else "audio"
            pair = pairs.setdefault(stem, {})
            if kind in pair:
                skip(_plain(stem), f"there is a second {kind} of its name")
            pair.setdefault(kind, _Found(suffix[1:], member.offset, member.size))
    except BadRecordError as error:
        skip("", str(error))
    return pairs


def _known_by_folder(job: _Job) -> dict[str, str]:
    """What the folders of a tar say: `<corpus>/<language>/<split>/0.tar`, language or not."""
    inner = list(PurePosixPath(job.tar).parts[:-1])
    folders = [*PurePosixPath(str(job.root)).parts[1:], *inner]
    split = "train"
    if folders and _SPLIT.search(folders[-1]):
        split = folders.pop()
        inner = inner[:-1]
    language = folders.pop() if inner and _LOCALE.fullmatch(inner[-1]) else ""
    return {
        "corpus": job.corpus or (_plain(folders[-1]) if folders else "tars"),
        "split": _SPLIT_NAMES.get(split, _plain(split)),
        "language": language,
    }


def _row(file: BinaryIO, pair: Mapping[str, _Found], known: Mapping[str, str]) -> dict[str, Any]:
    """The row of one sample.

    Raises:
        BadRecordError: It cannot be used.
    """
    for kind, other in (("audio", "JSON"), ("JSON", "audio")):
        if kind not in pair:
            raise BadRecordError(f"there is no {kind} beside the {other}")
    audio, text = pair["audio"], pair["JSON"]
    if audio.size > LARGEST_AUDIO or text.size > LARGEST_JSON:
        raise BadRecordError("it is too large (audio above 512 MiB or JSON above 16 MiB)")
    meta = _parse(_bytes(file, text))
    texts = usable(words(meta, "text"))
    said = _said(meta, known)
    rate, frames = _length(file, audio)
    row = describe(said, texts, suffix=audio.suffix, rate=rate, frames=frames)
    check_text(row)
    return {
        **row,
        "audio_offset": audio.offset,
        "audio_size": audio.size,
        "meta_offset": text.offset,
        "meta_size": text.size,
    }


def _parse(content: bytes) -> dict[str, Any]:
    try:
        meta = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BadRecordError("its JSON cannot be read") from error
    if not isinstance(meta, dict):
        raise BadRecordError("its JSON is not an object")
    return meta


def _said(meta: Mapping[str, Any], known: Mapping[str, str]) -> dict[str, Any]:
    """What the JSON says of a sample, over what its folders say.

    Our own tars say it all, under the names of the index. Others may say a language, gender,
    emotion and age (the ones that CLARA reads), and list their tags.
    """
    own = ours(meta)
    if own is not None:
        return {**{name: str(own.get(name, "")) for name in _FIELDS}, "labels": own["labels"]}
    original = meta.get("original_data")
    original = original if isinstance(original, dict) else {}
    found = {"tag": words(meta, "tag", "tags")}
    for kind in ("gender", "emotion", "age"):
        value = str(original.get(kind) or "").strip().lower()[:_LONGEST_NAME]
        found[kind] = [_GENDERS.get(value, value)] if value else []
    told = {name: _word(original.get(name)) for name in _WORDS}
    told["language"] = told["language"] or known["language"]
    return {**known, **told, "labels": {kind: values for kind, values in found.items() if values}}


def _word(value: Any) -> str:
    return str(value).strip()[:_LONGEST_NAME] if isinstance(value, str | int) else ""


def _length(file: BinaryIO, audio: _Found) -> tuple[int, int]:
    """Rate and frames of a recording. Of FLAC only the head is read, where both are said."""
    file.seek(audio.offset)
    head = file.read(min(26, audio.size))
    if len(head) == 26 and head[:5] in (b"fLaC\x00", b"fLaC\x80"):
        # STREAMINFO: 20 bits of rate, 3 of channels, 5 of sample size, 36 of frames (RFC 9639).
        packed = int.from_bytes(head[18:26], "big")
        rate, frames = packed >> 44, packed & 0xF_FFFF_FFFF
        if rate and frames:
            return rate, frames
    try:
        info = io.probe(_bytes(file, audio))
    except AudioError as error:
        raise BadRecordError(cause(error)) from error
    return info.rate, info.frames


def _bytes(file: BinaryIO, found: _Found) -> bytes:
    file.seek(found.offset)
    return file.read(found.size)


def _divide(name: str) -> tuple[str, str]:
    """A member's name in two: at its last dot, for a key may have dots of its own."""
    stem, dot, suffix = name.rpartition(".")
    return (stem, f".{suffix.lower()}") if dot and "/" not in suffix else (name, "")


def _base(stem: str) -> str:
    return _plain(stem.rpartition("/")[2])


def _plain(name: str) -> str:
    """A name of a stranger as a key: text that can be printed, no way up, not too long."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    steps = (step for step in text.split("/") if step not in ("", ".", ".."))
    return "".join(c if c.isprintable() else "_" for c in "/".join(steps))[-_LONGEST_NAME:]
