"""Prepares a corpus: the official layout goes in, shards with index and statistics come out."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import clara
from clara import corpora
from clara.errors import DataError, UsageError
from clara.files import locked, unwritable
from clara.prepare import jobs, parts
from clara.prepare.encode import BadRecordError, encode
from clara.prepare.parts import WORK, Part
from clara.prepare.stats import summarise
from clara.records import Clip, Entry
from clara.shards import INDEX_NAME, Index, ShardWriter, safe_key, write_index
from clara.skips import Skips

_MADE = "prepare.json"
LOCK = ".lock"
_WHOLE = (_MADE, INDEX_NAME, "stats.json", "skipped.jsonl")
_SPLIT = re.compile(r"\w[\w .+-]{0,63}")


@dataclass(frozen=True)
class Report:
    """What a run has made, or found made.

    Attributes:
        corpus: Name of the corpus.
        out: The folder of shards.
        stats: As `clara.prepare.stats.summarise` gives them.
        skipped: Cause to number of bad records.
        already: Whether there was nothing left to do.
    """

    corpus: str
    out: Path
    stats: Mapping[str, Any]
    skipped: Mapping[str, int]
    already: bool


@dataclass(frozen=True)
class _Job:
    """One shard to write."""

    corpus: str
    out: Path
    rate: int
    split: str
    number: int
    entries: Sequence[Entry]
    mark: str

    @property
    def tar(self) -> Path:
        return self.out / self.split / f"{self.number:06d}.tar"

    @property
    def part(self) -> Path:
        return self.out / WORK / self.split / f"{self.number:06d}.parquet"


def prepare(
    corpus: str,
    source: str | Path,
    out: str | Path,
    *,
    rate: int = 48_000,
    shard_size: int = 512,
    workers: int | None = None,
    seed: int = 0,
    allowed_bad: float = 0.05,
) -> Report:
    """Turns a corpus in its official layout into shards (section III-A1).

    The same recordings and settings give the same bytes, whatever the number of workers. A run that
    was stopped, even by `kill -9`, goes on where it stopped; a second run finds nothing to do.

    Args:
        corpus: Name of the corpus, one of `clara.corpora.names()`.
        source: The folder that holds it.
        out: The folder to make; it holds a folder of tars for each split.
        rate: Samples per second of the shards; recordings of another rate are resampled.
        shard_size: Samples in a shard.
        workers: Processes; one for each core if None.
        seed: Of the order of the samples.
        allowed_bad: The share of bad records above which to stop.

    Raises:
        UsageError: A setting is out of range, or `out` holds something else, or is in use.
        LayoutError: The folder is not that of the corpus.
        DataError: Too many records are bad, or `out` cannot be written to.
    """
    source, out = Path(source), Path(out).absolute()
    _check_settings(rate, shard_size, allowed_bad)
    entries, unplanned = _list(corpus, source)
    settings = {"corpus": corpus, "rate": rate, "shard_size": shard_size, "seed": seed}
    plan = list(_plan(entries, source, out, settings))
    made = {
        **settings,
        "records": len(entries) + len(unplanned),
        "listing": parts.digest([_listed(entry, source) for entry in entries], unplanned),
        "recordings": parts.digest([job.mark for job in plan]),
    }
    _make_folder(out)
    with locked(out / LOCK, str(out)):
        if all((out / name).exists() for name in _WHOLE):
            _check_same(out / _MADE, made, out)
            shutil.rmtree(out / WORK, ignore_errors=True)
            return report(corpus, out, already=True)
        _begin(out, made)
        skips = Skips(allowed_bad)
        for record in unplanned:
            skips.bad(record["key"], record["cause"])
        done = _make(plan, skips, workers)
        skips.check()
        _finish(out, made, plan, done, unplanned)
        return report(corpus, out, already=False)


def _check_settings(rate: int, shard_size: int, allowed_bad: float) -> None:
    if not 1000 <= rate <= 192_000:
        raise UsageError(f"Expected a rate of 1000 to 192000 samples per second, found {rate}.")
    if not 1 <= shard_size <= 1_000_000:
        raise UsageError(f"Expected 1 to 1000000 samples in a shard, found {shard_size}.")
    if not 0 <= allowed_bad <= 1:
        raise UsageError(f"Expected a share of bad records from 0 to 1, found {allowed_bad}.")


def _list(corpus: str, source: Path) -> tuple[list[Entry], list[dict[str, str]]]:
    """All entries, sorted by key, and as bad records those that cannot be planned for."""
    found: dict[str, Entry] = {}
    bad = []
    record = corpora.get(corpus)
    for entry in record.read(source):
        fault = "the key is repeated" if entry.key in found else ""
        if not _SPLIT.fullmatch(entry.split):
            fault = "the split has a name that no folder can have"
        if fault:
            bad.append({"key": entry.key, "split": entry.split, "cause": fault})
        else:
            found[entry.key] = replace(entry, licence=entry.licence or record.licence)
    if not found and not bad:
        raise DataError(f"Expected recordings of {corpus} in {source} but it lists none.")
    return [found[key] for key in sorted(found)], sorted(
        bad, key=lambda record: (record["key"], record["split"])
    )


def _listed(entry: Entry, source: Path) -> dict[str, Any]:
    """An entry as the fingerprint sees it: the same wherever the corpus lies."""
    path = entry.path
    if isinstance(path, Path) and path.is_relative_to(source):
        path = path.relative_to(source)
    values = {field.name: getattr(entry, field.name) for field in fields(entry)}
    return {**values, "path": str(path)}


def _plan(
    entries: Sequence[Entry], source: Path, out: Path, settings: Mapping[str, Any]
) -> Iterator[_Job]:
    """Cuts each split, shuffled, into shards."""
    splits: dict[str, list[Entry]] = {}
    for entry in entries:
        splits.setdefault(entry.split, []).append(entry)
    size = settings["shard_size"]
    for split in sorted(splits):
        # Shuffled by hash: unlike a generator's, this order is the same with any library version.
        shuffled = sorted(splits[split], key=lambda entry: _rank(settings["seed"], entry.key))
        for number, first in enumerate(range(0, len(shuffled), size)):
            mine = shuffled[first : first + size]
            sizes = [_size(entry.path) for entry in mine]
            mark = parts.digest(
                clara.__version__, settings, [_listed(entry, source) for entry in mine], sizes
            )
            yield _Job(settings["corpus"], out, settings["rate"], split, number, mine, mark)


def _rank(seed: int, key: str) -> bytes:
    text = f"{seed}/{key}".encode(errors="surrogatepass")
    return hashlib.blake2b(text, digest_size=16).digest()


def _size(path: Path | Clip) -> int:
    try:
        return path.stat().st_size if isinstance(path, Path) else -1
    except (OSError, ValueError):
        return -1


def _make_folder(out: Path) -> None:
    """Makes the folder, and refuses one in which something else lies."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        found = sorted(path.name for path in out.iterdir() if path.name != LOCK)
    except OSError as error:
        raise unwritable(out, error) from error
    if found and _MADE not in found and WORK not in found:
        raise UsageError(
            f"Expected {out} to be a new or empty folder but found {found[0]} in it; "
            "choose another folder."
        )


def _check_same(path: Path, made: Mapping[str, Any], out: Path) -> None:
    """Refuses to go on with a folder that was begun with other settings or recordings."""
    try:
        before = json.loads(path.read_bytes())
        differing = [name for name in made if before[name] != made[name]]
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise DataError(
            f"Expected {path} to say how {out} was made but it cannot be read; remove {out} "
            "and run this again."
        ) from error
    if path.parent.name == WORK and differing == ["recordings"]:
        return  # files were mended since; only their shards are made again
    if differing:
        name = differing[0]
        setting = name in ("corpus", "rate", "shard_size", "seed")
        now = f"{name} {made[name]}" if setting else "other recordings"
        was = f"{name} {before[name]}" if setting else "recordings that have changed since"
        raise UsageError(
            f"The folder {out} was made with {was}, but {now} was asked for; choose another "
            "folder, or remove that one first."
        )


def _begin(out: Path, made: Mapping[str, Any]) -> None:
    """Notes what is being made, and clears what a killed run left half-written."""
    state = out / WORK / _MADE
    if state.exists():
        _check_same(state, made, out)
    for half in out.rglob("*.part"):
        with contextlib.suppress(OSError):
            half.unlink()
    try:
        (out / WORK).mkdir(exist_ok=True)
    except OSError as error:
        raise unwritable(out, error) from error
    parts.write_json(made, state)


def _make(plan: Sequence[_Job], skips: Skips, workers: int | None) -> list[Part]:
    """Makes the shards that are missing; returns the parts of all, in the order of the plan."""
    found = {job.part: part for job in plan if (part := _done(job))}
    for part in found.values():
        part.count(skips)
    todo = [job for job in plan if job.part not in found]
    total = sum(len(job.entries) for job in plan)
    done = total - sum(len(job.entries) for job in todo)
    title = plan[0].corpus
    for part in jobs.run(_make_shard, todo, workers=workers, done=done, total=total, title=title):
        part.count(skips)
        found[part.path] = part
    return [found[job.part] for job in plan]


def _done(job: _Job) -> Part | None:
    part = parts.load(job.part, job.mark)
    return part if part and (job.tar.is_file() or not part.rows) else None


def _make_shard(job: _Job, tick: jobs.Tick) -> Part:
    """Writes one shard and its part; this is what the worker processes run."""
    rows: list[dict[str, Any]] = []
    skipped: list[dict[str, str]] = []
    with ShardWriter(job.tar) as shard:
        for entry in job.entries:
            try:
                audio, meta, row = encode(entry, job.corpus, job.rate)
            except BadRecordError as error:
                skipped.append({"key": entry.key, "split": entry.split, "cause": str(error)})
            else:
                place = shard.add(safe_key(entry.key), audio, meta)
                tar = job.tar.relative_to(job.out).as_posix()
                rows.append({**row, **place._asdict(), "shard": tar})
            tick()
    if not rows:
        job.tar.unlink()
    return parts.save(job.part, job.mark, rows, skipped)


def _finish(
    out: Path,
    made: Mapping[str, Any],
    plan: Sequence[_Job],
    done: Sequence[Part],
    unplanned: Sequence[Mapping[str, str]],
) -> None:
    """Writes what describes the whole; the folder counts as made with the last file."""
    sizes: dict[Path, dict[str, int]] = {}
    for job, part in zip(plan, done, strict=True):
        if part.rows:
            sizes.setdefault(job.tar.parent, {})[job.tar.name] = part.rows
    for folder, counts in sizes.items():
        parts.write_json(counts, folder / "sizes.json")
    records = [*unplanned, *(record for part in done for record in part.skipped)]
    parts.write_skipped(iter(records), out / "skipped.jsonl")
    write_index((part.table() for part in done), out / INDEX_NAME)
    parts.write_json(summarise(Index.open(out)), out / "stats.json")
    parts.write_json({**made, "version": clara.__version__}, out / _MADE)
    shutil.rmtree(out / WORK, ignore_errors=True)


def report(corpus: str, out: Path, *, already: bool) -> Report:
    """Reads what lies beside an index."""
    stats = json.loads((out / "stats.json").read_bytes())
    causes: dict[str, int] = {}
    with (out / "skipped.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            cause = json.loads(line)["cause"]
            causes[cause] = causes.get(cause, 0) + 1
    return Report(corpus, out, stats, causes, already)
